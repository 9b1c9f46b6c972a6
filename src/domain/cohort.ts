/** The cohort of a rule, and the residual list of those whom the pathway did not bring in. facts: care-needs §1 S7, §4.2 */
import { idFrom } from '#fhir/id.ts';
import { IDEMPOTENCY_KEY, RULE, STATUS_REASON, TASK_CODE, ukCore } from '#fhir/systems.ts';
import type { CodeableConcept, Group, List, Reference, Task } from '#fhir/types.ts';
import { concept, linkOf, linkTo, referenceKey } from './link.ts';

/** A rule by its canonical (`url|version`) and its title. */
export type RuleName = { readonly canonical: string; readonly title: string };

/** The members of a rule at one practice, as they are now; one Group for each, by patient id. */
export function cohortGroup(cohort: {
  readonly organisation: string;
  readonly rule: RuleName;
  /** `since`: the date or instant from which the patient belongs. */
  readonly members: readonly { readonly patient: Reference; readonly since: string }[];
}): Group {
  const { organisation, rule } = cohort;
  const id = idFrom(organisation, rule.canonical, 'cohort');
  const sorted = [...cohort.members].sort((one, other) =>
    order(referenceKey(one.patient), referenceKey(other.patient)),
  );
  const members = sorted.flatMap(({ patient, since }, index) => {
    const entity = linkOf(patient);
    const isRepeated = referenceKey(patient) === referenceKey(sorted[index - 1]?.patient);
    return entity && !isRepeated ? [{ entity, period: { start: since } }] : [];
  });
  return {
    resourceType: 'Group',
    id,
    identifier: [
      { system: IDEMPOTENCY_KEY, value: id },
      { system: RULE, value: rule.canonical },
    ],
    active: true,
    type: 'person',
    actual: true,
    name: rule.title,
    quantity: members.length,
    managingEntity: linkTo('Organization', organisation),
    ...(members.length > 0 ? { member: members } : {}),
  };
}

export type Residual = {
  readonly task: Task;
  /** A code of `profiles/CodeSystem-status-reason.json`. */
  readonly reason: string;
  /** What a person should do next. */
  readonly nextHumanAction: string;
};

/** The id of the residual of a date. */
export function residualId(organisation: string, canonical: string, date: string): string {
  return idFrom(organisation, canonical, 'residual', date);
}

/** The residual of a rule at one practice on a date. A snapshot: another date is another List, and old ones are kept. */
export function residualList(list: {
  readonly organisation: string;
  readonly rule: RuleName;
  readonly items: readonly Residual[];
  readonly now: string;
  readonly date: string;
}): List {
  const { organisation, rule, date } = list;
  const id = residualId(organisation, rule.canonical, date);
  const entry = [...list.items]
    .sort((one, other) => order(one.task.id ?? '', other.task.id ?? ''))
    .map(({ task, reason, nextHumanAction }) => ({
      flag: { ...concept(STATUS_REASON, reason), text: nextHumanAction },
      item: linkTo('Task', task.id),
    }));
  return {
    resourceType: 'List',
    id,
    meta: { profile: [ukCore('List')] },
    identifier: [
      { system: IDEMPOTENCY_KEY, value: id },
      { system: RULE, value: rule.canonical },
    ],
    status: 'current',
    mode: 'snapshot',
    title: `${rule.title}: not brought in`,
    code: RESIDUAL,
    date: list.now,
    ...(entry.length > 0 ? { entry } : { emptyReason: NOBODY }),
  };
}

const RESIDUAL: CodeableConcept = concept(TASK_CODE, 'residual', 'Not brought in');
const NOBODY: CodeableConcept = concept(
  'http://terminology.hl7.org/CodeSystem/list-empty-reason',
  'nilknown',
  'Nil Known',
);

function order(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
