/** The turns in which a national service is asked: its limit is one for the application, so all processes share it by the database. */
import { setTimeout as pause } from 'node:timers/promises';
import { fail, ok, type Result } from '#result.ts';
import type { Database } from '#store/database.ts';
import { type RateBudget, takeTurns } from '#store/rate-budget.ts';

/** Who waits longer than this holds a worker that others need: the job comes back instead. */
const LONGEST_WAIT_MS = 5_000;

/** PDS. Evenly spaced: the platform counts so. */
export function pdsTurns(db: Database, perSecond: number): () => Promise<Result<unknown>> {
  return turnsOf(db, 'PDS', { name: 'pds', perSecond, burst: 1, longestWaitMs: LONGEST_WAIT_MS });
}

/** The Spine Directory Service: 300 a minute. facts: nhs-apis §6 */
export function sdsTurns(db: Database): () => Promise<Result<unknown>> {
  return turnsOf(db, 'the Spine Directory Service', {
    name: 'sds',
    perSecond: 5,
    burst: 50,
    longestWaitMs: LONGEST_WAIT_MS,
  });
}

/** Comes back when the next request may go out; `busy` when that is too far away. */
function turnsOf(db: Database, party: string, budget: RateBudget): () => Promise<Result<unknown>> {
  return async () => {
    const turn = await takeTurns(db, budget);
    if (!turn.isGiven)
      return fail(
        'busy',
        `${budget.perSecond} requests a second to ${party} are taken for the next ${turn.waitMs / 1000} s`,
        { retryAfter: Math.ceil(turn.waitMs / 1000) },
      );
    if (turn.waitMs > 0) await pause(turn.waitMs);
    return ok('now');
  };
}
