/**
 * Includes by canonical: a resource names a definition by its url, with or without a version, not by type and id.
 * https://hl7.org/fhir/R4/references.html#canonical
 */
import { urlKey } from '#fhir/search-hash.ts';
import type { Include } from '#fhir/search-request.ts';
import { type Access, organisationsOf, visible } from './access.ts';
import type { Searchable } from './search-index.ts';
import type { PageRow } from './search-page.ts';
import { type Sql, sql } from './sql.ts';

type Found = Pick<PageRow, 'organisation' | 'rid' | 'type' | 'id' | 'content' | 'patient'>;
type Step = { readonly include: Include; readonly from: readonly Found[]; readonly limit: number };
type Asking = { readonly access: Access; readonly maySearch: (type: string) => boolean };

/** What `from` names by canonical, or what names it so: each in the version that is named, or in any where none is. */
export async function canonicalStep(db: Searchable, asking: Asking, step: Step): Promise<Found[]> {
  return step.include.direction === 'include' ? named(db, asking, step) : naming(db, asking, step);
}

async function named(db: Searchable, { access, maySearch }: Asking, { include, from, limit }: Step): Promise<Found[]> {
  const types = urlTypes(db, include).filter(({ type }) => maySearch(type));
  if (types.length === 0) return [];
  const organisations = [...new Set(types.flatMap(({ type }) => organisationsOf(access, type)))];
  const targets = sql`select distinct s.target from unnest(${from.map((one) => one.organisation)}::text[], ${from.map((one) => one.rid)}::bigint[]) as f (organisation, rid)
    cross join lateral (select s.target from search_reference s where s.organisation = f.organisation and s.rid = f.rid
      and s.param = any(${include.params.map((one) => one.param)}::int[]) and s.type is null offset 0) s`;
  const rows = await resources(db, access, {
    limit,
    linked: sql`select t.organisation, t.rid, u.type from (${targets}) s
      cross join unnest(${types.map(({ param }) => param)}::int[], ${types.map(({ type }) => type)}::text[]) as u (param, type)
      cross join unnest(${organisations}::text[]) as o (organisation)
      cross join lateral (select t.organisation, t.rid from search_token t where t.organisation = o.organisation and t.param = u.param and t.value = s.target offset 0) t`,
  });
  return rows.filter((row) => from.some(({ content }) => names(content, canonicalOf(row))));
}

async function naming(db: Searchable, { access }: Asking, { include, from, limit }: Step): Promise<Found[]> {
  const canonicals = from.map(canonicalOf).filter(({ url }) => url !== '');
  if (canonicals.length === 0) return [];
  const rows = await resources(db, access, {
    limit,
    linked: sql`select s.organisation, s.rid, ${include.source} as type from unnest(${canonicals.map(({ url }) => urlKey(url))}::bigint[]) as c (target)
      cross join unnest(${include.params.map((one) => one.param)}::int[]) as p (param)
      cross join unnest(${organisationsOf(access, include.source)}::text[]) as o (organisation)
      cross join lateral (select s.organisation, s.rid from search_reference s where s.organisation = o.organisation and s.param = p.param and s.target = c.target offset 0) s`,
  });
  return rows.filter(({ content }) => canonicals.some((one) => names(content, one)));
}

async function resources(
  db: Searchable,
  access: Access,
  { linked, limit }: { readonly linked: Sql; readonly limit: number },
): Promise<Found[]> {
  const { rows } = await db.query<Found>(sql`
    select r.organisation, r.rid::text as rid, r.type, r.id, r.content, r.patient
    from (select distinct organisation, rid, type from (${linked}) a order by organisation, type, rid limit ${limit}) l
    cross join lateral (select * from resource r where r.organisation = l.organisation and r.type = l.type and r.rid = l.rid and not r.deleted and ${visible(access, sql`r`)} offset 0) r
    order by r.organisation, r.type, r.rid`);
  return rows;
}

/** The types that a canonical of these parameters may name, each with its parameter `url`. */
function urlTypes(db: Searchable, { params, target }: Include): { readonly type: string; readonly param: number }[] {
  const targets = new Set(params.flatMap(({ targets: of }) => of));
  return [...db.definitions].flatMap(([type, ofType]) => {
    const url = ofType.get('url');
    const isAsked = target === undefined ? targets.has(type) : target === type;
    return url?.kind === 'uri' && isAsked ? [{ type, param: url.param }] : [];
  });
}

type Canonical = { readonly url: string; readonly version: string };

function canonicalOf({ content }: Found): Canonical {
  const { url, version } = JSON.parse(content) as { url?: unknown; version?: unknown };
  return { url: typeof url === 'string' ? url : '', version: typeof version === 'string' ? version : '' };
}

/** Whether JSON names a canonical as a whole string: without a version, or with this one. */
function names(content: string, { url, version }: Canonical): boolean {
  return [url, `${url}|${version}`].some((one) => content.includes(JSON.stringify(one)));
}
