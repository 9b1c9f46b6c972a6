/** The rows of a batch on their way to the stage: whose each is, what cannot be stored, and what the batch says of its sender. */
import type { Stage } from '#store/feed-stage.ts';
import type { FeedRow } from '#store/feeds.ts';
import type { IntakeShell } from '#workflow/intake.ts';
import type { ExtractRow, RejectedRow } from '#workflow/ports.ts';
import type { PracticeLink } from '#workflow/shell.ts';
import { type Held, held, MOST_REJECTED } from './guard.ts';

export type Feed = 'emis' | 'tpp';

/** Tables of the agreement as a whole, not of one practice. */
const COMMON = new Set([
  'Agreements_SharingOrganisation',
  'Admin_Organisation',
  'Coding_ClinicalCode',
  'Coding_DrugCode',
]);

export type Landing = {
  readonly link: PracticeLink;
  readonly feed: Feed;
  /** ODS codes by the supplier's GUID of the organisation. */
  readonly ods: Map<string, string>;
  /** The state of the sharing agreement, by the GUID of the organisation. */
  readonly agreements: Map<string, string>;
  readonly rejected: RejectedRow[];
  readonly counts: { landed: number; own: number; foreign: number };
};

/** `known`: what earlier batches said of organisations; a delta names only those that changed. */
export function newLanding(link: PracticeLink, feed: Feed, known: ReadonlyMap<string, string>): Landing {
  return {
    link,
    feed,
    ods: new Map(known),
    agreements: new Map(),
    rejected: [],
    counts: { landed: 0, own: 0, foreign: 0 },
  };
}

export type Landed = { readonly shell: Pick<IntakeShell, 'agreementState'>; readonly stage: Stage };

/** Stages every row that is this practice's or everybody's. Stops early when there are more broken rows than can be kept. */
export async function stageRows(
  { shell, stage }: Landed,
  landing: Landing,
  rows: AsyncIterable<ExtractRow | RejectedRow>,
): Promise<void> {
  const waiting: ExtractRow[] = [];
  for await (const row of rows) {
    // Whose locations these are is told after them.
    if ('table' in row && row.table === 'Admin_OrganisationLocation') waiting.push(row);
    else await take({ shell, stage }, landing, row);
    if (landing.rejected.length > MOST_REJECTED) return;
  }
  for (const row of waiting) await take({ shell, stage }, landing, row);
}

/** Why a batch may not be applied for this practice, once it is known whom it is about; undefined when it may. */
export function notForUs({ link, feed, ods, agreements, counts }: Landing, isWhole: boolean): Held | undefined {
  if (feed === 'tpp') {
    const isForeign = isWhole && counts.own === 0 && counts.foreign > 0;
    return isForeign
      ? held('not-this-practice', 'The batch holds rows of other practices only; it was put into the wrong inbox')
      : undefined;
  }
  const guids = [...ods].filter(([, code]) => code === link.organisation).map(([guid]) => guid);
  if (guids.length === 0)
    return held('not-this-practice', 'The batch names no organisation with the ODS code of this practice');
  const state = guids.map((guid) => agreements.get(guid)).find((one) => one !== undefined) ?? 'not in it';
  return state === 'active'
    ? undefined
    : held(
        'agreement',
        `The practice's part in the sharing agreement is ${state}; nothing is taken until it is active`,
      );
}

async function take({ shell, stage }: Landed, landing: Landing, row: ExtractRow | RejectedRow): Promise<void> {
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
  landing.counts.landed += 1;
  await stage.add(stored(row, organisation));
}

/** A blank cell and one that is not there say the same, and half of all cells are blank. */
function stored(row: ExtractRow, organisation: string): FeedRow {
  const cells: Record<string, string> = {};
  for (const column in row.cells) {
    const value = row.cells[column];
    if (value !== undefined && value !== '') cells[column] = value;
  }
  return { ...row, organisation, cells };
}

const LONGEST_KEY = 300;

/** What the database would refuse, and the whole batch with it: found here, only the row is left out. */
function unstorable({ key, patientKey, cells }: ExtractRow): string | undefined {
  if (key.length > LONGEST_KEY || (patientKey?.length ?? 0) > LONGEST_KEY)
    return `the key is longer than ${LONGEST_KEY} characters: the row is broken`;
  for (const column in cells)
    if (cells[column]?.includes('\u0000')) return `${column} holds the character U+0000: the row is broken`;
  return undefined;
}

/** Whose row it is: this practice's, everybody's ('*'), or another practice's (undefined), which is left out and counted. */
function ownerOf({ link, feed, ods }: Landing, row: ExtractRow): string | undefined {
  if (COMMON.has(row.table) || row.organisation === '') return '*';
  const code = feed === 'emis' ? ods.get(row.organisation) : row.organisation;
  return code === link.organisation ? code : undefined;
}

/** Agreements come first in a batch, then organisations: by then it is known which GUID is this practice. */
function readAgreement(shell: Landed['shell'], landing: Landing, row: ExtractRow): void {
  if (row.table === 'Admin_Organisation')
    landing.ods.set(row.cells['OrganisationGuid'] ?? row.organisation, row.cells['ODSCode'] ?? '');
  if (row.table === 'Agreements_SharingOrganisation')
    landing.agreements.set(row.organisation, shell.agreementState(row.cells));
}
