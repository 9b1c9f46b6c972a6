/** A coordinator releases a cohort to outreach; a large one waits for a second person. Facts: care-needs §1 S10, §6.1 H19 */
import type { NeedRule } from '#domain/needs/rule.ts';
import { type Approval, type CohortLimits, checkCohort, decideApproval } from '#domain/release/guard.ts';
import type { Group, RequestGroup } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { inTransaction, lockKeys } from '#store/database.ts';
import { load, saveResources } from '#store/resources.ts';
import { byUser, decidedBy } from './by-person.ts';
import { type CampaignGuard, guardOf, withGuard } from './campaign-guard.ts';
import { type CampaignShell, isWaiting, openRows } from './campaign-plan.ts';
import { campaignId, campaignRun, dailyCapOf, runsKey, userOf } from './campaign-run.ts';
import { cohortId } from './cohort.ts';
import type { User } from './ports.ts';
import { inside, type Transaction } from './shell.ts';

export type ReleaseWish = {
  readonly organisation: string;
  readonly group: string;
  readonly user: User;
  readonly dailyCap?: number;
  /** Sizes of the waiting cohort between which it may be released; the policy's where they are left out. */
  readonly minimum?: number;
  readonly maximum?: number;
  /** As a second person: lets a release that waits begin. */
  readonly approve?: boolean;
  /** The rest follows the first without waiting for their receipts. */
  readonly goAhead?: boolean;
};

export type Released = { readonly run: RequestGroup; readonly approval: Approval; readonly waiting: number };

/** The rule whose cohort at a practice a Group is. `not-found` when it is none. */
export async function ruleOfCohort(
  shell: CampaignShell,
  { organisation, group }: { organisation: string; group: string },
): Promise<Result<NeedRule>> {
  const found = await load<Group>(shell.pool, inside(organisation), 'Group', group);
  const rule = shell.rules.find((one) => cohortId(organisation, one) === group);
  return found && rule
    ? ok(rule)
    : fail('not-found', 'The Group is not a cohort of this practice; find cohorts with Group?managing-entity');
}

/**
 * Starts (or renews) the outreach of a cohort on behalf of a person, or approves as a second one what another has asked
 * for. `unprocessable` when the cohort is not of a credible size; `conflict` and `forbidden` of the two-person rule.
 */
export async function release(shell: CampaignShell, wish: ReleaseWish): Promise<Result<Released>> {
  const rule = await ruleOfCohort(shell, wish);
  if (!rule.ok) return rule;
  const { organisation } = wish;
  const rows = await openRows(shell.pool, organisation, rule.value);
  const waiting = rows.filter(({ task }) => task && isWaiting(task)).length;
  return inTransaction(shell.pool, async (tx): Promise<Result<Released>> => {
    // Two coordinators at once: one after the other.
    await lockKeys(tx, [runsKey(organisation)]);
    const id = campaignId(organisation, rule.value.url);
    const current = await load<RequestGroup>(tx, inside(organisation), 'RequestGroup', id);
    const decided = decide(shell, wish, { current, waiting, size: rows.length });
    if (!decided.ok) return decided;
    const { approval, guard } = decided.value;
    const asker = (wish.approve && current && userOf(current)) || wish.user;
    const run = withGuard(
      campaignRun({
        organisation,
        rule: rule.value.url,
        sequence: shell.sequence.canonical,
        group: wish.group,
        user: asker,
        dailyCap: wish.dailyCap ?? (wish.approve ? askedCap(current) : undefined) ?? shell.policy.releasesPerDay,
        status: approval === 'awaited' ? 'draft' : 'active',
        now: shell.now(),
      }),
      guard,
    );
    await keep(shell, tx, { wish, run, asker, approval });
    return ok({ run, approval, waiting });
  });
}

const askedCap = (run: RequestGroup | undefined) => run && dailyCapOf(run);

type Standing = {
  readonly current: RequestGroup | undefined;
  readonly waiting: number;
  readonly size: number;
};

function decide(
  { policy }: CampaignShell,
  wish: ReleaseWish,
  { current, waiting, size }: Standing,
): Result<{ approval: Approval; guard: CampaignGuard }> {
  const before = current && guardOf(current);
  if (current?.status === 'on-hold')
    return fail('conflict', 'The campaign is held; end the hold first ($hold with resume)');
  const limits = limitsFor(wish, wish.approve ? before : undefined, policy.cohort);
  const credible = checkCohort(waiting, limits);
  if (!credible.ok) return credible;
  const by = wish.user.localId;
  const draft =
    current?.status === 'draft' && before ? { by: userOf(current)?.localId ?? '', size: before.size } : undefined;
  // As long as that release is what the cohort still is; what it has outgrown is asked for anew by anybody.
  if (draft && !wish.approve && draft.by !== by && size <= draft.size * 1.1)
    return fail(
      'conflict',
      'This cohort was released by another person and waits for a second: send "approve" to be that',
    );
  const approved = before?.approvedSize;
  const approval = decideApproval({
    size,
    above: policy.twoPersonsAbove,
    ...(draft ? { asked: draft } : {}),
    ...(approved === undefined ? {} : { approved }),
    by,
    approve: wish.approve === true,
  });
  if (!approval.ok) return approval;
  const guard: CampaignGuard = {
    size,
    minimum: limits.fewest,
    maximum: limits.most,
    ...(wish.approve ? { approvedSize: size, approvedBy: by } : carried(before, approval.value)),
    ...aheadOf(wish, before),
  };
  return ok({ approval: approval.value, guard });
}

/** What this release says, or the one that it approves, or the policy. */
function limitsFor(wish: ReleaseWish, asked: CampaignGuard | undefined, usual: CohortLimits): CohortLimits {
  return {
    fewest: wish.minimum ?? asked?.minimum ?? usual.fewest,
    most: wish.maximum ?? asked?.maximum ?? usual.most,
  };
}

function aheadOf(wish: ReleaseWish, before: CampaignGuard | undefined): Pick<CampaignGuard, 'ahead'> {
  const ahead = wish.goAhead ? 'person' : before?.ahead;
  return ahead ? { ahead } : {};
}

/** An approval stays while the cohort is what was approved. */
function carried(before: CampaignGuard | undefined, approval: Approval): Partial<CampaignGuard> {
  const { approvedSize, approvedBy } = before ?? {};
  return approval === 'given' && approvedSize !== undefined && approvedBy ? { approvedSize, approvedBy } : {};
}

/** The campaign, who asked and who approved; it begins when nobody is waited for. */
async function keep(
  shell: CampaignShell,
  tx: Transaction,
  of: { wish: ReleaseWish; run: RequestGroup; asker: User; approval: Approval },
): Promise<void> {
  const { wish, run, asker, approval } = of;
  const { organisation, user } = wish;
  const provenance = decidedBy(wish.approve ? [byUser(asker), byUser(user)] : [byUser(user)], {
    activity: wish.approve
      ? { code: 'approve', display: 'Release approved' }
      : { code: 'release', display: 'Released to outreach' },
    targets: [{ reference: `RequestGroup/${run.id}` }],
    organisation,
    now: shell.now(),
  });
  await saveResources(tx, { organisation, resources: [run, provenance], source: 'holdfast' });
  if (approval !== 'awaited') await shell.enqueue(tx, [{ queue: 'campaign', payload: { organisation } }]);
}
