/**
 * Files of reference sets: a CSV as the NHS and OpenCodelists publish them, or RF2 of a UK release (tab separated, no
 * quotes). Columns are found by name; ids stay text. https://confluence.ihtsdotools.org/display/DOCRELFMT
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { type CsvFormat, readCsv, standardCsv } from '#adapters/csv/records.ts';
import { fail, ok, type Result } from '#result.ts';

/** As `#translate/refset/members.ts` takes them. */
export type RefsetRow = { readonly line: number; readonly code: string; readonly display?: string };

export type RefsetFile = {
  readonly rows: readonly RefsetRow[];
  /** Lines that are no record of the file. */
  readonly broken: readonly { readonly line: number; readonly reason: string }[];
  /** Rows of other sets, and of RF2 those that are no longer active. */
  readonly passedOver: number;
  readonly sha256: string;
};

export type ConceptHistory = {
  readonly isActive: ReadonlyMap<string, boolean>;
  readonly replacedBy: ReadonlyMap<string, readonly string[]>;
};

/** RF2 has no quotes: this character stands in no file. */
const rf2: CsvFormat = { encoding: 'utf-8', delimiter: '\t', quote: '\u0001' };
const CODE_COLUMNS = ['referencedcomponentid', 'code', 'conceptid', 'snomed_id', 'dmd_id', 'id'];
const TERM_COLUMNS = ['term', 'display', 'dmd_name'];
const SET_COLUMNS = ['refsetid', 'refset', 'cluster_id'];

/** SAME AS and REPLACED BY; what is only possibly equivalent is a person's to decide. */
const ASSOCIATIONS: ReadonlySet<string> = new Set(['900000000000527005', '900000000000526001']);

/**
 * The rows of one set. `set` names it (an id or a cluster) where a file holds several; without it a file of several is
 * refused, with their number.
 */
export async function readRefset(path: string, set?: string): Promise<Result<RefsetFile>> {
  const name = basename(path);
  const table = await readTable(path, await formatOf(path));
  if (!table.ok) return table;
  const { column, records, broken } = table.value;
  const [codes, terms, active] = [CODE_COLUMNS, TERM_COLUMNS, ['active']].map(column) as Places;
  if (codes < 0) return fail('invalid', `${name} has no column of codes; wanted one of ${CODE_COLUMNS.join(', ')}`);
  const sets = SET_COLUMNS.map((one) => column([one])).filter((place) => place >= 0);
  const setsOf = (values: readonly string[]) => sets.map((place) => (values[place] ?? '').replace('^', '').trim());
  const taken = records.filter(
    ({ values }) => values[active] !== '0' && (set === undefined || sets.length === 0 || setsOf(values).includes(set)),
  );
  const several = new Set(taken.map(({ values }) => setsOf(values)[0])).size;
  if (several > 1) return fail('invalid', `${name} holds ${several} sets; say which one with --set`);
  if (taken.length === 0)
    return fail('invalid', `${name} has no active row${set === undefined ? '' : ` of the set that --set names`}`);
  const rows = taken.map(({ line, values }) => ({ line, code: values[codes] ?? '', display: values[terms] ?? '' }));
  return ok({ rows, broken, passedOver: records.length - taken.length, sha256: await sha256Of(path) });
}

/** Which concepts are active, and what took the place of others, from the concept and association files of one release. */
export async function readHistory(concepts: string, associations: string): Promise<Result<ConceptHistory>> {
  const isActive = new Map<string, boolean>();
  const replacedBy = new Map<string, string[]>();
  const states = await rowsOf(concepts, ['id', 'active'], ([id = '', active]) => isActive.set(id, active === '1'));
  if (!states.ok) return states;
  const columns = ['active', 'refsetId', 'referencedComponentId', 'targetComponentId'];
  const links = await rowsOf(associations, columns, ([active, kind = '', from = '', to = '']) => {
    if (active === '1' && ASSOCIATIONS.has(kind)) replacedBy.set(from, [...(replacedBy.get(from) ?? []), to]);
  });
  return links.ok ? ok({ isActive, replacedBy }) : links;
}

type Places = [codes: number, terms: number, active: number];
type Row = { readonly line: number; readonly values: readonly string[] };
type Table = {
  /** The place of the first of several names, whatever their case; -1 where there is none. */
  readonly column: (names: readonly string[]) => number;
  readonly records: readonly Row[];
  readonly broken: readonly { readonly line: number; readonly reason: string }[];
};

/** A file of one set is small; those of a whole release are read row by row (`rowsOf`). */
async function readTable(path: string, format: CsvFormat): Promise<Result<Table>> {
  const records: Row[] = [];
  const broken: { line: number; reason: string }[] = [];
  for await (const record of readCsv(path, format))
    if ('values' in record) records.push(record);
    else broken.push({ line: record.line, reason: record.problem });
  const [header] = records;
  if (!header || broken.some(({ line }) => line < header.line))
    return fail('invalid', `${basename(path)} has no header that can be read`);
  return ok({ column: columnsOf(header.values), records: records.slice(1), broken });
}

async function rowsOf(
  path: string,
  columns: readonly string[],
  take: (cells: readonly (string | undefined)[]) => unknown,
): Promise<Result<undefined>> {
  let places: number[] | undefined;
  for await (const record of readCsv(path, rf2)) {
    if ('problem' in record) return fail('invalid', `${basename(path)}, line ${record.line}: ${record.problem}`);
    if (places) {
      take(places.map((place) => record.values[place]));
      continue;
    }
    const column = columnsOf(record.values);
    places = columns.map((one) => column([one.toLowerCase()]));
    if (places.includes(-1))
      return fail('invalid', `${basename(path)} lacks a column; wanted ${columns.join(', ')} of an RF2 file`);
  }
  return places ? ok(undefined) : fail('invalid', `${basename(path)} is empty`);
}

function columnsOf(header: readonly string[]): Table['column'] {
  const names = header.map((one) =>
    one
      .replace(/^\ufeff/, '')
      .trim()
      .toLowerCase(),
  );
  return (wanted) => {
    const found = wanted.find((one) => names.includes(one));
    return found === undefined ? -1 : names.indexOf(found);
  };
}

async function formatOf(path: string): Promise<CsvFormat> {
  for await (const piece of createReadStream(path, { end: 4_095 }))
    return String(piece).split('\n')[0]?.includes('\t') ? rf2 : standardCsv;
  return standardCsv;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}
