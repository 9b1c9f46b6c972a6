/** The rows of a TPP batch, lookups first. */
import { join } from 'node:path';
import type { BatchDescription, RawRow, RejectedRow } from '#adapters/csv/batch.ts';
import type { CsvFormat } from '#adapters/csv/records.ts';
import { readColumns, type TableSpec } from '#adapters/csv/table.ts';
import { readTable } from '#adapters/csv/table-rows.ts';
import { sharedTppTables, tppTables } from './tables.ts';

/** Delimiter and quote are the receiver's own setting; the encoding is not. */
export const tppCsv: CsvFormat = { encoding: 'windows-1252', delimiter: ',', quote: '"' };

/**
 * Every row of the tables that are read. A removal has nothing but its key (facts: gp-extracts §2.2), so whose it was
 * is known only to the receiver: `patientKey` is undefined, except for the patient itself.
 */
export async function* readTppBatch(
  folder: string,
  description: Pick<BatchDescription, 'files'> & { readonly tables?: readonly TableSpec[] },
  format: CsvFormat = tppCsv,
): AsyncGenerator<RawRow | RejectedRow> {
  for (const spec of description.tables ?? tppTables) {
    const file = `${spec.table}.csv`;
    if (!description.files.some((one) => one.name === file)) continue;
    yield* readTable({
      path: join(folder, file),
      file,
      format,
      header: (values) => readColumns(values, spec),
      row: (line, cells) => rowOf(spec, line, cells),
    });
  }
}

function rowOf(spec: TableSpec, line: number, cells: Record<string, string>): RawRow | RejectedRow {
  const { table } = spec;
  const file = `${table}.csv`;
  const reject = (reason: string): RejectedRow => ({ file, line, reason });
  const isShared = sharedTppTables.includes(table);
  const key = (cells['RowIdentifier'] ?? '').trim();
  const organisation = isShared ? '' : (cells['IDOrganisationVisibleTo'] ?? '').trim();
  if (!hasId(key)) return reject('RowIdentifier is empty: the row cannot be told from others');
  if (!isShared && organisation === '')
    return reject('IDOrganisationVisibleTo is empty: the row belongs to no practice');
  const patient = table === 'SRPatient' ? key : (cells['IDPatient'] ?? '').trim();
  const deleted = /^(1|true|y)$/i.test((cells['RemovedData'] ?? '').trim());
  return {
    table,
    organisation,
    key,
    patientKey: hasId(patient) ? patient : undefined,
    order: line,
    deleted,
    line,
    file,
    cells,
  };
}

/** An empty id is written `-1` or left out. */
function hasId(text: string): boolean {
  return text !== '' && text !== '-1';
}
