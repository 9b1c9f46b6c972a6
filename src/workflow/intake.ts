/**
 * Extracts come in: each batch is checked whole, its rows are landed in one transaction with the mark that makes a rerun
 * a no-op, and the patients they touch are translated anew. Facts: gp-extracts §3
 */
import { epochMilliseconds } from '#fhir/date.ts';
import { fail, ok, type Result } from '#result.ts';
import { inTransaction, lockKeys } from '#store/database.ts';
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
import { freshen } from '#store/record-state.ts';
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
  await inTransaction(shell.pool, async (tx) => {
    await lockKeys(tx, [`feed|${feed}|${link.organisation}`]);
    const landing = newLanding(link, feed, batch);
    // A delta names only organisations that changed: those known before still say which GUID is this practice.
    for (const { cells } of await referenceRows(tx, link.organisation, feed, { table: 'Admin_Organisation' })) {
      landing.ods.set(cells['OrganisationGuid'] ?? '', cells['ODSCode'] ?? '');
    }
    for await (const row of opened.value.rows()) await take(shell, tx, landing, row);
    await flush(tx, landing);
    await finish(shell, tx, landing, asOf);
  });
  return ok(batch);
}

type Landing = {
  readonly link: PracticeLink;
  readonly feed: Feed;
  readonly batch: string;
  readonly ods: Map<string, string>;
  readonly rows: FeedRow[];
  readonly rejected: RejectedRow[];
  readonly touched: Set<string>;
  readonly codes: Set<string>;
  readonly counts: { landed: number; foreign: number };
  state: string;
};

function newLanding(link: PracticeLink, feed: Feed, batch: string): Landing {
  return {
    link,
    feed,
    batch,
    ods: new Map(),
    rows: [],
    rejected: [],
    touched: new Set(),
    codes: new Set(),
    counts: { landed: 0, foreign: 0 },
    state: 'active',
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
  if (landing.feed === 'emis') readAgreement(shell, landing, row);
  const organisation = ownerOf(landing, row);
  if (organisation === undefined) {
    landing.counts.foreign += 1;
    return;
  }
  if (row.table.startsWith('Coding_')) landing.codes.add(row.key);
  landing.rows.push({ ...row, organisation });
  if (landing.rows.length >= 1_000) await flush(tx, landing);
}

/** Whose row it is: this practice's, everybody's ('*'), or another practice's (undefined), which is left out and counted. */
function ownerOf({ link, feed, ods }: Landing, row: ExtractRow): string | undefined {
  if (COMMON.has(row.table) || row.organisation === '') return '*';
  const code = feed === 'emis' ? ods.get(row.organisation) : row.organisation;
  return code === link.organisation ? code : undefined;
}

/** Agreements come first in a batch, then organisations: by then it is known which GUID is this practice, and whether its data may be used. */
function readAgreement(shell: IntakeShell, landing: Landing, row: ExtractRow): void {
  if (row.table === 'Admin_Organisation')
    landing.ods.set(row.cells['OrganisationGuid'] ?? row.organisation, row.cells['ODSCode'] ?? '');
  if (row.table === 'Agreements_SharingOrganisation') {
    const state = shell.agreementState(row.cells);
    if (state !== 'active') landing.state = state;
  }
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
  await saveResources(tx, { organisation, resources: shared, source: feed, now });
  await keepRejections(tx, landing, organisation, landing.rejected);
  const patientKeys = [...landing.touched].sort();
  const counts = {
    ...landing.counts,
    rejected: landing.rejected.length,
    patients: patientKeys.length,
    state: landing.state,
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
  if (landing.state === 'active') await freshen(tx, { organisation, feed, asOf, except: patientKeys });
}
