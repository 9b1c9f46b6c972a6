/** A folder of an unpacked TPP SRExtract: is it one whole batch, and what are its rows (facts: gp-extracts §2). */
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type BatchDescription, type FileScan, scanFile } from '#adapters/csv/batch.ts';
import { type CsvFormat, readHeader } from '#adapters/csv/records.ts';
import { readColumns, type TableSpec } from '#adapters/csv/table.ts';
import { fail, ok, type Result } from '#result.ts';
import { readManifest } from './manifest.ts';
import { tppCsv } from './rows.ts';
import { requiredTppTables, tppTables } from './tables.ts';

export type { RawRow, RejectedRow } from '#adapters/csv/batch.ts';
export { readTppBatch, tppCsv } from './rows.ts';

export type TppBatch = BatchDescription<'tpp'> & {
  /** Rows changed before this came in an earlier batch; later than the last batch's `asOf` it is a gap. Undefined: all full. */
  readonly from: string | undefined;
  /** Tables that came whole: of these alone a row that is absent may be gone. */
  readonly full: readonly string[];
  /** The tables that are read, with the columns by which the batch was checked. */
  readonly tables: readonly TableSpec[];
};

export type TppOptions = {
  /** Tables that every batch must hold. */
  readonly required?: readonly string[];
  /** Delimiter and quote as TPP's client was set up. */
  readonly format?: CsvFormat;
  /** The tables that are read, with their columns. */
  readonly tables?: readonly TableSpec[];
};

/** Not listed in the manifest, though part of every batch. */
const unlisted = ['SRManifest', 'SRMapping', 'SRMappingGroup'];

/**
 * Describes a batch, or says what is wrong: `busy` while it is still arriving (no manifest, or a temp folder),
 * `invalid` for a set that can not be one batch. Nothing is read when this fails.
 */
export async function describeTppBatch(
  folder: string,
  { required = requiredTppTables, format = tppCsv, tables = tppTables }: TppOptions = {},
): Promise<Result<TppBatch>> {
  const names = await readdir(folder);
  if (names.includes('temp')) return fail('busy', 'the batch is still arriving: there is a temp folder in it');
  const packed = names.find((name) => /\.(zip|z\d\d)$/i.test(name));
  if (packed) return fail('precondition', `${packed} is still packed; unpack it into the batch folder first`);
  if (!names.includes('SRManifest.csv'))
    return fail('busy', 'the batch is still arriving: SRManifest.csv is not there');
  const manifest = await readManifest(folder, format);
  if (!manifest.ok) return manifest;

  const listed = manifest.value.tables.map((one) => one.table);
  const present = names
    .filter((name) => name.endsWith('.csv'))
    .map((name) => name.slice(0, -4))
    .sort();
  const faults = [
    ...listed
      .filter((table) => !present.includes(table))
      .map((table) => `${table}.csv is in the manifest and not in the folder`),
    ...required
      .filter((table) => !present.includes(table))
      .map((table) => `the batch is not complete: ${table} missing`),
  ];
  const checked = await Promise.all(present.map((table) => checkFile({ folder, table, format, tables })));
  faults.push(...new Set(checked.flatMap((one) => (one.ok ? [] : [one.failure.message]))));
  if (faults.length > 0) {
    return fail('invalid', `not a TPP batch that can be applied: ${faults[0]}`, {
      issues: faults.map((diagnostics) => ({ code: 'structure', diagnostics })),
    });
  }
  const good = checked.flatMap((one) => (one.ok ? [one.value] : []));
  const stray = present.filter((table) => !listed.includes(table) && !unlisted.includes(table));
  return ok({
    feed: 'tpp',
    id: batchId(folder, manifest.value.to),
    sequence: manifest.value.to,
    kind: manifest.value.tables.some((one) => one.isDelta) ? 'delta' : 'bulk',
    from: manifest.value.from,
    asOf: manifest.value.to,
    tables,
    full: manifest.value.tables.filter((one) => !one.isDelta).map((one) => one.table),
    files: good.map(({ scan: { name, sha256, size } }) => ({ name, sha256, size })),
    warnings: [...good.flatMap((one) => one.warnings), ...stray.map((table) => `${table}.csv is not in the manifest`)],
    skipped: good.flatMap((one) => (one.isRead ? [] : [{ table: one.table, rows: one.scan.rows }])),
  });
}

type CheckedFile = { table: string; isRead: boolean; scan: FileScan; warnings: readonly string[] };

type Wanted = { folder: string; table: string; format: CsvFormat; tables: readonly TableSpec[] };

async function checkFile({ folder, table, format, tables }: Wanted): Promise<Result<CheckedFile>> {
  const path = join(folder, `${table}.csv`);
  const spec = tables.find((one) => one.table === table);
  const scan = await scanFile(path, { quote: format.quote.charCodeAt(0), isCounted: !spec });
  if (!scan.ok) return scan;
  if (!spec) return ok({ table, isRead: table === 'SRManifest', scan: scan.value, warnings: [] });
  const header = await readHeader(path, format);
  if (!header || 'problem' in header) return fail('invalid', `${table}.csv has no header that can be read`);
  const columns = readColumns(header.values, spec);
  if (!columns.ok) return columns;
  const warnings = [
    ...columns.value.unknown.map((column) => `${table} has a column that is not known: ${column}`),
    ...lacking(spec, columns.value.names),
  ];
  return ok({ table, isRead: true, scan: scan.value, warnings });
}

/** Where the supplier's own list is used, a column of it that did not come is news. Ours is of several releases. */
function lacking(spec: TableSpec, names: readonly string[]): string[] {
  if (tppTables.includes(spec)) return [];
  return spec.columns
    .filter((column) => !names.includes(column))
    .map((column) => `${spec.table} lacks a column of the specification: ${column}`);
}

/** The run's own folder name, since two runs may reach to the same time; else that time. */
function batchId(folder: string, to: string): string {
  const name = basename(resolve(folder));
  return /^\d{8}_\d{4}$/.test(name) ? name : to;
}
