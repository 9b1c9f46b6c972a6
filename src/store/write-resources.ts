/**
 * The writing of resources that have changed: the row that is current, the version, the search values in one statement,
 * and the clinical facts. One journey to the database, as a rule, whatever the number of resources.
 */
import { factsOf } from '#fhir/fact.ts';
import { ridOf } from '#fhir/search-hash.ts';
import type { Resource } from '#fhir/types.ts';
import { removeFacts, writeFacts } from './clinical-fact.ts';
import { Overtaken, type Transaction } from './database.ts';
import type { StoredResource } from './resources.ts';
import { type Change, insertsOf, presentIn, unindexResources, withParts } from './search-index.ts';
import { named, sql } from './sql.ts';

export type Prepared = StoredResource & {
  readonly hash: string;
  readonly resource: Resource;
  /** What it said before; undefined for a new one, or one that comes back. */
  readonly before: Resource | undefined;
};

/** Writes them in the caller's transaction. They are of one organisation. */
export async function writeResources(tx: Transaction, changed: readonly Prepared[], source: string): Promise<void> {
  const organisation = changed[0]?.organisation ?? '';
  // Before the write: the rows still name the patient whose facts they are.
  const stated = changed.filter(({ before }) => before && factsOf(before).length > 0);
  await removeFacts(
    tx,
    organisation,
    stated.map(({ type }) => type),
    stated.map(({ id }) => id),
  );
  const changes = changed.map(
    ({ type, id, version, before, resource }): Change => ({
      type,
      rid: ridOf(type, id),
      before,
      after: resource,
      isFirst: version === 1,
    }),
  );
  await unindexResources(tx, organisation, changes);
  const written = writeRows(tx, { organisation, changed, changes, source });
  // Neither needs the other's answer.
  await Promise.all([written, writeFacts(tx, changed)]);
}

type Rows = {
  readonly organisation: string;
  readonly changed: readonly Prepared[];
  readonly changes: readonly Change[];
  readonly source: string;
};

async function writeRows(tx: Transaction, { organisation, changed, changes, source }: Rows): Promise<void> {
  const column = <K extends keyof Prepared>(name: K) => changed.map((one) => one[name]);
  const present = changed.map((one) => `{${presentIn(one.resource, tx.definitions).join(',')}}`);
  const { parts, name } = insertsOf(tx.definitions, organisation, changes);
  const indexed = parts.length > 0 ? sql`, ${withParts(parts)}` : sql``;
  const { rowCount } = await tx.query(
    named(
      `write-${name}`,
      sql`
    with incoming as (
      select * from unnest(${column('type')}::text[], ${column('id')}::text[], ${column('version')}::int[], ${column('lastUpdated')}::timestamptz[],
        ${column('patient')}::text[], ${column('hash')}::text[], ${column('content')}::text[], ${present}::text[])
        as one (type, id, version, last_updated, patient, hash, content, present)
    ), kept as (
      insert into resource_version (organisation, type, id, version, last_updated, content, patient)
      select ${organisation}, type, id, version, last_updated, content, patient from incoming
    )${indexed}
    insert into resource (organisation, type, id, version, last_updated, patient, source, hash, content, present)
    select ${organisation}, type, id, version, last_updated, patient, ${source}, hash, content, present::int[] from incoming
    on conflict (organisation, type, rid) do update set present = excluded.present,
      version = excluded.version, last_updated = excluded.last_updated, deleted = false, patient = excluded.patient,
      source = excluded.source, hash = excluded.hash, content = excluded.content, written = pg_current_xact_id()
      where resource.id = excluded.id`,
    ),
  );
  // Another id with the same number was there meanwhile. Tried again, a new resource gets another id.
  if (rowCount !== changed.length) throw new Overtaken('Two ids have the same number: the second cannot be kept');
}
