/**
 * Criteria that are about other resources, answered as far as that is cheap: a chain whose far end is few becomes a list
 * of references, a value set its codes. What is many stays a question asked of each candidate.
 */
import type { Criterion } from '#fhir/search-criterion.ts';
import { anySystem, inSystem } from '#fhir/search-hash.ts';
import type { CodeSystem } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { type Access, organisationsOf, visible } from './access.ts';
import type { Searchable } from './search-index.ts';
import { holds, isNarrow, setOf } from './search-predicate.ts';
import { prepared } from './search-shape.ts';
import { type Sql, sql } from './sql.ts';

/** A criterion is few when it holds for fewer than these. */
export const FEW = 1_000;

/** The criteria that together say the same as one, without value sets, and with chains answered where few match. */
export async function resolve(
  db: Searchable,
  access: Access,
  type: string,
  criterion: Criterion,
): Promise<Result<Criterion[]>> {
  switch (criterion.kind) {
    case 'reference':
      return ok([criterion.identifiers ? await withIdentified(db, access, criterion) : criterion]);
    case 'members':
      return members(db, criterion);
    case 'hierarchy':
      return hierarchy(db, access, criterion);
    case 'any':
      return anyResolved(db, access, type, criterion);
    case 'chain':
    case 'has':
      return linkResolved(db, access, criterion);
    default:
      return ok([criterion]);
  }
}

async function anyResolved(
  db: Searchable,
  access: Access,
  type: string,
  any: Extract<Criterion, { kind: 'any' }>,
): Promise<Result<Criterion[]>> {
  const resolved: Criterion[] = [];
  for (const one of any.of) {
    const read = await resolve(db, access, type, one);
    if (!read.ok) return read;
    resolved.push(...read.value);
  }
  return ok([{ ...any, of: resolved }]);
}

/** `patient:identifier=…` names whoever is referred to by that identifier, and whoever has it. */
async function withIdentified(
  db: Searchable,
  access: Access,
  criterion: Extract<Criterion, { kind: 'reference' }>,
): Promise<Criterion> {
  const { types, values } = criterion.identifiers ?? { types: [], values: [] };
  const params = types.flatMap((type) => db.definitions.get(type)?.get('identifier')?.param ?? []);
  const seen = isNarrow(access)
    ? sql`and exists (select 1 from resource r where r.organisation = s.organisation and r.type = any(${[...types]}::text[]) and r.rid = s.rid and ${visible(access, sql`r`)} offset 0)`
    : sql``;
  const statement = sql`
    select s.rid::text as rid from search_token s where s.organisation = any(${[...access.organisations]}::text[]) and s.param = any(${params}::int[])
      and s.value = any(${[...values]}::bigint[]) ${seen} limit ${FEW}`;
  const { rows } = await db.query<{ rid: string }>(prepared(statement));
  return { kind: 'reference', param: criterion.param, values: [...criterion.values, ...rows.map((row) => row.rid)] };
}

async function members(
  db: Searchable,
  { param, valueSet, not }: Extract<Criterion, { kind: 'members' }>,
): Promise<Result<Criterion[]>> {
  const url = valueSet.split('|')[0] ?? valueSet;
  const { rows } = await db.query<{ code: string }>(
    sql`select code from value_set_member where value_set = ${url} order by code limit 20000`,
  );
  if (rows.length === 0)
    return fail('invalid', 'The value set is not one whose codes are loaded here; see ValueSet?url=…');
  return ok([{ kind: 'token', param, values: rows.map((row) => anySystem(row.code)), not }]);
}

async function hierarchy(
  db: Searchable,
  access: Access,
  criterion: Extract<Criterion, { kind: 'hierarchy' }>,
): Promise<Result<Criterion[]>> {
  const { param, system, code, direction } = criterion;
  const { rows } = await db.query<{ content: string }>(sql`
    select r.content from resource r where r.organisation = any(${organisationsOf(access, 'CodeSystem')}::text[]) and r.type = 'CodeSystem' and not r.deleted
      and r.content::jsonb ->> 'url' = ${system} limit 1`);
  const concepts = rows[0] ? ((JSON.parse(rows[0].content) as CodeSystem).concept ?? []) : [];
  const found = direction === 'below' ? below(concepts, code) : above(concepts, code);
  if (!found)
    return fail('invalid', `:${direction} wants a code of a code system that is loaded here; see CodeSystem?url=…`);
  return ok([{ kind: 'token', param, values: found.map((one) => inSystem(system, one)), not: false }]);
}

type CodeSystemConcept = NonNullable<CodeSystem['concept']>[number];

function below(concepts: readonly CodeSystemConcept[], code: string): string[] | undefined {
  for (const concept of concepts) {
    if (concept.code === code) return codesOf([concept]);
    const deeper = below(concept.concept ?? [], code);
    if (deeper) return deeper;
  }
  return undefined;
}

function codesOf(concepts: readonly CodeSystemConcept[]): string[] {
  return concepts.flatMap((one) => [one.code ?? '', ...codesOf(one.concept ?? [])]);
}

function above(concepts: readonly CodeSystemConcept[], code: string): string[] | undefined {
  for (const concept of concepts) {
    if (concept.code === code) return [code];
    const path = above(concept.concept ?? [], code);
    if (path) return [concept.code ?? '', ...path];
  }
  return undefined;
}

type Link = Extract<Criterion, { kind: 'chain' | 'has' }>;

/**
 * The far end of a link first: where few resources answer, the link is a list of numbers. One practice's Patient may have
 * the id of another's, so over several practices the link itself is asked too.
 */
async function linkResolved(db: Searchable, access: Access, link: Link): Promise<Result<Criterion[]>> {
  const inner = await resolve(db, access, link.type, link.criterion);
  if (!inner.ok) return inner;
  const [only] = inner.value;
  const asked: Criterion[] = [
    { ...link, criterion: inner.value.length === 1 && only ? only : { kind: 'all', of: inner.value } },
  ];
  const far = await fewOf(db, access, link.type, inner.value);
  if (!far) return ok(asked);
  const near = link.kind === 'chain' ? far : await targetsOf(db, access, link.param, far);
  if (!near) return ok(asked);
  const list: Criterion =
    link.kind === 'chain' ? { kind: 'reference', param: link.param, values: near } : { kind: 'ids', rids: near };
  return ok(organisationsOf(access, link.type).length > 1 ? [list, ...asked] : [list]);
}

/** The numbers of the resources of a type for which criteria hold, if they are few; undefined if not, or if they only exclude. */
async function fewOf(
  db: Searchable,
  access: Access,
  type: string,
  criteria: readonly Criterion[],
): Promise<string[] | undefined> {
  const organisation = sql`o.organisation`;
  const driver = criteria.find((one) => setOf(one, { access, organisation }) !== undefined);
  const set = driver && setOf(driver, { access, organisation });
  if (!set) return undefined;
  const place = { access, type, organisation, rid: sql`u.rid` };
  const others = criteria.filter((one) => one !== driver).map((one) => sql` and ${holds(one, place)}`);
  const seen =
    isNarrow(access) || driver.kind === 'ids'
      ? sql` and exists (select 1 from resource r where r.organisation = o.organisation and r.type = ${type} and r.rid = u.rid and not r.deleted and ${visible(access, sql`r`, type)} offset 0)`
      : sql``;
  const { rows } = await db.query<{ rid: string }>(sql`
    select distinct m.rid::text as rid from (select u.rid from unnest(${organisationsOf(access, type)}::text[]) as o (organisation) cross join lateral (${set}) u
      where true ${concat(others)}${seen} limit ${FEW + 1}) m`);
  return rows.length > FEW ? undefined : rows.map((row) => row.rid);
}

function concat(parts: readonly Sql[]): Sql {
  return parts.reduce((all, part) => sql`${all}${part}`, sql``);
}

async function targetsOf(
  db: Searchable,
  access: Access,
  param: number,
  rids: readonly string[],
): Promise<string[] | undefined> {
  const { rows } = await db.query<{ target: string }>(sql`
    select distinct m.target::text as target from (select s.target from unnest(${[...access.organisations]}::text[]) as o (organisation)
      join search_reference s on s.organisation = o.organisation and s.param = ${param} and s.rid = any(${[...rids]}::bigint[]) limit ${FEW + 1}) m`);
  return rows.length > FEW ? undefined : rows.map((row) => row.target);
}
