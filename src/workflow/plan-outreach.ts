/** The dry run of a release: who would be invited, when, by which channel and why, and what that takes of the slots. Writes nothing. */
import { type Approval, decideApproval } from '#domain/release/guard.ts';
import { gravestFirst } from '#domain/release/order.ts';
import { nextStep } from '#domain/sequence.ts';
import { addDays, londonDate } from '#fhir/date.ts';
import type { RequestGroup, Task } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { load } from '#store/resources.ts';
import { guardOf } from './campaign-guard.ts';
import { type CampaignShell, planCampaigns, programmesOf, type SkillPlan } from './campaign-plan.ts';
import { campaignId, campaignRun, dailyCapOf } from './campaign-run.ts';
import { campaignsOf } from './pathway.ts';
import type { User } from './ports.ts';
import { ruleOfCohort } from './release.ts';
import { inside } from './shell.ts';

export type PlanWish = {
  readonly organisation: string;
  readonly group: string;
  readonly user: User;
  readonly dailyCap?: number;
  /** Of the list; the counts are of all. */
  readonly offset: number;
  readonly limit: number;
};

export type PlannedPerson = {
  readonly patient: string;
  readonly task: string;
  readonly due: string;
  readonly decision: 'release' | 'hold';
  readonly when?: string;
  readonly channel?: string;
  readonly why: string;
};

export type OutreachPlan = {
  readonly waiting: number;
  readonly release: number;
  readonly hold: number;
  readonly freeSlots: number;
  readonly openInvitations: number;
  readonly expectedBookings: number;
  readonly overflowRisk: number;
  readonly approval: Approval;
  readonly canary: string;
  readonly why: string;
  /** Fifth of deprivation → how many wait and how many of them would be released. */
  readonly strata: readonly { readonly name: string; readonly waiting: number; readonly release: number }[];
  readonly people: readonly PlannedPerson[];
};

/** Plans the cohort's release as if it were made now, beside the practice's other campaigns. */
export async function planOutreach(shell: CampaignShell, wish: PlanWish): Promise<Result<OutreachPlan>> {
  const rule = await ruleOfCohort(shell, wish);
  if (!rule.ok) return rule;
  const { organisation, user } = wish;
  const now = shell.now();
  const from = londonDate(now);
  const found = await shell.findSlots({ organisation, from, to: addDays(from, shell.policy.slotDays), user });
  if (!found.ok) return found;
  const id = campaignId(organisation, rule.value.url);
  const current = await load<RequestGroup>(shell.pool, inside(organisation), 'RequestGroup', id);
  const asIf = asIfReleased(shell, wish, { rule: rule.value.url, current, now });
  const others = await inTransaction(shell.pool, (tx) => campaignsOf(tx, organisation));
  const runs = [...others.filter((run) => run.id !== id), asIf];
  const programmes = await programmesOf(shell, organisation, runs);
  const plans = await planCampaigns(shell, { organisation, programmes, found: found.value });
  const plan = plans.find((one) => one.programmes.some(({ run }) => run.id === id));
  if (!plan) throw new Error('a programme was planned under no skill');
  return ok(shown(shell, wish, { plan, id, current }));
}

function asIfReleased(
  shell: CampaignShell,
  wish: PlanWish,
  { rule, current, now }: { rule: string; current: RequestGroup | undefined; now: string },
): RequestGroup {
  const { organisation, group, user } = wish;
  const run = campaignRun({
    organisation,
    rule,
    sequence: shell.sequence.canonical,
    group,
    user,
    dailyCap: wish.dailyCap ?? (current && dailyCapOf(current)) ?? shell.policy.releasesPerDay,
    status: 'active',
    now,
  });
  const guard = current?.extension?.filter((one) => !run.extension?.some(({ url }) => url === one.url)) ?? [];
  return { ...run, extension: [...(run.extension ?? []), ...guard] };
}

function shown(
  shell: CampaignShell,
  wish: PlanWish,
  { plan, id, current }: { plan: SkillPlan; id: string; current: RequestGroup | undefined },
): OutreachPlan {
  const own = plan.programmes.find(({ run }) => run.id === id);
  const waiting = [...(own?.waiting ?? [])].sort(gravestFirst);
  const place = new Map(plan.plan.release.map((task, at) => [task, at]));
  const isReleased = ({ task }: { task: Task }) => place.has(task.id ?? '');
  const released = waiting
    .filter(isReleased)
    .sort((one, other) => (place.get(one.task.id ?? '') ?? 0) - (place.get(other.task.id ?? '') ?? 0));
  const held = waiting.filter((one) => !isReleased(one));
  const approved = current && guardOf(current)?.approvedSize;
  const approval = decideApproval({
    size: own?.rows.length ?? 0,
    above: shell.policy.twoPersonsAbove,
    ...(approved === undefined ? {} : { approved }),
    by: wish.user.localId,
    approve: false,
  });
  const { freeSlots, openInvitations } = plan;
  const canary = own?.canary.state ?? 'unneeded';
  return {
    waiting: waiting.length,
    release: released.length,
    hold: held.length,
    freeSlots,
    openInvitations,
    expectedBookings: plan.plan.expectedBookings,
    overflowRisk: plan.plan.overflowRisk,
    approval: approval.ok ? approval.value : 'awaited',
    canary: own && guardOf(own.run)?.ahead ? 'passed' : canary,
    why: plan.plan.why,
    strata: [...Map.groupBy(waiting, ({ stratum }) => stratum ?? 'unknown')].map(([name, some]) => ({
      name,
      waiting: some.length,
      release: some.filter(isReleased).length,
    })),
    people: [...released, ...held]
      .slice(wish.offset, wish.offset + wish.limit)
      .map((one) => personOf(shell, one, isReleased(one))),
  };
}

function personOf(
  shell: CampaignShell,
  { task, due, severity }: SkillPlan['waiting'][number],
  isReleased: boolean,
): PlannedPerson {
  const base = { patient: task.for?.reference ?? '', task: `Task/${task.id}`, due };
  const gravity = `${task.priority ?? 'routine'}, severity ${severity ?? 0}, due ${due}`;
  if (!isReleased)
    return { ...base, decision: 'hold', why: `${gravity}: waits for slots, a limit of the day or the first` };
  const accepted: Task = { ...task, status: 'accepted' };
  const next = nextStep(shell.sequence, { task: accepted, requests: [], now: shell.now() });
  const [first] = shell.sequence.steps;
  const when = next.kind === 'step' ? shell.now() : next.kind === 'wait' ? next.until : undefined;
  return {
    ...base,
    decision: 'release',
    ...(when ? { when } : {}),
    ...(first ? { channel: first.channel } : {}),
    why: gravity,
  };
}
