/** Holdfast's own Tasks in the hands of clients: calls are finished, Tasks are handed over and noted. */
import { codeIn } from '#domain/link.ts';
import { allowedMoves } from '#domain/task-event.ts';
import { TASK_CODE } from '#fhir/systems.ts';
import type { Task } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { callOutcome } from './call.ts';
import { refused } from './client-moves.ts';
import type { StageJob } from './shell.ts';

export type RevisedTask = { readonly resource: Task; readonly jobs: readonly StageJob[] };

/** The parts of a Task that belong to people: who has it, what they noted, how urgent it is; of a call, its end and outcome. */
export function reviseOwnTask(
  current: Task,
  wanted: Task,
  { organisation, now }: { readonly organisation: string; readonly now: string },
): Result<RevisedTask> {
  const { owner, note, priority } = wanted;
  const common = { ...(owner ? { owner } : {}), ...(note ? { note } : {}), ...(priority ? { priority } : {}) };
  const { owner: _owner, note: _note, priority: _priority, ...fixed } = current;
  const isCall = codeIn(TASK_CODE, current.code) === 'telephone';
  if (!isCall && wanted.status !== current.status) return movesByItself(current, wanted);
  const call = isCall ? finishCall(current, wanted) : ok({ changes: {}, isFinished: false });
  if (!call.ok) return call;
  const resource: Task = { ...fixed, ...common, ...call.value.changes, lastModified: now };
  const payload = { organisation, task: current.id ?? '' };
  return ok({ resource, jobs: call.value.isFinished ? [{ queue: 'called', payload }] : [] });
}

const CALL_MOVES: Readonly<Record<string, readonly Task['status'][]>> = {
  requested: ['requested', 'in-progress', 'completed', 'cancelled'],
  'in-progress': ['in-progress', 'completed', 'cancelled'],
  completed: ['completed'],
  cancelled: ['cancelled'],
};

function finishCall(current: Task, wanted: Task): Result<{ changes: Partial<Task>; isFinished: boolean }> {
  const moves = CALL_MOVES[current.status] ?? [];
  if (!moves.includes(wanted.status))
    return refused(`A telephone Task that is ${current.status} may become: ${moves.join(', ')}`, 'Task.status');
  if (wanted.status !== 'completed' || current.status === 'completed')
    return ok({ changes: { status: wanted.status }, isFinished: false });
  if (!callOutcome(wanted))
    return refused(
      'A finished call wants an output of type call-outcome with a code of CodeSystem/call-outcome',
      'Task.output',
    );
  return ok({
    changes: { status: 'completed', ...(wanted.output ? { output: wanted.output } : {}) },
    isFinished: true,
  });
}

function movesByItself(current: Task, wanted: Task): Result<never> {
  const moves = allowedMoves(current.status);
  return refused(
    `This Task moves by what happens (${moves.join(', ') || 'nothing more'}), not by setting status from ${current.status} to ${wanted.status}; change owner, note or priority`,
    'Task.status',
  );
}
