/** Keeps the search tables true to the resources, in the transaction that writes them: only what differs is written. */
import type { SearchDefinitions } from '#fhir/search-definition.ts';
import { type IndexRows, indexRowsOf, noRows } from '#fhir/search-value.ts';
import type { Resource } from '#fhir/types.ts';
import type { Database, Transaction } from './database.ts';
import { named, type Sql, sql } from './sql.ts';

/** A connection that knows what is declared as searchable. */
export type Searchable = Database & { readonly definitions: SearchDefinitions };

/** What a resource said before and says now; undefined: nothing (it is new, or deleted). */
export type Change = {
  readonly type: string;
  readonly rid: string;
  readonly before?: Resource | undefined;
  readonly after?: Resource | undefined;
  /** There never was a resource of this number, so none of its rows can be there: nothing needs to be looked for. */
  readonly isFirst?: boolean;
};

type Table = 'token' | 'reference' | 'date' | 'string' | 'number';
/** Rows as columns: the resource first, then the values of the row. */
type Columns = (string | number | null)[][];
type Rows = Record<Table, Columns>;

const TABLES: readonly Table[] = ['token', 'reference', 'date', 'string', 'number'];
const WIDTH: Readonly<Record<Table, number>> = { token: 3, reference: 4, date: 5, string: 5, number: 6 };

/** Removes the rows that changes leave behind; for those of a resource that is deleted nothing else is to be done. */
export async function unindexResources(
  tx: Transaction,
  organisation: string,
  changes: readonly Change[],
): Promise<void> {
  const gone = emptyRows();
  for (const { rid, before, after } of changes) {
    if (!before) continue;
    const now = after ? rowsOf(after, tx.definitions) : noRows();
    for (const table of TABLES) collect(gone[table], rid, rowsOf(before, tx.definitions)[table], now[table]);
  }
  await remove(tx, organisation, gone);
}

/** The rows that changes bring, as statements to be run with the one that writes the resources. */
export function insertsOf(definitions: SearchDefinitions, organisation: string, changes: readonly Change[]): Inserts {
  const come = emptyRows();
  const first = emptyRows();
  for (const { rid, before, after, isFirst } of changes) {
    if (!after) continue;
    const old = before ? rowsOf(before, definitions) : noRows();
    for (const table of TABLES)
      collect((isFirst ? first : come)[table], rid, rowsOf(after, definitions)[table], old[table]);
  }
  const [known, fresh] = [inserts(organisation, come, KEEP), inserts(organisation, first, sql``)];
  return { parts: [...known, ...fresh], name: `${tablesOf(known)}-${tablesOf(fresh)}` };
}

/** Statements, and what makes their text: which tables there are. */
export type Inserts = { readonly parts: readonly Sql[]; readonly name: string };

/** Numbers of the parameters that have a value in a resource, for its row. */
export function presentIn(resource: Resource, definitions: SearchDefinitions): number[] {
  return [...rowsOf(resource, definitions).present].sort((one, other) => one - other);
}

/** A resource is asked for its parameters and for its rows while it is saved: worked out once. */
const remembered = new WeakMap<Resource, { definitions: SearchDefinitions; rows: IndexRows }>();

function rowsOf(resource: Resource, definitions: SearchDefinitions): IndexRows {
  const known = remembered.get(resource);
  if (known?.definitions === definitions) return known.rows;
  const rows = indexRowsOf(resource, definitions);
  remembered.set(resource, { definitions, rows });
  return rows;
}

export function emptyRows(): Rows {
  const columns = (table: Table) => Array.from({ length: WIDTH[table] }, (): (string | number | null)[] => []);
  return {
    token: columns('token'),
    reference: columns('reference'),
    date: columns('date'),
    string: columns('string'),
    number: columns('number'),
  };
}

type Values = ReadonlyMap<string, readonly (string | number | null)[]>;

/** Adds the rows of `those` that are not among `others`. */
export function collect(columns: Columns, rid: string, those: Values, others: Values): void {
  for (const [key, values] of those) {
    if (others.has(key) && isSame(values, others.get(key))) continue;
    columns[0]?.push(rid);
    for (const [index, value] of values.entries()) columns[index + 1]?.push(value);
  }
}

function isSame(one: readonly unknown[], other: readonly unknown[] | undefined): boolean {
  return one.every((value, index) => value === other?.[index]);
}

/** Numbers as PostgreSQL reads an array of them: nothing in them needs escaping, and there are many. */
function literal(numbers: readonly (string | number | null)[] = []): string {
  return `{${numbers.join(',')}}`;
}

async function remove(tx: Transaction, organisation: string, rows: Rows): Promise<void> {
  const parts: Sql[] = [];
  const { token: t, reference: r, date: d, string: s, number: n } = rows;
  if (t[0]?.length)
    parts.push(sql`delete from search_token s using unnest(${literal(t[0])}::bigint[], ${literal(t[1])}::int[], ${literal(t[2])}::bigint[]) as g (rid, param, value)
      where s.organisation = ${organisation} and s.param = g.param and s.value = g.value and s.rid = g.rid`);
  if (r[0]?.length)
    parts.push(sql`delete from search_reference s using unnest(${literal(r[0])}::bigint[], ${literal(r[1])}::int[], ${literal(r[2])}::bigint[]) as g (rid, param, target)
      where s.organisation = ${organisation} and s.param = g.param and s.target = g.target and s.rid = g.rid`);
  if (d[0]?.length)
    parts.push(sql`delete from search_date s using unnest(${literal(d[0])}::bigint[], ${literal(d[1])}::int[], ${literal(d[2])}::bigint[], ${literal(d[3])}::bigint[], ${literal(d[4])}::bigint[]) as g (rid, param, token, low, high)
      where s.organisation = ${organisation} and s.param = g.param and s.rid = g.rid and s.token = g.token and s.low = g.low and s.high = g.high`);
  if (s[0]?.length)
    parts.push(sql`delete from search_string s using unnest(${literal(s[0])}::bigint[], ${literal(s[1])}::int[], ${literal(s[2])}::bigint[], ${literal(s[4])}::bigint[]) as g (rid, param, token, exact)
      where s.organisation = ${organisation} and s.param = g.param and s.rid = g.rid and s.token = g.token and s.exact = g.exact`);
  if (n[0]?.length)
    parts.push(sql`delete from search_number s using unnest(${literal(n[0])}::bigint[], ${literal(n[1])}::int[], ${literal(n[2])}::bigint[], ${literal(n[3])}::bigint[], ${literal(n[4])}::float8[], ${literal(n[5])}::float8[]) as g (rid, param, token, unit, low, high)
      where s.organisation = ${organisation} and s.param = g.param and s.rid = g.rid and s.token = g.token and s.unit = g.unit and s.low = g.low and s.high = g.high`);
  await together(tx, 'unindex', parts);
}

const KEEP = sql`on conflict do nothing`;

/** Inserts rows; those that are there already stay as they are. */
export async function insertRows(tx: Database, organisation: string, rows: Rows): Promise<void> {
  await together(tx, 'index', inserts(organisation, rows, KEEP));
}

function inserts(organisation: string, rows: Rows, otherwise: Sql): Sql[] {
  const parts: Sql[] = [];
  const { token: t, reference: r, date: d, string: s, number: n } = rows;
  if (t[0]?.length)
    parts.push(sql`insert into search_token (organisation, rid, param, value)
      select ${organisation}, * from unnest(${literal(t[0])}::bigint[], ${literal(t[1])}::int[], ${literal(t[2])}::bigint[]) ${otherwise}`);
  if (r[0]?.length)
    parts.push(sql`insert into search_reference (organisation, rid, param, target, type)
      select ${organisation}, * from unnest(${literal(r[0])}::bigint[], ${literal(r[1])}::int[], ${literal(r[2])}::bigint[], ${r[3]}::text[]) ${otherwise}`);
  if (d[0]?.length)
    parts.push(sql`insert into search_date (organisation, rid, param, token, low, high)
      select ${organisation}, * from unnest(${literal(d[0])}::bigint[], ${literal(d[1])}::int[], ${literal(d[2])}::bigint[], ${literal(d[3])}::bigint[], ${literal(d[4])}::bigint[]) ${otherwise}`);
  if (s[0]?.length)
    parts.push(sql`insert into search_string (organisation, rid, param, token, value, exact)
      select ${organisation}, * from unnest(${literal(s[0])}::bigint[], ${literal(s[1])}::int[], ${literal(s[2])}::bigint[], ${s[3]}::text[], ${literal(s[4])}::bigint[]) ${otherwise}`);
  if (n[0]?.length)
    parts.push(sql`insert into search_number (organisation, rid, param, token, unit, low, high)
      select ${organisation}, * from unnest(${literal(n[0])}::bigint[], ${literal(n[1])}::int[], ${literal(n[2])}::bigint[], ${literal(n[3])}::bigint[], ${literal(n[4])}::float8[], ${literal(n[5])}::float8[]) ${otherwise}`);
  return parts;
}

/** One statement for all tables: a journey to the database each would cost more than the rows do. */
async function together(tx: Database, what: string, parts: readonly Sql[]): Promise<void> {
  const [only] = parts;
  if (!only) return;
  await tx.query(
    named(`${what}-${tablesOf(parts)}`, parts.length === 1 ? only : sql`with ${withParts(parts)} select 1`),
  );
}

/** Which tables there are makes the text of a statement, so it makes its name. */
function tablesOf(parts: readonly Sql[]): string {
  return parts.map(({ text }) => /search_(\w)/.exec(text)?.[1]).join('');
}

/** Statements as the parts of one: `part0 as (…), part1 as (…)`. */
export function withParts(parts: readonly Sql[]): Sql {
  return list(parts.map((part, index) => sql`${raw(`part${index}`)} as (${part})`));
}

const raw = (text: string): Sql => sql([text] as unknown as TemplateStringsArray);

function list(parts: readonly Sql[]): Sql {
  return parts.slice(1).reduce((all, part) => sql`${all}, ${part}`, parts[0] ?? sql``);
}
