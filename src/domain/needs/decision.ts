/** What an evaluation does to a patient's need: opened, changed, met, withdrawn or held. Never two open at a time. */
import type { ServiceRequest } from '#fhir/types.ts';
import type { Evaluation, NeedState } from './evaluation.ts';
import type { NeedRule } from './rule.ts';
import { missingOf, type NeedStatus, needId, stateOf, toServiceRequest } from './service-request.ts';

export type NeedDecision = {
  /** The need to save; undefined = nothing changes. */
  readonly save: ServiceRequest | undefined;
  readonly event: 'none' | 'opened' | 'updated' | 'became-due' | 'partly-met' | 'met' | 'withdrawn' | 'held';
};

export type NeedInput = {
  readonly rule: NeedRule;
  readonly evaluation: Evaluation;
  /** The patient's open (active or on-hold) need of this rule, whatever its cycle. */
  readonly open: ServiceRequest | undefined;
  /** The patient's most recent need of this rule, open or not. */
  readonly latest: ServiceRequest | undefined;
  /** ODS code. */
  readonly organisation: string;
  /** The current instant. */
  readonly now: string;
};

const nothing: NeedDecision = { save: undefined, event: 'none' };

/**
 * Decides what becomes of the need. The same inputs again decide nothing (`none`). A need whose evidence was taken
 * back is opened again under its own id, so that one cycle never has two needs.
 */
export function decideNeed(input: NeedInput): NeedDecision {
  const status = statusFor(input.evaluation, input.open);
  if (!status) return nothing;
  const base = input.open ?? sameCycle(input);
  const save = toServiceRequest({ ...input, status, base });
  if (!input.open) return { save, event: status === 'on-hold' ? 'held' : 'opened' };
  if (fingerprint(save) === fingerprint(input.open)) return nothing;
  return { save, event: eventOf(input.open, status, input.evaluation) };
}

/** The status that the state asks for; undefined where there is no need and none is to be made. */
function statusFor({ state, isPointedTo }: Evaluation, open: ServiceRequest | undefined): NeedStatus | undefined {
  switch (state) {
    case 'approaching':
    case 'due':
    case 'overdue':
      return 'active';
    case 'unknown':
      return open || isPointedTo ? 'on-hold' : undefined;
    case 'up-to-date':
      return open ? 'completed' : undefined;
    case 'excluded':
    case 'not-eligible':
      return open ? 'revoked' : undefined;
  }
}

function sameCycle({ latest, evaluation, rule, organisation }: NeedInput): ServiceRequest | undefined {
  const id = needId(organisation, evaluation.patient, rule, evaluation.cycle);
  return latest?.id === id ? latest : undefined;
}

function eventOf(before: ServiceRequest, status: NeedStatus, evaluation: Evaluation): NeedDecision['event'] {
  if (status === 'completed') return 'met';
  if (status === 'revoked') return 'withdrawn';
  if (status === 'on-hold' && before.status !== 'on-hold') return 'held';
  if (isDue(evaluation.state) && !isDue(stateOf(before))) return 'became-due';
  const still = evaluation.missing.map((component) => component.id);
  const hasFewer = missingOf(before).some((component) => !still.includes(component.id));
  return before.status === 'active' && status === 'active' && hasFewer ? 'partly-met' : 'updated';
}

function isDue(state: NeedState | undefined): boolean {
  return state === 'due' || state === 'overdue';
}

/** The resource without what the store adds, in one spelling: equal exactly when saving would change nothing. */
function fingerprint(need: ServiceRequest): string {
  const { versionId: _, lastUpdated: __, ...meta } = need.meta ?? {};
  return JSON.stringify({ ...need, meta }, (_key, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
      : value,
  );
}
