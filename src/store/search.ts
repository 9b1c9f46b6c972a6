/** Searches: a parsed request becomes one SQL statement over the index tables; pages go by keyset, never by offset. */
import { isInstant } from '#fhir/date.ts';
import type { Criterion, Filter, SearchRequest } from '#fhir/search-request.ts';
import { type Access, visible } from './access.ts';
import type { Database } from './database.ts';
import { join, type Sql, sql } from './sql.ts';

export type SearchEntry = {
  readonly type: string;
  readonly id: string;
  readonly content: string;
  readonly patient: string | null;
};

export type SearchPage = {
  readonly entries: readonly SearchEntry[];
  /** Opaque position after the last entry; undefined on the last page. */
  readonly next: string | undefined;
  readonly total: number | undefined;
};

type Position = { readonly updated: string; readonly id: string };

/** Runs a search within what the caller may see. A cursor that is not ours gives the first page of nothing: an empty one. */
export async function searchResources(db: Database, access: Access, request: SearchRequest): Promise<SearchPage> {
  const where = join(conditions(access, request), ' and ');
  const total = request.total || request.summaryCount ? await count(db, where) : undefined;
  if (request.summaryCount) return { entries: [], next: undefined, total };
  const { rows } = await db.query<SearchEntry & { updated: string }>(sql`
    select r.type, r.id, r.content, r.patient, to_char(r.last_updated at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as updated from resource r
    where ${join([where, ...after(request)], ' and ')}
    order by ${order(request.sort)} limit ${request.count + 1}`);
  const page = rows.slice(0, request.count);
  const last = page.at(-1);
  const next = rows.length > request.count && last ? encode({ updated: last.updated, id: last.id }) : undefined;
  return { entries: page, next, total };
}

async function count(db: Database, where: Sql): Promise<number> {
  const { rows } = await db.query<{ total: number }>(sql`select count(*) as total from resource r where ${where}`);
  return rows[0]?.total ?? 0;
}

function conditions(access: Access, request: SearchRequest): Sql[] {
  return [
    visible(access, sql`r`, request.type),
    sql`r.type = ${request.type}`,
    sql`not r.deleted`,
    ...(request.ids ? [sql`r.id = any(${request.ids}::text[])`] : []),
    ...request.updated.map(({ prefix, low, high }) =>
      dateCondition(prefix, { low, high }, sql`r.last_updated`, sql`(r.last_updated + interval '1 millisecond')`),
    ),
    ...request.filters.map((filter) =>
      filterCondition(filter, { access, type: request.type, organisation: sql`r.organisation`, id: sql`r.id` }),
    ),
  ];
}

type Place = { readonly access: Access; readonly type: string; readonly organisation: Sql; readonly id: Sql };

function filterCondition(filter: Filter, place: Place): Sql {
  const { criterion, param } = filter;
  const found = (table: Sql, condition: Sql) => sql`(${place.organisation}, ${place.id}) in (
    select s.organisation, s.id from ${table} s where ${visible(place.access, sql`s`, place.type)} and s.type = ${place.type} and s.param = ${param} and ${condition})`;
  switch (criterion.kind) {
    case 'token': {
      const condition = found(sql`search_token`, anyOf(criterion.values.map(tokenCondition)));
      return criterion.not ? sql`not ${condition}` : condition;
    }
    case 'reference':
      return found(
        sql`search_reference`,
        anyOf(
          criterion.values.map(({ type, id }) =>
            type ? sql`s.target_id = ${id} and s.target_type = ${type}` : sql`s.target_id = ${id}`,
          ),
        ),
      );
    case 'date':
      return found(
        sql`search_date`,
        anyOf(
          criterion.values.map(({ prefix, low, high }) =>
            dateCondition(prefix, { low, high }, sql`s.low`, sql`s.high`),
          ),
        ),
      );
    case 'string':
      return found(sql`search_string`, anyOf(criterion.values.map((value) => stringCondition(criterion.match, value))));
    case 'missing': {
      const any = found(tables[criterion.of], sql`true`);
      return criterion.missing ? sql`not ${any}` : any;
    }
    case 'chain':
      return found(
        sql`search_reference`,
        sql`s.target_type = ${criterion.type} and ${filterCondition(criterion.filter, { access: place.access, type: criterion.type, organisation: sql`s.organisation`, id: sql`s.target_id` })}`,
      );
  }
}

const tables = {
  token: sql`search_token`,
  reference: sql`search_reference`,
  date: sql`search_date`,
  string: sql`search_string`,
};

function tokenCondition({ system, code }: Extract<Criterion, { kind: 'token' }>['values'][number]): Sql {
  const parts = [
    ...(code === undefined ? [] : [sql`s.code = ${code}`]),
    ...(system === undefined ? [] : [sql`s.system = ${system}`]),
  ];
  return join(parts, ' and ', sql`true`);
}

function stringCondition(match: 'starts' | 'contains' | 'exact', value: string): Sql {
  if (match === 'exact') return sql`s.exact = ${value}`;
  const pattern = value.replace(/[\\%_]/g, '\\$&');
  return sql`s.value like ${match === 'starts' ? `${pattern}%` : `%${pattern}%`}`;
}

/** R4 date comparison of two intervals, upper ends exclusive. https://hl7.org/fhir/R4/search.html#prefix */
function dateCondition(prefix: string, { low, high }: { low: string; high: string }, from: Sql, to: Sql): Sql {
  const start = sql`${low}::timestamptz`;
  const end = sql`${high}::timestamptz`;
  switch (prefix) {
    case 'ne':
      return sql`not (${from} >= ${start} and ${to} <= ${end})`;
    case 'gt':
      return sql`${to} > ${end}`;
    case 'lt':
      return sql`${from} < ${start}`;
    case 'ge':
      return sql`${to} > ${start}`;
    case 'le':
      return sql`${from} < ${end}`;
    case 'sa':
      return sql`${from} >= ${end}`;
    case 'eb':
      return sql`${to} <= ${start}`;
    default:
      return sql`${from} >= ${start} and ${to} <= ${end}`;
  }
}

function anyOf(options: readonly Sql[]): Sql {
  return sql`(${join(
    options.map((one) => sql`(${one})`),
    ' or ',
    sql`false`,
  )})`;
}

function order(sort: SearchRequest['sort']): Sql {
  if (sort === 'updated') return sql`r.last_updated, r.id`;
  return sort === '-updated' ? sql`r.last_updated desc, r.id desc` : sql`r.id`;
}

function after({ cursor, sort }: SearchRequest): Sql[] {
  if (!cursor) return [];
  const position = decode(cursor);
  if (!position) return [sql`false`];
  const { updated, id } = position;
  if (sort === 'id') return [sql`r.id > ${id}`];
  const compare = sort === 'updated' ? sql`>` : sql`<`;
  return [sql`(r.last_updated, r.id) ${compare} (${updated}::timestamptz, ${id})`];
}

/** Whether a cursor is one that a search has given out. */
export function isCursor(cursor: string): boolean {
  return decode(cursor) !== undefined;
}

function encode(position: Position): string {
  return Buffer.from(JSON.stringify([position.updated, position.id])).toString('base64url');
}

function decode(cursor: string): Position | undefined {
  try {
    const [updated, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    const isOurs =
      typeof updated === 'string' && isInstant(updated) && typeof id === 'string' && /^[\w.-]{1,64}$/.test(id);
    return isOurs ? { updated, id } : undefined;
  } catch {
    return undefined;
  }
}
