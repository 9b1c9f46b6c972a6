/** What a client's write is about: the rows it changes, locked in one order, and the rows it refers to. */

import { ridOf } from '#fhir/search-hash.ts';
import { type Access, visible } from './access.ts';
import type { Database, Transaction } from './database.ts';
import type { StoredResource } from './resources.ts';
import { named, type Sql, sql } from './sql.ts';
import { instantColumn } from './stamp.ts';

export type Key = { readonly type: string; readonly id: string };
export type Target = StoredResource & { readonly source: string };
export type Referred = Key & { readonly organisation: string; readonly source: string };

/**
 * The current rows of the keys within an access, deleted ones too, locked until the transaction ends. The lock order is
 * (type, id, organisation) whatever the order of the keys, so that two writers wait and never block each other.
 */
export async function lockTargets(tx: Transaction, access: Access, keys: readonly Key[]): Promise<Target[]> {
  return targets(tx, access, keys, true);
}

/** The same rows without a lock: to learn whose events must be put in order before the rows are locked. */
export async function readTargets(tx: Transaction, access: Access, keys: readonly Key[]): Promise<Target[]> {
  return targets(tx, access, keys, false);
}

async function targets(tx: Transaction, access: Access, keys: readonly Key[], isLocking: boolean): Promise<Target[]> {
  if (keys.length === 0) return [];
  const { rows } = await tx.query<Target>(
    named(
      isLocking ? 'lock-targets' : 'read-targets',
      sql`
    select r.organisation, r.type, r.id, r.version, ${instantColumn(sql`r.last_updated`)} as "lastUpdated", r.deleted, r.content, r.patient, r.source
    from ${wanted(keys)} join resource r on ${visible({ organisations: access.organisations }, sql`r`)} and r.type = k.type and r.rid = k.rid and r.id = k.id
    order by r.type, r.id, r.organisation ${isLocking ? sql`for update of r` : sql``}`,
    ),
  );
  return rows;
}

/** Which of the keys exist within an access and are not deleted: for references. One statement whatever the number. */
export async function referred(db: Database, access: Access, keys: readonly Key[]): Promise<Referred[]> {
  if (keys.length === 0) return [];
  const { rows } = await db.query<Referred>(
    named(
      'referred',
      sql`
    select r.organisation, r.type, r.id, r.source
    from ${wanted(keys)} join resource r on ${visible({ organisations: access.organisations }, sql`r`)} and not r.deleted and r.type = k.type and r.rid = k.rid and r.id = k.id`,
    ),
  );
  return rows;
}

/** The keys as rows `k`, each once. */
function wanted(keys: readonly Key[]): Sql {
  const unique = [...new Map(keys.map((key) => [`${key.type}/${key.id}`, key])).values()];
  return sql`unnest(${unique.map(({ type }) => type)}::text[], ${unique.map(({ id }) => id)}::text[],
    ${unique.map(({ type, id }) => ridOf(type, id))}::bigint[]) as k (type, id, rid)`;
}
