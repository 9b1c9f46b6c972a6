/** The plan of one person's visits as the CarePlan that keeps it: one for each patient of a practice. facts: care-needs §4.2 */
import { concept, linkTo } from '#domain/link.ts';
import { idFrom } from '#fhir/id.ts';
import { idOf } from '#fhir/reference.ts';
import { holdfastExtension, IDEMPOTENCY_KEY, TASK_CODE, ukCore } from '#fhir/systems.ts';
import type { CarePlan, CarePlanActivity, Extension } from '#fhir/types.ts';
import type { BundlePlan } from './plan.ts';
import type { BundleTerms, Visit } from './visit.ts';
import { explainVisit } from './words.ts';

const PLANNED_VISIT = holdfastExtension('planned-visit');

/** A visit as the CarePlan says it. */
export type KeptVisit = {
  /** Visits of one number are spoken of in one message. */
  readonly contact: number;
  /** Ids of ServiceRequests; the first leads. */
  readonly needs: readonly string[];
  readonly skill: string;
  readonly minutes: number;
  /** London dates. */
  readonly from: string;
  readonly to: string;
};

export function carePlanId(organisation: string, patient: string): string {
  return idFrom(organisation, patient, 'planned-visits');
}

/** The CarePlan of a person's open needs; `completed`, without activity, when there are none any more. */
export function carePlanOf(of: {
  readonly organisation: string;
  readonly patient: string;
  readonly plan: BundlePlan;
  readonly terms: BundleTerms;
  readonly before: CarePlan | undefined;
  /** The current instant. */
  readonly now: string;
}): CarePlan {
  const { organisation, patient, plan, terms } = of;
  const id = carePlanId(organisation, patient);
  const activity = plan.contacts.flatMap(({ visits }, index) =>
    visits.map((visit) => activityOf(visit, index + 1, terms)),
  );
  return {
    resourceType: 'CarePlan',
    id,
    meta: { profile: [ukCore('CarePlan')] },
    identifier: [{ system: IDEMPOTENCY_KEY, value: id }],
    status: activity.length > 0 ? 'active' : 'completed',
    intent: 'plan',
    category: [concept(TASK_CODE, 'planned-visits', 'Planned visits')],
    title: 'Planned contacts and visits',
    subject: linkTo('Patient', patient),
    created: of.before?.created ?? of.now,
    author: linkTo('Organization', organisation),
    ...(activity.length > 0 ? { activity } : {}),
  };
}

function activityOf(visit: Visit, contact: number, terms: BundleTerms): CarePlanActivity {
  const { needs, skill, minutes, from, to } = visit;
  const parts: Extension[] = [
    { url: 'contact', valuePositiveInt: contact },
    { url: 'skill', valueCode: skill },
    { url: 'minutes', valuePositiveInt: minutes },
    ...needs.map((need) => ({ url: 'need', valueReference: linkTo('ServiceRequest', need.id) })),
  ];
  return {
    extension: [{ url: PLANNED_VISIT, extension: parts }],
    detail: {
      kind: 'Appointment',
      code: { text: needs.map((need) => need.title).join(' + ') },
      status: 'not-started',
      scheduledPeriod: { start: from, end: to },
      description: explainVisit(visit, terms).join(' '),
    },
  };
}

/** The visits that a CarePlan of ours plans; none of any other. */
export function visitsOf(carePlan: CarePlan | undefined): readonly KeptVisit[] {
  if (carePlan?.status !== 'active') return [];
  return (carePlan.activity ?? []).flatMap(({ extension, detail }) => {
    const parts = extension?.find((one) => one.url === PLANNED_VISIT)?.extension;
    const part = (url: string) => parts?.find((one) => one.url === url);
    const needs = (parts ?? []).flatMap((one) => idOf('ServiceRequest', one.valueReference) ?? []);
    const { start: from = '', end: to = '' } = detail?.scheduledPeriod ?? {};
    if (needs.length === 0) return [];
    const contact = part('contact')?.valuePositiveInt ?? 0;
    return [
      {
        contact,
        needs,
        skill: part('skill')?.valueCode ?? '',
        minutes: part('minutes')?.valuePositiveInt ?? 0,
        from,
        to,
      },
    ];
  });
}

/** The visit in which a need is to be met; undefined where none is planned. */
export function visitOfNeed(carePlan: CarePlan | undefined, need: string): KeptVisit | undefined {
  return visitsOf(carePlan).find(({ needs }) => needs.includes(need));
}
