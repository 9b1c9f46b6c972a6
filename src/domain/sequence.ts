/**
 * The invitation sequence: which step comes next and when, from its PlanDefinition, the Task and the requests that
 * were made. facts: care-needs §1 S3, §3; `profiles/PlanDefinition-invitation-sequence.json`
 */
import { addTo, epochMilliseconds } from '#fhir/date.ts';
import { idFrom } from '#fhir/id.ts';
import { CHANNEL, TASK_CODE } from '#fhir/systems.ts';
import type { CommunicationRequest, PlanDefinition, PlanDefinitionAction, Task } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { codeIn, linkTo } from './link.ts';
import { nextOpening } from './outreach/window.ts';
import { type Channel, isEnded, type TaskEvent } from './task-event.ts';
import { factsOf, hasFact, isContacted, progressOf, standingBookings } from './task-facts.ts';

export type Step = {
  readonly id: string;
  readonly channel: Channel;
  /** London calendar days after the step before. */
  readonly waitAfterPrevious: { readonly days: number };
  /** The canonical `url|version` of the message's ActivityDefinition. */
  readonly template: string;
};

export type Sequence = {
  /** The canonical `url|version` of the plan. */
  readonly canonical: string;
  readonly steps: readonly Step[];
  /** How long the last step is given before the sequence counts as exhausted. */
  readonly waitAfterLast: { readonly days: number };
};

export type NextStep =
  | { readonly kind: 'step'; readonly step: Step; readonly dueAt: string }
  | { readonly kind: 'wait'; readonly until: string }
  /** Every step was taken and given its time. The event says what that means for the Task. */
  | { readonly kind: 'exhausted'; readonly event: TaskEvent }
  | { readonly kind: 'stopped'; readonly why: StopReason };

export type StopReason = 'ended' | 'on-hold' | 'not-released' | 'booked' | 'booking-cancelled' | 'replied' | 'attended';

const CHANNELS: readonly Channel[] = ['nhsapp', 'sms', 'letter', 'telephone'];

/** Reads a sequence: an action per step, in order, with its channel as code and its message as definition; the last action is `close`. */
export function parseSequence(plan: PlanDefinition): Result<Sequence> {
  const actions = plan.action ?? [];
  const close = actions.at(-1);
  const last = daysAfterPrevious(close, actions.at(-2)?.id);
  if (!close || codeIn(TASK_CODE, close.code?.[0]) !== 'close' || last === undefined) {
    return fail('invalid', 'A sequence must end with an action "close" that waits some days after the step before it');
  }
  const steps: Step[] = [];
  for (const [index, action] of actions.slice(0, -1).entries()) {
    const step = parseStep(action, actions[index - 1]?.id);
    if (!step.ok) return step;
    steps.push(step.value);
  }
  if (steps.length === 0) return fail('invalid', 'A sequence needs at least one step before "close"');
  if (new Set(steps.map((step) => step.id)).size < steps.length) {
    return fail('invalid', 'Two steps of the sequence have the same id; a step is known by its id, give each its own');
  }
  const canonical = `${plan.url ?? ''}|${plan.version ?? ''}`;
  return ok({ canonical, steps, waitAfterLast: { days: last } });
}

function parseStep(action: PlanDefinitionAction, previous: string | undefined): Result<Step> {
  const code = codeIn(CHANNEL, action.code?.[0]);
  const channel = CHANNELS.find((known) => known === code);
  const days = previous === undefined ? 0 : daysAfterPrevious(action, previous);
  const { id, definitionCanonical: template } = action;
  if (!id || !channel || !template || days === undefined) {
    return fail(
      'invalid',
      `Step ${id ?? 'without id'}: wanted an id, a channel (${CHANNELS.join(', ')}), a message and whole days after the step before`,
    );
  }
  return ok({ id, channel, template, waitAfterPrevious: { days } });
}

function daysAfterPrevious(action: PlanDefinitionAction | undefined, previous: string | undefined): number | undefined {
  const after = action?.relatedAction?.find((related) => related.actionId === previous);
  const { value, code } = after?.offsetDuration ?? {};
  const known = after?.relationship === 'after-end' && code === 'd' && value !== undefined;
  return known && Number.isInteger(value) && value >= 0 ? value : undefined;
}

/**
 * The next step of one Task. `requests` are those made for this Task, skipped steps (revoked) included: a step is done
 * when its request exists. After a failed or skipped step the next one comes at its channel's next opening.
 */
export function nextStep(
  sequence: Sequence,
  state: { readonly task: Task; readonly requests: readonly CommunicationRequest[]; readonly now: string },
): NextStep {
  const { task, requests, now } = state;
  const why = stopReason(task);
  if (why) return { kind: 'stopped', why };
  const made = (step: Step | undefined) => step && requests.find((request) => request.id === requestId(task, step));
  const index = sequence.steps.findIndex((step) => !made(step));
  const step = sequence.steps[index];
  const previous = index < 0 ? sequence.steps.at(-1) : sequence.steps[index - 1];
  const before = made(previous);
  // A call is a person's work: until it is made it is not over, however long ago it was asked for.
  if (previous?.channel === 'telephone' && before?.status === 'active') {
    return { kind: 'wait', until: nextOpening('telephone', addTo(now, { days: 1 })) };
  }
  const wait = step?.waitAfterPrevious ?? sequence.waitAfterLast;
  const dueAt = before && isOnItsWay(task, before) ? addTo(sentAt(before, now), wait) : now;
  if (!step) return isLater(dueAt, now) ? { kind: 'wait', until: dueAt } : { kind: 'exhausted', event: lastWord(task) };
  const opens = nextOpening(step.channel, isLater(dueAt, now) ? dueAt : now);
  return isLater(opens, now) ? { kind: 'wait', until: opens } : { kind: 'step', step, dueAt };
}

/** The id of the one request that a step of a Task may have. It is also the key under which it is sent. */
export function requestId(task: Task, step: { readonly id: string }): string {
  return idFrom(task.id ?? '', step.id);
}

/** The id of the one Communication that a request may have. */
export function communicationId(request: CommunicationRequest): string {
  return idFrom(request.id ?? '', 'sent');
}

/** Why nothing more may be sent for a Task; undefined when its sequence goes on. */
export function stopReason(task: Task): StopReason | undefined {
  if (isEnded(task.status)) return 'ended';
  if (task.status === 'on-hold') return 'on-hold';
  if (task.status !== 'accepted' && task.status !== 'in-progress') return 'not-released';
  if (factsOf(task, 'attended').length > 0) return 'attended';
  if (standingBookings(task).length > 0) return 'booked';
  const progress = progressOf(task);
  if (progress === 'cancelled-by-patient' || progress === 'cancelled-by-practice') return 'booking-cancelled';
  return progress?.startsWith('replied-') ? 'replied' : undefined;
}

/** A step that was skipped or could not be delivered gives the patient nothing to wait for. */
function isOnItsWay(task: Task, request: CommunicationRequest): boolean {
  if (request.status === 'revoked') return false;
  const communication = linkTo('Communication', communicationId(request));
  const arrived = hasFact(task, 'delivered', communication) || hasFact(task, 'read', communication);
  return arrived || !hasFact(task, 'delivery-failed', communication);
}

function sentAt(request: CommunicationRequest, now: string): string {
  return request.occurrenceDateTime ?? request.authoredOn ?? now;
}

function lastWord(task: Task): TaskEvent {
  if (!isContacted(task)) return { kind: 'held', reason: 'no-contact-route' };
  const reached = factsOf(task, 'delivered').length + factsOf(task, 'read').length > 0;
  return reached || progressOf(task) === 'sent'
    ? { kind: 'exhausted' }
    : { kind: 'unreachable', reason: 'no step was delivered' };
}

function isLater(instant: string, than: string): boolean {
  return epochMilliseconds(instant) > epochMilliseconds(than);
}
