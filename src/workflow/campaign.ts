/** Campaigns: as many of a released cohort are invited as the clinics can see, day by day. Facts: care-needs §1 S10, §6.1 H9, H19 */
import { isOutgrown } from '#domain/release/guard.ts';
import { holdOf } from '#domain/task.ts';
import type { TaskEvent } from '#domain/task-event.ts';
import { addDays, addTo, londonDate, londonInstant } from '#fhir/date.ts';
import { idOf } from '#fhir/reference.ts';
import type { RequestGroup, Task } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { inTransaction, lockKeys, lockPatients } from '#store/database.ts';
import { saveCapacity } from '#store/outreach.ts';
import { countReleased } from '#store/release-count.ts';
import { load, readMany, saveResources } from '#store/resources.ts';
import { setTimers } from '#store/timers.ts';
import { decidedBy } from './by-person.ts';
import { guardOf, withGuard } from './campaign-guard.ts';
import {
  type CampaignShell,
  isWaiting,
  type Programme,
  planCampaigns,
  programmesOf,
  type SkillPlan,
} from './campaign-plan.ts';
import { runsKey, userOf } from './campaign-run.ts';
import { isPracticeHeld } from './outreach-hold.ts';
import { campaignsOf } from './pathway.ts';
import type { FoundSlots } from './ports.ts';
import { chunks, inside, type Transaction } from './shell.ts';
import { keepChanges, moveThrough } from './task.ts';

/** Counts the free slots and releases as many waiting Tasks as they can absorb, gravest first. Runs daily and on change. */
export async function campaign(
  shell: CampaignShell,
  { organisation }: { organisation: string },
): Promise<Result<unknown>> {
  const runs = await inTransaction(shell.pool, async (tx) =>
    (await isPracticeHeld(tx, organisation)) ? [] : campaignsOf(tx, organisation),
  );
  const user = runs.map(userOf).find((one) => one !== undefined);
  if (!user) return ok('no campaign runs here');
  const from = londonDate(shell.now());
  const found = await shell.findSlots({ organisation, from, to: addDays(from, shell.policy.slotDays), user });
  if (!found.ok) return found;
  const isOut = await inTransaction(shell.pool, async (turn) => {
    // Two runs at once would each give the same slots away. What is released is committed beside this, in sets.
    await lockKeys(turn, [`release|${organisation}`]);
    return releaseAll(shell, { organisation, found: found.value, turn });
  });
  const next = londonInstant(addDays(from, 1), '07:30');
  const timer = { organisation, queue: 'campaign', payload: { organisation } };
  await inTransaction(shell.pool, (tx) =>
    setTimers(tx, [
      { ...timer, key: 'daily', dueAt: next },
      // Whether the first were delivered is known within hours; the rest need not lose a day.
      ...(isOut ? [{ ...timer, key: 'first', dueAt: addTo(shell.now(), { hours: 1 }) }] : []),
    ]),
  );
  return ok('released');
}

type Turn = { organisation: string; found: FoundSlots; turn: Transaction };

/** Answers whether the first of a large release are out and not yet known to have arrived. */
async function releaseAll(shell: CampaignShell, { organisation, found, turn }: Turn): Promise<boolean> {
  const runs = await campaignsOf(turn, organisation);
  const all = await programmesOf(shell, organisation, runs);
  const programmes: Programme[] = [];
  for (const programme of all) if (!(await isPaused(shell, organisation, programme))) programmes.push(programme);
  const plans = await planCampaigns(shell, { organisation, programmes, found });
  for (const plan of plans) await carryOut(shell, turn, { organisation, plan });
  const canaries = plans.flatMap((plan) => plan.programmes).filter(({ run }) => !guardOf(run)?.ahead);
  for (const { run, canary } of canaries)
    if (canary.state === 'passed') await change(shell, { organisation, run }, (now) => ahead(now));
  return canaries.some(({ canary }) => canary.state === 'first' || canary.state === 'waiting');
}

function ahead(run: RequestGroup): RequestGroup {
  const guard = guardOf(run);
  return guard ? withGuard(run, { ...guard, ahead: 'passed' }) : run;
}

/** A cohort that has outgrown its release is asked for anew, whatever made it grow: nobody is invited until then. */
async function isPaused(shell: CampaignShell, organisation: string, { run, rows }: Programme): Promise<boolean> {
  const guard = guardOf(run);
  if (!guard) return false;
  const waiting = rows.filter(({ task }) => task && isWaiting(task)).length;
  const { size, maximum } = guard;
  const grown = isOutgrown({ waiting, released: rows.length - waiting, size, from: shell.policy.canary.from });
  if (!grown && waiting <= maximum) return false;
  const reason = `${rows.length} people have the need and ${size} had it when it was released, at most ${maximum}: release it anew`;
  await change(shell, { organisation, run, reason }, (now) => ({ ...now, status: 'draft' }));
  return true;
}

/** Changes a campaign as it is then, if it still runs. */
async function change(
  shell: CampaignShell,
  of: { organisation: string; run: RequestGroup; reason?: string },
  by: (run: RequestGroup) => RequestGroup,
): Promise<void> {
  const { organisation, reason } = of;
  await inTransaction(shell.pool, async (tx) => {
    await lockKeys(tx, [runsKey(organisation)]);
    const run = await load<RequestGroup>(tx, inside(organisation), 'RequestGroup', of.run.id ?? '');
    if (run?.status !== 'active') return;
    const why = decidedBy([{ id: 'holdfast', name: 'Holdfast' }], {
      activity: { code: 'hold', display: 'Outreach held' },
      targets: [{ reference: `RequestGroup/${run.id}` }],
      organisation,
      now: shell.now(),
      ...(reason ? { reason } : {}),
    });
    await saveResources(tx, { organisation, resources: [by(run), ...(reason ? [why] : [])], source: 'holdfast' });
  });
}

async function carryOut(
  shell: CampaignShell,
  turn: Transaction,
  { organisation, plan: skillPlan }: { organisation: string; plan: SkillPlan },
): Promise<void> {
  const { skill, freeSlots, plan, programmes, waiting } = skillPlan;
  const now = shell.now();
  await inTransaction(shell.pool, (tx) => saveCapacity(tx, organisation, { skill, freeSlots, now }));
  const chosen = new Set(plan.release);
  for (const { rule, run, waiting } of programmes) {
    const by = { reference: `RequestGroup/${run.id}` };
    const events = (task: Task): TaskEvent[] => [
      ...(holdOf(task) === 'capacity' ? [{ kind: 'resumed', reason: 'capacity' } as const] : []),
      { kind: 'released', by },
    ];
    const tasks = waiting.map(({ task }) => task).filter(({ id }) => chosen.has(id ?? ''));
    await moveAll(shell, turn, { organisation, tasks: inOrder(tasks, plan.release), events, rule: rule.url });
  }
  const held = waiting
    .map(({ task }) => task)
    .filter(({ id, status }) => !chosen.has(id ?? '') && status === 'requested');
  await moveAll(shell, turn, { organisation, tasks: held, events: () => [{ kind: 'held', reason: 'capacity' }] });
  await goOn(shell, turn, { organisation, plan: skillPlan });
}

function inOrder(tasks: readonly Task[], ids: readonly string[]): Task[] {
  const place = new Map(ids.map((id, at) => [id, at]));
  return [...tasks].sort((one, other) => (place.get(one.id ?? '') ?? 0) - (place.get(other.id ?? '') ?? 0));
}

/** People who were invited and whose next step waited for want of slots: as many go on as there are slots again. */
async function goOn(
  shell: CampaignShell,
  turn: Transaction,
  { organisation, plan }: { organisation: string; plan: SkillPlan },
): Promise<void> {
  const tasks = plan.programmes
    .flatMap(({ rows }) => rows)
    .flatMap(({ task }) => (task && holdOf(task) === 'capacity' && !isWaiting(task) ? [task] : []))
    .slice(0, plan.freeSlots);
  await moveAll(shell, turn, {
    organisation,
    tasks,
    events: () => [{ kind: 'resumed', reason: 'capacity' }],
    isStill: (task) => holdOf(task) === 'capacity',
  });
}

type Move = {
  organisation: string;
  tasks: readonly Task[];
  events: (task: Task) => TaskEvent[];
  /** Whether a Task, as it is when its patient is locked, is still to be moved. */
  isStill?: (task: Task) => boolean;
  /** Whose release it is: it counts for the day's limits. */
  rule?: string;
};

/** Moves Tasks in sets, each set under its patients' locks and from the Tasks as they are then. */
async function moveAll(shell: CampaignShell, turn: Transaction, of: Move): Promise<void> {
  const { organisation, rule, isStill = isWaiting } = of;
  for (const some of chunks(of.tasks, 50)) {
    await inTransaction(shell.pool, async (tx) => {
      const patients = some.map((task) => idOf('Patient', task.for) ?? '');
      await lockPatients(tx, organisation, patients);
      const now = shell.now();
      const ids = some.map(({ id }) => id ?? '');
      const kept = await readMany<Task>(tx, inside(organisation), 'Task', ids);
      const tasks = inOrder(kept.filter(isStill), ids);
      const changes = tasks.map((task) => moveThrough(task, of.events(task), { organisation, now }));
      await keepChanges(shell, tx, changes, organisation);
      const released = changes.filter(({ saves }) => saves.length > 0).length;
      if (rule) await countReleased(tx, { organisation, rule, day: londonDate(now), released });
    });
    // The turn would count as forgotten after three minutes without a word.
    await lockKeys(turn, [`release|${organisation}`]);
  }
}
