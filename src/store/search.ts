/** Searches: a parsed request becomes one SQL statement over the index tables; pages go by keyset, never by offset. */
import { createHash, randomBytes } from 'node:crypto';
import type { Criterion } from '#fhir/search-criterion.ts';
import type { SearchRequest } from '#fhir/search-request.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import { type Access, organisationsOf } from './access.ts';
import { cursorKey, type Position, seal, unseal } from './cursor.ts';
import { includedIn } from './search-include.ts';
import type { Searchable } from './search-index.ts';
import { linksOf } from './search-links.ts';
import type { Key } from './search-order.ts';
import { type Driver, type PagePlan, type PageRow, pageStatement } from './search-page.ts';
import { notUsable } from './search-parameter.ts';
import { chooseWay, type Way } from './search-plan.ts';
import { resolve } from './search-resolve.ts';
import { prepared } from './search-shape.ts';
import { type Counting, counted, countingOf, totalled } from './search-total.ts';
import { join, type Sql, sql } from './sql.ts';

export type SearchEntry = {
  readonly type: string;
  readonly id: string;
  readonly content: string;
  readonly patient: string | null;
  readonly mode: 'match' | 'include';
};

export type SearchPage = {
  readonly entries: readonly SearchEntry[];
  /** Opaque position after the last entry; undefined on the last page. */
  readonly next: string | undefined;
  /** Before the first entry; undefined on the first page. */
  readonly prev: string | undefined;
  /** To the included resources of this page that did not fit. */
  readonly more: string | undefined;
  readonly total: number | undefined;
  /** What was cut short. */
  readonly issues: readonly Issue[];
};

export type SearchOptions = {
  /** The key of cursors, and who asks: a cursor serves only them. Without a key cursors live as long as the process. */
  readonly cursor?: { readonly key: Buffer; readonly caller: string };
  /** Types whose resources may be included. */
  readonly maySearch?: (type: string) => boolean;
  /** Resources included with one page. */
  readonly mostIncluded?: number;
};

/** Resources that are included with one page, when nobody says otherwise. */
const MOST_INCLUDED = 1_000;
const ofThisProcess = cursorKey(randomBytes(32));

/**
 * Runs a search within what the caller may see. Fails as `invalid` for a cursor that is not the caller's and this
 * query's, as `unavailable` for a parameter that is still being indexed.
 */
export async function searchResources(
  db: Searchable,
  access: Access,
  request: SearchRequest,
  options: SearchOptions = {},
): Promise<Result<SearchPage>> {
  const seals = sealsOf(access, request, options);
  const position = request.cursor === undefined ? undefined : seals.open(request.cursor);
  if (request.cursor !== undefined && !position) return fail('invalid', NOT_OURS);
  const search = await prepare(db, { access, request, position });
  if (!search.ok) return search;
  const way = await chooseWay(db, search.value);
  const counting = countOf(search.value, way);
  if (request.summaryCount) return ok({ ...EMPTY, ...(await counted(db, counting)) });
  const page = await pageOf(db, search.value, way, counting);
  const natural = way.natural ? { natural: way.natural } : {};
  const links = linksOf(page, position, way);
  const included = await includedIn(db, inclusionOf(search.value, page.rows, options));
  const start = position ?? links.start;
  const more = included.rest === undefined ? undefined : start && { ...start, included: included.rest };
  const linked = (at: Position | undefined) => at && seals.close({ ...at, ...natural });
  const total = await totalled(db, counting, page.total);
  return ok({
    entries: [
      ...(position?.included ? [] : page.rows.map((row) => entryOf(row, 'match'))),
      ...included.rows.map((row) => entryOf(row, 'include')),
    ],
    next: linked(links.next),
    prev: linked(links.prev),
    more: linked(more),
    total: total.total,
    issues: [...total.issues, ...(included.rest === undefined ? [] : [cutIncludes])],
  });
}

export const NOT_OURS = '_cursor is none that this server gave to you for this query; begin again with the first page';

/** The query that a cursor belongs to. */
type Bound = Pick<SearchRequest, 'type' | 'used' | 'compartment'>;

/** What opens and closes the cursors of a caller and a query. */
export function sealsOf(access: Access, request: Bound, { cursor }: SearchOptions) {
  const key = cursor?.key ?? ofThisProcess;
  const bound = boundTo(access, request, cursor?.caller ?? '');
  return { open: (token: string) => unseal(key, bound, token), close: (at: Position) => seal(key, bound, at) };
}

/** Everything about a search that is known before its page is read. */
export async function prepare(
  db: Searchable,
  { access, request, position }: Omit<Search, 'criteria'>,
): Promise<Result<Search>> {
  const waiting = await notUsable(db, request);
  if (waiting) return fail('unavailable', `${waiting} is still being indexed: it can be searched when that has ended`);
  const criteria = await resolveAll(db, access, request);
  return criteria.ok ? ok({ access, request, criteria: criteria.value, position }) : criteria;
}

function inclusionOf({ access, request, position }: Search, matches: readonly PageRow[], options: SearchOptions) {
  const { maySearch = () => true, mostIncluded: most = MOST_INCLUDED } = options;
  return { access, request, matches, from: position?.included ?? 0, most, maySearch };
}

const EMPTY: SearchPage = {
  entries: [],
  next: undefined,
  prev: undefined,
  more: undefined,
  total: undefined,
  issues: [],
};

export type Search = {
  readonly access: Access;
  readonly request: SearchRequest;
  readonly criteria: readonly Criterion[];
  readonly position: Position | undefined;
};
type Page = { readonly rows: readonly PageRow[]; readonly isMore: boolean; readonly total: number | undefined };

/** What a cursor is bound to: who asks, for whose data, and what. How many entries a page has may change. */
function boundTo(access: Access, request: Bound, caller: string): string {
  const query = request.used
    .filter(([name]) => name !== '_count')
    .map((one) => one.join('='))
    .sort();
  return createHash('sha256')
    .update(JSON.stringify([caller, access, request.type, request.compartment ?? 0, query]))
    .digest('base64');
}

async function resolveAll(db: Searchable, access: Access, request: SearchRequest): Promise<Result<Criterion[]>> {
  const resolved: Criterion[] = [];
  for (const { criterion } of request.filters) {
    const read = await resolve(db, access, request.type, criterion);
    if (!read.ok) return read;
    resolved.push(...read.value);
  }
  return ok(resolved);
}

export function planOf({ access, request, criteria, position }: Search, way: Way, driver: Driver): PagePlan {
  return {
    access,
    organisations: organisationsOf(access, request.type),
    type: request.type,
    criteria,
    driver,
    keys: way.keys,
    without: undefined,
    position,
    backward: position?.backward ?? false,
    limit: request.count + 1,
  };
}

/** A page, from one or two statements: what has no value for the first key stands after all that has one. */
async function pageOf(db: Searchable, search: Search, way: Way, counting: Counting | undefined): Promise<Page> {
  const { request } = search;
  const plan = planOf(search, way, way.driver);
  const parts = way.rest ? withRest(plan, way.rest) : [plan];
  const rows: PageRow[] = [];
  let total: number | undefined;
  for (const part of parts) {
    if (rows.length > request.count) break;
    const statement = pageStatement({ ...part, limit: request.count + 1 - rows.length });
    const count = part === parts[0] ? counting?.statement : undefined;
    const found = await db.query<PageRow & { total?: number }>(prepared(shown(part.keys, statement, count)));
    total ??= found.rows[0]?.total;
    rows.push(
      ...found.rows.filter((row) => row.rid !== null).map((row) => (part.without === undefined ? row : inTail(row))),
    );
  }
  const kept = rows.slice(0, request.count);
  return { rows: plan.backward ? kept.toReversed() : kept, isMore: rows.length > request.count, total };
}

/** What has no value for the first key: the others keep their places. */
function inTail({ k0, k1, ...row }: PageRow): PageRow {
  return { ...row, k0: null, k1: k0 ?? null, k2: k1 ?? null };
}

/** The statements of a search's page, as they would be run: for explaining them. */
export async function statementsOf(db: Searchable, access: Access, request: SearchRequest): Promise<Result<Sql[]>> {
  const ready = await prepare(db, { access, request, position: undefined });
  if (!ready.ok) return ready;
  const way = await chooseWay(db, ready.value);
  const plan = planOf(ready.value, way, way.driver);
  const parts = way.rest ? withRest(plan, way.rest) : [plan];
  return ok(
    parts.map((part) =>
      shown(part.keys, pageStatement(part), part === plan ? countOf(ready.value, way)?.statement : undefined),
    ),
  );
}

/** The two halves of an order, in the direction of reading, from where the position is. */
function withRest(plan: PagePlan, rest: Driver): PagePlan[] {
  const { position, backward, keys } = plan;
  const [first, ...others] = keys;
  const inTail = position !== undefined && position.keys[0] === null;
  const tailPosition = inTail && position ? { ...position, keys: position.keys.slice(1) } : undefined;
  const tail: PagePlan = {
    ...plan,
    driver: rest,
    keys: others,
    without: first?.param,
    position: tailPosition,
  };
  const head: PagePlan = { ...plan, position: inTail ? undefined : position };
  if (backward) return inTail ? [tail, head] : [head];
  return inTail ? [tail] : [head, tail];
}

/**
 * Numbers as text, since JavaScript would round them; the keys too, for the cursor. A count comes in the same statement,
 * so that it is of the same instant as the page.
 */
export function shown(keys: readonly Key[], statement: Sql, count?: Sql): Sql {
  const columns = keys.map(
    (_, index) => [sql`k0::text as k0`, sql`k1::text as k1`, sql`k2::text as k2`][index] ?? sql`null`,
  );
  const selected = sql`organisation, rid::text as rid, type, id, content, patient${columns.length > 0 ? sql`, ${join(columns, ', ')}` : sql``}`;
  if (!count) return sql`select ${selected} from (${statement}) p`;
  return sql`select c.n as total, ${selected} from (${count}) c left join (${statement}) p on true`;
}

export function entryOf(
  { type, id, content, patient }: Pick<SearchEntry, 'type' | 'id' | 'content' | 'patient'>,
  mode: SearchEntry['mode'],
): SearchEntry {
  return { type, id, content, patient, mode };
}

/** How to count what matches; undefined when nobody asks for it. */
export function countOf(search: Search, way: Way): Counting | undefined {
  const { total, summaryCount } = search.request;
  if (total === 'none' && !summaryCount) return undefined;
  const driver = way.driver.kind === 'walk' ? (way.rest ?? { kind: 'type' as const }) : way.driver;
  const plan = planOf({ ...search, position: undefined }, { ...way, keys: [] }, driver);
  return countingOf(plan, total === 'estimate' && !summaryCount);
}

const cutIncludes: Issue = {
  severity: 'warning',
  code: 'incomplete',
  diagnostics: 'More resources were to be included than one page holds: the rest is at its link "related"',
};
