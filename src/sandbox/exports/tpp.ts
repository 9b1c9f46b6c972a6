/** A TPP SystmOne Strategic Reporting extract of one practice: a folder of CSV files and the manifest that completes it. facts: gp-extracts §2 */
import type { GpSystems } from '#sandbox/gp-system.ts';
import { quotedCsv, type Row, type WallClock, wallClock } from './csv.ts';
import type { ExportFile } from './emis.ts';
import { aScope } from './scope.ts';
import { TPP_COLUMNS } from './tpp-columns.ts';
import { TPP_REFERENCE, TPP_ROWS, type TppTableName } from './tpp-tables.ts';

/**
 * The files of one batch, to be written to `folder` as Windows-1252 (every character has one byte there, so `latin1`
 * does), the manifest last. `from` and `to` are instants, in the manifest as London time; a delta holds what changed
 * after `from`. What they hold is the state now, so make them when `now` is `to`.
 */
export function tppBatch(batch: {
  readonly systems: GpSystems;
  readonly ods: string;
  readonly full: boolean;
  /** Undefined only for a full batch. */
  readonly from?: string;
  readonly to: string;
}): { readonly folder: string; readonly files: readonly ExportFile[] } {
  const { systems, ods, full, from, to } = batch;
  const practice = systems.practice(ods);
  if (!practice) throw new Error(`No practice ${ods} in the synthetic network`);
  if (!full && from === undefined) throw new Error('A delta needs the instant from which it reaches: give `from`');
  const clock = wallClock();
  const scope = aScope(systems, practice, clock, full ? undefined : from);
  const tables = Object.keys(TPP_ROWS).filter(isTable);
  const files = tables.map((table) => fileOf(table, TPP_ROWS[table](scope)));
  const span = { from: full || from === undefined ? '' : minuteOf(clock, from), to: minuteOf(clock, to) };
  return { folder: span.to, files: [...files, fileOf('SRManifest', manifestRows(tables, full, span))] };
}

function isTable(name: string): name is TppTableName {
  return name in TPP_ROWS;
}

function fileOf(table: keyof typeof TPP_COLUMNS, rows: readonly Row[]): ExportFile {
  return { name: `${table}.csv`, content: quotedCsv(TPP_COLUMNS[table], rows) };
}

function manifestRows(
  tables: readonly TppTableName[],
  full: boolean,
  span: { readonly from: string; readonly to: string },
): readonly Row[] {
  return tables
    .filter((table) => table !== 'SRMapping')
    .map((table) => ({
      FileName: table,
      IsDelta: full ? 'N' : 'Y',
      IsReference: TPP_REFERENCE.includes(table) ? 'Y' : 'N',
      DateExtractFrom: span.from,
      DateExtractTo: span.to,
    }));
}

/** `yyyyMMdd_HHmm` in London. */
function minuteOf(clock: WallClock, instant: string): string {
  const { date, time } = clock(instant);
  return `${date.replaceAll('-', '')}_${time.slice(0, 5).replace(':', '')}`;
}
