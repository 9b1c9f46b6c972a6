/**
 * The invitation sequence: which step comes next and when, from the plan, the Task and the requests that were made. facts: care-needs §1 S3, §3; `profiles/PlanDefinition-invitation-sequence.json`
 */
import { addTo, epochMilliseconds } from '#fhir/date.ts';
import { idFrom } from '#fhir/id.ts';
import { CHANNEL } from '#fhir/systems.ts';
import type { CommunicationRequest, Task } from '#fhir/types.ts';
import { codeIn, linkTo } from './link.ts';
import { afterWait, type Wait } from './outreach/wait.ts';
import { type Hours, nextOpening } from './outreach/window.ts';
import { type Channel, isEnded, type TaskEvent } from './task-event.ts';
import { factsOf, hasFact, isContacted, progressOf, standingBookings } from './task-facts.ts';

export type Step = {
  readonly id: string;
  readonly channel: Channel;
  readonly waitAfterPrevious: Wait;
  /** Instead, counted from the sending, while the NHS App message before it has not been read. */
  readonly waitIfUnread?: Wait;
  /** The canonical `url|version` of the message's ActivityDefinition. */
  readonly template: string;
};

export type Sequence = {
  /** The canonical `url|version` of the plan. */
  readonly canonical: string;
  readonly steps: readonly Step[];
  /** How long the last step is given before the sequence counts as exhausted. */
  readonly waitAfterLast: Wait;
};

export type NextStep =
  | { readonly kind: 'step'; readonly step: Step; readonly dueAt: string }
  | { readonly kind: 'wait'; readonly until: string }
  /** Every step was taken and given its time. The event says what that means for the Task. */
  | { readonly kind: 'exhausted'; readonly event: TaskEvent }
  | { readonly kind: 'stopped'; readonly why: StopReason };

export type StopReason = 'ended' | 'on-hold' | 'not-released' | 'booked' | 'booking-cancelled' | 'replied' | 'attended';

/**
 * The next step of one Task. `requests` are those made for this Task, skipped steps (revoked) included: a step is done
 * when its request exists. After a failed or skipped step the next one comes at its channel's next opening.
 */
export function nextStep(
  sequence: Sequence,
  state: {
    readonly task: Task;
    readonly requests: readonly CommunicationRequest[];
    readonly now: string;
    /** The practice's own. */
    readonly hours?: Hours;
  },
): NextStep {
  const { task, requests, now, hours = {} } = state;
  const why = stopReason(task);
  if (why) return { kind: 'stopped', why };
  const made = (step: Step | undefined) => step && requests.find((request) => request.id === requestId(task, step));
  const index = sequence.steps.findIndex((step) => !made(step));
  const step = sequence.steps[index];
  const previous = index < 0 ? sequence.steps.at(-1) : sequence.steps[index - 1];
  const before = made(previous);
  // A call is a person's work: until it is made it is not over, however long ago it was asked for.
  if (before?.status === 'active' && channelIn(before) === 'telephone') {
    return { kind: 'wait', until: nextOpening('telephone', addTo(now, { days: 1 }), hours) };
  }
  const wait = step ? waitFor(task, step, before) : sequence.waitAfterLast;
  const dueAt = before && isOnItsWay(task, before) ? afterWait(sentAt(before, now), wait, hours) : now;
  if (!step) return isLater(dueAt, now) ? { kind: 'wait', until: dueAt } : { kind: 'exhausted', event: lastWord(task) };
  const opens = nextOpening(step.channel, isLater(dueAt, now) ? dueAt : now, hours);
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

/** A message that is read late, but before the next step, earns the longer wait. */
function waitFor(task: Task, step: Step, before: CommunicationRequest | undefined): Wait {
  const isRead = before && hasFact(task, 'read', linkTo('Communication', communicationId(before)));
  // Where the channel was chosen by evidence, the step before need not have been an App message.
  const isOther = before !== undefined && channelIn(before) !== 'nhsapp';
  return (isRead || isOther ? undefined : step.waitIfUnread) ?? step.waitAfterPrevious;
}

/** The channel that a request was made for, whatever the sequence names. */
function channelIn(request: CommunicationRequest): string | undefined {
  return codeIn(CHANNEL, request.medium?.[0]);
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
