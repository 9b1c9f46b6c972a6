/** A practice's inbox: the folders that its feed delivered, each opened by the reader of its supplier. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, ok, type Result } from '#result.ts';
import { type BatchDescription, type RawRow, type RejectedRow, sealOf } from './csv/batch.ts';
import type { CsvFormat } from './csv/records.ts';
import type { TableSpec } from './csv/table.ts';
import { agreementState, describeEmisBatch, readEmisBatch } from './emis/batch.ts';
import { emisTablesOfPatients } from './emis/tables.ts';
import type { DecryptFile } from './extract/openpgp.ts';
import { unpack } from './extract/unpack.ts';
import { type PatientList, readPatientList } from './patient-list/list.ts';
import { describeTppBatch, readTppBatch, type TppOptions } from './tpp/batch.ts';
import { sharedTppTables } from './tpp/tables.ts';

export type OpenedBatch = Omit<BatchDescription, 'skipped' | 'feed'> & {
  readonly seal: string;
  /** For feeds that say so: rows changed before this came earlier; later than the last batch is a gap. */
  readonly from: string | undefined;
  /** Tables that came whole: of these a row that is absent is gone. */
  readonly whole: readonly string[];
  /** The sharing agreement, where the supplier has such. */
  readonly agreement: string | undefined;
  readonly rows: () => AsyncIterable<RawRow | RejectedRow>;
  /** To be called when the batch was applied: what was unpacked of it goes. */
  readonly release: () => Promise<void>;
};

/** Names of the delivered folders, in the order of their names, which is the order of their making. Half-written ones are hidden. */
export async function listBatches(inbox: string): Promise<readonly string[]> {
  if (!existsSync(inbox)) return [];
  const entries = await readdir(inbox, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => entry.name)
    .sort();
}

export type InboxSettings = {
  /** Absent: encrypted files are refused. With it EMIS files that are not encrypted and signed are. */
  readonly decrypt?: DecryptFile;
  /** The supplier's own list of tables and columns, where it was given to us; ours without. */
  readonly tppTables?: readonly TableSpec[];
  /** How TPP's client was set up to write. */
  readonly tppFormat?: CsvFormat;
};

/** Checks a delivered extract as a whole; nothing of it is read when this fails. `busy` = still arriving. */
export type OpenBatch = (feed: 'emis' | 'tpp', inbox: string, name: string) => Promise<Result<OpenedBatch>>;

export function createInbox({ decrypt, tppTables, tppFormat }: InboxSettings = {}): OpenBatch {
  return async (feed, inbox, name) => {
    const isSigned = feed === 'emis' && decrypt !== undefined;
    const unpacked = await unpack(inbox, name, { decrypt, isSigned });
    if (!unpacked.ok) return unpacked;
    const { folder, release } = unpacked.value;
    const opened =
      feed === 'tpp'
        ? await openTpp(folder, {
            ...(tppTables ? { tables: tppTables } : {}),
            ...(tppFormat ? { format: tppFormat } : {}),
          })
        : await openEmis(folder);
    return opened.ok ? ok({ ...opened.value, release }) : opened;
  };
}

/** Plain files alone, in our own understanding of them. */
export const openBatch = createInbox();

type Opened = Result<Omit<OpenedBatch, 'release'>>;

async function openTpp(folder: string, options: TppOptions): Promise<Opened> {
  const batch = await describeTppBatch(folder, options);
  if (!batch.ok) return batch;
  const { full, from, files, tables: _tables, ...described } = batch.value;
  const whole = full.filter((table) => !sharedTppTables.includes(table));
  const more = { seal: sealOf(files), whole, from, agreement: undefined };
  return ok({ ...described, files, ...more, rows: () => readTppBatch(folder, batch.value, options.format) });
}

async function openEmis(folder: string): Promise<Opened> {
  const batch = await describeEmisBatch(folder);
  if (!batch.ok) return batch;
  const { kind, files } = batch.value;
  const more = { seal: sealOf(files), whole: kind === 'bulk' ? emisTablesOfPatients : [], from: undefined };
  return ok({ ...batch.value, ...more, rows: () => readEmisBatch(folder, batch.value) });
}

/**
 * Opens a list that a practice exported, with the note of who exported it (`requested-by.json`): the records are asked
 * for in that person's name, and without a person they may not be asked for at all (facts: gp-connect §1.5).
 */
export async function openList(
  inbox: string,
  name: string,
): Promise<Result<{ list: PatientList; requestedBy: unknown }>> {
  const folder = join(inbox, name);
  const file = (await readdir(folder)).find((one) => one.endsWith('.csv'));
  if (!file) return fail('invalid', `${name} holds no .csv file`);
  const note = join(folder, 'requested-by.json');
  if (!existsSync(note))
    return fail(
      'precondition',
      `${name} has no requested-by.json: who exported the list, and in whose name records are fetched, must be known`,
    );
  const list = await readPatientList(join(folder, file));
  if (!list.ok) return list;
  try {
    return ok({ list: list.value, requestedBy: JSON.parse(await readFile(note, 'utf8')) as unknown });
  } catch {
    return fail('invalid', `${name}/requested-by.json does not hold JSON`);
  }
}

export { agreementState };
