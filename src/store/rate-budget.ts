/** A rate that all processes keep to together: requests are given their turns by one row of the database and its clock. */
import type { Database } from './database.ts';
import { sql } from './sql.ts';

export type RateBudget = {
  /** Whose limit it is: `pds`. */
  readonly name: string;
  readonly perSecond: number;
  /** Requests that may go at once after a pause; 1 spaces all of them evenly. */
  readonly burst: number;
  /** A turn further away than this is not given. */
  readonly longestWaitMs: number;
};

/** A turn, and how long to wait for it; or none was taken, and when to ask again. Milliseconds. */
export type Turn = { readonly isGiven: boolean; readonly waitMs: number };

/**
 * Takes `count` turns in one statement, however many processes ask: each is told how long to wait for the last of them,
 * in the order in which they asked (a token bucket that may be overdrawn, kept as the instant at which it is level:
 * https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm). Who would have to wait longer than `longestWaitMs` takes
 * nothing. To be called outside a transaction: within one, everybody would wait for its end.
 */
export async function takeTurns(db: Database, budget: RateBudget, count = 1): Promise<Turn> {
  const { name, perSecond, burst, longestWaitMs } = budget;
  const [taken, slack] = [count / perSecond, (burst - count) / perSecond];
  const { rows } = await db.query<{ wait: number }>(sql`
    insert into rate_budget as budget (name, free_at) values (${name}, clock_timestamp() + make_interval(secs => ${taken}::float8))
    on conflict (name) do update set free_at = greatest(budget.free_at, clock_timestamp()) + make_interval(secs => ${taken}::float8)
      where budget.free_at <= clock_timestamp() + make_interval(secs => ${slack + longestWaitMs / 1000}::float8)
    returning 1000 * extract(epoch from free_at - clock_timestamp() - make_interval(secs => ${taken + slack}::float8))::float8 as wait`);
  const [turn] = rows;
  if (!turn) return { isGiven: false, waitMs: longestWaitMs };
  return { isGiven: true, waitMs: Math.max(0, Math.ceil(turn.wait)) };
}
