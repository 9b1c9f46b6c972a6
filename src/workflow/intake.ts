/**
 * Extracts come in: each batch is checked whole, its rows are landed in one transaction with the mark that makes a rerun
 * a no-op, and the patients they touch are translated anew. Facts: gp-extracts §3
 */
import { epochMilliseconds } from '#fhir/date.ts';
import { fail, ok, type Result } from '#result.ts';
import { feedKey, inTransaction, lockKeys } from '#store/database.ts';
import {
  type FeedRow,
  isApplied,
  keepRejections,
  landRows,
  lastApplied,
  markApplied,
  patientsWithCodes,
  referenceRows,
} from '#store/feeds.ts';
import { freshen, markUntranslated } from '#store/record-state.ts';
import { saveResources } from '#store/resources.ts';
import { translateEmisReference } from '#translate/emis/reference.ts';
import { translateTppReference } from '#translate/tpp/reference.ts';
import { takeList } from './patient-list.ts';
import type {
  AgreementState,
  ExtractRow,
  ListBatches,
  OpenBatch,
  OpenList,
  PatientIdOf,
  RejectedRow,
} from './ports.ts';
import { chunks, linkOf, type PracticeLink, type Shell, type Transaction } from './shell.ts';

export type IntakeShell = Shell & {
  readonly listBatches: ListBatches;
  readonly openBatch: OpenBatch;
  readonly openList: OpenList;
  readonly agreementState: AgreementState;
  readonly patientIdOf: PatientIdOf;
  /** Hears of a batch that could not be taken; the batches behind it wait. */
  readonly onHeld: (organisation: string, batch: string, why: string) => void;
};

type Feed = 'emis' | 'tpp';

/** Tables of the agreement as a whole, not of one practice. */
const COMMON = new Set([
  'Agreements_SharingOrganisation',
  'Admin_Organisation',
  'Coding_ClinicalCode',
  'Coding_DrugCode',
]);
const REFERENCE: Readonly<Record<Feed, readonly string[]>> = {
  emis: [
    'Admin_Organisation',
    'Admin_Location',
    'Admin_OrganisationLocation',
    'Admin_UserInRole',
    'Appointment_Session',
    'Appointment_SessionUser',
  ],
  tpp: ['SROrganisation', 'SRStaffMember', 'SRStaffMemberProfile'],
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
        : await takeExtract(shell, link, link.record, batch);
    if (taken.ok) continue;
    shell.onHeld(organisation, batch, taken.failure.message);
    return taken.failure.kind === 'busy' ? ok('still arriving') : ok(`held: ${taken.failure.message}`);
  }
  return ok('up to date');
}

async function takeExtract(
  shell: IntakeShell,
  link: PracticeLink,
  feed: Feed,
  batch: string,
): Promise<Result<unknown>> {
  const opened = await shell.openBatch(feed, link.inbox, batch);
  if (!opened.ok) return opened;
  const last = await lastApplied(shell.pool, feed, link.organisation);
  const { from, asOf } = opened.value;
  if (last && epochMilliseconds(asOf) < epochMilliseconds(last))
    return fail('conflict', 'The batch is older than the last one applied');
  if (last && from && epochMilliseconds(from) > epochMilliseconds(last))
    return fail('precondition', 'There is a gap between the last batch applied and this one; ask for a full extract');
  const landing = newLanding(link, feed, batch);
  const held = new Error('the batch is held');
  try {
    await inTransaction(shell.pool, async (tx) => {
      await land(shell, tx, Object.assign(landing, newLanding(link, feed, batch)), opened.value.rows());
      // Thrown, so that nothing of what was landed before this was known stays.
      if (heldBecause(landing, from === undefined)) throw held;
      await finish(shell, tx, landing, asOf);
    });
  } catch (error) {
    if (error !== held) throw error;
    return fail('precondition', heldBecause(landing, from === undefined) ?? '');
  }
  return ok(batch);
}

async function land(
  shell: IntakeShell,
  tx: Transaction,
  landing: Landing,
  rows: AsyncIterable<ExtractRow | RejectedRow>,
): Promise<void> {
  const { link, feed } = landing;
  await lockKeys(tx, [feedKey(feed, link.organisation)]);
  // A delta names only organisations that changed: those known before still say which GUID is this practice.
  for (const { cells } of await referenceRows(tx, link.organisation, feed, { table: 'Admin_Organisation' })) {
    landing.ods.set(cells['OrganisationGuid'] ?? '', cells['ODSCode'] ?? '');
  }
  for await (const row of rows) {
    // Whose locations these are is told after them.
    if ('table' in row && row.table === 'Admin_OrganisationLocation') landing.waiting.push(row);
    else await take(shell, tx, landing, row);
  }
  for (const row of landing.waiting) await take(shell, tx, landing, row);
  await flush(tx, landing);
}

/** Why a batch may not be applied for this practice, once it is known whom it is about; undefined when it may. */
function heldBecause({ link, feed, ods, agreements, counts }: Landing, isWhole: boolean): string | undefined {
  if (feed === 'tpp') {
    const isForeign = isWhole && counts.own === 0 && counts.foreign > 0;
    return isForeign ? 'The batch holds rows of other practices only; it was put into the wrong inbox' : undefined;
  }
  const guids = [...ods].filter(([, code]) => code === link.organisation).map(([guid]) => guid);
  if (guids.length === 0) return 'The batch names no organisation with the ODS code of this practice';
  const state = guids.map((guid) => agreements.get(guid)).find((one) => one !== undefined) ?? 'not in it';
  return state === 'active'
    ? undefined
    : `The practice's part in the sharing agreement is ${state}; nothing is taken until it is active`;
}

type Landing = {
  readonly link: PracticeLink;
  readonly feed: Feed;
  readonly batch: string;
  readonly ods: Map<string, string>;
  /** The state of the sharing agreement, by the GUID of the organisation. */
  readonly agreements: Map<string, string>;
  readonly rows: FeedRow[];
  readonly waiting: ExtractRow[];
  readonly rejected: RejectedRow[];
  readonly touched: Set<string>;
  readonly codes: Set<string>;
  readonly counts: { landed: number; own: number; foreign: number };
};

function newLanding(link: PracticeLink, feed: Feed, batch: string): Landing {
  return {
    link,
    feed,
    batch,
    ods: new Map(),
    agreements: new Map(),
    rows: [],
    waiting: [],
    rejected: [],
    touched: new Set(),
    codes: new Set(),
    counts: { landed: 0, own: 0, foreign: 0 },
  };
}

async function take(
  shell: IntakeShell,
  tx: Transaction,
  landing: Landing,
  row: ExtractRow | RejectedRow,
): Promise<void> {
  if ('reason' in row) {
    landing.rejected.push(row);
    return;
  }
  const problem = unstorable(row);
  if (problem) {
    landing.rejected.push({ file: row.file, line: row.line, reason: problem });
    return;
  }
  if (landing.feed === 'emis') readAgreement(shell, landing, row);
  const organisation = ownerOf(landing, row);
  if (organisation === undefined) {
    landing.counts.foreign += 1;
    return;
  }
  if (organisation !== '*') landing.counts.own += 1;
  if (row.table.startsWith('Coding_')) landing.codes.add(row.key);
  landing.rows.push({ ...row, organisation });
  if (landing.rows.length >= 1_000) await flush(tx, landing);
}

const LONGEST_KEY = 300;

/** What the database would refuse, and the whole batch with it: found here, only the row is left out. */
function unstorable({ key, patientKey, cells }: ExtractRow): string | undefined {
  if (key.length > LONGEST_KEY || (patientKey?.length ?? 0) > LONGEST_KEY)
    return `the key is longer than ${LONGEST_KEY} characters: the row is broken`;
  const column = Object.keys(cells).find((name) => cells[name]?.includes('\u0000'));
  return column === undefined ? undefined : `${column} holds the character U+0000: the row is broken`;
}

/** Whose row it is: this practice's, everybody's ('*'), or another practice's (undefined), which is left out and counted. */
function ownerOf({ link, feed, ods }: Landing, row: ExtractRow): string | undefined {
  if (COMMON.has(row.table) || row.organisation === '') return '*';
  const code = feed === 'emis' ? ods.get(row.organisation) : row.organisation;
  return code === link.organisation ? code : undefined;
}

/** Agreements come first in a batch, then organisations: by then it is known which GUID is this practice. */
function readAgreement(shell: IntakeShell, landing: Landing, row: ExtractRow): void {
  if (row.table === 'Admin_Organisation')
    landing.ods.set(row.cells['OrganisationGuid'] ?? row.organisation, row.cells['ODSCode'] ?? '');
  if (row.table === 'Agreements_SharingOrganisation')
    landing.agreements.set(row.organisation, shell.agreementState(row.cells));
}

async function flush(tx: Transaction, landing: Landing): Promise<void> {
  const rows = landing.rows.splice(0);
  for (const { organisation, patientKey } of await landRows(tx, landing, rows)) {
    if (organisation === landing.link.organisation) landing.touched.add(patientKey);
  }
  landing.counts.landed += rows.length;
}

async function finish(shell: IntakeShell, tx: Transaction, landing: Landing, asOf: string): Promise<void> {
  const { link, feed, batch } = landing;
  const { organisation } = link;
  const now = shell.now();
  for (const key of await patientsWithCodes(tx, organisation, feed, [...landing.codes])) landing.touched.add(key);
  const reference: FeedRow[] = [];
  for (const table of REFERENCE[feed]) reference.push(...(await referenceRows(tx, organisation, feed, { table })));
  const { shared } =
    feed === 'emis'
      ? translateEmisReference(reference, { organisation, asOf })
      : translateTppReference(reference, { organisation, asOf });
  await saveResources(tx, { organisation, resources: shared, source: feed });
  await keepRejections(tx, landing, organisation, landing.rejected);
  const patientKeys = [...landing.touched].sort();
  const counts = {
    ...landing.counts,
    rejected: landing.rejected.length,
    patients: patientKeys.length,
  };
  await markApplied(tx, { feed, batch }, { organisation, asOf, now, counts });
  // Patients whose rows changed are fresh only when they have been translated; all others are as fresh as the batch.
  await shell.enqueue(
    tx,
    chunks(patientKeys, 50).map((some) => ({
      queue: 'derive' as const,
      payload: { organisation, feed, patientKeys: some },
    })),
  );
  await markUntranslated(tx, { organisation, feed, patientKeys });
  await freshen(tx, { organisation, feed, asOf });
}
