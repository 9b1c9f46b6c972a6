/** A Task moves: what is saved beside it and which stages its new state wakes. Every stage moves Tasks through here. */
import { provenanceOf } from '#domain/provenance.ts';
import { move } from '#domain/task.ts';
import { isEnded, type TaskEvent } from '#domain/task-event.ts';
import { standingBookings } from '#domain/task-facts.ts';
import { HOLDFAST } from '#fhir/systems.ts';
import type { Resource, Task } from '#fhir/types.ts';
import { saveResources } from '#store/resources.ts';
import type { Shell, StageJob, Transaction } from './shell.ts';

export type TaskChange = {
  /** The Task as it is now. */
  readonly task: Task;
  readonly saves: readonly Resource[];
  readonly jobs: readonly StageJob[];
};

/**
 * Moves a Task by an event. A move that its state does not allow changes nothing: the event came too late or too early
 * to matter, and what it says of the world is kept where it was received.
 */
export function moveTask(
  task: Task,
  event: TaskEvent,
  at: { readonly organisation: string; readonly now: string },
): TaskChange {
  const moved = move(task, event, at.now);
  if (!moved.ok || !moved.value.changed) return { task, saves: [], jobs: [] };
  const { task: next, abort } = moved.value;
  return {
    task: next,
    saves: [next, provenance(next, event, at), ...(abort ? [abort] : [])],
    jobs: jobsAfter(next, event, at.organisation),
  };
}

/** Who or what moved the Task, and by which event: kept for every move. */
function provenance(
  task: Task,
  event: TaskEvent,
  { organisation, now }: { readonly organisation: string; readonly now: string },
): Resource {
  return provenanceOf({
    targets: [{ reference: `Task/${task.id}` }],
    activity: { coding: [{ system: `${HOLDFAST}/CodeSystem/task-event`, code: event.kind }] },
    onBehalfOf: { reference: `Organization/${organisation}` },
    now,
  });
}

/** Moves a Task through several events; of the Task itself only the last state is saved. */
export function moveThrough(
  task: Task,
  events: readonly TaskEvent[],
  at: { readonly organisation: string; readonly now: string },
): TaskChange {
  const start: TaskChange = { task, saves: [], jobs: [] };
  return events.reduce((before, event) => {
    const change = moveTask(before.task, event, at);
    return { task: change.task, saves: [...before.saves, ...change.saves], jobs: [...before.jobs, ...change.jobs] };
  }, start);
}

/** Saves what moves gave and queues what they wake, in the caller's transaction. */
export async function keepChanges(
  shell: Pick<Shell, 'enqueue'>,
  tx: Transaction,
  changes: readonly Pick<TaskChange, 'saves' | 'jobs'>[],
  organisation: string,
): Promise<void> {
  const resources = changes.flatMap((change) => change.saves);
  await saveResources(tx, { organisation, resources, source: 'holdfast' });
  const jobs = changes.flatMap((change) => change.jobs);
  await shell.enqueue(tx, jobs);
}

/** What a Task's new state wakes: the next step, the codes to be filed, an appointment nobody will come to. */
function jobsAfter(task: Task, event: TaskEvent, organisation: string): StageJob[] {
  const payload = { organisation, task: task.id ?? '' };
  const jobs: StageJob[] = [];
  // At its end too: what the sequence had still open is taken back there.
  if (WAKES_SEQUENCE.has(event.kind) || isEnded(task.status)) jobs.push({ queue: 'reach', payload });
  if (WAKES_CODING.has(event.kind) || isEnded(task.status)) jobs.push({ queue: 'write-back', payload });
  if (isEnded(task.status) && standingBookings(task).length > 0) jobs.push({ queue: 'book', payload });
  return jobs;
}

const WAKES_SEQUENCE: ReadonlySet<TaskEvent['kind']> = new Set([
  'released',
  'resumed',
  'sent',
  'delivery-failed',
  'called',
  'replied',
  'booked',
  'booked-elsewhere',
  'booking-cancelled',
]);
const WAKES_CODING: ReadonlySet<TaskEvent['kind']> = new Set([
  'delivered',
  'read',
  'delivery-failed',
  'called',
  'dna',
  'declined',
]);
