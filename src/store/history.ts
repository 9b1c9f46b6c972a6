/** Every version of what the caller may see, newest first, in pages by keyset. https://hl7.org/fhir/R4/http.html#history */
import { type Access, visible } from './access.ts';
import type { Database } from './database.ts';
import type { StoredResource } from './resources.ts';
import { join, type Sql, sql } from './sql.ts';
import { belowHorizon, instantColumn } from './stamp.ts';

/** After which entry a page begins. */
export type HistoryPosition = {
  readonly lastUpdated: string;
  readonly type: string;
  readonly id: string;
  readonly version: number;
};

/** Which versions are asked for, wherever a page of them begins. */
export type HistoryQuestion = {
  /** Without a type: of the whole system; without an id: of all resources of the type. */
  readonly type?: string;
  readonly id?: string;
  /** Only versions made at or after this instant (ISO 8601). */
  readonly since?: string;
  /** Only versions that were current at some time within this interval (upper end exclusive). */
  readonly at?: { readonly low: string; readonly high: string };
  readonly count: number;
};

export type HistoryRequest = HistoryQuestion & { readonly after?: HistoryPosition };

export type HistoryPage = {
  readonly entries: readonly StoredResource[];
  /** Where the next page begins; undefined on the last one. */
  readonly next: HistoryPosition | undefined;
};

/**
 * A page of history. Of a type or of the system only what is complete is told (src/store/stamp.ts): who asks again with
 * `since` the latest time they were told misses nothing. Of one resource its versions are told as soon as they exist.
 */
export async function readHistory(db: Database, access: Access, request: HistoryRequest): Promise<HistoryPage> {
  const { type, id, since, at, count, after } = request;
  const one = id !== undefined;
  const where = [
    visible(access, sql`v`, type),
    ...(type === undefined ? [] : [sql`v.type = ${type}`]),
    ...(one ? [sql`v.id = ${id}`] : [belowHorizon(sql`v`)]),
    ...(since === undefined ? [] : [sql`v.last_updated >= ${since}::timestamptz`]),
    ...(at === undefined ? [] : [currentWithin(at)]),
    ...(after === undefined ? [] : [beyond(after, one)]),
  ];
  const { rows } = await db.query<StoredResource>(sql`
    select v.organisation, v.type, v.id, v.version, ${instantColumn(sql`v.last_updated`)} as "lastUpdated", v.deleted, v.content, v.patient
    from resource_version v where ${join(where, ' and ')}
    order by ${one ? sql`v.version desc` : sql`v.last_updated desc, v.type desc, v.id desc, v.version desc`} limit ${count + 1}`);
  const entries = rows.slice(0, count);
  const last = entries.at(-1);
  return { entries, next: rows.length > count && last ? positionOf(last) : undefined };
}

/** Made before the end of the interval, and not followed by another before its beginning. */
function currentWithin({ low, high }: { low: string; high: string }): Sql {
  return sql`v.last_updated < ${high}::timestamptz and not exists (
    select 1 from resource_version n where n.organisation = v.organisation and n.type = v.type and n.id = v.id
      and n.version = v.version + 1 and n.last_updated <= ${low}::timestamptz)`;
}

function beyond(after: HistoryPosition, one: boolean): Sql {
  if (one) return sql`v.version < ${after.version}`;
  return sql`(v.last_updated, v.type, v.id, v.version) < (${after.lastUpdated}::timestamptz, ${after.type}, ${after.id}, ${after.version})`;
}

function positionOf({ lastUpdated, type, id, version }: StoredResource): HistoryPosition {
  return { lastUpdated, type, id, version };
}

/** When anything was last changed; undefined in an empty database. */
export async function latestChange(db: Database): Promise<string | undefined> {
  const { rows } = await db.query<{ at: string | null }>(
    sql`select ${instantColumn(sql`max(last_updated)`)} as at from resource_version`,
  );
  return rows[0]?.at ?? undefined;
}
