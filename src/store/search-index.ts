/** Keeps the search tables true to the resources, in the transaction that writes them. */
import { type IndexRow, indexRowsOf } from '#fhir/search-value.ts';
import type { Resource } from '#fhir/types.ts';
import type { Transaction } from './database.ts';
import { sql } from './sql.ts';

type Keys = { readonly types: readonly string[]; readonly ids: readonly string[] };
type Row<K extends IndexRow['kind']> = Extract<IndexRow, { kind: K }> & { readonly type: string; readonly id: string };

/** Replaces the index rows of the named resources by those of the given contents (none for a deleted one). */
export async function indexResources(
  tx: Transaction,
  organisation: string,
  resources: readonly Resource[],
  replaced: Keys,
): Promise<void> {
  await clear(tx, organisation, replaced);
  const rows = resources.flatMap((resource) =>
    indexRowsOf(resource, tx.definitions)
      .filter(fits)
      .map((row) => ({ ...row, type: resource.resourceType as string, id: resource.id ?? '' })),
  );
  await insertTokens(
    tx,
    organisation,
    rows.filter((row) => row.kind === 'token'),
  );
  await insertReferences(
    tx,
    organisation,
    rows.filter((row) => row.kind === 'reference'),
  );
  await insertDates(
    tx,
    organisation,
    rows.filter((row) => row.kind === 'date'),
  );
  await insertStrings(
    tx,
    organisation,
    rows.filter((row) => row.kind === 'string'),
  );
}

/** Bytes that an index entry may have, with room for its key columns (PostgreSQL takes 2,704 in all). */
const LONGEST = 2_000;

/** A value too long for an index is kept in its resource and not found by it: better than a record that cannot be saved. */
function fits({ kind: _kind, ...values }: IndexRow): boolean {
  return Object.values(values).reduce((sum, value) => sum + Buffer.byteLength(value), 0) <= LONGEST;
}

async function clear(tx: Transaction, organisation: string, { types, ids }: Keys): Promise<void> {
  await tx.query(sql`
    with gone as (select * from unnest(${types}::text[], ${ids}::text[]) as one (type, id)),
      token as (delete from search_token s using gone where s.organisation = ${organisation} and s.type = gone.type and s.id = gone.id),
      reference as (delete from search_reference s using gone where s.organisation = ${organisation} and s.type = gone.type and s.id = gone.id),
      date as (delete from search_date s using gone where s.organisation = ${organisation} and s.type = gone.type and s.id = gone.id)
    delete from search_string s using gone where s.organisation = ${organisation} and s.type = gone.type and s.id = gone.id`);
}

async function insertTokens(tx: Transaction, organisation: string, rows: readonly Row<'token'>[]): Promise<void> {
  if (rows.length === 0) return;
  const column = columnsOf(rows);
  await tx.query(sql`
    insert into search_token (organisation, type, param, system, code, id)
    select ${organisation}, * from unnest(${column('type')}::text[], ${column('param')}::text[], ${column('system')}::text[], ${column('code')}::text[], ${column('id')}::text[])`);
}

async function insertReferences(
  tx: Transaction,
  organisation: string,
  rows: readonly Row<'reference'>[],
): Promise<void> {
  if (rows.length === 0) return;
  const column = columnsOf(rows);
  await tx.query(sql`
    insert into search_reference (organisation, type, param, target_type, target_id, id)
    select ${organisation}, * from unnest(${column('type')}::text[], ${column('param')}::text[], ${column('targetType')}::text[], ${column('targetId')}::text[], ${column('id')}::text[])`);
}

async function insertDates(tx: Transaction, organisation: string, rows: readonly Row<'date'>[]): Promise<void> {
  if (rows.length === 0) return;
  const column = columnsOf(rows);
  await tx.query(sql`
    insert into search_date (organisation, type, param, low, high, id)
    select ${organisation}, * from unnest(${column('type')}::text[], ${column('param')}::text[], ${column('low')}::timestamptz[], ${column('high')}::timestamptz[], ${column('id')}::text[])`);
}

async function insertStrings(tx: Transaction, organisation: string, rows: readonly Row<'string'>[]): Promise<void> {
  if (rows.length === 0) return;
  const column = columnsOf(rows);
  await tx.query(sql`
    insert into search_string (organisation, type, param, value, exact, id)
    select ${organisation}, * from unnest(${column('type')}::text[], ${column('param')}::text[], ${column('value')}::text[], ${column('exact')}::text[], ${column('id')}::text[])`);
}

function columnsOf<R extends object>(rows: readonly R[]): <K extends keyof R>(name: K) => R[K][] {
  return (name) => rows.map((row) => row[name]);
}
