/**
 * Resources and their versions: read as the bytes that were stored, written in sets, together with their search values
 * and clinical facts, in the caller's transaction. The same content again writes nothing.
 */

import { patientOf } from '#fhir/fact.ts';
import { ridOf } from '#fhir/search-hash.ts';
import type { Resource } from '#fhir/types.ts';
import { type Access, maySeeType, visible } from './access.ts';
import { removeFacts } from './clinical-fact.ts';
import { type Database, Overtaken, type Transaction } from './database.ts';
import { fingerprint } from './fingerprint.ts';
import { unindexResources } from './search-index.ts';
import { named, sql } from './sql.ts';
import { instantColumn, instantOfStamp } from './stamp.ts';
import { type Prepared, writeResources } from './write-resources.ts';

export type StoredResource = {
  readonly organisation: string;
  readonly type: string;
  readonly id: string;
  readonly version: number;
  /** Instant, microseconds. */
  readonly lastUpdated: string;
  readonly deleted: boolean;
  /** The exact JSON that is served; of a deleted resource, its last content. */
  readonly content: string;
  /** The patient whose compartment it is in. */
  readonly patient: string | null;
};

/** Of the alias `r`. */
export const storedColumns = sql`r.organisation, r.type, r.id, r.version, ${instantColumn(sql`r.last_updated`)} as "lastUpdated", r.deleted, r.content, r.patient`;

/** The current version; undefined when absent or not visible. */
export async function readResource(
  db: Database,
  access: Access,
  type: string,
  id: string,
): Promise<StoredResource | undefined> {
  const { rows } = await db.query<StoredResource>(
    named(
      maySeeType(access, type) ? 'read-resource' : 'read-nothing',
      sql`select ${storedColumns} from resource r where ${visible(access, sql`r`, type)} and r.type = ${type} and r.rid = ${ridOf(type, id)} and r.id = ${id}`,
    ),
  );
  return rows[0];
}

/** Resources of one type by id, parsed; those deleted or not visible are left out. */
export async function readMany<R extends Resource>(
  db: Database,
  access: Access,
  type: R['resourceType'],
  ids: readonly string[],
): Promise<R[]> {
  if (ids.length === 0) return [];
  const { rows } = await db.query<{ content: string }>(
    sql`select r.content from resource r where ${visible(access, sql`r`, type)} and r.type = ${type} and r.rid = any(${[...new Set(ids)].map((id) => ridOf(type, id))}::bigint[]) and not r.deleted order by r.id`,
  );
  return rows.map((row) => JSON.parse(row.content) as R);
}

/** One resource, parsed, for a decision; undefined when absent, deleted or not visible. */
export async function load<R extends Resource>(
  db: Database,
  access: Access,
  type: R['resourceType'],
  id: string,
): Promise<R | undefined> {
  return (await readMany<R>(db, access, type, [id]))[0];
}

/** All resources of the given types in the compartments of patients, parsed. */
export async function loadOfPatients<R extends Resource>(
  db: Database,
  organisation: string,
  types: readonly R['resourceType'][],
  patients: readonly string[],
): Promise<R[]> {
  const { rows } = await db.query<{ content: string }>(sql`
    select content from resource
    where organisation = ${organisation} and patient = any(${patients}::text[]) and type = any(${types}::text[]) and not deleted
    order by type, id`);
  return rows.map((row) => JSON.parse(row.content) as R);
}

/** One version, also of a resource that is deleted now; undefined when absent or not visible. */
export async function readVersion(
  db: Database,
  access: Access,
  key: { type: string; id: string; version: number },
): Promise<StoredResource | undefined> {
  const { rows } = await db.query<StoredResource>(
    sql`select ${storedColumns} from resource_version r where ${visible(access, sql`r`, key.type)} and r.type = ${key.type} and r.id = ${key.id} and r.version = ${key.version}`,
  );
  return rows[0];
}

export type Saving = {
  readonly organisation: string;
  readonly resources: readonly Resource[];
  /** Which feed or part brought them. */
  readonly source: string;
  /** `Type/id` of those whose id was just given: nothing can be there yet, so nothing is looked for. */
  readonly given?: ReadonlySet<string>;
};

/**
 * Saves resources of one organisation; answers with those that really changed, as stored. Set-based: a handful of
 * statements whatever the number. Two writers of the same resource wait for each other.
 */
export async function saveResources(tx: Transaction, saving: Saving): Promise<readonly StoredResource[]> {
  const { organisation, source, given } = saving;
  // In one order, so that two writers of shared resources wait for each other and never in a circle.
  const keyed = saving.resources.map((resource) => [`${resource.resourceType}/${resource.id}`, resource] as const);
  const latest = new Map([...new Map(keyed)].sort(([one], [other]) => (one < other ? -1 : 1)));
  const current = await currentOf(
    tx,
    organisation,
    [...latest].flatMap(([key, resource]) => (given?.has(key) ? [] : [resource])),
  );
  const differing = [...latest].flatMap(([key, resource]) => {
    const before = current.get(key);
    const hash = fingerprint(resource);
    return before && before.hash === hash && !before.deleted ? [] : [{ resource, before, hash }];
  });
  const stamps = await tx.stamps(differing.length);
  const changed = differing.map(({ resource, before, hash }, index): Prepared => {
    const stamp = stamps[index] ?? 0;
    if (before && before.stamp >= stamp) throw new Overtaken(`${resource.resourceType} was changed meanwhile`);
    const said = before && !before.deleted ? (JSON.parse(before.content) as Resource) : undefined;
    const prepared = prepare(resource, { organisation, stamp, hash, version: (before?.version ?? 0) + 1 });
    return { ...prepared, before: said };
  });
  if (changed.length > 0) await writeResources(tx, changed, source);
  return changed;
}

/** Marks resources as deleted (logically: their versions stay). Search values and facts go. */
export async function deleteResources(
  tx: Transaction,
  organisation: string,
  keys: readonly { type: string; id: string }[],
): Promise<void> {
  if (keys.length === 0) return;
  const types = keys.map((key) => key.type);
  const ids = keys.map((key) => key.id);
  const stamps = await tx.stamps(keys.length);
  const { rows } = await tx.query<{ content: string; overtaken: boolean }>(sql`
    with gone as (
      update resource r set deleted = true, present = '{}', version = r.version + 1,
        last_updated = to_timestamp(one.stamp / 1000000.0), written = pg_current_xact_id()
      from unnest(${types}::text[], ${ids}::text[], ${stamps}::numeric[]) as one (type, id, stamp), resource before
      where r.organisation = ${organisation} and r.type = one.type and r.rid = resource_rid(one.type, one.id) and not r.deleted
        and before.organisation = r.organisation and before.type = r.type and before.rid = r.rid
      returning r.organisation, r.type, r.id, r.version, r.last_updated, r.content, r.patient,
        before.written <> pg_current_xact_id() and before.last_updated >= r.last_updated as overtaken
    ), kept as (
      insert into resource_version (organisation, type, id, version, last_updated, deleted, content, patient)
      select organisation, type, id, version, last_updated, true, content, patient from gone
    )
    select content, overtaken from gone`);
  if (rows.some((row) => row.overtaken)) throw new Overtaken('a resource to be deleted was changed meanwhile');
  await removeFacts(tx, organisation, types, ids);
  const before = rows.map((row) => JSON.parse(row.content) as Resource);
  await unindexResources(
    tx,
    organisation,
    before.map((one) => ({ type: one.resourceType, rid: ridOf(one.resourceType, one.id ?? ''), before: one })),
  );
}

/** The bytes that are served of a resource in this version. */
export function contentOf(
  { resourceType, id = '', meta, ...rest }: Resource,
  { version, lastUpdated }: Pick<StoredResource, 'version' | 'lastUpdated'>,
): string {
  return JSON.stringify({ resourceType, id, meta: { ...meta, versionId: String(version), lastUpdated }, ...rest });
}

function prepare(
  resource: Resource,
  facts: { organisation: string; stamp: number; hash: string; version: number },
): Omit<Prepared, 'before'> {
  const { organisation, stamp, hash, version } = facts;
  const lastUpdated = instantOfStamp(stamp);
  return {
    organisation,
    type: resource.resourceType,
    id: resource.id ?? '',
    version,
    lastUpdated,
    deleted: false,
    content: contentOf(resource, { version, lastUpdated }),
    hash,
    patient: patientOf(resource) ?? null,
    resource,
  };
}

type Current = {
  type: string;
  id: string;
  wanted: string;
  version: number;
  hash: string;
  deleted: boolean;
  content: string;
  stamp: number;
};

async function currentOf(
  tx: Transaction,
  organisation: string,
  resources: readonly Resource[],
): Promise<ReadonlyMap<string, Current>> {
  if (resources.length === 0) return new Map();
  const types = resources.map((one) => one.resourceType);
  const ids = resources.map((one) => one.id ?? '');
  const rids = resources.map((one) => ridOf(one.resourceType, one.id ?? ''));
  const { rows } = await tx.query<Current>(
    named(
      'current',
      sql`
    select r.type, r.id, k.id as wanted, version, hash, deleted, content,
      case when written = pg_current_xact_id() then 0 else (extract(epoch from last_updated) * 1000000)::bigint end as stamp
    from unnest(${types}::text[], ${ids}::text[], ${rids}::bigint[]) as k (type, id, rid)
    join resource r on r.organisation = ${organisation} and r.type = k.type and r.rid = k.rid
    order by r.type, r.id for update of r`,
    ),
  );
  const clash = rows.find((row) => row.id !== row.wanted);
  // Tried again, a new resource gets another id.
  if (clash) throw new Overtaken(`Two ids of ${clash.type} have the same number: the second cannot be kept`);
  return new Map(rows.map((row) => [`${row.type}/${row.id}`, row]));
}

/** All current resources of one type that an organisation has, parsed: for types of which there are few. */
export async function loadAll<R extends Resource>(
  db: Database,
  organisation: string,
  type: R['resourceType'],
): Promise<R[]> {
  const { rows } = await db.query<{ content: string }>(
    sql`select content from resource where organisation = ${organisation} and type = ${type} and not deleted order by id`,
  );
  return rows.map((row) => JSON.parse(row.content) as R);
}

/** The organisation that owns a resource, for news that names only its id. Ids made by Holdfast are unique over organisations. */
export async function ownerOf(db: Database, type: string, id: string): Promise<string | undefined> {
  const { rows } = await db.query<{ organisation: string }>(
    sql`select organisation from resource where type = ${type} and id = ${id} and not deleted limit 1`,
  );
  return rows[0]?.organisation;
}
