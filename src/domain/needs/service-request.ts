/** A need as the ServiceRequest that keeps it. facts: care-needs §4.2; https://hl7.org/fhir/R4/servicerequest.html */
import { idFrom } from '#fhir/id.ts';
import { parseReference } from '#fhir/reference.ts';
import { holdfastExtension, IDEMPOTENCY_KEY, NEED_STATE, ukCore } from '#fhir/systems.ts';
import type { Extension, ServiceRequest } from '#fhir/types.ts';
import type { Evaluation, Missing, NeedState } from './evaluation.ts';
import { type NeedRule, pinnedCanonical } from './rule.ts';

const STATE = holdfastExtension('need-state');
const DUE = holdfastExtension('need-due');
const MISSING = holdfastExtension('need-missing');
const NEXT_CHANGE = holdfastExtension('need-next-change');
/** https://hl7.org/fhir/R4/extension-request-statusreason.html */
const STATUS_REASON = 'http://hl7.org/fhir/StructureDefinition/request-statusReason';
const ours = [STATE, DUE, MISSING, NEXT_CHANGE, STATUS_REASON];

const displays: Record<NeedState, string> = {
  'not-eligible': 'Not eligible',
  excluded: 'Excluded',
  'up-to-date': 'Up to date',
  approaching: 'Approaching',
  due: 'Due',
  overdue: 'Overdue',
  unknown: 'Unknown',
};

export type NeedStatus = 'active' | 'on-hold' | 'completed' | 'revoked';

/** The id of a patient's need of one cycle: the same need always gets the same id. */
export function needId(organisation: string, patient: string, rule: NeedRule, cycle: string): string {
  return idFrom(organisation, patient, rule.url, cycle);
}

/** The state that the need's last evaluation found. */
export function stateOf(need: ServiceRequest): NeedState | undefined {
  const code = need.extension?.find((one) => one.url === STATE)?.valueCoding?.code;
  return Object.hasOwn(displays, code ?? '') ? (code as NeedState) : undefined;
}

/** The components that the need still misses. */
export function missingOf(need: ServiceRequest): readonly Missing[] {
  const parts = need.extension?.filter((one) => one.url === MISSING).map((one) => one.extension ?? []) ?? [];
  return parts.map((part) => ({
    id: part.find((one) => one.url === 'id')?.valueCode ?? '',
    title: part.find((one) => one.url === 'title')?.valueString ?? '',
  }));
}

/** The day on which the need falls due, where it is known. */
export function dueOf(need: ServiceRequest): string | undefined {
  return need.extension?.find((one) => one.url === DUE)?.valueDate;
}

/** The need as it is to be saved. `base` is the need as it was, and keeps whatever others added to it. */
export function toServiceRequest(input: {
  readonly rule: NeedRule;
  readonly evaluation: Evaluation;
  readonly status: NeedStatus;
  readonly base: ServiceRequest | undefined;
  readonly organisation: string;
  readonly now: string;
}): ServiceRequest {
  const { rule, evaluation, status, base, organisation } = input;
  const id = base?.id ?? needId(organisation, evaluation.patient, rule, evaluation.cycle);
  const { supportingInfo: _, reasonReference: __, note, ...kept } = base ?? {};
  const isOpen = status === 'active' || status === 'on-hold';
  return {
    ...kept,
    resourceType: 'ServiceRequest',
    id,
    meta: { ...base?.meta, profile: [ukCore('ServiceRequest')] },
    extension: [
      ...(base?.extension ?? []).filter((one) => !ours.includes(one.url ?? '')),
      ...(isOpen ? openExtensions(evaluation, base) : closedExtensions(evaluation, status, base)),
    ],
    identifier: [{ system: IDEMPOTENCY_KEY, value: id }],
    instantiatesCanonical: [pinnedCanonical(rule)],
    status,
    intent: 'proposal',
    code: { coding: [rule.topic], text: rule.title },
    subject: { reference: `Patient/${evaluation.patient}` },
    ...(isOpen ? urgencyOf(rule, evaluation) : {}),
    authoredOn: base?.authoredOn ?? input.now,
    requester: { reference: `Organization/${organisation}` },
    ...evidenceOf(rule, evaluation),
    note: [...personal(note), ...evaluation.why.map((text) => ({ text }))],
  };
}

/** A met or withdrawn need keeps what these were when it was open: the evaluation speaks of the cycle to come. */
function urgencyOf(
  rule: NeedRule,
  { state, window }: Evaluation,
): Pick<ServiceRequest, 'priority' | 'occurrencePeriod'> {
  return {
    priority: state === 'overdue' ? rule.work.overduePriority : rule.work.priority,
    ...(window ? { occurrencePeriod: { start: window.opens, end: window.overdue } } : {}),
  };
}

/** State, due date, what is missing and the next change, as extensions. */
export function openExtensions(
  { state, window, missing, nextChange }: Evaluation,
  base: ServiceRequest | undefined,
): Extension[] {
  // While nobody can tell, the last known due date stands.
  const due = window?.due ?? (state === 'unknown' && base ? dueOf(base) : undefined);
  return [
    stateExtension(state),
    ...(due ? [{ url: DUE, valueDate: due }] : []),
    ...missing.map(missingExtension),
    ...(nextChange ? [{ url: NEXT_CHANGE, valueDate: nextChange }] : []),
  ];
}

function missingExtension({ id, title }: Missing): Extension {
  return {
    url: MISSING,
    extension: [
      { url: 'id', valueCode: id },
      { url: 'title', valueString: title },
    ],
  };
}

function closedExtensions(
  { state, why }: Evaluation,
  status: NeedStatus,
  base: ServiceRequest | undefined,
): Extension[] {
  const due = base && dueOf(base);
  return [
    stateExtension(state),
    ...(due ? [{ url: DUE, valueDate: due }] : []),
    ...(status === 'revoked' ? [{ url: STATUS_REASON, valueCodeableConcept: { text: why.join(' ') } }] : []),
  ];
}

function stateExtension(state: NeedState): Extension {
  return { url: STATE, valueCoding: { system: NEED_STATE, code: state, display: displays[state] } };
}

/** The diagnosis is the reason; everything else that the answer rests on supports it. */
function evidenceOf(
  rule: NeedRule,
  evaluation: Evaluation,
): Pick<ServiceRequest, 'reasonReference' | 'supportingInfo'> {
  const isReason = (type: string | undefined) => type === 'Condition' || type === 'Observation';
  const reasons: { reference: string }[] = [];
  const support = new Map<string, { reference: string }>();
  for (const { valueSet, reference } of evaluation.evidence) {
    if (valueSet === rule.register?.valueSet && isReason(parseReference(reference)?.type)) reasons.push({ reference });
    else support.set(reference, { reference });
  }
  return {
    ...(reasons.length > 0 ? { reasonReference: reasons } : {}),
    ...(support.size > 0 ? { supportingInfo: [...support.values()] } : {}),
  };
}

/** Notes that a person wrote have an author; those of the evaluation have none and are replaced. */
function personal(notes: ServiceRequest['note']): NonNullable<ServiceRequest['note']> {
  return (notes ?? []).filter((note) => note.authorReference !== undefined || note.authorString !== undefined);
}
