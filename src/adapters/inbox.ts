/** A practice's inbox: the folders that its feed delivered, each opened by the reader of its supplier. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, ok, type Result } from '#result.ts';
import { type BatchDescription, type RawRow, type RejectedRow, sealOf } from './csv/batch.ts';
import { agreementState, describeEmisBatch, readEmisBatch } from './emis/batch.ts';
import { emisTablesOfPatients } from './emis/tables.ts';
import { type PatientList, readPatientList } from './patient-list/list.ts';
import { describeTppBatch, readTppBatch } from './tpp/batch.ts';
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

/** Checks a delivered extract as a whole; nothing of it is read when this fails. `busy` = still arriving. */
export async function openBatch(feed: 'emis' | 'tpp', inbox: string, name: string): Promise<Result<OpenedBatch>> {
  const folder = join(inbox, name);
  if (feed === 'tpp') {
    const batch = await describeTppBatch(folder);
    if (!batch.ok) return batch;
    const { full, from, files, ...described } = batch.value;
    const whole = full.filter((table) => !sharedTppTables.includes(table));
    const more = { seal: sealOf(files), whole, from, agreement: undefined };
    return ok({ ...described, files, ...more, rows: () => readTppBatch(folder, batch.value) });
  }
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
