/** A folder of EMIS extract files: is it one whole batch, and what are its rows (facts: gp-extracts §1). */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type BatchDescription, type FileScan, scanFile } from '#adapters/csv/batch.ts';
import { readHeader } from '#adapters/csv/records.ts';
import { readColumns } from '#adapters/csv/table.ts';
import { type Failure, fail, ok, type Result } from '#result.ts';
import { looksLikeBulk } from './bulk.ts';
import { dataCutOff, type EmisFileName, parseEmisName } from './name.ts';
import { emisAliases, emisTables, requiredEmisTables, skippedEmisTables } from './tables.ts';

export type { RawRow, RejectedRow } from '#adapters/csv/batch.ts';
export { type AgreementState, agreementState, readEmisBatch } from './rows.ts';

export type EmisBatch = BatchDescription<'emis'> & {
  /** The sharing agreement; to be compared with the one that is configured. */
  readonly agreement: string;
};

/**
 * Describes a batch, or says everything that is wrong with the folder: a file that is unknown, encrypted, cut off or
 * of another batch, a table that is missing or there twice, a column that is missing. Nothing is read when this fails.
 * `required`: the tables that the agreement always sends.
 */
export async function describeEmisBatch(
  folder: string,
  required: readonly string[] = requiredEmisTables,
): Promise<Result<EmisBatch>> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
  const parsed = names.map((name) => parseEmisName(name));
  const files = parsed.flatMap((one) => (one.ok ? [one.value] : []));
  const faults = [...failuresOf(parsed), ...setFaults(files, required)];
  const [first] = files;
  if (faults.length > 0 || !first) return refuse(faults);

  const checked = await Promise.all(files.map((file) => checkFile(folder, file)));
  const broken = failuresOf(checked);
  if (broken.length > 0) return refuse(broken);
  const good = checked.flatMap((one) => (one.ok ? [one.value] : []));
  return ok({
    feed: 'emis',
    id: `${first.agreement}_${first.extracted}`,
    sequence: first.extracted,
    agreement: first.agreement,
    kind: first.kind ?? ((await looksLikeBulk(folder, files)) ? 'bulk' : 'delta'),
    asOf: dataCutOff(first.extracted) ?? '',
    files: good.map(({ scan: { name, sha256, size } }) => ({ name, sha256, size })),
    warnings: good.flatMap((one) => one.warnings),
    skipped: good.flatMap((one) => (one.isRead ? [] : [{ table: one.table, rows: one.scan.rows }])),
  });
}

/** What is wrong with the files as a set, by their names alone. */
function setFaults(files: readonly EmisFileName[], required: readonly string[]): string[] {
  const faults: string[] = [];
  const mixed = (what: string, values: readonly string[]) => {
    const different = [...new Set(values)].sort();
    if (different.length > 1) faults.push(`files of more than one ${what}: ${different.join(', ')}`);
  };
  mixed(
    'sharing agreement',
    files.map((file) => file.agreement),
  );
  mixed(
    'extract time',
    files.map((file) => file.extracted),
  );
  mixed(
    'batch number',
    files.map((file) => file.number),
  );
  mixed(
    'kind',
    files.map((file) => file.kind ?? 'not said'),
  );
  const tables = files.map((file) => file.table);
  for (const table of new Set(tables.filter((one, index) => tables.indexOf(one) !== index))) {
    faults.push(`the table ${table} is there twice`);
  }
  const known = [...emisTables.map((spec) => spec.table), ...skippedEmisTables];
  for (const table of tables) if (!known.includes(table)) faults.push(`the table ${table} is not known`);
  const missing = required.filter((table) => !tables.includes(table));
  if (missing.length > 0) faults.push(`the batch is not complete: ${missing.join(', ')} missing`);
  return faults;
}

type CheckedFile = { table: string; isRead: boolean; scan: FileScan; warnings: readonly string[] };

async function checkFile(folder: string, file: EmisFileName): Promise<Result<CheckedFile>> {
  const path = join(folder, file.name);
  const spec = emisTables.find((one) => one.table === file.table);
  const scan = await scanFile(path, { isCounted: !spec });
  if (!scan.ok) return scan;
  if (!spec) return ok({ table: file.table, isRead: false, scan: scan.value, warnings: [] });
  const header = await readHeader(path);
  if (!header || 'problem' in header) return fail('invalid', `${file.name} has no header that can be read`);
  const columns = readColumns(header.values, spec, emisAliases);
  if (!columns.ok) return columns;
  const warnings = columns.value.unknown.map((column) => `${file.table} has a column that is not known: ${column}`);
  return ok({ table: file.table, isRead: true, scan: scan.value, warnings });
}

function failuresOf(results: readonly Result<unknown>[]): string[] {
  return results.flatMap((one) => (one.ok ? [] : [one.failure.message]));
}

function refuse(faults: readonly string[]): { readonly ok: false; readonly failure: Failure } {
  const [first = 'the folder is empty'] = faults;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  return fail('invalid', `not an EMIS batch that can be applied: ${first}${more}`, {
    issues: faults.map((diagnostics) => ({ code: 'structure', diagnostics })),
  });
}
