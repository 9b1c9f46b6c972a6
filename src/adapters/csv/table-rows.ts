/** The rows of one table's file. */
import type { Result } from '#result.ts';
import type { RawRow, RejectedRow } from './batch.ts';
import { type CsvFormat, readCsv } from './records.ts';
import { cellsOf, type Header } from './table.ts';

export type TableFile = {
  readonly path: string;
  /** As named in rows and reasons. */
  readonly file: string;
  readonly format: CsvFormat;
  readonly header: (values: readonly string[]) => Result<Header>;
  readonly row: (line: number, cells: Record<string, string>) => RawRow | RejectedRow;
};

/** Every row as the caller shapes it, or rejected. Throws when the header is not the one that the caller knows. */
export async function* readTable(table: TableFile): AsyncGenerator<RawRow | RejectedRow> {
  let names: readonly string[] | undefined;
  for await (const record of readCsv(table.path, table.format)) {
    if (names) {
      yield 'problem' in record
        ? { file: table.file, line: record.line, reason: record.problem }
        : table.row(record.line, cellsOf(names, record.values));
      continue;
    }
    const header = 'values' in record ? table.header(record.values) : undefined;
    if (!header?.ok) throw new Error(`${table.file} has changed since it was described: its header cannot be read`);
    names = header.value.names;
  }
}
