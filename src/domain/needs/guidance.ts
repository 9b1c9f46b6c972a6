/** What one rule says of one patient, as a GuidanceResponse made on demand. facts: care-needs §4.2; https://hl7.org/fhir/R4/guidanceresponse.html */
import { visitOfNeed } from '#domain/bundle/care-plan.ts';
import { linkTo } from '#domain/link.ts';
import { idFrom } from '#fhir/id.ts';
import { holdfastExtension } from '#fhir/systems.ts';
import type { CarePlan, GuidanceResponse } from '#fhir/types.ts';
import type { Evaluation } from './evaluation.ts';
import type { NeedRule } from './rule.ts';
import { needId, openExtensions } from './service-request.ts';

const RESETS = holdfastExtension('need-resets');
const EVIDENCE = holdfastExtension('need-evidence');

/** `data-required` where the record does not tell; `result` is the CarePlan where the need is in one of its visits. */
export function guidanceOf(of: {
  readonly organisation: string;
  readonly evaluation: Evaluation;
  readonly rule: NeedRule;
  readonly carePlan: CarePlan | undefined;
  /** The current instant. */
  readonly now: string;
}): GuidanceResponse {
  const { organisation, evaluation, rule, carePlan, now } = of;
  const { patient, state, why, resets } = evaluation;
  const evidence = [...new Set(evaluation.evidence.map((finding) => finding.reference))];
  const planned = visitOfNeed(carePlan, needId(organisation, patient, rule, evaluation.cycle));
  return {
    resourceType: 'GuidanceResponse',
    id: idFrom(organisation, patient, rule.url, 'guidance'),
    extension: [
      ...openExtensions(evaluation, undefined),
      ...resets.map((text) => ({ url: RESETS, valueString: text })),
      ...evidence.map((reference) => ({ url: EVIDENCE, valueReference: { reference } })),
    ],
    moduleCanonical: evaluation.rule,
    status: state === 'unknown' ? 'data-required' : 'success',
    subject: linkTo('Patient', patient),
    occurrenceDateTime: now,
    performer: { display: 'Holdfast' },
    note: why.map((text) => ({ text })),
    ...(planned && carePlan ? { result: linkTo('CarePlan', carePlan.id) } : {}),
  };
}
