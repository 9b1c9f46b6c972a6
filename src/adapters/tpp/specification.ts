/**
 * The supplier's own list of tables and columns (`Specification v123.csv`), put in place of ours: what is known of the
 * columns is data of a release, and ours is of an old one (facts: gp-extracts §2, §2.3).
 */
import { parse } from 'csv-parse/sync';
import type { TableSpec } from '#adapters/csv/table.ts';
import { fail, ok, type Result } from '#result.ts';
import { tppTables } from './tables.ts';

/** How the two columns that matter are called; the file's own names are not published (unverified). */
const TABLE = /^table( ?name)?$/i;
const COLUMN = /^(column|field)( ?name)?$/i;

/**
 * The tables that Holdfast reads, with the columns that the file lists. `invalid` when the file lacks a table or a
 * column without which nothing can be made of the extract: better at the start than on the first night.
 */
export function readTppSpecification(text: string): Result<readonly TableSpec[]> {
  const rows = cellsIn(text);
  if (!rows.ok) return rows;
  const [header = [], ...lines] = rows.value;
  const table = header.findIndex((name) => TABLE.test(name.trim()));
  const column = header.findIndex((name) => COLUMN.test(name.trim()));
  if (table < 0 || column < 0)
    return fail('invalid', 'The TPP specification has no columns "Table" and "Column" (or "TableName", "ColumnName")');
  const listed = Map.groupBy(lines, (cells) => (cells[table] ?? '').trim().toLowerCase());
  const specs = tppTables.map((spec) => {
    const columns = (listed.get(spec.table.toLowerCase()) ?? []).map((cells) => (cells[column] ?? '').trim());
    return { ...spec, columns: columns.map((name) => spelt(spec, name)) };
  });
  const faults = specs.flatMap(({ table: name, columns, required }) => {
    if (columns.length === 0) return [`it lists no table ${name}`];
    const missing = required.filter((one) => !columns.includes(one));
    return missing.length > 0 ? [`${name} lacks ${missing.join(', ')}`] : [];
  });
  return faults[0] === undefined ? ok(specs) : fail('invalid', `The TPP specification cannot be used: ${faults[0]}`);
}

/** Our spelling of a column, where it is one that we know. */
function spelt(spec: TableSpec, name: string): string {
  return spec.columns.find((known) => known.toLowerCase() === name.toLowerCase()) ?? name;
}

function cellsIn(text: string): Result<string[][]> {
  try {
    return ok(parse(text, { bom: true, relax_column_count: true, skip_empty_lines: true }));
  } catch (error) {
    return fail('invalid', `The TPP specification is not CSV: ${(error as Error).message}`);
  }
}
