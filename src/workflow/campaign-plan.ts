/** What the campaigns of a practice would release now: loaded and planned in one place, for the day's run and for a dry run. */
import { suitableSlots } from '#domain/booking.ts';
import { planRelease, type Release, type Waiting } from '#domain/campaign.ts';
import type { NeedRule } from '#domain/needs/rule.ts';
import { dueOf } from '#domain/needs/service-request.ts';
import { type Canary, canaryOf } from '#domain/release/canary.ts';
import { chooseFairly, gravestFirst } from '#domain/release/order.ts';
import { holdOf } from '#domain/task.ts';
import { isEnded } from '#domain/task-event.ts';
import { factsOf, standingBookings } from '#domain/task-facts.ts';
import { londonDate } from '#fhir/date.ts';
import { idOf } from '#fhir/reference.ts';
import type { RequestGroup, Task } from '#fhir/types.ts';
import { type NeedRow, needsOfRule } from '#store/cohort.ts';
import type { Pool } from '#store/database.ts';
import { postcodesOf } from '#store/outreach.ts';
import { releasedSince } from '#store/release-count.ts';
import type { BookingShell } from './booking-outcome.ts';
import { guardOf } from './campaign-guard.ts';
import { dailyCapOf, ruleOf } from './campaign-run.ts';
import { currentNeeds } from './cohort.ts';
import type { FoundSlots } from './ports.ts';

export type CampaignShell = BookingShell & {
  /** The chance, above 0 and at most 1, that an invitation of this patient for this need is booked; without it the policy's one number. */
  readonly predictedUptake?: (patient: string, need: NeedRow['need']) => number;
  /** The fifth of deprivation (1, most deprived, to 5) of a postcode; undefined where it is not known. Without it nobody's is. */
  readonly deprivationOf?: (postcode: string) => number | undefined;
};

export type Programme = { readonly rule: NeedRule; readonly run: RequestGroup; readonly rows: readonly NeedRow[] };

/** Of one programme: where its first part stands, and how many it may release now. */
export type ProgrammePlan = Programme & {
  readonly canary: Canary;
  readonly waiting: readonly Waiting[];
  readonly places: number;
};

export type SkillPlan = {
  readonly skill: string;
  readonly freeSlots: number;
  readonly openInvitations: number;
  readonly programmes: readonly ProgrammePlan[];
  /** All who wait, whatever they wait for. */
  readonly waiting: readonly Waiting[];
  readonly plan: Release;
};

/** The programmes of these campaigns, each with everybody who has its need. */
export async function programmesOf(
  shell: Pick<CampaignShell, 'pool' | 'rules'>,
  organisation: string,
  runs: readonly RequestGroup[],
): Promise<Programme[]> {
  const found: Programme[] = [];
  for (const run of runs) {
    const rule = shell.rules.find((one) => one.url === ruleOf(run));
    if (rule) found.push({ rule, run, rows: await openRows(shell.pool, organisation, rule) });
  }
  return found;
}

/** Everybody whose work on the need is open, in the current cycle. */
export async function openRows(pool: Pool, organisation: string, rule: NeedRule): Promise<NeedRow[]> {
  const rows = currentNeeds(await needsOfRule(pool, [organisation], rule.url));
  return rows.filter(({ task }) => task && !isEnded(task.status));
}

/** Not released yet, or released and held for want of capacity before anything was sent. */
export function isWaiting(task: Task): boolean {
  return task.status === 'requested' || (holdOf(task) === 'capacity' && task.executionPeriod === undefined);
}

/** An invitation that is out and may still take a slot. */
export function isOpenInvitation(task: Task): boolean {
  return !isEnded(task.status) && !isWaiting(task) && standingBookings(task).length === 0;
}

/** Plans every skill of a practice: what the caps, the first parts, the persons and the slots allow. Writes nothing. */
export async function planCampaigns(
  shell: CampaignShell,
  of: { organisation: string; programmes: readonly Programme[]; found: FoundSlots },
): Promise<SkillPlan[]> {
  const { organisation, programmes, found } = of;
  const now = shell.now();
  const today = await releasedSince(shell.pool, organisation, londonDate(now));
  const waitingOf = await waitingIn(shell, organisation, programmes);
  const open = openPerPerson(programmes);
  const { policy } = shell;
  const caps = programmes.map(({ run }) => dailyCapOf(run) ?? policy.releasesPerDay);
  let left = Math.max(policy.practiceReleasesPerDay, ...caps) - sum([...today.values()]);
  const plans: SkillPlan[] = [];
  // The graver skill first: what is left of the practice's day goes to it.
  const skills = [...Map.groupBy(programmes, ({ rule }) => rule.work.skill)].sort(
    ([, one], [, other]) => severest(other) - severest(one),
  );
  for (const [skill, some] of skills) {
    const freeSlots = countSlots(shell, found, some);
    const planned = some.map((programme) => {
      const cap = (dailyCapOf(programme.run) ?? policy.releasesPerDay) - (today.get(programme.rule.url) ?? 0);
      return placesOf(shell, programme, { waiting: waitingOf(programme), cap });
    });
    const candidates = withinPersons(planned, open, policy.openPerPerson);
    const openInvitations = some
      .flatMap(({ rows }) => rows)
      .filter(({ task }) => task && isOpenInvitation(task)).length;
    const plan = planRelease({
      waiting: candidates,
      freeSlots,
      openInvitations,
      expectedUptake: policy.expectedUptake,
      dailyCap: Math.max(0, left),
      acceptedRisk: policy.overflowRisk,
      equityFloor: policy.equityFloor,
    });
    left -= plan.release.length;
    const waiting = planned.flatMap((one) => one.waiting);
    plans.push({ skill, freeSlots, openInvitations, programmes: planned, waiting, plan });
  }
  return plans;
}

const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);
const severest = (some: readonly Programme[]) => Math.max(...some.map(({ rule }) => rule.work.severity));

function placesOf(
  { policy }: CampaignShell,
  programme: Programme,
  { waiting, cap }: { waiting: readonly Waiting[]; cap: number },
): ProgrammePlan {
  const by = `RequestGroup/${programme.run.id}`;
  const released = programme.rows.flatMap(({ task }) =>
    task && factsOf(task, 'released').some(({ reference }) => reference === by) && !isWaiting(task) ? [task] : [],
  );
  const canary = canaryOf({ released, waiting: waiting.length, policy: policy.canary });
  const isAhead = guardOf(programme.run)?.ahead !== undefined;
  return { ...programme, canary, waiting, places: Math.max(0, isAhead ? cap : Math.min(cap, canary.places)) };
}

/** Who may be released as far as the programmes and the persons go: a person's open invitations are counted over all programmes. */
function withinPersons(planned: readonly ProgrammePlan[], open: Map<string, number>, most: number): Waiting[] {
  const candidates = planned.flatMap(({ rule, waiting, places, run }) =>
    chooseFairly(waiting, places, 1).map((one) => ({ one, rule, run })),
  );
  return candidates
    .sort((one, other) => gravestFirst(one.one, other.one))
    .filter(({ one, rule }) => {
      const patient = one.task.for?.reference ?? '';
      const count = open.get(patient) ?? 0;
      // What is never put off waits for no other invitation.
      if (count >= most && rule.schedule.maxDefer > 0) return false;
      open.set(patient, count + 1);
      return true;
    })
    .map(({ one }) => one);
}

function openPerPerson(programmes: readonly Programme[]): Map<string, number> {
  const open = new Map<string, number>();
  for (const { task } of programmes.flatMap(({ rows }) => rows)) {
    if (!task || !isOpenInvitation(task)) continue;
    const patient = task.for?.reference ?? '';
    open.set(patient, (open.get(patient) ?? 0) + 1);
  }
  return open;
}

async function waitingIn(
  shell: CampaignShell,
  organisation: string,
  programmes: readonly Programme[],
): Promise<(programme: Programme) => Waiting[]> {
  const { deprivationOf, predictedUptake } = shell;
  const today = londonDate(shell.now());
  const rows = programmes.flatMap((programme) => programme.rows).filter(({ task }) => task && isWaiting(task));
  const patients = rows.map(({ need }) => idOf('Patient', need.subject) ?? '');
  const postcodes = deprivationOf ? await postcodesOf(shell.pool, organisation, patients) : new Map<string, string>();
  return ({ rule, rows }) =>
    rows.flatMap(({ task, need }) => {
      if (!task || !isWaiting(task)) return [];
      const patient = idOf('Patient', need.subject) ?? '';
      const fifth = deprivationOf?.(postcodes.get(patient) ?? '');
      const uptake = predictedUptake?.(patient, need);
      return [
        {
          task,
          due: dueOf(need) ?? today,
          severity: rule.work.severity,
          ...(fifth === undefined ? {} : { stratum: String(fifth) }),
          ...(uptake === undefined ? {} : { uptake }),
        },
      ];
    });
}

/** Slots that a booking for these programmes could take: as many as booking itself would choose from. */
function countSlots(shell: CampaignShell, { slots, schedules }: FoundSlots, programmes: readonly Programme[]): number {
  const { bookingLeadHours, slotDays, slotTypes } = shell.policy;
  return suitableSlots(slots, schedules, {
    minutes: Math.max(...programmes.map(({ rule }) => rule.work.minutes)),
    now: shell.now(),
    earliestLeadHours: bookingLeadHours,
    withinDays: slotDays,
    slotTypes: slotTypes[programmes[0]?.rule.work.skill ?? ''] ?? [],
  }).length;
}
