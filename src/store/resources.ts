/**
 * Resources and their versions: read as the bytes that were stored, written in sets, together with their search values
 * and clinical facts, in the caller's transaction. The same content again writes nothing.
 */

import { startOfPartial } from '#fhir/date.ts';
import { factsOf, patientOf } from '#fhir/fact.ts';
import { digest } from '#fhir/id.ts';
import type { Resource } from '#fhir/types.ts';
import { type Access, visible } from './access.ts';
import { type Database, Overtaken, type Transaction } from './database.ts';
import { indexResources } from './search-index.ts';
import { sql } from './sql.ts';
import { instantColumn, instantOfStamp } from './stamp.ts';

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

const columns = sql`r.organisation, r.type, r.id, r.version, ${instantColumn(sql`r.last_updated`)} as "lastUpdated", r.deleted, r.content, r.patient`;

/** The current version; undefined when absent or not visible. */
export async function readResource(
  db: Database,
  access: Access,
  type: string,
  id: string,
): Promise<StoredResource | undefined> {
  const { rows } = await db.query<StoredResource>(
    sql`select ${columns} from resource r where ${visible(access, sql`r`, type)} and r.type = ${type} and r.id = ${id}`,
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
    sql`select r.content from resource r where ${visible(access, sql`r`, type)} and r.type = ${type} and r.id = any(${[...new Set(ids)]}::text[]) and not r.deleted order by r.id`,
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
    sql`select ${columns} from resource_version r where ${visible(access, sql`r`, key.type)} and r.type = ${key.type} and r.id = ${key.id} and r.version = ${key.version}`,
  );
  return rows[0];
}

export type Saving = {
  readonly organisation: string;
  readonly resources: readonly Resource[];
  /** Which feed or part brought them. */
  readonly source: string;
};

type Prepared = StoredResource & {
  readonly hash: string;
  readonly resource: Resource;
};

/**
 * Saves resources of one organisation; answers with those that really changed, as stored. Set-based: a handful of
 * statements whatever the number. Two writers of the same resource wait for each other.
 */
export async function saveResources(tx: Transaction, saving: Saving): Promise<readonly StoredResource[]> {
  const { organisation, source } = saving;
  // In one order, so that two writers of shared resources wait for each other and never in a circle.
  const keyed = saving.resources.map((resource) => [`${resource.resourceType}/${resource.id}`, resource] as const);
  const latest = new Map([...new Map(keyed)].sort(([one], [other]) => (one < other ? -1 : 1)));
  const current = await currentOf(tx, organisation, [...latest.values()]);
  const differing = [...latest].flatMap(([key, resource]) => {
    const before = current.get(key);
    const hash = fingerprint(resource);
    return before && before.hash === hash && !before.deleted ? [] : [{ resource, before, hash }];
  });
  const stamps = await tx.stamps(differing.length);
  const changed = differing.map(({ resource, before, hash }, index) => {
    const stamp = stamps[index] ?? 0;
    if (before && before.stamp >= stamp) throw new Overtaken(`${resource.resourceType} was changed meanwhile`);
    return prepare(resource, { organisation, stamp, hash, version: (before?.version ?? 0) + 1 });
  });
  if (changed.length > 0) await write(tx, changed, source);
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
  const { rows } = await tx.query<{ overtaken: boolean }>(sql`
    with gone as (
      update resource r set deleted = true, version = r.version + 1, last_updated = to_timestamp(one.stamp / 1000000.0), written = pg_current_xact_id()
      from unnest(${types}::text[], ${ids}::text[], ${stamps}::numeric[]) as one (type, id, stamp),
        resource before
      where r.organisation = ${organisation} and r.type = one.type and r.id = one.id and not r.deleted
        and before.organisation = r.organisation and before.type = r.type and before.id = r.id
      returning r.organisation, r.type, r.id, r.version, r.last_updated, r.content, r.patient, 
        before.written <> pg_current_xact_id() and before.last_updated >= r.last_updated as overtaken
    ), kept as (
      insert into resource_version (organisation, type, id, version, last_updated, deleted, content, patient)
      select organisation, type, id, version, last_updated, true, content, patient from gone
    )
    select overtaken from gone where overtaken limit 1`);
  if (rows.length > 0) throw new Overtaken('a resource to be deleted was changed meanwhile');
  await removeDerived(tx, organisation, types, ids);
  await indexResources(tx, organisation, [], { types, ids });
}

/**
 * What is the same when only the version or the time of writing differs. A List that says the same as before is the
 * same snapshot, whenever it was taken again.
 */
function fingerprint(resource: Resource): string {
  const { versionId: _version, lastUpdated: _time, ...meta } = resource.meta ?? {};
  return digest(
    JSON.stringify({ ...resource, meta, ...(resource.resourceType === 'List' ? { date: undefined } : {}) }),
  );
}

function prepare(
  resource: Resource,
  facts: { organisation: string; stamp: number; hash: string; version: number },
): Prepared {
  const { organisation, stamp, hash, version } = facts;
  const lastUpdated = instantOfStamp(stamp);
  const { resourceType, id = '', meta, ...rest } = resource;
  const content = JSON.stringify({
    resourceType,
    id,
    meta: { ...meta, versionId: String(version), lastUpdated },
    ...rest,
  });
  return {
    organisation,
    type: resourceType,
    id,
    version,
    lastUpdated,
    deleted: false,
    content,
    hash,
    patient: patientOf(resource) ?? null,
    resource,
  };
}

type Current = { type: string; id: string; version: number; hash: string; deleted: boolean; stamp: number };

async function currentOf(tx: Transaction, organisation: string, resources: readonly Resource[]) {
  const types = resources.map((one) => one.resourceType);
  const ids = resources.map((one) => one.id ?? '');
  const { rows } = await tx.query<Current>(sql`
    select type, id, version, hash, deleted, 
      case when written = pg_current_xact_id() then 0 else (extract(epoch from last_updated) * 1000000)::bigint end as stamp from resource
    where organisation = ${organisation} and (type, id) in (select * from unnest(${types}::text[], ${ids}::text[]))
    order by type, id for update`);
  return new Map(rows.map((row) => [`${row.type}/${row.id}`, row]));
}

async function write(tx: Transaction, changed: readonly Prepared[], source: string): Promise<void> {
  const organisation = changed[0]?.organisation ?? '';
  const column = <K extends keyof Prepared>(name: K) => changed.map((one) => one[name]);
  const types = column('type');
  const ids = column('id');
  // Before the write: the rows still name the patient whose facts they are.
  await removeDerived(tx, organisation, types, ids);
  await tx.query(sql`
    with incoming as (
      select * from unnest(${column('type')}::text[], ${column('id')}::text[], ${column('version')}::int[], ${column('lastUpdated')}::timestamptz[],
        ${column('patient')}::text[], ${column('hash')}::text[], ${column('content')}::text[])
        as one (type, id, version, last_updated, patient, hash, content)
    ), kept as (
      insert into resource_version (organisation, type, id, version, last_updated, content, patient)
      select ${organisation}, type, id, version, last_updated, content, patient from incoming
    )
    insert into resource (organisation, type, id, version, last_updated, patient, source, hash, content)
    select ${organisation}, type, id, version, last_updated, patient, ${source}, hash, content from incoming
    on conflict (organisation, type, id) do update set
      version = excluded.version, last_updated = excluded.last_updated, deleted = false, patient = excluded.patient,
      source = excluded.source, hash = excluded.hash, content = excluded.content, written = pg_current_xact_id()`);
  await writeFacts(tx, changed);
  await indexResources(
    tx,
    organisation,
    changed.map((one) => one.resource),
    { types, ids },
  );
}

async function removeDerived(
  tx: Transaction,
  organisation: string,
  types: readonly string[],
  ids: readonly string[],
): Promise<void> {
  await tx.query(sql`
    delete from clinical_fact using unnest(${types}::text[], ${ids}::text[]) as gone (type, id), resource
    where resource.organisation = ${organisation} and resource.type = gone.type and resource.id = gone.id
      and clinical_fact.organisation = ${organisation} and clinical_fact.patient = resource.patient
      and clinical_fact.resource_type = gone.type and clinical_fact.resource_id = gone.id`);
}

/** No code of SNOMED CT or dm+d is as long; what is, is broken, and no rule can ask for it. */
const LONGEST_CODE = 64;
/** A supply that is said to last for longer is a slip of the keyboard, and would not fit its column. */
const MOST_DAYS = 36_500;

async function writeFacts(tx: Transaction, changed: readonly Prepared[]): Promise<void> {
  const rows = changed
    .flatMap(({ organisation, patient, type, id, resource }) =>
      patient ? factsOf(resource).map((fact, ordinal) => ({ organisation, patient, type, id, ordinal, ...fact })) : [],
    )
    .filter(({ code }) => code.length <= LONGEST_CODE);
  if (rows.length === 0) return;
  const column = <T>(pick: (row: (typeof rows)[number]) => T) => rows.map(pick);
  await tx.query(sql`
    insert into clinical_fact (organisation, patient, resource_type, resource_id, ordinal, kind, code, date, value, unit, supply_days)
    select * from unnest(${column((row) => row.organisation)}::text[], ${column((row) => row.patient)}::text[], ${column((row) => row.type)}::text[],
      ${column((row) => row.id)}::text[], ${column((row) => row.ordinal)}::smallint[], ${column((row) => row.kind)}::text[],
      ${column((row) => row.code)}::text[], ${column((row) => (row.date ? startOfPartial(row.date) : null))}::date[],
      ${column((row) => row.value ?? null)}::double precision[], ${column((row) => row.unit ?? null)}::text[], ${column((row) => (row.supplyDays === undefined ? null : Math.min(row.supplyDays, MOST_DAYS)))}::int[])`);
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
