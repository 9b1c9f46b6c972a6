/** SRManifest.csv: which tables a TPP batch holds, whole or changed rows only, and from when to when (facts: gp-extracts §2.1). */
import { join } from 'node:path';
import { type CsvFormat, readCsv } from '#adapters/csv/records.ts';
import { cellsOf, readColumns, tableOf } from '#adapters/csv/table.ts';
import { londonInstant } from '#fhir/date.ts';
import { fail, ok, type Result } from '#result.ts';

export type Manifest = {
  readonly tables: readonly { readonly table: string; readonly isDelta: boolean }[];
  /** Instants. Rows changed before `from` came in an earlier batch; undefined when no table is a delta. */
  readonly from: string | undefined;
  readonly to: string;
};

const spec = tableOf('SRManifest', 'FileName! IsDelta! IsReference DateExtractFrom! DateExtractTo!');

/** Tables whose dates in the manifest are known to be broken. */
const undated = ['SRAppointmentAttendees', 'SRReferralContactEvent'];

/** Reads and checks the manifest: all tables must reach to the same time, and all deltas must begin at the same one. */
export async function readManifest(folder: string, format: CsvFormat): Promise<Result<Manifest>> {
  const rows: Record<string, string>[] = [];
  let names: readonly string[] | undefined;
  for await (const record of readCsv(join(folder, 'SRManifest.csv'), format)) {
    if ('problem' in record) return fail('invalid', `SRManifest.csv line ${record.line}: ${record.problem}`);
    if (names) rows.push(cellsOf(names, record.values));
    else {
      const header = readColumns(record.values, spec);
      if (!header.ok) return header;
      names = header.value.names;
    }
  }
  return checkRows(rows);
}

function checkRows(rows: readonly Readonly<Record<string, string>>[]): Result<Manifest> {
  const dated = rows.filter((row) => !undated.includes(row['FileName'] ?? ''));
  const ends = distinct(dated.map((row) => row['DateExtractTo'] ?? ''));
  const begins = distinct(dated.filter(isDelta).map((row) => row['DateExtractFrom'] ?? ''));
  if (ends.length !== 1) return fail('invalid', `SRManifest.csv names ${ends.length} extract ends, wanted one`);
  if (begins.length > 1) return fail('invalid', `SRManifest.csv names ${begins.length} extract beginnings, wanted one`);
  const to = instantOf(ends[0] ?? '');
  const from = begins[0] === undefined ? undefined : instantOf(begins[0]);
  if (!to) return fail('invalid', 'SRManifest.csv: DateExtractTo is not a time like 20250107_2307');
  if (begins.length === 1 && !from) {
    return fail(
      'invalid',
      'SRManifest.csv: a delta has no DateExtractFrom like 20250106_2305; a gap could not be seen',
    );
  }
  const tables = rows.map((row) => ({ table: row['FileName'] ?? '', isDelta: isDelta(row) }));
  return ok({ tables, from, to });
}

function isDelta(row: Readonly<Record<string, string>>): boolean {
  return row['IsDelta']?.toUpperCase() === 'Y';
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)];
}

/** `20250107_2307`, London. */
function instantOf(text: string): string | undefined {
  const [, year, month, day, hour, minute] = /^(\d{4})(\d{2})(\d{2})_(\d{2})(\d{2})$/.exec(text) ?? [];
  if (year === undefined) return undefined;
  try {
    return londonInstant(`${year}-${month}-${day}`, `${hour}:${minute}`);
  } catch {
    return undefined;
  }
}
