/**
 * A writeback whose entry is asked for by a document. The document's answers come in any order, twice, late or never, so
 * what they said is kept as a set in `Task.output` and the state is read from the set. A document that did not arrive
 * becomes the work of a person: the same Task by the manual route, with the reason. facts: gp-connect §4.3, §4.5
 */
import { ITK_RESPONSE, MESSAGE_ID, TASK_CODE } from '#fhir/systems.ts';
import type { CodeableConcept, Task, TaskOutput } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { codeIn, concept } from './link.ts';
import { routeOf } from './writeback.ts';
import { withPerson } from './writeback-person.ts';

/** An answer by its code, where it has one, and in words for a person. */
export type DocumentAnswer = { readonly code?: string; readonly text: string };

export type DocumentEvent =
  /** MESH has the document. `messageId` is unknown when it was found sent more than once. */
  | { readonly kind: 'sent'; readonly messageId?: string }
  /** The practice's system could process it, or has it already. */
  | { readonly kind: 'received'; readonly answer: DocumentAnswer }
  /** The patient is known there. */
  | { readonly kind: 'accepted'; readonly answer: DocumentAnswer }
  /** It could not be sent, delivered or processed, or the patient is not there. */
  | { readonly kind: 'rejected'; readonly answer: DocumentAnswer }
  /** What was waited for did not come in time. */
  | { readonly kind: 'overdue'; readonly reason: string };

/** Where a document is. `filed` only when the entry was read back from the record, whatever the answers say. */
export type DocumentState = 'to-send' | 'sent' | 'received' | 'accepted' | 'with-person' | 'filed' | 'over';

export function documentStateOf(task: Task): DocumentState {
  if (task.status === 'completed') return 'filed';
  if (routeOf(task) !== 'send-document') return 'with-person';
  if (task.status === 'requested') return 'to-send';
  if (task.status !== 'in-progress') return 'over';
  const told = (code: string) => (task.output ?? []).some((output) => codeIn(TASK_CODE, output.type) === code);
  if (told('accepted')) return 'accepted';
  return told('received') ? 'received' : 'sent';
}

/**
 * Moves a writeback Task by news of its document. The same news in another order, or twice, gives the same Task; once a
 * person has it, it stays theirs, and later answers are noted beside the reason.
 */
export function moveDocument(
  task: Task,
  event: DocumentEvent,
  now: string,
): Result<{ readonly task: Task; readonly changed: boolean }> {
  if (codeIn(TASK_CODE, task.code) !== 'writeback') return fail('invalid', 'The Task is not a writeback');
  const told = withOutput(task, outputOf(event));
  const next = settled(told, event, now);
  return ok(next === task ? { task, changed: false } : { task: { ...next, lastModified: now }, changed: true });
}

function outputOf(event: DocumentEvent): TaskOutput | undefined {
  if (event.kind === 'overdue') return undefined;
  if (event.kind === 'sent')
    return event.messageId === undefined
      ? undefined
      : { type: concept(TASK_CODE, 'message'), valueIdentifier: { system: MESSAGE_ID, value: event.messageId } };
  return { type: concept(TASK_CODE, event.kind), valueCodeableConcept: said(event.answer) };
}

function said({ code, text }: DocumentAnswer): CodeableConcept {
  return code === undefined ? { text } : { ...concept(ITK_RESPONSE, code), text };
}

/** Outputs are a set in one order, so that the order of their coming does not show. */
function withOutput(task: Task, output: TaskOutput | undefined): Task {
  const known = task.output ?? [];
  if (!output || known.some((one) => keyOf(one) === keyOf(output))) return task;
  const sorted = [...known, output].sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
  return { ...task, output: sorted };
}

function keyOf({ type, ...value }: TaskOutput): string {
  return JSON.stringify([codeIn(TASK_CODE, type) ?? '', value]);
}

function settled(task: Task, event: DocumentEvent, now: string): Task {
  if (task.status !== 'requested' && task.status !== 'in-progress') return task;
  const reasons = rejections(task);
  if (reasons.length > 0) return withPerson(task, reasons.join('; '));
  if (routeOf(task) !== 'send-document') return task;
  if (event.kind === 'overdue') return withPerson(task, event.reason);
  if (task.status === 'in-progress') return task;
  const { statusReason: _earlier, ...rest } = task;
  return { ...rest, status: 'in-progress', executionPeriod: { start: now } };
}

function rejections(task: Task): readonly string[] {
  const rejected = (task.output ?? []).filter((output) => codeIn(TASK_CODE, output.type) === 'rejected');
  return rejected.flatMap((output) => output.valueCodeableConcept?.text ?? []);
}
