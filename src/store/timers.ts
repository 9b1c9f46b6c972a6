/** Timers by business time: what wakes which stage, when. Kept in the database, so that a restart loses and repeats nothing. */
import type { Database, Transaction } from './database.ts';
import { sql } from './sql.ts';

export type Timer = {
  readonly organisation: string;
  /** The stage that it wakes. */
  readonly queue: string;
  /** One timer per organisation, queue and key: setting it again moves it. */
  readonly key: string;
  readonly dueAt: string;
  readonly payload: object;
};

export async function setTimers(tx: Transaction, timers: readonly Timer[]): Promise<void> {
  if (timers.length === 0) return;
  const last = new Map(timers.map((timer) => [JSON.stringify([timer.organisation, timer.queue, timer.key]), timer]));
  const rows = [...last.values()];
  await tx.query(sql`
    insert into timer (organisation, queue, key, due_at, payload)
    select * from unnest(${rows.map((row) => row.organisation)}::text[], ${rows.map((row) => row.queue)}::text[], ${rows.map((row) => row.key)}::text[],
      ${rows.map((row) => row.dueAt)}::timestamptz[], ${rows.map((row) => JSON.stringify(row.payload))}::jsonb[])
    on conflict (organisation, queue, key) do update set due_at = excluded.due_at, payload = excluded.payload`);
}

export async function clearTimers(
  tx: Transaction,
  organisation: string,
  queue: string,
  keys: readonly string[],
): Promise<void> {
  if (keys.length === 0) return;
  await tx.query(
    sql`delete from timer where organisation = ${organisation} and queue = ${queue} and key = any(${keys}::text[])`,
  );
}

/** Takes the timers due at `now`, oldest first, in this transaction: they are gone when it commits, with the jobs queued in it. */
export async function takeDueTimers(tx: Transaction, now: string, limit: number): Promise<Timer[]> {
  const { rows } = await tx.query<Timer>(sql`
    with due as (
      select organisation, queue, key from timer where due_at <= ${now}::timestamptz
      order by due_at, organisation, queue, key limit ${limit} for update skip locked
    )
    delete from timer t using due where t.organisation = due.organisation and t.queue = due.queue and t.key = due.key
    returning t.organisation, t.queue, t.key, to_char(t.due_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "dueAt", t.payload`);
  const place = (timer: Timer) => `${timer.dueAt}|${timer.organisation}|${timer.queue}|${timer.key}`;
  return rows.sort((a, b) => (place(a) < place(b) ? -1 : 1));
}

/** When the next timer is due, for a clock that jumps. */
export async function nextTimerAt(db: Database): Promise<string | undefined> {
  const { rows } = await db.query<{ due: string | null }>(
    sql`select to_char(min(due_at) at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as due from timer`,
  );
  return rows[0]?.due ?? undefined;
}
