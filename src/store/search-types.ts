/** One search over several types in one order: the union of the pages of each, cut to one page, in one statement. */
import type { SearchRequest } from '#fhir/search-request.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import type { Access } from './access.ts';
import {
  countOf,
  entryOf,
  NOT_OURS,
  planOf,
  prepare,
  type Search,
  type SearchOptions,
  type SearchPage,
  sealsOf,
  shown,
} from './search.ts';
import type { Searchable } from './search-index.ts';
import { linksOf } from './search-links.ts';
import { name, orderBy } from './search-order.ts';
import { type PageRow, pageStatement } from './search-page.ts';
import { chooseWay, type Way } from './search-plan.ts';
import { prepared } from './search-shape.ts';
import { counted, totalled } from './search-total.ts';
import { join, type Sql, sql } from './sql.ts';

/** The search of one type, and how it is driven. */
type Part = { readonly search: Search; readonly way: Way };

/**
 * A page of what the requests find together, each of another type and all with the same keys of `_sort`, which are the
 * resources' own: `_lastUpdated` and `_id`. Includes are not followed. Fails as the search of one type does.
 */
export async function searchTypes(
  db: Searchable,
  access: Access,
  requests: readonly SearchRequest[],
  options: SearchOptions = {},
): Promise<Result<SearchPage>> {
  const seals = sealsOf(access, together(requests), options);
  const cursor = requests[0]?.cursor;
  const position = cursor === undefined ? undefined : seals.open(cursor);
  if (cursor !== undefined && !position) return fail('invalid', NOT_OURS);
  const found = await partsOf(db, requests, { access, position });
  if (!found.ok) return found;
  const parts = found.value;
  const [first] = parts;
  if (!first) return ok({ entries: [], next: undefined, prev: undefined, more: undefined, total: 0, issues: [] });
  const { rows, isMore, total } = await pageOf(db, first, parts);
  const links = linksOf({ rows, isMore }, position, first.way);
  const all = await totalOf(db, parts, total);
  return ok({
    entries: rows.map((row) => entryOf(row, 'match')),
    next: links.next && seals.close(links.next),
    prev: links.prev && seals.close(links.prev),
    more: undefined,
    total: all.total,
    issues: all.issues,
  });
}

/** What a cursor is bound to: every type, and every parameter that one of them understood. */
function together(requests: readonly SearchRequest[]): Pick<SearchRequest, 'type' | 'used' | 'compartment'> {
  const used = new Map(requests.flatMap((one) => one.used).map((pair) => [pair.join('='), pair]));
  return {
    type: requests.map(({ type }) => type).join(),
    used: [...used.values()],
    compartment: requests[0]?.compartment,
  };
}

async function partsOf(
  db: Searchable,
  requests: readonly SearchRequest[],
  of: Pick<Search, 'access' | 'position'>,
): Promise<Result<Part[]>> {
  const parts: Part[] = [];
  for (const request of requests) {
    const search = await prepare(db, { ...of, request });
    if (!search.ok) return search;
    parts.push({ search: search.value, way: await chooseWay(db, search.value) });
  }
  return ok(parts);
}

/** The statement of the first page, as it would be run: for explaining it. */
export async function statementOfTypes(
  db: Searchable,
  access: Access,
  requests: readonly SearchRequest[],
): Promise<Result<Sql>> {
  const parts = await partsOf(db, requests, { access, position: undefined });
  if (!parts.ok) return parts;
  const [first] = parts.value;
  return first ? ok(pageOfAll(first, parts.value)) : fail('invalid', 'No type is searched');
}

/** The pages of all, cut to one. */
function pageOfAll({ search, way }: Part, parts: readonly Part[]): Sql {
  const { keys } = way;
  const { count, total } = search.request;
  const backward = search.position?.backward ?? false;
  const columns = join([sql`organisation, rid, type, id, content, patient`, ...keys.map((_, at) => name(at))], ', ');
  const pages = parts.map(
    (part) => sql`(select ${columns} from (${pageStatement(planOf(part.search, part.way, part.way.driver))}) one)`,
  );
  const order = orderBy(keys, backward, false);
  const page = sql`select * from (${join(pages, ' union all ')}) every order by ${order} limit ${count + 1}`;
  return shown(keys, page, total === 'accurate' ? countsOf(parts) : undefined);
}

async function pageOf(db: Searchable, first: Part, parts: readonly Part[]) {
  const { position, request } = first.search;
  const { count } = request;
  const found = await db.query<PageRow & { total?: number }>(prepared(pageOfAll(first, parts)));
  const rows = found.rows.filter((row) => row.rid !== null);
  const kept = rows.slice(0, count);
  return {
    rows: position?.backward ? kept.toReversed() : kept,
    isMore: rows.length > count,
    total: found.rows[0]?.total,
  };
}

function countsOf(parts: readonly Part[]): Sql {
  const counts = parts.flatMap(({ search, way }) => countOf(search, way)?.statement ?? []);
  return sql`select sum(one.n)::bigint as n from (${join(counts, ' union all ')}) one`;
}

/** An accurate total came with the page; an estimate is the sum of what is believed of each type. */
async function totalOf(
  db: Searchable,
  parts: readonly Part[],
  n: number | undefined,
): Promise<{ total: number | undefined; issues: readonly Issue[] }> {
  const countings = parts.flatMap(({ search, way }) => countOf(search, way) ?? []);
  if (countings.length === 0 || n !== undefined) return totalled(db, countings[0], n);
  const each = [];
  for (const counting of countings) each.push(await counted(db, counting));
  return { total: each.reduce((sum, { total = 0 }) => sum + total, 0), issues: [] };
}
