/**
 * Which search parameters are ready. A new or changed one finds only what was written since: until everything is
 * indexed, searching it is an error, never a partial answer.
 */
import type { Criterion } from '#fhir/search-criterion.ts';
import type { SearchDefinitions } from '#fhir/search-definition.ts';
import type { SearchRequest } from '#fhir/search-request.ts';
import type { Pool } from './database.ts';
import type { Searchable } from './search-index.ts';
import { sql } from './sql.ts';

/** The organisations that have resources, each found by one step in the index: there are few beside their rows. */
const practices = sql`select organisation from (
  with recursive step (organisation) as (
    select min(organisation) from resource
    union all select (select min(r.organisation) from resource r where r.organisation > step.organisation) from step where step.organisation is not null
  ) select organisation from step where organisation is not null) each`;

/** Parameters known to be still indexing, by the definitions they belong to: asked of the table only while there are any. */
const indexing = new WeakMap<SearchDefinitions, Set<number>>();

/**
 * Compares what is declared with what is indexed. A parameter that is new is `indexing` where resources of its type
 * exist, else usable at once. Answers with those to be indexed, as `Type.code`.
 */
export async function openParameters(pool: Pool): Promise<string[]> {
  const declared = [...pool.definitions.values()].flatMap((ofType) => [...ofType.values()]);
  const { rows } = await pool.query<{ param: number; type: string; code: string; state: string }>(sql`
    with declared as (
      select * from unnest(${declared.map((one) => one.param)}::int[], ${declared.map((one) => one.type)}::text[], ${declared.map((one) => one.code)}::text[]) as d (param, type, code)
    ), fresh as (
      select * from declared d where not exists (select 1 from search_parameter p where p.param = d.param)
    ), practice as materialized (
      ${practices}
    ), filled as (
      select t.type, exists (
        select 1 from practice p cross join lateral (
          select 1 from resource r where r.organisation = p.organisation and r.type = t.type and not r.deleted limit 1
        ) r
      ) as has from (select distinct type from fresh) t
    ), added as (
      insert into search_parameter (param, type, code, state)
      select d.param, d.type, d.code, case when f.has then 'indexing' else 'usable' end from fresh d join filled f using (type)
      on conflict (param) do nothing returning param, type, code, state
    )
    select param, type, code, state from added where state = 'indexing'
    union select p.param, p.type, p.code, p.state from search_parameter p join declared d using (param) where p.state = 'indexing'
    order by type, code`);
  indexing.set(pool.definitions, new Set(rows.map((row) => row.param)));
  return rows.map((row) => `${row.type}.${row.code}`);
}

/** The parameter of a search that is not ready, as `Type.code`; undefined when all are. */
export function notUsable(db: Searchable, request: SearchRequest): Promise<string | undefined> {
  return stillIndexing(db, () => paramsOf(request));
}

/** Of the parameters by these numbers one that is not ready, as `Type.code`; undefined when all are. */
export async function stillIndexing(db: Searchable, params: () => readonly number[]): Promise<string | undefined> {
  const waiting = indexing.get(db.definitions);
  if (!waiting || waiting.size === 0) return undefined;
  const asked = params().filter((param) => waiting.has(param));
  if (asked.length === 0) return undefined;
  const { rows } = await db.query<{ param: number; name: string; state: string }>(
    sql`select param, type || '.' || code as name, state from search_parameter where param = any(${asked}::int[]) order by type, code`,
  );
  for (const row of rows) if (row.state === 'usable') waiting.delete(row.param);
  return rows.find((row) => row.state === 'indexing')?.name;
}

function paramsOf({ filters, sort, includes }: SearchRequest): number[] {
  return [
    ...filters.flatMap(({ criterion }) => paramsIn(criterion)),
    ...sort.flatMap(({ by }) => (typeof by === 'string' ? [] : [by.param])),
    ...includes.flatMap(({ params }) => params.map((one) => one.param)),
  ];
}

function paramsIn(criterion: Criterion): number[] {
  switch (criterion.kind) {
    case 'any':
    case 'all':
      return criterion.of.flatMap(paramsIn);
    case 'chain':
    case 'has':
      return [criterion.param, ...paramsIn(criterion.criterion)];
    case 'ids':
    case 'updated':
      return [];
    default:
      return [criterion.param];
  }
}
