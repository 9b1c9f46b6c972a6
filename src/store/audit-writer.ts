/**
 * Audit rows of reads, committed in groups: what arrives while one insert is in flight goes into the next, so that many
 * callers share one commit and nobody waits for a timer.
 */
import type { AuditRow } from '#fhir/audit-row.ts';
import { fail, ok, type Result } from '#result.ts';
import { insertAudit } from './audit.ts';
import type { Pool } from './database.ts';
import { atOnce, gather } from './gather.ts';

export type AuditWriter = {
  /**
   * Resolves once the row is durable; `busy` when too many wait, `unavailable` after `close`. Rejects when the database
   * failed: the row may or may not be kept, and the caller must not hand out what it tells of.
   */
  append(row: AuditRow): Promise<Result<'kept'>>;
  /** Takes no more rows and resolves when all that were taken are settled. */
  close(): Promise<void>;
};

/** Two: one group is gathered and sent while the other reaches the disk. */
const LANES = 2;

/** `maxWaiting` rows may wait for the insert in flight; `maxGroup` go into one insert. */
export function createAuditWriter(pool: Pool, { maxWaiting = 2_000, maxGroup = 256 } = {}): AuditWriter {
  const insert = gather(
    atOnce((group: readonly AuditRow[]) => insertGroup(pool, group)),
    {
      lanes: LANES,
      most: maxGroup,
    },
  );
  let isClosed = false;
  return {
    append(row) {
      if (isClosed) return Promise.resolve(fail('unavailable', 'The server is stopping. Try again.'));
      if (insert.waiting() >= maxWaiting)
        return Promise.resolve(
          fail('busy', 'More is being asked than the audit trail can keep. Try again in a moment.', { retryAfter: 1 }),
        );
      return insert(row);
    },
    async close() {
      isClosed = true;
      await insert.settled();
    },
  };
}

async function insertGroup(pool: Pool, group: readonly AuditRow[]): Promise<Result<'kept'>[]> {
  await insertAudit(pool, group);
  return group.map(() => ok('kept'));
}
