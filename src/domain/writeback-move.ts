/**
 * How a writeback comes to its end: filed is only a claim, read back is the proof. facts: care-needs §4.2, §6.1 H10
 */
import { RECORD_ID, STATUS_REASON, TASK_CODE } from '#fhir/systems.ts';
import type { Reference, Task } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { codeIn, concept, sameReference } from './link.ts';
import { withPerson } from './writeback-person.ts';

export type WritebackEvent =
  /** The practice's system, or the person who filed it by hand, said that it is in the record. */
  | { readonly kind: 'filed'; readonly recordId: string }
  /** A try to file it begins. Until its end is known, or so much time has passed that none can come, no other may begin. */
  | { readonly kind: 'tried' }
  /** A try of which it is known that it did nothing. */
  | { readonly kind: 'untried' }
  /** It cannot be filed by this route, or nobody can say whether it was: a person looks into the record. */
  | { readonly kind: 'to-person'; readonly reason: string }
  /** The entry was found in the record as it came back. */
  | { readonly kind: 'read-back'; readonly reference: Reference }
  | { readonly kind: 'given-up'; readonly reason?: string };

/**
 * Moves a writeback Task: `requested` → (filed) `in-progress` → (read back) `completed`, or back to `requested` for a
 * person, or `failed`. The entry may be read back without ever having been acknowledged, or after it was given up: it is
 * in the record, and must not be filed again. The same event twice changes nothing. `conflict` names what is allowed.
 */
export function moveWriteback(
  task: Task,
  event: WritebackEvent,
  now: string,
): Result<{ readonly task: Task; readonly changed: boolean }> {
  if (codeIn(TASK_CODE, task.code) !== 'writeback') return fail('invalid', 'The Task is not a writeback');
  if (task.status === 'completed') return ok({ task, changed: false });
  if (event.kind === 'read-back') return ok({ task: readBack(task, event.reference, now), changed: true });
  if (task.status === 'failed') return ok({ task, changed: false });
  if (task.status !== 'requested' && task.status !== 'in-progress') {
    return fail(
      'conflict',
      `A writeback that is ${task.status} takes no event "${event.kind}"; only "read-back" is allowed`,
    );
  }
  const next = moved(task, event, now);
  return ok(next === task ? { task, changed: false } : { task: { ...next, lastModified: now }, changed: true });
}

/** When a try to file it began of which nobody knows how it ended; undefined when there is none. */
export function triedAt(task: Task): string | undefined {
  return task.status === 'requested' ? task.executionPeriod?.start : undefined;
}

/** The id under which the practice's system keeps the entry; undefined while it is not filed. */
export function recordIdOf(task: Task): string | undefined {
  return task.output?.find((output) => codeIn(TASK_CODE, output.type) === 'record')?.valueIdentifier?.value;
}

function filed(task: Task, recordId: string): Task {
  if (task.status === 'in-progress' && recordIdOf(task) === recordId) return task;
  const { statusReason: _earlier, ...rest } = task;
  const others = (task.output ?? []).filter((output) => codeIn(TASK_CODE, output.type) !== 'record');
  const valueIdentifier = { system: RECORD_ID, value: recordId };
  return {
    ...rest,
    status: 'in-progress',
    output: [...others, { type: concept(TASK_CODE, 'record'), valueIdentifier }],
  };
}

type Open = Exclude<WritebackEvent, { kind: 'read-back' }>;

function moved(task: Task, event: Open, now: string): Task {
  switch (event.kind) {
    case 'filed':
      return filed(task, event.recordId);
    case 'tried':
      return task.status === 'requested' ? { ...task, executionPeriod: { start: now } } : task;
    case 'untried':
      return untried(task);
    case 'to-person':
      return withPerson(task, event.reason);
    case 'given-up':
      return givenUp(task, event.reason);
  }
}

function untried(task: Task): Task {
  if (task.status !== 'requested' || !task.executionPeriod) return task;
  const { executionPeriod: _try, ...rest } = task;
  return rest;
}

function givenUp(task: Task, reason: string | undefined): Task {
  const statusReason = { ...concept(STATUS_REASON, 'given-up'), ...(reason ? { text: reason } : {}) };
  return { ...task, status: 'failed', statusReason };
}

function readBack(task: Task, reference: Reference, now: string): Task {
  const { statusReason: _earlier, ...rest } = task;
  const known = (task.output ?? []).some((output) => sameReference(output.valueReference, reference));
  const output = known
    ? (task.output ?? [])
    : [...(task.output ?? []), { type: concept(TASK_CODE, 'evidence'), valueReference: reference }];
  return { ...rest, status: 'completed', output, lastModified: now };
}
