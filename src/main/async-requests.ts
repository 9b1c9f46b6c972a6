/** Work that goes on after its request was answered: in this process, with its state in the database. */
import { randomUUID } from 'node:crypto';
import type { Principal } from '#auth/access.ts';
import { outcomeOf } from '#fhir/outcome.ts';
import type { AsyncRequests } from '#http/deps.ts';
import { EVENTS, type Logger } from '#ops/log.ts';
import { fail, ok } from '#result.ts';
import { beginAsync, finishAsync, forgetAsync, keepAsyncAlive, readAsync } from '#store/async-requests.ts';
import type { Database } from '#store/database.ts';

/** Requests of this process at once; their bodies and results are held in memory. */
const AT_ONCE = 8;
const KEPT_HOURS = 24;
const ALIVE_EVERY_MS = 5_000;
/** After so much silence the process is gone. */
const LOST_AFTER_S = 30;

export function asyncRequests(db: Database, log: Logger): AsyncRequests {
  const running = new Set<string>();
  const ownerOf = ({ clientId, subject }: Principal) => JSON.stringify([clientId, subject]);
  return {
    start: async (principal, work) => {
      if (running.size >= AT_ONCE)
        return fail('busy', 'Too many requests are being worked on. Try again after Retry-After.', { retryAfter: 5 });
      const id = randomUUID();
      running.add(id);
      await beginAsync(db, { id, owner: ownerOf(principal), hours: KEPT_HOURS }).catch((error: unknown) => {
        running.delete(id);
        throw error;
      });
      void carryOut(db, log, { id, work }).finally(() => running.delete(id));
      return ok({ id });
    },
    status: async (principal, id) => {
      const row = await readAsync(db, { id, owner: ownerOf(principal) });
      if (!row) return undefined;
      if (row.status !== null && row.content !== null)
        return { state: 'done', status: row.status, content: row.content };
      return row.silent > LOST_AFTER_S ? { state: 'interrupted' } : { state: 'running', startedAt: row.startedAt };
    },
    forget: (principal, id) => forgetAsync(db, { id, owner: ownerOf(principal) }),
  };
}

type Work = { readonly id: string; readonly work: () => Promise<{ status: number; content: string }> };

/** Never throws: nobody waits for it. */
async function carryOut(db: Database, log: Logger, { id, work }: Work): Promise<void> {
  const beat = setInterval(() => void keepAsyncAlive(db, [id]).catch(() => undefined), ALIVE_EVERY_MS);
  try {
    const answer = await work().catch((error: unknown) => {
      log.error({ event: EVENTS.requestFailed, err: error });
      const { status, outcome } = outcomeOf({ kind: 'fault', message: 'The server failed while answering.' });
      return { status, content: JSON.stringify(outcome) };
    });
    await finishAsync(db, { id, ...answer });
  } catch (error) {
    log.error({ event: EVENTS.requestFailed, err: error });
  } finally {
    clearInterval(beat);
  }
}
