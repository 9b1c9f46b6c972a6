/** Holds on outreach: of a campaign, by its status; of a practice, by a Flag. Whatever waits goes on when the hold ends. */
import { concept } from '#domain/link.ts';
import { idOf } from '#fhir/reference.ts';
import { STATUS_REASON } from '#fhir/systems.ts';
import type { Flag, RequestGroup } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { inTransaction, lockKeys } from '#store/database.ts';
import { saveResources } from '#store/resources.ts';
import { type By, decidedBy } from './by-person.ts';
import { guardOf, released, withGuard } from './campaign-guard.ts';
import { type CampaignShell, isWaiting, programmesOf } from './campaign-plan.ts';
import { runsKey } from './campaign-run.ts';
import { campaignsOf, practiceFlags } from './pathway.ts';
import { EMERGENCY_STOP, OUTREACH_HOLD, practiceFlag, says } from './practice-flag.ts';
import type { Transaction } from './shell.ts';

export type Hold = {
  readonly organisation: string;
  readonly by: By;
  /** In words, without patient data. Left out: the hold ends. */
  readonly reason?: string;
};

/** Whether nobody is to be invited at the practice: it is held, or stopped. */
export async function isPracticeHeld(tx: Transaction, organisation: string): Promise<boolean> {
  const flags = await practiceFlags(tx, organisation);
  return flags.some((flag) => says(flag, organisation, OUTREACH_HOLD) || says(flag, organisation, EMERGENCY_STOP));
}

/** Holds the campaign of a cohort, or ends its hold. `not-found` when the cohort has none. */
export async function holdCampaign(
  shell: CampaignShell,
  { group, ...hold }: Hold & { readonly group: string },
): Promise<Result<RequestGroup>> {
  const { organisation, reason } = hold;
  return inTransaction(shell.pool, async (tx): Promise<Result<RequestGroup>> => {
    await lockKeys(tx, [runsKey(organisation)]);
    const run = (await campaignsOf(tx, organisation, ['active', 'on-hold', 'draft'])).find(
      (one) => idOf('Group', one.subject) === group,
    );
    const guard = run && guardOf(run);
    if (!run || !guard) return fail('not-found', 'This cohort has no campaign; release it first');
    if (run.status === 'draft')
      return fail('conflict', 'The campaign waits for a second person: nobody is invited yet');
    if (!reason && run.status !== 'on-hold') return ok(run);
    const next: RequestGroup = {
      ...withGuard(run, { ...released(guard), ...(reason ? { held: reason } : {}) }),
      status: reason ? 'on-hold' : 'active',
    };
    await saveResources(tx, { organisation, resources: [next, kept(shell, hold, next)], source: 'holdfast' });
    if (!reason) await wake(shell, tx, organisation, [next]);
    return ok(next);
  });
}

/** Holds all campaigns of a practice by a Flag, or ends that. */
export async function holdPractice(shell: CampaignShell, hold: Hold): Promise<Result<Flag>> {
  const { organisation, reason } = hold;
  return inTransaction(shell.pool, async (tx): Promise<Result<Flag>> => {
    await lockKeys(tx, [runsKey(organisation)]);
    const held = (await practiceFlags(tx, organisation)).find((one) => says(one, organisation, OUTREACH_HOLD));
    const now = shell.now();
    if (!held && !reason) return fail('conflict', 'The practice is not held');
    const flag = held ?? practiceFlag(organisation, OUTREACH_HOLD, now);
    const next: Flag = reason
      ? { ...flag, code: { ...concept(STATUS_REASON, OUTREACH_HOLD), text: reason } }
      : { ...flag, status: 'inactive', period: { ...flag.period, end: now } };
    await saveResources(tx, { organisation, resources: [next, kept(shell, hold, next)], source: 'holdfast' });
    if (!reason) await wake(shell, tx, organisation, await campaignsOf(tx, organisation));
    return ok(next);
  });
}

function kept(shell: CampaignShell, { organisation, by, reason }: Hold, target: Flag | RequestGroup) {
  return decidedBy([by], {
    activity: reason ? { code: 'hold', display: 'Outreach held' } : { code: 'resume', display: 'Outreach resumed' },
    targets: [{ reference: `${target.resourceType}/${target.id}` }],
    organisation,
    now: shell.now(),
    ...(reason ? { reason } : {}),
  });
}

/** What waited goes on now, not at the next look: the release, and the next step of everybody who was invited. */
async function wake(
  shell: CampaignShell,
  tx: Transaction,
  organisation: string,
  runs: readonly RequestGroup[],
): Promise<void> {
  const programmes = await programmesOf(shell, organisation, runs);
  const tasks = programmes.flatMap(({ rows }) => rows).flatMap(({ task }) => (task && !isWaiting(task) ? [task] : []));
  await shell.enqueue(tx, [
    { queue: 'campaign', payload: { organisation } },
    ...tasks.map((task) => ({ queue: 'reach' as const, payload: { organisation, task: task.id ?? '' } })),
  ]);
}
