/** What a client of the API may change: telephone Tasks are finished, Tasks are handed over and noted, Flags are set. */

import { codeIn } from '#domain/link.ts';
import { allowedMoves, isEnded } from '#domain/task-event.ts';
import { idOf } from '#fhir/reference.ts';
import { TASK_CODE } from '#fhir/systems.ts';
import type { Flag, Reference, Resource, Task } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { inTransaction, lockKeys, lockPatients, sendingKey } from '#store/database.ts';
import { expireDemographics } from '#store/demographics.ts';
import { load, readResource, type StoredResource, saveResources } from '#store/resources.ts';
import { callOutcome } from './call.ts';
import { inside, type Shell, type StageJob, type Transaction } from './shell.ts';

export type Caller = { readonly organisations: readonly string[]; readonly newId: () => string };

/** Creates a Flag on a patient or on the practice itself (its emergency stop). Other types are not for clients to create. */
export async function createByClient(
  shell: Shell,
  caller: Caller,
  resource: Resource,
): Promise<Result<StoredResource>> {
  if (resource.resourceType !== 'Flag')
    return fail('unsupported', `${resource.resourceType} is made by Holdfast itself; clients create Flag`);
  const organisation = await organisationOf(shell, caller, resource.subject);
  if (!organisation)
    return fail('invalid', 'Flag.subject names no patient or practice that you may see', {
      issues: [
        {
          code: 'not-found',
          expression: 'Flag.subject',
          diagnostics: 'Flag.subject names no patient or practice that you may see',
        },
      ],
    });
  const flag: Flag = { ...resource, id: caller.newId() };
  return inTransaction(shell.pool, async (tx) => {
    await lockSubject(tx, { organisation, patient: idOf('Patient', flag.subject) ?? null });
    return saved(await saveResources(tx, { organisation, resources: [flag], source: 'client' }));
  });
}

/** Updates a Task or Flag. `not-found` when the caller cannot see it, `precondition` when `ifMatch` is not its version. */
export async function updateByClient(
  shell: Shell,
  caller: Caller,
  resource: Resource & { id: string },
  ifMatch: number | undefined,
): Promise<Result<StoredResource>> {
  const { resourceType: type, id } = resource;
  const access = { organisations: caller.organisations };
  return inTransaction(shell.pool, async (tx): Promise<Result<StoredResource>> => {
    const seen = await readResource(tx, access, type, id);
    if (!seen || seen.deleted || !caller.organisations.includes(seen.organisation))
      return fail('not-found', `There is no ${type} with this id; ids are given by Holdfast`);
    await lockSubject(tx, seen);
    const current = await readResource(tx, access, type, id);
    if (!current) return fail('not-found', `There is no ${type} with this id`);
    if (ifMatch !== undefined && ifMatch !== current.version)
      return fail(
        'precondition',
        `The version is now ${current.version}, not ${ifMatch}: read it again and decide again`,
      );
    if (resource.resourceType === 'Task') return updateTask(shell, tx, current, resource);
    if (resource.resourceType !== 'Flag') return fail('unsupported', `${type} cannot be updated by clients`);
    return updateFlag(tx, current, resource);
  });
}

async function updateFlag(tx: Transaction, stored: StoredResource, wanted: Flag): Promise<Result<StoredResource>> {
  const current = JSON.parse(stored.content) as Flag;
  if (wanted.subject?.reference !== current.subject.reference)
    return refused('A Flag stays with its subject: set this one inactive and create another', 'Flag.subject');
  const { organisation } = stored;
  const changed = await saveResources(tx, { organisation, resources: [wanted], source: 'client' });
  return ok(changed[0] ?? stored);
}

/** A Flag is an event: it waits for a send that has begun, and no send begins before it is there. docs/adr/0006 */
async function lockSubject(
  tx: Transaction,
  { organisation, patient }: Pick<StoredResource, 'organisation' | 'patient'>,
): Promise<void> {
  if (patient) await lockPatients(tx, organisation, [patient]);
  else await lockKeys(tx, [sendingKey(organisation)]);
}

/** The parts of a Task that belong to people: who has it, what they noted, how urgent it is; of a call, its end and outcome. */
async function updateTask(
  shell: Shell,
  tx: Transaction,
  stored: StoredResource,
  wanted: Task,
): Promise<Result<StoredResource>> {
  const current = JSON.parse(stored.content) as Task;
  const { owner, note, priority } = wanted;
  const common = { ...(owner ? { owner } : {}), ...(note ? { note } : {}), ...(priority ? { priority } : {}) };
  const { owner: _owner, note: _note, priority: _priority, ...fixed } = current;
  const isCall = codeIn(TASK_CODE, current.code) === 'telephone';
  const isCheck = codeIn(TASK_CODE, current.code) === 'check-person';
  if (!isCall && !isCheck && wanted.status !== current.status) return forbidden(current, wanted);
  const call = isCall ? finishCall(current, wanted) : isCheck ? finishCheck(current, wanted) : ok(UNMOVED);
  if (!call.ok) return call;
  const now = shell.now();
  const task: Task = { ...fixed, ...common, ...call.value.changes, lastModified: now };
  const { organisation } = stored;
  const changed = await saveResources(tx, { organisation, resources: [task], source: 'holdfast' });
  if (call.value.jobs.includes('called'))
    await shell.enqueue(tx, [{ queue: 'called', payload: { organisation, task: task.id ?? '' } }]);
  if (isCheck && isEnded(task.status) && !isEnded(current.status)) await lookAgain(shell, tx, organisation, task);
  return ok(changed[0] ?? stored);
}

/** Somebody has looked who a person is: PDS is asked at once, and the work that stood still decides anew. */
async function lookAgain(shell: Shell, tx: Transaction, organisation: string, task: Task): Promise<void> {
  const patient = idOf('Patient', task.for);
  if (!patient) return;
  await expireDemographics(tx, organisation, patient);
  const payload = { organisation, patients: [patient] };
  await shell.enqueue(tx, [
    { queue: 'demographics', payload },
    { queue: 'assess', payload },
  ]);
}

const CALL_MOVES: Readonly<Record<string, readonly Task['status'][]>> = {
  requested: ['requested', 'in-progress', 'completed', 'cancelled'],
  'in-progress': ['in-progress', 'completed', 'cancelled'],
  completed: ['completed'],
  cancelled: ['cancelled'],
};

const UNMOVED = { changes: {}, jobs: [] as StageJob['queue'][] };

/** Somebody looks who a person is: what they found goes into the note, and into the practice's own system. */
function finishCheck(current: Task, wanted: Task): Result<typeof UNMOVED & { changes: Partial<Task> }> {
  const moves = CALL_MOVES[current.status] ?? [];
  if (!moves.includes(wanted.status))
    return refused(`A Task to check a person that is ${current.status} may become: ${moves.join(', ')}`, 'Task.status');
  return ok({ ...UNMOVED, changes: { status: wanted.status } });
}

function finishCall(
  current: Task,
  wanted: Task,
): Result<{ changes: Partial<Task>; jobs: readonly StageJob['queue'][] }> {
  const moves = CALL_MOVES[current.status] ?? [];
  if (!moves.includes(wanted.status))
    return refused(`A telephone Task that is ${current.status} may become: ${moves.join(', ')}`, 'Task.status');
  if (wanted.status !== 'completed' || current.status === 'completed')
    return ok({ changes: { status: wanted.status }, jobs: [] });
  if (!callOutcome(wanted))
    return refused(
      'A finished call wants an output of type call-outcome with a code of CodeSystem/call-outcome',
      'Task.output',
    );
  return ok({
    changes: { status: 'completed', ...(wanted.output ? { output: wanted.output } : {}) },
    jobs: ['called'],
  });
}

function forbidden(current: Task, wanted: Task): Result<never> {
  const moves = allowedMoves(current.status);
  return refused(
    `This Task moves by what happens (${moves.join(', ') || 'nothing more'}), not by setting status from ${current.status} to ${wanted.status}; change owner, note or priority`,
    'Task.status',
  );
}

function refused(diagnostics: string, expression: string): Result<never> {
  return fail('invalid', diagnostics, { issues: [{ code: 'business-rule', diagnostics, expression }] });
}

async function organisationOf(shell: Shell, caller: Caller, subject: Reference): Promise<string | undefined> {
  const practice = idOf('Organization', subject);
  if (practice) return caller.organisations.find((one) => one === practice);
  const patient = idOf('Patient', subject);
  for (const organisation of patient ? caller.organisations : []) {
    if (await load(shell.pool, inside(organisation), 'Patient', patient ?? '')) return organisation;
  }
  return undefined;
}

function saved(changed: readonly StoredResource[]): Result<StoredResource> {
  const [one] = changed;
  return one ? ok(one) : fail('fault', 'Nothing was saved');
}
