/**
 * The change feed: every version of every resource, in an order that never changes behind a reader. Nothing is shown
 * that a transaction still running could come before, so a reader that keeps its last position misses nothing.
 */
import type { Database } from './database.ts';
import { type Access, visible } from './resources.ts';
import { join, type Sql, sql } from './sql.ts';

/** A place in the feed: the last change that was read. */
export type FeedPosition = {
  readonly lastUpdated: string;
  readonly organisation: string;
  readonly type: string;
  readonly id: string;
};

export type FeedChange = FeedPosition & {
  readonly version: number;
  readonly deleted: boolean;
  readonly content: string;
  readonly patient: string | null;
  /** Content of the version before; null when there is none. */
  readonly previous: string | null;
};

type FeedRequest = {
  readonly access?: Access;
  readonly after?: FeedPosition | undefined;
  readonly types?: readonly string[];
  readonly limit: number;
};

const below = sql`v.written < pg_snapshot_xmin(pg_current_snapshot())`;
/** Until stamps are in the order of transactions, a position carries the transaction and the version in their place. */
const place = sql`lpad(v.written::text, 20, '0') || '/' || v.version as "lastUpdated"`;

/** Changes after a position, oldest first; `position` is the last of them, undefined when there was none. */
export async function readFeed(
  db: Database,
  request: FeedRequest,
): Promise<{ changes: readonly FeedChange[]; position: FeedPosition | undefined }> {
  const where: Sql[] = [
    below,
    ...(request.access ? [sql`v.${visible(request.access)}`] : []),
    ...(request.types ? [sql`v.type = any(${[...request.types]}::text[])`] : []),
    ...(request.after ? [after(request.after)] : []),
  ];
  const { rows } = await db.query<FeedChange>(sql`
    select v.organisation, v.type, v.id, v.version, ${place}, v.deleted, v.content, r.patient, p.content as previous
    from resource_version v
    left join resource r on r.organisation = v.organisation and r.type = v.type and r.id = v.id
    left join resource_version p on p.organisation = v.organisation and p.type = v.type and p.id = v.id and p.version = v.version - 1
    where ${join(where, ' and ')}
    order by v.written, v.organisation, v.type, v.id, v.version limit ${request.limit}`);
  return { changes: rows, position: rows.at(-1) && positionOf(rows.at(-1) as FeedChange) };
}

/** The newest position that is complete for ever; undefined in an empty database. */
export async function currentPosition(db: Database): Promise<FeedPosition | undefined> {
  const { rows } = await db.query<FeedPosition>(sql`
    select v.organisation, v.type, v.id, ${place} from resource_version v where ${below}
    order by v.written desc, v.organisation desc, v.type desc, v.id desc, v.version desc limit 1`);
  return rows[0];
}

export function positionOf({ lastUpdated, organisation, type, id }: FeedPosition): FeedPosition {
  return { lastUpdated, organisation, type, id };
}

function after({ lastUpdated, organisation, type, id }: FeedPosition): Sql {
  const [padded = '0', version = '0'] = lastUpdated.split('/');
  // Leading zeros would make PostgreSQL read it as octal.
  const written = String(BigInt(padded));
  return sql`(v.written, v.organisation, v.type, v.id, v.version) > (${written}::xid8, ${organisation}, ${type}, ${id}, ${Number(version)})`;
}
