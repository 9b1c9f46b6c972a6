/** Campaigns: a coordinator releases a cohort, and as many are invited as the clinics can see. Facts: care-needs §1 S10, H9 */
import { planRelease } from '#domain/campaign.ts';
import { concept } from '#domain/link.ts';
import type { NeedRule } from '#domain/needs/rule.ts';
import { dueOf } from '#domain/needs/service-request.ts';
import { provenanceOf } from '#domain/provenance.ts';
import { holdOf } from '#domain/task.ts';
import { isEnded, type TaskEvent } from '#domain/task-event.ts';
import { standingBookings } from '#domain/task-facts.ts';
import { addDays, epochMilliseconds, londonDate, londonInstant } from '#fhir/date.ts';
import { idOf } from '#fhir/reference.ts';
import { TASK_CODE } from '#fhir/systems.ts';
import type { Group, RequestGroup, Task } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { type NeedRow, needsOfRule } from '#store/cohort.ts';
import { inTransaction, lockPatients } from '#store/database.ts';
import { saveCapacity } from '#store/outreach.ts';
import { load, readMany, saveResources } from '#store/resources.ts';
import { setTimers } from '#store/timers.ts';
import type { BookingShell } from './booking-outcome.ts';
import { campaignRun, dailyCapOf, ruleOf, userOf } from './campaign-run.ts';
import { cohortId, currentNeeds } from './cohort.ts';
import { campaignsOf } from './pathway.ts';
import type { FoundSlots, User } from './ports.ts';
import { chunks, inside } from './shell.ts';
import { keepChanges, moveThrough } from './task.ts';

/** Starts (or renews) the outreach of a cohort on behalf of a person. `not-found` when the Group is none of the practice's cohorts. */
export async function release(
  shell: BookingShell,
  of: { organisation: string; group: string; user: User; dailyCap?: number },
): Promise<Result<RequestGroup>> {
  const { organisation, user } = of;
  const group = await load<Group>(shell.pool, inside(organisation), 'Group', of.group);
  const rule = shell.rules.find((one) => cohortId(organisation, one) === of.group);
  if (!group || !rule)
    return fail('not-found', 'The Group is not a cohort of this practice; find cohorts with Group?managing-entity');
  const now = shell.now();
  const run = campaignRun({
    organisation,
    rule: rule.url,
    sequence: shell.sequence.canonical,
    group: of.group,
    user,
    dailyCap: of.dailyCap ?? shell.policy.releasesPerDay,
    now,
  });
  await inTransaction(shell.pool, async (tx) => {
    const provenance = provenanceOf({
      targets: [{ reference: `RequestGroup/${run.id}` }],
      activity: concept(TASK_CODE, 'release', 'Released to outreach'),
      onBehalfOf: { reference: `Organization/${organisation}` },
      now,
    });
    const agent = provenance.agent.map((one) => ({
      ...one,
      who: { display: `${user.given} ${user.family}`, identifier: { value: user.localId } },
    }));
    await saveResources(tx, { organisation, resources: [run, { ...provenance, agent }], source: 'holdfast' });
    await shell.enqueue(tx, [{ queue: 'campaign', payload: { organisation } }]);
  });
  return ok(run);
}

type Programme = { readonly rule: NeedRule; readonly run: RequestGroup; readonly rows: readonly NeedRow[] };

/** Counts the free slots and releases as many waiting Tasks as they can absorb, gravest first. Runs daily and on change. */
export async function campaign(
  shell: BookingShell,
  { organisation }: { organisation: string },
): Promise<Result<unknown>> {
  const programmes = await inTransaction(shell.pool, async (tx) => {
    const runs = await campaignsOf(tx, organisation);
    const found: Programme[] = [];
    for (const run of runs) {
      const rule = shell.rules.find((one) => one.url === ruleOf(run));
      if (rule) found.push({ rule, run, rows: currentNeeds(await needsOfRule(tx, [organisation], rule.url)) });
    }
    return found;
  });
  const user = programmes.map(({ run }) => userOf(run)).find((one) => one !== undefined);
  if (programmes.length === 0 || !user) return ok('no campaign runs here');
  const now = shell.now();
  const from = londonDate(now);
  const found = await shell.findSlots({ organisation, from, to: addDays(from, shell.policy.slotDays), user });
  if (!found.ok) return found;
  for (const [skill, some] of Map.groupBy(programmes, ({ rule }) => rule.work.skill)) {
    await releaseSome(shell, {
      organisation,
      skill,
      programmes: some,
      freeSlots: countSlots(shell, found.value, some),
    });
  }
  const tomorrow = londonInstant(addDays(from, 1), '07:30');
  await inTransaction(shell.pool, (tx) =>
    setTimers(tx, [{ organisation, queue: 'campaign', key: 'daily', dueAt: tomorrow, payload: { organisation } }]),
  );
  return ok('released');
}

/** Slots of a suitable kind and length that are still to come. */
function countSlots(shell: BookingShell, { slots, schedules }: FoundSlots, programmes: readonly Programme[]): number {
  const minutes = Math.max(...programmes.map(({ rule }) => rule.work.minutes));
  const kinds = (shell.policy.slotTypes[programmes[0]?.rule.work.skill ?? ''] ?? []).map((kind) => kind.toLowerCase());
  const sessions = new Map(schedules.map((schedule) => [schedule.id, schedule]));
  return slots.filter((slot) => {
    const session = sessions.get(idOf('Schedule', slot.schedule));
    const said = [
      ...(slot.serviceType ?? []),
      ...(session?.serviceCategory ?? []),
      ...(session?.serviceType ?? []),
    ].map((one) => one.text?.toLowerCase());
    const length = (epochMilliseconds(slot.end) - epochMilliseconds(slot.start)) / 60_000;
    return (
      slot.status === 'free' && length >= minutes && said.some((text) => text !== undefined && kinds.includes(text))
    );
  }).length;
}

async function releaseSome(
  shell: BookingShell,
  of: { organisation: string; skill: string; programmes: readonly Programme[]; freeSlots: number },
): Promise<void> {
  const { organisation, skill, freeSlots } = of;
  const now = shell.now();
  const rows = of.programmes
    .flatMap(({ rows }) => rows)
    .filter((row) => row.task !== undefined && !isEnded(row.task.status));
  const waiting = rows.filter(({ task }) => task && isWaiting(task));
  const openInvitations = rows.filter(
    ({ task }) => task && !isWaiting(task) && standingBookings(task).length === 0,
  ).length;
  const plan = planRelease({
    waiting: waiting.flatMap(({ task, need }) => (task ? [{ task, due: dueOf(need) ?? londonDate(now) }] : [])),
    freeSlots,
    openInvitations,
    expectedUptake: shell.policy.expectedUptake,
    dailyCap: Math.min(...of.programmes.map(({ run }) => dailyCapOf(run) ?? shell.policy.releasesPerDay)),
  });
  await inTransaction(shell.pool, (tx) => saveCapacity(tx, organisation, { skill, freeSlots, now }));
  const by = { reference: `RequestGroup/${of.programmes[0]?.run.id}` };
  const events = (task: Task): TaskEvent[] => [
    ...(holdOf(task) === 'capacity' ? [{ kind: 'resumed', reason: 'capacity' } as const] : []),
    { kind: 'released', by },
  ];
  const patientOf = new Map(waiting.map(({ task }) => [task?.id ?? '', idOf('Patient', task?.for) ?? '']));
  await moveAll(shell, { organisation, ids: plan.release, patientOf, events });
  await moveAll(shell, {
    organisation,
    ids: plan.hold,
    patientOf,
    events: (task) => (task.status === 'requested' ? [{ kind: 'held', reason: 'capacity' }] : []),
  });
}

function isWaiting(task: Task): boolean {
  return task.status === 'requested' || (holdOf(task) === 'capacity' && task.executionPeriod === undefined);
}

/** Moves Tasks in sets, each set under its patients' locks and from the Tasks as they are then. */
async function moveAll(
  shell: BookingShell,
  of: {
    organisation: string;
    ids: readonly string[];
    patientOf: ReadonlyMap<string, string>;
    events: (task: Task) => TaskEvent[];
  },
): Promise<void> {
  const { organisation } = of;
  for (const ids of chunks(of.ids, 50)) {
    await inTransaction(shell.pool, async (tx) => {
      await lockPatients(
        tx,
        organisation,
        ids.map((id) => of.patientOf.get(id) ?? id),
      );
      const now = shell.now();
      const tasks = (await readMany<Task>(tx, inside(organisation), 'Task', ids)).filter(isWaiting);
      const changes = tasks.map((task) => moveThrough(task, of.events(task), { organisation, now }));
      await keepChanges(shell, tx, changes, organisation);
    });
  }
}
