/**
 * Indexes what was written before a search parameter was: resource by resource in the order of their numbers, a batch a
 * transaction, its position kept with it. Stopped at any moment, it goes on from there.
 */
import type { SearchDefinition, SearchDefinitions } from '#fhir/search-definition.ts';
import { indexRowsOf } from '#fhir/search-value.ts';
import type { Resource } from '#fhir/types.ts';
import { inTransaction, lockKeys, type Pool, type Transaction } from './database.ts';
import { collect, emptyRows, insertRows } from './search-index.ts';
import { sql } from './sql.ts';

export type Progress = {
  readonly type: string;
  readonly codes: readonly string[];
  readonly done: number;
  readonly finished: boolean;
};

type Options = {
  readonly batch?: number;
  readonly onProgress?: (progress: Progress) => void;
  readonly isStopped?: () => boolean;
};

const BATCH = 500;

/** Brings every parameter that is still indexing to usable, then removes the rows of parameters that are no more. */
export async function reindex(pool: Pool, options: Options = {}): Promise<void> {
  const { batch = BATCH, onProgress = () => undefined, isStopped = () => false } = options;
  for (let progress = await step(pool, batch); progress; progress = await step(pool, batch)) {
    onProgress(progress);
    if (isStopped()) return;
  }
  await removeDropped(pool);
}

type Waiting = { param: number; type: string; organisation: string | null; rid: string | null };

/** One batch of one type; undefined when nothing waits. Two processes take turns. */
async function step(pool: Pool, batch: number): Promise<Progress | undefined> {
  return inTransaction(pool, async (tx) => {
    await lockKeys(tx, ['search-parameter']);
    const { rows } = await tx.query<Waiting>(sql`
      select param, type, organisation, rid::text as rid from search_parameter
      where state = 'indexing' and param = any(${numbersOf(pool.definitions)}::int[])
      order by type, organisation nulls first, rid nulls first`);
    const [first] = rows;
    if (!first) return undefined;
    // Those that stand at the same place go on together.
    const together = rows.filter(
      (row) => row.type === first.type && row.organisation === first.organisation && row.rid === first.rid,
    );
    const definitions = definitionsOf(pool.definitions, first.type, new Set(together.map((row) => row.param)));
    const found = await nextOf(tx, first, batch);
    await indexBatch(tx, found, definitions);
    const last = found.at(-1);
    await tx.query(sql`
      update search_parameter set done = done + ${found.length}, state = ${last ? 'indexing' : 'usable'},
        organisation = coalesce(${last?.organisation ?? null}, organisation), rid = coalesce(${last?.rid ?? null}::bigint, rid)
      where param = any(${[...definitions.values()].map((one) => one.param)}::int[])`);
    return { type: first.type, codes: [...definitions.keys()], done: found.length, finished: last === undefined };
  });
}

function numbersOf(definitions: SearchDefinitions): number[] {
  return [...definitions.values()].flatMap((ofType) => [...ofType.values()].map((one) => one.param));
}

function definitionsOf(
  definitions: SearchDefinitions,
  type: string,
  params: ReadonlySet<number>,
): ReadonlyMap<string, SearchDefinition> {
  return new Map([...(definitions.get(type) ?? [])].filter(([, one]) => params.has(one.param)));
}

type Found = { organisation: string; rid: string; content: string };

/** The next resources of a type, locked, so that no writer changes one between its reading and its indexing. */
async function nextOf(tx: Transaction, { type, organisation, rid }: Waiting, limit: number): Promise<Found[]> {
  const columns = sql`select organisation, rid::text as rid, content from resource`;
  if (organisation !== null) {
    const { rows } = await tx.query<Found>(sql`
      ${columns} where organisation = ${organisation} and type = ${type} and rid > ${rid}::bigint and not deleted order by rid limit ${limit} for update`);
    if (rows.length > 0) return rows;
  }
  const { rows: next } = await tx.query<{ organisation: string | null }>(sql`
    select min(organisation) as organisation from resource where type = ${type} and organisation > ${organisation ?? ''} and not deleted`);
  if (!next[0]?.organisation) return [];
  const { rows } = await tx.query<Found>(sql`
    ${columns} where organisation = ${next[0].organisation} and type = ${type} and not deleted order by rid limit ${limit} for update`);
  return rows;
}

async function indexBatch(
  tx: Transaction,
  found: readonly Found[],
  definitions: ReadonlyMap<string, SearchDefinition>,
): Promise<void> {
  const [first] = found;
  if (!first) return;
  const columns = emptyRows();
  const present: string[] = [];
  for (const { rid, content } of found) {
    const resource = JSON.parse(content) as Resource;
    const rows = indexRowsOf(resource, new Map([[resource.resourceType, definitions]]));
    for (const table of ['token', 'reference', 'date', 'string', 'number'] as const)
      collect(columns[table], rid, rows[table], new Map());
    present.push(`{${[...rows.present].join(',')}}`);
  }
  await insertRows(tx, first.organisation, columns);
  await tx.query(sql`
    update resource r set present = array(select distinct unnest(r.present || n.present::int[]) order by 1)
    from unnest(${found.map((one) => one.rid)}::bigint[], ${present}::text[]) as n (rid, present)
    where r.organisation = ${first.organisation} and r.type = ${[...definitions.values()][0]?.type} and r.rid = n.rid and not r.present @> n.present::int[]`);
}

/** Rows of parameters that are no longer declared, practice by practice. They disturb nobody; they only take room. */
async function removeDropped(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ param: number }>(
    sql`select param from search_parameter where not param = any(${numbersOf(pool.definitions)}::int[])`,
  );
  if (rows.length === 0) return;
  const params = rows.map((row) => row.param);
  const { rows: practices } = await pool.query<{ organisation: string }>(
    sql`select distinct organisation from resource`,
  );
  for (const { organisation } of practices) {
    const gone = sql`organisation = ${organisation} and param = any(${params}::int[])`;
    await pool.query(sql`
      with token as (delete from search_token where ${gone}), reference as (delete from search_reference where ${gone}),
        date as (delete from search_date where ${gone}), number as (delete from search_number where ${gone})
      delete from search_string where ${gone}`);
  }
  await pool.query(sql`delete from search_parameter where param = any(${params}::int[])`);
}
