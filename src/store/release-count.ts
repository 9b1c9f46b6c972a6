/** How many people each programme has invited on which day: the day's limits hold whoever releases, and how often. */
import type { Database, Transaction } from './database.ts';
import { sql } from './sql.ts';

/**
 * Rule (canonical url) → people released on a London date. Later dates count too: after a clock was set back, what was
 * released "tomorrow" has been released.
 */
export async function releasedSince(
  db: Database,
  organisation: string,
  day: string,
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await db.query<{ rule: string; n: number }>(sql`
    select rule, sum(released)::int as n from release_count
    where organisation = ${organisation} and day >= ${day}::date group by rule`);
  return new Map(rows.map(({ rule, n }) => [rule, n]));
}

/** Adds to a day's count, in the transaction in which people are released. */
export async function countReleased(
  tx: Transaction,
  of: { readonly organisation: string; readonly rule: string; readonly day: string; readonly released: number },
): Promise<void> {
  if (of.released === 0) return;
  await tx.query(sql`
    insert into release_count (organisation, rule, day, released)
    values (${of.organisation}, ${of.rule}, ${of.day}::date, ${of.released})
    on conflict (organisation, rule, day) do update set released = release_count.released + excluded.released`);
}
