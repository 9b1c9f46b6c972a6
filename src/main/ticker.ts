/** Timers that are due become jobs, in one transaction: a crash loses and repeats none. */
import { inTransaction } from '#store/database.ts';
import { takeDueTimers } from '#store/timers.ts';
import type { Shell, StageJob } from '#workflow/shell.ts';

const BATCH = 500;

/** Queues everything that is due at the shell's clock; answers with how much that was. */
export async function tick(shell: Pick<Shell, 'pool' | 'now' | 'enqueue'>): Promise<number> {
  let queued = 0;
  for (;;) {
    const taken = await inTransaction(shell.pool, async (tx) => {
      const timers = await takeDueTimers(tx, shell.now(), BATCH);
      // A timer holds the very job that it queues; the queue's schema checks it again when it is worked.
      await shell.enqueue(
        tx,
        timers.map(({ queue, payload }) => ({ queue, payload }) as StageJob),
      );
      return timers.length;
    });
    queued += taken;
    if (taken < BATCH) return queued;
  }
}
