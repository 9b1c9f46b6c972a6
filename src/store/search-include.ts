/** Resources that come with a page: what its matches refer to, and what refers to them. https://hl7.org/fhir/R4/search.html#include */
import type { Include, SearchRequest } from '#fhir/search-request.ts';
import { type Access, visible } from './access.ts';
import { canonicalStep } from './search-include-canonical.ts';
import type { Searchable } from './search-index.ts';
import type { PageRow } from './search-page.ts';
import { type Sql, sql } from './sql.ts';

type Found = Pick<PageRow, 'organisation' | 'rid' | 'type' | 'id' | 'content' | 'patient'>;

type Asked = {
  readonly access: Access;
  readonly request: SearchRequest;
  readonly matches: readonly Found[];
  /** How many were handed out before. */
  readonly from: number;
  readonly most: number;
  readonly maySearch: (type: string) => boolean;
};

/** Rounds of `:iterate` that are made. */
const DEEPEST = 4;
/** Included resources of one page that are looked up at all. */
const MOST_OF_ALL = 10_000;

/** `rest`: from where on there are more. */
type Included = { readonly rows: readonly Found[]; readonly rest: number | undefined };

/**
 * The included resources of a page, each once and none that is a match, in one order; those from `from` on, at most
 * `most`. Each step is one statement, whatever the number of resources.
 */
export async function includedIn(db: Searchable, asked: Asked): Promise<Included> {
  const { request, matches, from, most } = asked;
  if (request.includes.length === 0) return { rows: [], rest: undefined };
  const known = new Set(matches.map(keyOf));
  const found: Found[] = [];
  const wanted = Math.min(from + most, MOST_OF_ALL) + 1;
  let frontier: readonly Found[] = matches;
  for (let round = 0; round < DEEPEST && frontier.length > 0 && found.length < wanted; round += 1) {
    const next: Found[] = [];
    for (const include of request.includes.filter((one) => round === 0 || one.iterate))
      next.push(...unknownTo(known, await step(db, asked, { include, frontier, limit: wanted + known.size })));
    found.push(...next);
    frontier = next;
  }
  return { rows: found.slice(from, from + most), rest: found.length > from + most ? from + most : undefined };
}

/** Those not seen before; from now on they are. */
function unknownTo(known: Set<string>, rows: readonly Found[]): Found[] {
  return rows.filter((row) => known.size < known.add(keyOf(row)).size);
}

const keyOf = ({ organisation, rid, type }: Found) => `${organisation} ${type} ${rid}`;

type Step = { readonly include: Include; readonly frontier: readonly Found[]; readonly limit: number };

async function step(
  db: Searchable,
  { access, maySearch }: Asked,
  { include, frontier, limit }: Step,
): Promise<Found[]> {
  const { direction, source, target, params } = include;
  const numbers = params.map((one) => one.param);
  if (direction === 'revinclude' && !maySearch(source)) return [];
  const from = frontier.filter(({ type }) =>
    direction === 'include' ? type === source : target === undefined || type === target,
  );
  if (from.length === 0 || numbers.length === 0) return [];
  const canonical = await canonicalStep(db, { access, maySearch }, { include, from, limit });
  const pairs = sql`unnest(${from.map((one) => one.organisation)}::text[], ${from.map((one) => one.rid)}::bigint[]) as f (organisation, rid)`;
  const linked = direction === 'include' ? referred(pairs, numbers, target) : referring(pairs, numbers, source);
  const { rows } = await db.query<Found>(sql`
    select r.organisation, r.rid::text as rid, r.type, r.id, r.content, r.patient
    from (select distinct organisation, rid, type from (${linked}) a order by organisation, type, rid limit ${limit}) l
    cross join lateral (select * from resource r where r.organisation = l.organisation and r.type = l.type and r.rid = l.rid and not r.deleted and ${visible(access, sql`r`)} offset 0) r
    order by r.organisation, r.type, r.rid`);
  return [...rows.filter(({ type }) => maySearch(type)), ...canonical];
}

function referred(pairs: Sql, params: readonly number[], target: string | undefined): Sql {
  const ofType = target === undefined ? sql`s.type is not null` : sql`s.type = ${target}`;
  return sql`select s.organisation, s.target as rid, s.type from ${pairs} cross join lateral (
    select s.organisation, s.target, s.type from search_reference s where s.organisation = f.organisation and s.rid = f.rid and s.param = any(${[...params]}::int[]) and ${ofType} offset 0) s`;
}

function referring(pairs: Sql, params: readonly number[], source: string): Sql {
  return sql`select s.organisation, s.rid, ${source} as type from ${pairs} cross join unnest(${[...params]}::int[]) as p (param) cross join lateral (
    select s.organisation, s.rid from search_reference s where s.organisation = f.organisation and s.param = p.param and s.target = f.rid offset 0) s`;
}
