/**
 * Work that several people share: a Task is its team's until one of them claims it. Two at once: one has it, the other is
 * told. Facts: care-needs §1 S4, S16
 */
import { isEnded } from '#domain/task-event.ts';
import { idOf } from '#fhir/reference.ts';
import { HOLDFAST } from '#fhir/systems.ts';
import type { Bundle, Practitioner, Reference, Resource, Task } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { inTransaction, lockPatients } from '#store/database.ts';
import { load, ownerOf, saveResources } from '#store/resources.ts';
import { workQueue } from '#store/work-queue.ts';
import { byUser, decidedBy } from './by-person.ts';
import type { Caller } from './live.ts';
import type { User } from './ports.ts';
import { searchset } from './searchset.ts';
import { inside, type Shell, type Transaction } from './shell.ts';

/** Members of staff, by the id that their own organisation's login gives them. */
const STAFF = `${HOLDFAST}/Id/member-of-staff`;

/** Tasks that only a person can do. */
const WORK = ['telephone', 'check-person', 'read-message', 'exception-proposal'];
/** Entries to be typed into the practice's system by a person. */
const BY_HAND = 'writeback';
/** Needs that wait until a person has looked. */
const HOLDS = ['held-review', 'held-safeguarding', 'no-contact-route'];
const MOST = 200;

export type QueueWish = {
  /** `mine`, `unclaimed`, or everybody's. */
  readonly whose: 'mine' | 'unclaimed' | 'all';
  readonly count: number;
};

/** `Task/$work-queue`: what is to be done, the most urgent first, each with the patient and the need it is about. */
export async function queueOf(shell: Shell, caller: Caller, wish: QueueWish): Promise<Result<Bundle>> {
  const { organisations, user } = caller;
  if (wish.whose === 'mine' && !user) return noPerson();
  const rows = await workQueue(shell.pool, { organisations, codes: WORK, byHand: BY_HAND, holds: HOLDS, limit: MOST });
  const wanted = rows.filter(({ task }) => {
    if (wish.whose === 'all') return true;
    return wish.whose === 'mine' ? isHeldBy(task, user) : !isClaimed(task);
  });
  const page = wanted.slice(0, wish.count);
  const context = new Map<string, Resource>();
  for (const { patient, need } of page)
    for (const one of [patient, need]) if (one) context.set(`${one.resourceType}/${one.id}`, one);
  return ok(
    searchset(
      page.map(({ task }) => task),
      { included: [...context.values()], total: wanted.length },
    ),
  );
}

export type Claim = {
  readonly task: string;
  /** The version that the caller has seen. */
  readonly ifMatch?: number;
};

/** `Task/[id]/$claim`. `conflict`: somebody else has it, or it has ended; `precondition`: it has changed since it was seen. */
export function claim(shell: Shell, caller: Caller, wish: Claim): Promise<Result<Task>> {
  return change(shell, caller, wish, {
    code: 'claimed',
    display: 'Claimed',
    decide: (task, user) => {
      if (isHeldBy(task, user)) return ok(task);
      if (isClaimed(task))
        return fail(
          'conflict',
          'Somebody else has claimed this Task. Take the next one of Task/$work-queue, or ask them to give it back; in their absence hand it over by PUT with another owner and If-Match.',
        );
      const owner: Reference<Practitioner> = {
        type: 'Practitioner',
        identifier: { system: STAFF, value: user.localId },
        display: `${user.given} ${user.family}`,
      };
      return ok({ ...task, owner });
    },
  });
}

/** `Task/[id]/$give-back`: it is the team's again. `conflict` when the caller does not have it. */
export function giveBack(shell: Shell, caller: Caller, wish: Claim): Promise<Result<Task>> {
  return change(shell, caller, wish, {
    code: 'given-back',
    display: 'Given back',
    decide: (task, user, organisation) => {
      if (!isClaimed(task)) return ok(task);
      if (!isHeldBy(task, user))
        return fail(
          'conflict',
          'This Task is not yours to give back: hand it over by PUT with another owner and If-Match.',
        );
      return ok({ ...task, owner: { reference: `Organization/${organisation}` } });
    },
  });
}

type Step = {
  readonly code: string;
  readonly display: string;
  readonly decide: (task: Task, user: User, organisation: string) => Result<Task>;
};

async function change(shell: Shell, caller: Caller, { task: id, ifMatch }: Claim, step: Step): Promise<Result<Task>> {
  const { user } = caller;
  const organisation = await ownerOf(shell.pool, 'Task', id);
  if (!organisation || !caller.organisations.includes(organisation))
    return fail('not-found', 'There is no Task with this id');
  if (!user) return noPerson();
  return inTransaction(shell.pool, async (tx): Promise<Result<Task>> => {
    const task = await locked(tx, organisation, id);
    if (!task) return fail('not-found', 'There is no Task with this id');
    if (ifMatch !== undefined && task.meta?.versionId !== String(ifMatch))
      return fail('precondition', `The Task is at version ${task.meta?.versionId}: read it again, then decide anew`);
    if (isEnded(task.status))
      return fail('conflict', `The Task is ${task.status}: there is nothing to do for it any more`);
    const decided = step.decide(task, user, organisation);
    if (!decided.ok || decided.value === task) return decided;
    const now = shell.now();
    const provenance = decidedBy([byUser(user)], {
      activity: { code: step.code, display: step.display },
      targets: [{ reference: `Task/${id}` }],
      organisation,
      now,
    });
    const resources = [{ ...decided.value, lastModified: now }, provenance];
    await saveResources(tx, { organisation, resources, source: 'holdfast' });
    return ok((await load<Task>(tx, inside(organisation), 'Task', id)) ?? decided.value);
  });
}

/** The Task under its patient's lock, as every stage that moves it has it. */
async function locked(tx: Transaction, organisation: string, id: string): Promise<Task | undefined> {
  const seen = await load<Task>(tx, inside(organisation), 'Task', id);
  const patient = idOf('Patient', seen?.for);
  if (patient) await lockPatients(tx, organisation, [patient]);
  return patient ? load<Task>(tx, inside(organisation), 'Task', id) : seen;
}

function isClaimed({ owner }: Task): boolean {
  return owner?.identifier?.system === STAFF;
}

function isHeldBy(task: Task, user: User | undefined): boolean {
  return isClaimed(task) && user !== undefined && task.owner?.identifier?.value === user.localId;
}

function noPerson(): Result<never> {
  return fail('forbidden', 'A Task is claimed by a person: the token names none (family_name and given_name)');
}
