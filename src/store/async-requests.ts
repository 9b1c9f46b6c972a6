/** Requests that are answered later: begun, kept alive, finished, fetched by their owner, forgotten in time. */
import type { Database } from './database.ts';
import { sql } from './sql.ts';

export type AsyncRow = {
  readonly startedAt: string;
  /** Seconds since its process last said that it lives. */
  readonly silent: number;
  readonly status: number | null;
  readonly content: string | null;
};

/** Begins one; what has expired is thrown away on the way. */
export async function beginAsync(
  db: Database,
  { id, owner, hours }: { id: string; owner: string; hours: number },
): Promise<void> {
  await db.query(sql`delete from async_request where expires_at < clock_timestamp()`);
  await db.query(sql`
    insert into async_request (id, owner, expires_at) values (${id}, ${owner}, clock_timestamp() + make_interval(hours => ${hours}))`);
}

export async function keepAsyncAlive(db: Database, ids: readonly string[]): Promise<void> {
  await db.query(sql`update async_request set alive_at = clock_timestamp() where id = any(${[...ids]}::text[])`);
}

export async function finishAsync(
  db: Database,
  { id, status, content }: { id: string; status: number; content: string },
): Promise<void> {
  await db.query(sql`update async_request set status = ${status}, content = ${content} where id = ${id}`);
}

/** Undefined when there is none of this owner's. */
export async function readAsync(
  db: Database,
  { id, owner }: { id: string; owner: string },
): Promise<AsyncRow | undefined> {
  const { rows } = await db.query<AsyncRow>(sql`
    select to_char(started_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "startedAt",
      extract(epoch from clock_timestamp() - alive_at)::float8 as silent, status, content
    from async_request where id = ${id} and owner = ${owner} and expires_at > clock_timestamp()`);
  return rows[0];
}

/** Whether there was one to forget. */
export async function forgetAsync(db: Database, { id, owner }: { id: string; owner: string }): Promise<boolean> {
  const { rowCount } = await db.query(sql`delete from async_request where id = ${id} and owner = ${owner}`);
  return rowCount > 0;
}
