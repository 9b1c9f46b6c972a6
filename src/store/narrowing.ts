/**
 * Scopes with a query (`system/Task.rs?status=requested`): of such a type only what the query finds is visible, by one
 * condition beside that on organisations. What cannot be enforced grants nothing.
 * https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html#finer-grained-resource-constraints-using-search-parameters
 */
import type { Criterion } from '#fhir/search-criterion.ts';
import { parseSearch } from '#fhir/search-request.ts';
import { type Access, type Only, visible } from './access.ts';
import type { StoredResource } from './resources.ts';
import type { Searchable } from './search-index.ts';
import { notUsable } from './search-parameter.ts';
import { holds } from './search-predicate.ts';
import { resolve } from './search-resolve.ts';
import { join, type Sql, sql } from './sql.ts';

/** Of a type: lists of queries, of each of which one must find what is visible. */
export type Queries = Readonly<Record<string, readonly (readonly string[])[]>>;

/** The access that leaves of each named type what the queries find, each a search of it as in a URL, without `?`. */
export async function narrow(db: Searchable, whole: Access, queries: Queries): Promise<Access> {
  const only: Record<string, Only> = {};
  for (const [type, groups] of Object.entries(queries)) {
    const every: Criterion[] = [];
    for (const group of groups) every.push(await oneOf(db, whole, { type, group }));
    only[type] = { queries: groups, holds: (row) => holdsOf(whole, { type, every, row }) };
  }
  return { ...whole, only };
}

/** Whether the access sees a version of a resource that was read without its narrowing: only the current one can be judged. */
export async function isSeen(db: Searchable, access: Access, stored: StoredResource): Promise<boolean> {
  const { organisation, type, id, version } = stored;
  const { rows } = await db.query(
    sql`select 1 from resource r where r.organisation = ${organisation} and r.type = ${type} and r.rid = resource_rid(${type}, ${id}) and r.version = ${version}
      and ${visible(access, sql`r`, type)}`,
  );
  return rows.length > 0;
}

type Group = { readonly type: string; readonly group: readonly string[] };

async function oneOf(db: Searchable, whole: Access, { type, group }: Group): Promise<Criterion> {
  const of: Criterion[] = [];
  for (const query of group) {
    const criteria = await criteriaOf(db, whole, { type, query });
    if (criteria) of.push({ kind: 'all', of: criteria });
  }
  return { kind: 'any', of };
}

/** Undefined where the query is no search of the type, or says how to show it, or is about what is still being indexed. */
async function criteriaOf(
  db: Searchable,
  whole: Access,
  { type, query }: { readonly type: string; readonly query: string },
): Promise<Criterion[] | undefined> {
  const params = [...new URLSearchParams(query)];
  const request = parseSearch(type, params, { definitions: db.definitions, lenient: false });
  if (!request.ok || params.length === 0 || request.value.filters.length < params.length) return undefined;
  if (await notUsable(db, request.value)) return undefined;
  const all: Criterion[] = [];
  for (const { criterion } of request.value.filters) {
    const resolved = await resolve(db, whole, type, criterion);
    if (!resolved.ok) return undefined;
    all.push(...resolved.value);
  }
  return all;
}

/** Asked of the resource as it is now, for rows of `resource` and of `resource_version` alike: the index knows no older one. */
function holdsOf(access: Access, { type, every, row }: { type: string; every: readonly Criterion[]; row: Sql }): Sql {
  const place = { access, type, organisation: sql`now.organisation`, rid: sql`now.rid` };
  return sql`exists (select 1 from resource now where now.organisation = ${row}.organisation and now.type = ${type} and now.rid = resource_rid(${type}, ${row}.id)
    and now.version = ${row}.version and not now.deleted and ${join(
      every.map((one) => holds(one, place)),
      ' and ',
    )} offset 0)`;
}
