/**
 * Extracts come in: each batch is checked whole, its rows are staged and applied in one transaction with the mark that
 * makes a rerun a no-op, and the patients they touch are translated anew. Facts: gp-extracts §3
 */
import { fail, ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { keepHold, readHold } from '#store/feed-holds.ts';
import { isApplied } from '#store/feeds.ts';
import { takeBatch } from './extract/apply.ts';
import type { Held } from './extract/guard.ts';
import { saveReport } from './extract/report.ts';
import { takeList } from './patient-list.ts';
import type { AgreementState, ListBatches, OpenBatch, OpenList, PatientIdOf } from './ports.ts';
import { linkOf, type PracticeLink, type Shell } from './shell.ts';

export type IntakeShell = Shell & {
  readonly listBatches: ListBatches;
  readonly openBatch: OpenBatch;
  readonly openList: OpenList;
  readonly agreementState: AgreementState;
  readonly patientIdOf: PatientIdOf;
  /** Hears of a batch that could not be taken; the batches behind it wait. */
  readonly onHeld: (organisation: string, batch: string, why: string) => void;
};

/** Takes every batch that has arrived, in order. The first that cannot be taken holds those behind it. Safe to run twice. */
export async function intake(shell: IntakeShell, { organisation }: { organisation: string }): Promise<Result<unknown>> {
  const link = linkOf(shell, organisation);
  if (!link) return fail('not-found', `${organisation} is not one of the practices of this installation`);
  for (const batch of await shell.listBatches(link.inbox)) {
    if (await isApplied(shell.pool, { feed: link.record, batch }, organisation)) continue;
    const taken =
      link.record === 'gp-connect'
        ? await takeList(shell, link, batch)
        : await takeExtract(shell, link, { feed: link.record, batch });
    if (taken.ok) continue;
    shell.onHeld(organisation, batch, taken.failure.message);
    return taken.failure.kind === 'busy' ? ok('still arriving') : ok(`held: ${taken.failure.message}`);
  }
  return ok('up to date');
}

type Place = { readonly feed: 'emis' | 'tpp'; readonly batch: string };

async function takeExtract(shell: IntakeShell, link: PracticeLink, place: Place): Promise<Result<unknown>> {
  const { organisation } = link;
  const hold = await readHold(shell.pool, { organisation, ...place });
  if (hold?.decision === 'skip') return ok('left out');
  const opened = await shell.openBatch(place.feed, link.inbox, place.batch);
  if (!opened.ok) {
    if (opened.failure.kind === 'busy') return opened;
    return waits(shell, { organisation, ...place, code: 'unreadable', reason: opened.failure.message });
  }
  const taken = await takeBatch(shell, { link, ...place, opened: opened.value, hold });
  if (!taken.ok) return taken;
  const { held } = taken.value;
  if (held) return waits(shell, { organisation, ...place, ...held, seal: opened.value.seal });
  await opened.value.release();
  return ok(place.batch);
}

async function waits(
  shell: IntakeShell,
  hold: { organisation: string; feed: string; batch: string; seal?: string; code: Held['code']; reason: string },
): Promise<Result<never>> {
  const now = shell.now();
  const { code, reason } = hold;
  await inTransaction(shell.pool, async (tx) => {
    await keepHold(tx, { ...hold, seal: hold.seal }, now);
    await saveReport(tx, { ...hold, now, state: { status: 'on-hold', code, reason } });
  });
  return fail('precondition', hold.reason);
}
