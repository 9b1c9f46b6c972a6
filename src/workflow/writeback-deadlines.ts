/** How long a writeback waits for what, by its route, and that it becomes the work of a person when it has waited too long. */
import { routeOf } from '#domain/writeback.ts';
import { documentStateOf, moveDocument } from '#domain/writeback-document.ts';
import { moveWriteback, triedAt } from '#domain/writeback-move.ts';
import { addTo, epochMilliseconds } from '#fhir/date.ts';
import type { Task } from '#fhir/types.ts';
import type { Timer } from '#store/timers.ts';
import type { Policy } from './policy.ts';

/** The coordination Task whose writebacks are looked at. */
export type WritebackJob = { readonly organisation: string; readonly task: string };

type Deadline = { readonly at: string; readonly reason: string };

/** The Task, or the same as a person's work when what it waits for is overdue at `now`. */
export function chase(task: Task, policy: Policy, now: string): Task {
  const deadline = deadlineOf(task, policy);
  if (!deadline || epochMilliseconds(now) < epochMilliseconds(deadline.at)) return task;
  const { reason } = deadline;
  const moved =
    routeOf(task) === 'send-document'
      ? moveDocument(task, { kind: 'overdue', reason }, now)
      : moveWriteback(task, { kind: 'to-person', reason }, now);
  return moved.ok ? moved.value.task : task;
}

/** When each writeback that waits is to be looked at again: the whole coordination Task is, so one timer each is enough. */
export function deadlinesOf(
  { organisation, task }: WritebackJob,
  writebacks: readonly Task[],
  policy: Policy,
): Timer[] {
  return writebacks.flatMap((one) => {
    const dueAt = deadlineOf(one, policy)?.at;
    const key = one.id ?? '';
    return dueAt === undefined
      ? []
      : [{ organisation, queue: 'write-back', key, dueAt, payload: { organisation, task } }];
  });
}

/** From when on a try of unknown outcome has ended, one way or the other: what is not in the record then was not filed. */
export function settledAt(task: Task, { filingSettlesMinutes }: Policy): string | undefined {
  const tried = routeOf(task) === 'im1' ? triedAt(task) : undefined;
  return tried === undefined ? undefined : addTo(tried, { minutes: filingSettlesMinutes });
}

function deadlineOf(task: Task, policy: Policy): Deadline | undefined {
  if (task.status !== 'requested' && task.status !== 'in-progress') return undefined;
  switch (routeOf(task)) {
    case 'send-document':
      return documentDeadline(task, policy);
    case 'im1':
      return linkDeadline(task, policy);
    default:
      return handDeadline(task, policy);
  }
}

function linkDeadline(task: Task, { acknowledgementDays, readBackDays }: Policy): Deadline | undefined {
  if (task.status === 'requested')
    return after(
      task.authoredOn,
      acknowledgementDays,
      `The entry could not be filed by the link within ${acknowledgementDays} days, or nobody can say whether it was: look into the record first`,
    );
  return after(
    task.executionPeriod?.start,
    readBackDays,
    `The link said that the entry is filed, and it is not in the record after ${readBackDays} days: look into the record first`,
  );
}

/** A person's work list has no end; what they said they had filed is asked for again when the record does not show it. */
function handDeadline(task: Task, { readBackDays }: Policy): Deadline | undefined {
  if (task.status === 'requested') return undefined;
  return after(
    task.executionPeriod?.start,
    readBackDays,
    `Somebody said that the entry is filed, and it is not in the record after ${readBackDays} days: code and date must be those of this Task`,
  );
}

function documentDeadline(task: Task, { acknowledgementDays, readBackDays }: Policy): Deadline | undefined {
  const since = task.executionPeriod?.start ?? task.authoredOn;
  switch (documentStateOf(task)) {
    // Its job may have been given up, or something that a document must say is not known.
    case 'to-send':
      return after(
        since,
        acknowledgementDays,
        `The document could not be sent within ${acknowledgementDays} days, or nobody can say whether it was: look into the record first`,
      );
    case 'sent':
      return after(
        since,
        acknowledgementDays,
        `The practice's system has not answered for the document within ${acknowledgementDays} days`,
      );
    case 'received':
      return after(
        since,
        acknowledgementDays,
        `The practice's system has not answered whether the patient is known within ${acknowledgementDays} days`,
      );
    case 'accepted':
      return after(
        since,
        readBackDays,
        `The practice accepted the document, and the entry is not in its record after ${readBackDays} days`,
      );
    default:
      return undefined;
  }
}

function after(since: string | undefined, days: number, reason: string): Deadline | undefined {
  return since === undefined ? undefined : { at: addTo(since, { days }), reason };
}
