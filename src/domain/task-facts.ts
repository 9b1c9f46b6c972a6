/**
 * What has happened to a coordination Task, kept in `Task.output` as coded references. The outputs are a set: the
 * business status is read from it, so late and repeated news cannot move a Task back. facts: care-needs §4.3
 */
import { TASK_CODE } from '#fhir/systems.ts';
import type { Reference, Task, TaskOutput } from '#fhir/types.ts';
import type { BusinessStatus } from './business-status.ts';
import { codeIn, concept, referenceKey, sameReference } from './link.ts';

export type FactCode =
  | 'released'
  | 'sent'
  | 'delivered'
  | 'read'
  | 'delivery-failed'
  | 'replied-yes'
  | 'replied-no'
  | 'replied-other'
  | 'call-answered'
  | 'call-unanswered'
  | 'booked'
  | 'booked-elsewhere'
  | 'cancelled-by-patient'
  | 'cancelled-by-practice'
  | 'attended'
  | 'dna'
  | 'missing'
  | 'evidence'
  | 'abort';

export function hasFact(task: Task, code: FactCode, reference: Reference): boolean {
  return outputs(task, code).some((output) => sameReference(output.valueReference, reference));
}

/** The references recorded under a code, oldest first. */
export function factsOf(task: Task, code: FactCode): readonly Reference[] {
  return outputs(task, code).flatMap((output) => output.valueReference ?? []);
}

/** The Task with one more fact; the same Task when it is known already. */
export function withFact(task: Task, code: FactCode, reference: Reference): Task {
  if (hasFact(task, code, reference)) return task;
  const { resource: _resolved, ...plain } = reference;
  return { ...task, output: [...(task.output ?? []), { type: concept(TASK_CODE, code), valueReference: plain }] };
}

/** The Task with the names of the parts of the care that are still missing, in place of those known before. */
export function withMissing(task: Task, missing: readonly string[]): Task {
  if (missingOf(task).join('\n') === missing.join('\n')) return task;
  const others = (task.output ?? []).filter((output) => codeOf(output) !== 'missing');
  const named = missing.map((part) => ({ type: concept(TASK_CODE, 'missing'), valueString: part }));
  return { ...task, output: [...others, ...named] };
}

/** The parts of the care that a partial visit left undone. */
export function missingOf(task: Task): readonly string[] {
  return outputs(task, 'missing').flatMap((output) => output.valueString ?? []);
}

/** The appointments that stand: booked here or elsewhere, and not cancelled, attended or missed since. */
export function standingBookings(task: Task): readonly Reference[] {
  const over = new Set(
    (['cancelled-by-patient', 'cancelled-by-practice', 'attended', 'dna'] as const).flatMap((code) =>
      factsOf(task, code).map(referenceKey),
    ),
  );
  return [...factsOf(task, 'booked'), ...factsOf(task, 'booked-elsewhere')].filter(
    (booking) => !over.has(referenceKey(booking)),
  );
}

/** Whether any step was sent or any call made: from then on the Task can only be aborted, not just cancelled. */
export function isContacted(task: Task): boolean {
  return task.executionPeriod?.start !== undefined;
}

/** How far the outputs show that the care has come; undefined when they show nothing. */
export function progressOf(task: Task): BusinessStatus | undefined {
  if (factsOf(task, 'attended').length > 0) return missingOf(task).length > 0 ? 'attended-partial' : 'attended';
  return bookingProgress(task) ?? (isContacted(task) ? contactProgress(task) : undefined);
}

function bookingProgress(task: Task): BusinessStatus | undefined {
  const [first] = standingBookings(task);
  if (first) return hasFact(task, 'booked', first) ? 'booked' : 'booked-elsewhere';
  // Before any contact a cancelled booking was the patient's own affair, and the invitation still stands.
  if (!isContacted(task)) return undefined;
  if (factsOf(task, 'cancelled-by-patient').length > 0) return 'cancelled-by-patient';
  return factsOf(task, 'cancelled-by-practice').length > 0 ? 'cancelled-by-practice' : undefined;
}

function contactProgress(task: Task): BusinessStatus | undefined {
  const reply = (task.output ?? []).map(codeOf).findLast((code) => code?.startsWith('replied-'));
  if (reply === 'replied-yes' || reply === 'replied-no' || reply === 'replied-other') return reply;
  if (factsOf(task, 'call-answered').length > 0) return 'replied-other';
  if (factsOf(task, 'read').length > 0) return 'read';
  if (factsOf(task, 'delivered').length > 0) return 'delivered';
  const tries = factsOf(task, 'sent').length + factsOf(task, 'call-unanswered').length;
  const failed = factsOf(task, 'delivery-failed').length;
  return failed > 0 && failed >= tries ? 'delivery-failed' : 'sent';
}

function outputs(task: Task, code: FactCode): readonly TaskOutput[] {
  return (task.output ?? []).filter((output) => codeOf(output) === code);
}

function codeOf(output: TaskOutput): string | undefined {
  return codeIn(TASK_CODE, output.type);
}
