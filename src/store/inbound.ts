/** What other systems told us, kept as received before it is understood, each once by its sender's own key. */
import type { Database, Transaction } from './database.ts';
import { sql } from './sql.ts';

export type Inbound = { readonly system: string; readonly key: string; readonly raw: Buffer; readonly now: string };

/** Keeps a message; false when the same one was kept before. */
export async function keepInbound(tx: Transaction, { system, key, raw, now }: Inbound): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    insert into inbound (system, key, received_at, raw) values (${system}, ${key}, ${now}::timestamptz, ${raw}) on conflict do nothing`);
  return rowCount === 1;
}

export async function readInbound(
  db: Database,
  system: string,
  key: string,
): Promise<{ raw: Buffer; receivedAt: string } | undefined> {
  const { rows } = await db.query<{ raw: Buffer; receivedAt: string }>(sql`
    select raw, to_char(received_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "receivedAt" from inbound where system = ${system} and key = ${key}`);
  return rows[0];
}

/** Notes why a message could not be used, for a person to see. */
export async function noteInboundProblem(tx: Transaction, system: string, key: string, problem: string): Promise<void> {
  await tx.query(sql`update inbound set problem = ${problem} where system = ${system} and key = ${key}`);
}

/** Failed tries at the second factor of a reply link so far; `failed` counts one more. */
export async function replyFailures(tx: Transaction, request: string, failed: boolean): Promise<number> {
  const { rows } = await tx.query<{ failures: number }>(sql`
    insert into reply_attempt (request, failures) values (${request}, ${failed ? 1 : 0})
    on conflict (request) do update set failures = reply_attempt.failures + ${failed ? 1 : 0} returning failures`);
  return rows[0]?.failures ?? 0;
}
