/**
 * The change feed: every version once, oldest first, for whatever follows all changes (subscriptions, event streams,
 * exports). Nothing appears later before a position that was given out. src/store/stamp.ts
 */
import { type Access, visible } from './access.ts';
import type { Database } from './database.ts';
import { join, sql } from './sql.ts';
import { belowHorizon, instantColumn } from './stamp.ts';

/** The last change that was seen. Keep it; go on after it. */
export type FeedPosition = {
  readonly lastUpdated: string;
  readonly organisation: string;
  readonly type: string;
  readonly id: string;
  readonly version: number;
};

export type FeedChange = FeedPosition & {
  readonly deleted: boolean;
  /** The JSON that was served from then on; of a deleted resource, its last content. */
  readonly content: string;
  readonly patient: string | null;
  /** What it was before; null for a first version. */
  readonly previous: string | null;
};

export type FeedRequest = {
  /** All organisations and types when absent: for the house itself only. */
  readonly access?: Access;
  readonly after?: FeedPosition;
  readonly types?: readonly string[];
  readonly limit: number;
};

/** Changes after a position, and the position of the last of them (the given one when there is none). */
export async function readFeed(
  db: Database,
  { access, after, types, limit }: FeedRequest,
): Promise<{ readonly changes: readonly FeedChange[]; readonly position: FeedPosition | undefined }> {
  const where = [
    belowHorizon(sql`v`),
    ...(access ? [visible(access, sql`v`)] : []),
    ...(types ? [sql`v.type = any(${[...types]}::text[])`] : []),
    ...(after
      ? [
          sql`v.last_updated >= ${after.lastUpdated}::timestamptz and (v.last_updated, v.organisation, v.type, v.id, v.version)
            > (${after.lastUpdated}::timestamptz, ${after.organisation}, ${after.type}, ${after.id}, ${after.version})`,
        ]
      : []),
  ];
  const { rows } = await db.query<FeedChange>(sql`
    select v.organisation, v.type, v.id, v.version, ${instantColumn(sql`v.last_updated`)} as "lastUpdated", v.deleted, v.content, v.patient,
      (select p.content from resource_version p where p.organisation = v.organisation and p.type = v.type and p.id = v.id and p.version = v.version - 1) as previous
    from resource_version v where ${join(where, ' and ')}
    order by v.last_updated, v.organisation, v.type, v.id, v.version limit ${limit}`);
  return { changes: rows, position: positionOf(rows.at(-1)) ?? after };
}

/** The newest position of the feed: from where a follower begins who wants only what is to come. */
export async function currentPosition(db: Database): Promise<FeedPosition | undefined> {
  const { rows } = await db.query<FeedPosition>(sql`
    select v.organisation, v.type, v.id, v.version, ${instantColumn(sql`v.last_updated`)} as "lastUpdated" from resource_version v
    where ${belowHorizon(sql`v`)} order by v.last_updated desc, v.organisation desc, v.type desc, v.id desc, v.version desc limit 1`);
  return rows[0];
}

function positionOf(last: FeedPosition | undefined): FeedPosition | undefined {
  if (!last) return undefined;
  const { lastUpdated, organisation, type, id, version } = last;
  return { lastUpdated, organisation, type, id, version };
}
