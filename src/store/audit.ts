/** The audit trail: rows appended in one statement, in the caller's transaction or in one of their own. The table refuses changes. */
import type { AuditRow } from '#fhir/audit-row.ts';
import { rowDigest } from './audit-digest.ts';
import type { Pool, Transaction } from './database.ts';
import { join, type Sql, sql } from './sql.ts';

type Column = readonly [name: string, type: string, of: (row: AuditRow) => string | number | null];

/** Longest text kept: a longer query is cut and says so. */
const LONGEST = 32_768;

const COLUMNS: readonly Column[] = [
  ['id', 'uuid', (row) => row.id],
  ['recorded', 'timestamptz', (row) => row.recorded],
  ['interaction', 'text', (row) => row.interaction],
  ['operation', 'text', (row) => clean(row.operation)],
  ['type', 'text', (row) => clean(row.type)],
  ['resource_id', 'text', (row) => clean(row.resourceId)],
  ['version', 'integer', (row) => row.version ?? null],
  ['patients', 'text', (row) => literal(row.patients)],
  ['organisations', 'text', (row) => literal(row.organisations)],
  ['client', 'text', (row) => clean(row.client)],
  ['subject', 'text', (row) => clean(row.subject)],
  ['role', 'text', (row) => clean(row.role)],
  ['name', 'text', (row) => clean(row.name)],
  ['address', 'text', (row) => clean(row.address)],
  ['outcome', 'smallint', (row) => row.outcome],
  ['found', 'integer', (row) => row.found ?? null],
  ['query', 'text', (row) => clean(row.query)],
  ['request_id', 'text', (row) => clean(row.requestId)],
  ['source', 'text', (row) => clean(row.source)],
];
const ARRAYS = new Set(['patients', 'organisations']);

const names = COLUMNS.map(([name]) => name);
const unpacked = names.map((name) => (ARRAYS.has(name) ? `u.${name}::text[] as ${name}` : `u.${name}`));
const parameters = COLUMNS.map(([, type], index) => `$${index + 1}::${type}[]`);

/** Rows come as one array for each column, so that any number of them is the same prepared statement. */
const text = `insert into audit_event (${names.join(', ')}, digest)
  select ${names.map((name) => `r.${name}`).join(', ')}, ${rowDigest.text}
  from (select ${unpacked.join(', ')} from unnest(${parameters.join(', ')}) as u(${names.join(', ')})) as r`;

/** Appends rows in the transaction of the change that they tell of: they exist exactly when it commits. */
export async function appendAudit(tx: Transaction, rows: readonly AuditRow[]): Promise<void> {
  if (rows.length > 0) tx.later({ name: 'append-audit', text, values: valuesOf(rows) });
}

/** Appends rows by themselves; durable when it resolves. */
export async function insertAudit(pool: Pool, rows: readonly AuditRow[]): Promise<void> {
  await pool.inner.query({ name: 'append-audit', text, values: valuesOf(rows) });
}

function valuesOf(rows: readonly AuditRow[]): unknown[] {
  return COLUMNS.map(([, , of]) => rows.map(of));
}

/** Every column but `patients` (those are read), each row's values bound as one array. */
const ASKED = COLUMNS.filter(([name]) => name !== 'patients');
const constant = (words: string): Sql => sql([words] as unknown as TemplateStringsArray);
const askedNames = constant(ASKED.map(([name]) => (name === 'id' ? 'event' : name)).join(', '));

/** What is asked of `unnest` for rows whose patients are yet to be read: its arrays, and the names of its columns. */
export function askedOf(rows: readonly AuditRow[]): { readonly arrays: Sql; readonly names: Sql } {
  const arrays = ASKED.map(([, type, of]) => sql`${rows.map(of)}${constant(`::${type}[]`)}`);
  return { arrays: join(arrays, ', '), names: askedNames };
}

/** The insertion of rows asked for so, from a relation that has those columns and `read_patients`, a text array. */
export function keptFrom(relation: Sql): Sql {
  const columns = names.map((name) => {
    if (name === 'patients') return 'a.read_patients as patients';
    if (name === 'id') return 'a.event as id';
    return ARRAYS.has(name) ? `a.${name}::text[] as ${name}` : `a.${name}`;
  });
  return sql`insert into audit_event (${constant(names.join(', '))}, digest)
    select ${constant(names.map((name) => `r.${name}`).join(', '))}, ${rowDigest} from (select ${constant(columns.join(', '))} from ${relation} a) as r`;
}

/** Control characters, the separators of the digest among them. */
const CONTROL = /\p{Cc}/u;
const CONTROLS = /\p{Cc}/gu;

/**
 * A text that PostgreSQL can hold and that the digest can tell apart: callers choose ids and queries, and one odd
 * character must neither fail the rows beside it nor read back as something else.
 */
function clean(value: string | undefined): string | null {
  if (value === undefined) return null;
  const whole = value.length > LONGEST ? `${value.slice(0, LONGEST)}… (${value.length} characters)` : value;
  if (whole.isWellFormed() && !CONTROL.test(whole)) return whole;
  return whole.toWellFormed().replace(CONTROLS, '\ufffd');
}

/** A PostgreSQL array literal of the distinct values, in order. */
function literal(values: readonly string[]): string {
  if (values.length === 0) return '{}';
  const distinct = values.length === 1 ? values : [...new Set(values)].sort();
  return `{${distinct.map((value) => `"${(clean(value) ?? '').replace(/["\\]/g, '\\$&')}"`).join(',')}}`;
}
