/** Holdfast's own Tasks in the hands of clients: calls are finished, Tasks are handed over and noted. */
import { codeIn } from '#domain/link.ts';
import { allowedMoves, isEnded } from '#domain/task-event.ts';
import { saidByPerson } from '#domain/writeback-person.ts';
import { idOf } from '#fhir/reference.ts';
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
  if (codeIn(TASK_CODE, current.code) === 'writeback' && wanted.status !== current.status)
    return sayFiled({ ...fixed, ...common }, wanted.status, { organisation, now });
  const finish = finishers[codeIn(TASK_CODE, current.code) ?? ''];
  if (!finish && wanted.status !== current.status) return movesByItself(current, wanted);
  const finished = finish?.(current, wanted) ?? ok({ changes: {}, isFinished: false });
  if (!finished.ok) return finished;
  const resource: Task = { ...fixed, ...common, ...finished.value.changes, lastModified: now };
  return ok({ resource, jobs: finished.value.isFinished ? jobsAfter(resource, organisation) : [] });
}

const CALL_MOVES: Readonly<Record<string, readonly Task['status'][]>> = {
  requested: ['requested', 'in-progress', 'completed', 'cancelled'],
  'in-progress': ['in-progress', 'completed', 'cancelled'],
  completed: ['completed'],
  cancelled: ['cancelled'],
};

/** Whether a client has just finished looking who a person is: PDS is then asked anew. */
export function isPersonChecked(task: Task, before: Task | undefined): boolean {
  const isCheck = codeIn(TASK_CODE, task.code) === 'check-person';
  return isCheck && isEnded(task.status) && before !== undefined && !isEnded(before.status);
}

/** A call wakes what follows it; a checked person is asked about, and the work that stood still decides anew. */
function jobsAfter(task: Task, organisation: string): StageJob[] {
  if (codeIn(TASK_CODE, task.code) === 'telephone')
    return [{ queue: 'called', payload: { organisation, task: task.id ?? '' } }];
  const patient = idOf('Patient', task.for);
  const payload = { organisation, patients: patient ? [patient] : [] };
  return patient
    ? [
        { queue: 'demographics', payload },
        { queue: 'assess', payload },
      ]
    : [];
}

type Finished = { readonly changes: Partial<Task>; readonly isFinished: boolean };

/** What a client may finish, by the code of the Task. */
const finishers: Readonly<Record<string, (current: Task, wanted: Task) => Result<Finished>>> = {
  telephone: finishCall,
  'check-person': finishCheck,
  'read-message': finishReading,
  'exception-proposal': decideException,
};

/** Somebody looks who a person is: what they found goes into the note, and into the practice's own system. */
function finishCheck(current: Task, wanted: Task): Result<Finished> {
  const moves = CALL_MOVES[current.status] ?? [];
  if (!moves.includes(wanted.status))
    return refused(`A Task to check a person that is ${current.status} may become: ${moves.join(', ')}`, 'Task.status');
  return ok({ changes: { status: wanted.status }, isFinished: isEnded(wanted.status) && !isEnded(current.status) });
}

/** Somebody has read what a patient wrote, and acted on it: nothing follows by itself. */
function finishReading(current: Task, wanted: Task): Result<Finished> {
  return moveAlone('A Task to read a message', current, wanted);
}

/** A clinician decides: completed, it is recorded by them in the practice's own system; cancelled, it is not. Nothing follows here. */
function decideException(current: Task, wanted: Task): Result<Finished> {
  return moveAlone('A proposal of an exception', current, wanted);
}

function moveAlone(what: string, current: Task, wanted: Task): Result<Finished> {
  const moves = CALL_MOVES[current.status] ?? [];
  if (!moves.includes(wanted.status))
    return refused(`${what} that is ${current.status} may become: ${moves.join(', ')}`, 'Task.status');
  return ok({ changes: { status: wanted.status }, isFinished: false });
}

function finishCall(current: Task, wanted: Task): Result<Finished> {
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

/** A person says that an entry of their work list is in the record, or takes that back; the record is looked at at once. */
function sayFiled(
  task: Task,
  status: Task['status'],
  { organisation, now }: { readonly organisation: string; readonly now: string },
): Result<RevisedTask> {
  const said = saidByPerson(task, status, now);
  if (!said)
    return refused(
      "A writeback of route manual may be said to be filed (requested to in-progress) or not (back to requested); it is completed when the entry is read back from the record, and by no one's word",
      'Task.status',
    );
  const whole = idOf('Task', task.partOf?.[0]);
  const jobs: StageJob[] = whole ? [{ queue: 'write-back', payload: { organisation, task: whole } }] : [];
  return ok({ resource: { ...said, lastModified: now }, jobs });
}

function movesByItself(current: Task, wanted: Task): Result<never> {
  const moves = allowedMoves(current.status);
  return refused(
    `This Task moves by what happens (${moves.join(', ') || 'nothing more'}), not by setting status from ${current.status} to ${wanted.status}; change owner, note or priority`,
    'Task.status',
  );
}
