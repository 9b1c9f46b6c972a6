/** One batch of one practice: staged, checked and applied in one transaction, or held with a reason and nothing changed. */
import { epochMilliseconds } from '#fhir/date.ts';
import { fail, ok, type Result } from '#result.ts';
import { feedKey, inTransaction, lockKeys } from '#store/database.ts';
import {
  countLeaving,
  countLive,
  countStaged,
  keepLast,
  landStage,
  type Staged,
  withoutTimeout,
} from '#store/feed-apply.ts';
import { dropHold, type HeldBatch, landFiles } from '#store/feed-holds.ts';
import { openStage, type Stage } from '#store/feed-stage.ts';
import {
  appliedAs,
  isApplied,
  keepRejections,
  lastApplied,
  lastSequence,
  markApplied,
  referenceRows,
} from '#store/feeds.ts';
import { freshen, markUntranslated } from '#store/record-state.ts';
import type { IntakeShell } from '#workflow/intake.ts';
import type { OpenedBatch } from '#workflow/ports.ts';
import { chunks, type PracticeLink, type Transaction } from '#workflow/shell.ts';
import { type Held, held, isOrdinary, massDeletion, OVERRULABLE, tooManyRejected } from './guard.ts';
import { type Feed, type Landing, newLanding, notForUs, stageRows } from './landing.ts';
import { saveReference } from './reference.ts';
import { saveReport } from './report.ts';

/** Patients whose translation one job does. */
const AT_ONCE = 10;

const PATIENTS: Readonly<Record<Feed, string>> = { emis: 'Admin_Patient', tpp: 'SRPatient' };
const LOOKUPS: Readonly<Record<Feed, readonly string[]>> = {
  emis: ['Coding_ClinicalCode', 'Coding_DrugCode'],
  tpp: ['SRMapping', 'SRImmunisationContent', 'SRCtv3ToSnomed'],
};

export type Arrival = {
  readonly link: PracticeLink;
  readonly feed: Feed;
  /** The folder. */
  readonly batch: string;
  readonly opened: OpenedBatch;
  /** What was decided when it was held before. */
  readonly hold: HeldBatch | undefined;
};

/** Takes a batch that is whole. `held`: nothing was changed. */
export async function takeBatch(shell: IntakeShell, arrival: Arrival): Promise<Result<{ held?: Held }>> {
  const { link, feed, opened } = arrival;
  const { organisation } = link;
  const before = await appliedAs(shell.pool, { feed, organisation }, opened.seal);
  if (before !== undefined) {
    await inTransaction(shell.pool, (tx) => markRepeat(shell, tx, { ...arrival, before }));
    return ok({});
  }
  const wrong = await outOfPlace(shell, arrival);
  if (wrong) return ok({ held: wrong });
  const known = await referenceRows(shell.pool, organisation, feed, { table: 'Admin_Organisation' });
  const ods = known.map(({ cells }) => [cells['OrganisationGuid'] ?? '', cells['ODSCode'] ?? ''] as const);
  const landing = newLanding(link, feed, new Map(ods));
  const stage = await openStage(shell.pool, { feed, organisation });
  if (!stage) return fail('busy', 'Another process is taking in this feed');
  try {
    await stageRows({ shell, stage }, landing, opened.rows());
    const isUnsure = !isOverruled(arrival);
    const refused =
      notForUs(landing, opened.from === undefined) ??
      (isUnsure ? tooManyRejected(landing.rejected.length, landing.counts.landed) : undefined);
    if (refused) return ok({ held: refused });
    const staged = await stage.finish();
    return ok(await apply(shell, { ...arrival, landing, stage, staged }));
  } finally {
    await stage.drop();
  }
}

function isOverruled({ hold, opened }: Arrival): boolean {
  return hold?.decision === 'apply' && hold.seal === opened.seal && OVERRULABLE.has(hold.code);
}

/** The same content under another name: noted, so that it is not asked about again, and nothing else. */
async function markRepeat(shell: IntakeShell, tx: Transaction, repeat: Arrival & { before: string }): Promise<void> {
  const { link, feed, batch, opened, before } = repeat;
  const { organisation } = link;
  await lockKeys(tx, [feedKey(feed, organisation)]);
  if (await isApplied(tx, { feed, batch }, organisation)) return;
  await dropHold(tx, { organisation, feed, batch });
  const counts = { repeatOf: before };
  await markApplied(tx, { feed, batch }, { organisation, asOf: opened.asOf, now: shell.now(), counts });
}

/** What can be said against a batch before a row of it is read: its files, and its place in the order. */
async function outOfPlace(shell: IntakeShell, arrival: Arrival): Promise<Held | undefined> {
  const { link, feed, opened } = arrival;
  const { organisation } = link;
  if (link.agreement && opened.agreement && link.agreement.toUpperCase() !== opened.agreement)
    return held('wrong-agreement', 'The batch is of another sharing agreement than the one that is configured');
  const files = { files: opened.files, now: shell.now() };
  const changed = await inTransaction(shell.pool, (tx) =>
    landFiles(tx, { organisation, feed, batch: opened.id }, files),
  );
  if (changed.length > 0 && !isOverruled(arrival))
    return held('changed-file', `${changed[0]} came before with another content (${changed.length} files in all)`);
  const last = await lastSequence(shell.pool, feed, organisation);
  // Two TPP runs may reach to the same minute; two EMIS extracts are never of the same second.
  if (last && (opened.sequence < last || (feed === 'emis' && opened.sequence === last && changed.length === 0)))
    return held('out-of-order', 'The batch is older than the last one applied, or as old');
  const complete = await lastApplied(shell.pool, feed, organisation);
  const isGap = complete && opened.from && epochMilliseconds(opened.from) > epochMilliseconds(complete);
  if (isGap && !isOverruled(arrival))
    return held('gap', 'There is a gap between the last batch applied and this one; ask for a full extract');
  return undefined;
}

type Ready = Arrival & { readonly landing: Landing; readonly stage: Stage; readonly staged: number };

async function apply(shell: IntakeShell, ready: Ready): Promise<{ held?: Held }> {
  const { stage, staged, opened, feed, batch, link } = ready;
  const { organisation } = link;
  const rows: Staged = {
    organisation,
    feed,
    batch,
    table: stage.table,
    patients: PATIENTS[feed],
    whole: opened.whole,
    lookups: LOOKUPS[feed],
  };
  const refusal = new Error('the batch is held');
  let refused: Held | undefined;
  try {
    await inTransaction(shell.pool, async (tx) => {
      await withoutTimeout(tx);
      await lockKeys(tx, [feedKey(feed, organisation)]);
      if (await isApplied(tx, { feed, batch }, organisation)) return;
      if ((await countStaged(tx, stage.table)) !== staged)
        throw new Error('Another run has taken the stage; try again');
      await keepLast(tx, stage.table);
      const isFirst = (await lastSequence(tx, feed, organisation)) === undefined;
      const present = isFirst ? { ...rows, whole: [] } : rows;
      refused = isFirst || isOverruled(ready) ? undefined : await tooMuchLeaving(tx, present);
      // Thrown, so that nothing of what was done before this was known stays.
      if (refused) throw refusal;
      const patientKeys = await landStage(tx, present);
      await finish(shell, tx, { ...ready, patientKeys });
    });
    return {};
  } catch (error) {
    if (error !== refusal || !refused) throw error;
    return { held: refused };
  }
}

async function tooMuchLeaving(tx: Transaction, staged: Staged): Promise<Held | undefined> {
  const leaving = await countLeaving(tx, staged);
  return isOrdinary(leaving) ? undefined : massDeletion(leaving, await countLive(tx, staged));
}

async function finish(
  shell: IntakeShell,
  tx: Transaction,
  { landing, feed, batch, opened, link, patientKeys }: Ready & { patientKeys: string[] },
): Promise<void> {
  const { organisation } = link;
  const { asOf, sequence, seal } = opened;
  await saveReference(tx, { organisation, feed, asOf });
  await keepRejections(tx, { feed, batch }, organisation, landing.rejected);
  const counts = { ...landing.counts, rejected: landing.rejected.length, patients: patientKeys.length };
  const now = shell.now();
  await dropHold(tx, { organisation, feed, batch });
  await markApplied(tx, { feed, batch }, { organisation, asOf, now, counts, sequence, seal });
  const { rejected } = landing;
  const { warnings } = opened;
  await saveReport(tx, { organisation, feed, batch, now, state: { status: 'completed' }, counts, rejected, warnings });
  // Patients whose rows changed are fresh only when they have been translated; all others are as fresh as the batch.
  const jobs = chunks(patientKeys, AT_ONCE).map((some) => ({
    queue: 'derive' as const,
    payload: { organisation, feed, patientKeys: some },
  }));
  await shell.enqueue(tx, jobs);
  await markUntranslated(tx, { organisation, feed, patientKeys });
  await freshen(tx, { organisation, feed, asOf });
}
