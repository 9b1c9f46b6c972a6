/**
 * A writeback as the work of a person: the manual route, with the reason. Once a person has it, it stays theirs, so that
 * no program files what somebody may just be typing. What they say of it is a claim; the record is the proof.
 */
import { STATUS_REASON, TASK_CODE } from '#fhir/systems.ts';
import type { Task } from '#fhir/types.ts';
import { codeIn, concept } from './link.ts';
import { type Route, routeOf } from './writeback.ts';

/**
 * The Task on a person's work list, and why. When it was tried or sent is not theirs to wait for. Answers with the very
 * same Task when they have it already for this reason, and with what has ended as it is.
 */
export function withPerson(task: Task, reason: string): Task {
  if (task.status !== 'requested' && task.status !== 'in-progress') return task;
  const statusReason = { ...concept(STATUS_REASON, 'filing-failed'), text: reason };
  const isSame = task.status === 'requested' && task.statusReason?.text === reason && routeOf(task) === 'manual';
  if (isSame) return task;
  const { executionPeriod: _since, ...rest } = onRoute(task, 'manual');
  return { ...rest, status: 'requested', statusReason };
}

/** The Task with another route. */
export function onRoute(task: Task, route: Route): Task {
  const input = (task.input ?? []).map((one) =>
    codeIn(TASK_CODE, one.type) === 'route' ? { ...one, valueCode: route } : one,
  );
  return { ...task, input };
}

/**
 * What a person may say of a writeback on their work list: `in-progress` = they have filed it, `requested` = they had not.
 * Undefined when it is not theirs to say. Neither completes it.
 */
export function saidByPerson(task: Task, status: Task['status'], now: string): Task | undefined {
  if (routeOf(task) !== 'manual') return undefined;
  if (task.status === 'requested' && status === 'in-progress')
    return { ...task, status, executionPeriod: { start: now } };
  if (task.status !== 'in-progress' || status !== 'requested') return undefined;
  const { executionPeriod: _said, ...rest } = task;
  return { ...rest, status };
}
