/** What a client's write is about: the rows it changes, locked in one order, and the rows it refers to. */

import { type Access, visible } from './access.ts';
import type { Database, Transaction } from './database.ts';
import type { StoredResource } from './resources.ts';
import { sql } from './sql.ts';
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
  const { rows } = await tx.query<Target>(sql`
    select r.organisation, r.type, r.id, r.version, ${instantColumn(sql`r.last_updated`)} as "lastUpdated", r.deleted, r.content, r.patient, r.source
    from resource r where ${visible(access, sql`r`)}
      and (r.type, r.id) in (select * from unnest(${keys.map((key) => key.type)}::text[], ${keys.map((key) => key.id)}::text[]))
    order by r.type, r.id, r.organisation ${isLocking ? sql`for update` : sql``}`);
  return rows;
}

/** Which of the keys exist within an access and are not deleted: for references. One statement whatever the number. */
export async function referred(db: Database, access: Access, keys: readonly Key[]): Promise<Referred[]> {
  if (keys.length === 0) return [];
  const { rows } = await db.query<Referred>(sql`
    select r.organisation, r.type, r.id, r.source from resource r where ${visible(access, sql`r`)} and not r.deleted
      and (r.type, r.id) in (select * from unnest(${keys.map((key) => key.type)}::text[], ${keys.map((key) => key.id)}::text[]))`);
  return rows;
}
