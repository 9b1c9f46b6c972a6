/**
 * How a writeback comes to its end: filed is only a claim, read back is the proof. facts: care-needs §4.2, §6.1 H10
 */
import { RECORD_ID, STATUS_REASON, TASK_CODE } from '#fhir/systems.ts';
import type { Reference, Task } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { codeIn, concept, sameReference } from './link.ts';

export type WritebackEvent =
  /** The practice's system, or the person who filed it by hand, said that it is in the record. */
  | { readonly kind: 'filed'; readonly recordId: string }
  | { readonly kind: 'failed'; readonly reason: string /** Whether it may be tried again. */; readonly retry: boolean }
  /** The entry was found in the record as it came back. */
  | { readonly kind: 'read-back'; readonly reference: Reference }
  | { readonly kind: 'given-up'; readonly reason?: string };

/**
 * Moves a writeback Task: `requested` → (filed) `in-progress` → (read back) `completed`, or `failed`. The entry may be
 * read back without ever having been acknowledged, or after it was given up: it is in the record, and must not be
 * filed again. The same event twice changes nothing. `conflict` names what is allowed.
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
  const next = event.kind === 'filed' ? filed(task, event.recordId) : notFiled(task, event);
  return ok(next === task ? { task, changed: false } : { task: { ...next, lastModified: now }, changed: true });
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

function notFiled(task: Task, event: Extract<WritebackEvent, { kind: 'failed' | 'given-up' }>): Task {
  const code = event.kind === 'given-up' ? 'given-up' : 'filing-failed';
  const statusReason = { ...concept(STATUS_REASON, code), ...(event.reason ? { text: event.reason } : {}) };
  const isOver = event.kind === 'given-up' || !event.retry;
  // A failure told after the filing was acknowledged is news of an earlier try.
  if (!isOver && task.status === 'in-progress') return task;
  const isKnown =
    !isOver && codeIn(STATUS_REASON, task.statusReason) === code && task.statusReason?.text === event.reason;
  if (isKnown) return task;
  return { ...task, status: isOver ? 'failed' : task.status, statusReason };
}

function readBack(task: Task, reference: Reference, now: string): Task {
  const { statusReason: _earlier, ...rest } = task;
  const known = (task.output ?? []).some((output) => sameReference(output.valueReference, reference));
  const output = known
    ? (task.output ?? [])
    : [...(task.output ?? []), { type: concept(TASK_CODE, 'evidence'), valueReference: reference }];
  return { ...rest, status: 'completed', output, lastModified: now };
}
