/** The rows of an EMIS batch, table by table in an order that is safe for references (facts: gp-extracts §1.3). */
import { join } from 'node:path';
import type { BatchDescription, RawRow, RejectedRow } from '#adapters/csv/batch.ts';
import { standardCsv } from '#adapters/csv/records.ts';
import { readColumns } from '#adapters/csv/table.ts';
import { readTable } from '#adapters/csv/table-rows.ts';
import { digest } from '#fhir/id.ts';
import { parseEmisName } from './name.ts';
import { type EmisTable, emisAliases, emisTables } from './tables.ts';

/**
 * Every row of every table that is read, as a raw row or as a rejected one. Rows with one key are all given; the one
 * with the highest `order` counts. Throws when a file has gone or no longer has the header that was described.
 */
export async function* readEmisBatch(
  folder: string,
  description: Pick<BatchDescription, 'files'>,
): AsyncGenerator<RawRow | RejectedRow> {
  for (const spec of emisTables) {
    for (const { name } of description.files) {
      const parsed = parseEmisName(name);
      if (!parsed.ok || parsed.value.table !== spec.table) continue;
      yield* readTable({
        path: join(folder, name),
        file: name,
        format: standardCsv,
        header: (values) => readColumns(values, spec, emisAliases),
        row: (line, cells) => rowOf(spec, name, line, cells),
      });
    }
  }
}

function rowOf(spec: EmisTable, file: string, line: number, raw: Record<string, string>): RawRow | RejectedRow {
  const cells = Object.fromEntries(
    Object.entries(raw).map(([name, value]) => [name, name.endsWith('Guid') ? plainGuid(value) : value]),
  );
  const reject = (reason: string): RejectedRow => ({ file, line, reason });
  // A delete row may leave anything blank but what says which row is deleted.
  const blank = [...spec.key, ...ownerColumns(spec)].find((column) => (cells[column] ?? '').trim() === '');
  if (blank) return reject(`${blank} is empty: the row cannot be told from others`);
  const order = spec.columns.includes('ProcessingId') ? wholeNumber(cells['ProcessingId'] ?? '') : line;
  if (order === undefined) return reject('ProcessingId is not a whole number');
  return {
    table: spec.table,
    organisation: cells['OrganisationGuid'] ?? '',
    key: keyOf(spec, cells),
    patientKey: cells['PatientGuid'] || undefined,
    order,
    deleted: isTrue(cells['Deleted']),
    line,
    file,
    cells,
  };
}

function ownerColumns(spec: EmisTable): string[] {
  return spec.columns.filter((column) => column === 'OrganisationGuid');
}

/** Ids as they are; of anything else that is needed to tell rows apart only the fingerprint, since keys are logged. */
function keyOf(spec: EmisTable, cells: Readonly<Record<string, string>>): string {
  return spec.key
    .map((column) => (/(Guid|Id)$/.test(column) ? cells[column] : digest(cells[column] ?? '').slice(0, 12)))
    .join('|');
}

/** What may be done with an organisation's data under the sharing agreement (facts: gp-extracts §1.4). */
export type AgreementState = 'active' | 'not-activated' | 'disabled' | 'deleted';

/** The state that a row of Agreements_SharingOrganisation says. Only `active` lets its data be used. */
export function agreementState(cells: Readonly<Record<string, string>>): AgreementState {
  if (isTrue(cells['Deleted'])) return 'deleted';
  if (!isTrue(cells['IsActivated'])) return 'not-activated';
  return isTrue(cells['Disabled']) ? 'disabled' : 'active';
}

/** `{0362eaa0-…}` → `0362EAA0-…` */
function plainGuid(text: string): string {
  return text
    .trim()
    .replace(/^\{(.*)\}$/, '$1')
    .toUpperCase();
}

function isTrue(text: string | undefined): boolean {
  return /^(true|1)$/i.test((text ?? '').trim());
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text.trim()) ? Number(text.trim()) : undefined;
}
