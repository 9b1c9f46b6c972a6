/** What a client's write is about: the rows it changes, locked in one order, and the rows it refers to. */
import type { Database, Transaction } from './database.ts';
import { type Access, type StoredResource, visible } from './resources.ts';
import { sql } from './sql.ts';

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
    select organisation, type, id, version, to_char(last_updated at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "lastUpdated", deleted, content, patient, source
    from resource where ${visible(access)}
      and (type, id) in (select * from unnest(${keys.map((key) => key.type)}::text[], ${keys.map((key) => key.id)}::text[]))
    order by type, id, organisation ${isLocking ? sql`for update` : sql``}`);
  return rows;
}

/** Which of the keys exist within an access and are not deleted: for references. One statement whatever the number. */
export async function referred(db: Database, access: Access, keys: readonly Key[]): Promise<Referred[]> {
  if (keys.length === 0) return [];
  const { rows } = await db.query<Referred>(sql`
    select organisation, type, id, source from resource where ${visible(access)} and not deleted
      and (type, id) in (select * from unnest(${keys.map((key) => key.type)}::text[], ${keys.map((key) => key.id)}::text[]))`);
  return rows;
}
