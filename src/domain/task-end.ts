/**
 * How a coordination Task ends. Work that has begun cannot just be cancelled: an abort Task, completed at once because
 * Holdfast is both placer and fulfiller, is given back beside it. facts: care-needs §4.1, §4.3
 */
import { idFrom } from '#fhir/id.ts';
import { HL7_TASK_CODE, IDEMPOTENCY_KEY, STATUS_REASON, ukCore } from '#fhir/systems.ts';
import type { Task } from '#fhir/types.ts';
import { type BusinessStatus, businessStatus } from './business-status.ts';
import { codeIn, concept, linkTo, referenceKey } from './link.ts';
import { isEnded, statusBelowHold, type TaskEvent } from './task-event.ts';
import { factsOf, isContacted, standingBookings, withFact } from './task-facts.ts';

export type End = {
  readonly status: 'completed' | 'failed' | 'cancelled' | 'rejected' | 'entered-in-error';
  /** A code of `profiles/CodeSystem-status-reason.json`. */
  readonly reason?: string;
  readonly text?: string;
  readonly businessStatus?: BusinessStatus;
};

/** The end that an event brings to a Task whose outputs already hold the event; undefined when it goes on. */
export function endOf(task: Task, event: TaskEvent): End | undefined {
  switch (event.kind) {
    case 'done':
      return isContacted(task)
        ? { status: 'completed', businessStatus: 'done-evidence' }
        : { status: 'cancelled', reason: 'satisfied-elsewhere', businessStatus: 'done-elsewhere' };
    case 'declined':
      return { status: isContacted(task) ? 'failed' : 'rejected', reason: 'declined', businessStatus: 'declined' };
    case 'dna':
    case 'booked':
    case 'booked-elsewhere':
      return isMissed(task) ? { status: 'failed', reason: 'dna', businessStatus: 'dna' } : undefined;
    case 'exhausted':
      return { status: 'failed', reason: 'exhausted', businessStatus: 'exhausted' };
    case 'unreachable':
      return { status: 'failed', reason: 'unreachable', text: event.reason, businessStatus: 'unreachable' };
    default:
      return withdrawal(event);
  }
}

function withdrawal(event: TaskEvent): End | undefined {
  switch (event.kind) {
    case 'deceased':
      return { status: 'cancelled', reason: 'deceased', businessStatus: 'suppressed-deceased' };
    case 'opted-out':
      return { status: 'cancelled', reason: 'opted-out', businessStatus: 'suppressed-opt-out' };
    case 'moved':
      return { status: 'cancelled', reason: 'moved', businessStatus: 'moved' };
    case 'ineligible':
      return { status: 'cancelled', reason: 'ineligible', text: event.reason, businessStatus: 'ineligible' };
    case 'entered-in-error':
      return { status: 'entered-in-error' };
    default:
      return undefined;
  }
}

/** Whether the event would end the Task in the very way in which it has ended. */
export function isSameEnd(task: Task, event: TaskEvent): boolean {
  if (!isEnded(task.status)) return false;
  const end = endOf(task, event);
  return end?.status === task.status && end.reason === codeIn(STATUS_REASON, task.statusReason);
}

/** The Task as it ends and, where work had begun and is called off, the abort Task. */
export function ended(task: Task, end: End, now: string): { task: Task; abort?: Task } {
  const { statusReason: _before, restriction: _hold, ...rest } = task;
  const reason = end.reason === undefined ? undefined : concept(STATUS_REASON, end.reason);
  const statusReason = reason && { ...reason, ...(end.text === undefined ? {} : { text: end.text }) };
  const closed: Task = {
    ...rest,
    status: end.status,
    ...(statusReason ? { statusReason } : {}),
    ...(end.businessStatus ? { businessStatus: businessStatus(end.businessStatus) } : {}),
    ...(task.executionPeriod?.start ? { executionPeriod: { start: task.executionPeriod.start, end: now } } : {}),
    lastModified: now,
  };
  if (end.status !== 'cancelled' || statusBelowHold(task) !== 'in-progress') return { task: closed };
  const abort = abortOf(closed, now);
  return { task: withFact(closed, 'abort', linkTo('Task', abort.id)), abort };
}

function abortOf(task: Task, now: string): Task {
  const id = idFrom(task.id ?? '', 'abort');
  return {
    resourceType: 'Task',
    id,
    meta: { profile: [ukCore('Task')] },
    identifier: [{ system: IDEMPOTENCY_KEY, value: id }],
    status: 'completed',
    intent: 'order',
    code: concept(HL7_TASK_CODE, 'abort', 'Mark the focal resource as no longer active'),
    focus: linkTo('Task', task.id),
    ...(task.for ? { for: task.for } : {}),
    authoredOn: now,
    lastModified: now,
    ...(task.requester ? { requester: task.requester } : {}),
    ...(task.owner ? { owner: task.owner } : {}),
    ...(task.statusReason ? { reasonCode: task.statusReason } : {}),
  };
}

/** Whether a booking was missed and nothing else is booked. Before any contact it was no business of this Task. */
function isMissed(task: Task): boolean {
  if (!isContacted(task) || standingBookings(task).length > 0) return false;
  const over = new Set(
    (['cancelled-by-patient', 'cancelled-by-practice', 'attended'] as const).flatMap((code) =>
      factsOf(task, code).map(referenceKey),
    ),
  );
  const booked = new Set([...factsOf(task, 'booked'), ...factsOf(task, 'booked-elsewhere')].map(referenceKey));
  return factsOf(task, 'dna')
    .map(referenceKey)
    .some((missed) => booked.has(missed) && !over.has(missed));
}
