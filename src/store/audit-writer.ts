/**
 * Audit rows of reads, committed in groups: what arrives while one insert is in flight goes into the next, so that many
 * callers share one commit and nobody waits for a timer.
 */
import type { AuditRow } from '#fhir/audit-row.ts';
import { fail, ok, type Result } from '#result.ts';
import { insertAudit } from './audit.ts';
import type { Pool } from './database.ts';

export type AuditWriter = {
  /**
   * Resolves once the row is durable; `busy` when too many wait, `unavailable` after `close`. Rejects when the database
   * failed: the row may or may not be kept, and the caller must not hand out what it tells of.
   */
  append(row: AuditRow): Promise<Result<'kept'>>;
  /** Takes no more rows and resolves when all that were taken are settled. */
  close(): Promise<void>;
};

type Waiting = {
  readonly row: AuditRow;
  readonly resolve: (kept: Result<'kept'>) => void;
  readonly reject: (error: unknown) => void;
};

/** `maxWaiting` rows may wait for the insert in flight; `maxGroup` go into one insert. */
export function createAuditWriter(pool: Pool, { maxWaiting = 2_000, maxGroup = 256 } = {}): AuditWriter {
  let waiting: Waiting[] = [];
  let draining: Promise<void> | undefined;
  let isClosed = false;

  async function drain(): Promise<void> {
    // One turn of the microtask queue: callers of the same tick go together.
    await undefined;
    while (waiting.length > 0) {
      const group = waiting.slice(0, maxGroup);
      waiting = waiting.slice(maxGroup);
      await insertGroup(pool, group);
    }
    draining = undefined;
  }

  return {
    append(row) {
      if (isClosed) return Promise.resolve(fail('unavailable', 'The server is stopping. Try again.'));
      if (waiting.length >= maxWaiting)
        return Promise.resolve(
          fail('busy', 'More is being asked than the audit trail can keep. Try again in a moment.', { retryAfter: 1 }),
        );
      const settled = new Promise<Result<'kept'>>((resolve, reject) => waiting.push({ row, resolve, reject }));
      draining ??= drain();
      return settled;
    },
    async close() {
      isClosed = true;
      await draining;
    },
  };
}

/** Never throws: a failed insert is each caller's own failure. */
async function insertGroup(pool: Pool, group: readonly Waiting[]): Promise<void> {
  try {
    await insertAudit(
      pool,
      group.map(({ row }) => row),
    );
    for (const { resolve } of group) resolve(ok('kept'));
  } catch (error) {
    for (const { reject } of group) reject(error);
  }
}
