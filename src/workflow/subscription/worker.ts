/** The two loops of a worker: changes into events, events to receivers. Each subscription in its order, different ones beside each other. */
import { setTimeout as pause } from 'node:timers/promises';
import { inTransaction } from '#store/database.ts';
import { claimDue, endSubscriptions, forgetEvents } from '#store/subscriptions.ts';
import { showStatus } from './client.ts';
import { deliver } from './deliver.ts';
import { dispatch } from './dispatch.ts';
import type { SubscriptionShell } from './shell.ts';

export type WorkerOptions = {
  /** Milliseconds between two looks at the database when there is nothing to do. */
  readonly everyMs: number;
  /** Receivers called at once. */
  readonly concurrency: number;
  /** Days for which events are kept. */
  readonly keepDays: number;
  /** Hears of what a loop met; it goes on by itself. */
  readonly onError: (error: unknown) => void;
};

export type SubscriptionWorker = { readonly stop: () => Promise<void> };

const AFTER_ERROR_MS = 1_000;
const SWEEP_MS = 30_000;
const STOP_MS = 5_000;

export function startSubscriptionWorker(shell: SubscriptionShell, options: WorkerOptions): SubscriptionWorker {
  const stopping = new AbortController();
  const bell = createBell();
  const running = new Set<Promise<void>>();
  const loops = [
    repeat(stopping.signal, options, async () => {
      const isMore = await dispatch(shell);
      bell.ring();
      return isMore ? 0 : options.everyMs;
    }),
    repeat(stopping.signal, options, async () => {
      await deliverDue(shell, { running, bell, options });
      await bell.wait(options.everyMs, stopping.signal);
      return 0;
    }),
    repeat(stopping.signal, options, async () => {
      await sweep(shell, options.keepDays);
      return SWEEP_MS;
    }),
  ];
  return {
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
      // A receiver that takes longer gets the same events again from whoever is next.
      await Promise.race([Promise.all(running), pause(STOP_MS, undefined, { ref: false })]);
    },
  };
}

type Delivering = {
  readonly running: Set<Promise<void>>;
  readonly bell: Bell;
  readonly options: WorkerOptions;
};

async function deliverDue(shell: SubscriptionShell, { running, bell, options }: Delivering): Promise<void> {
  const free = options.concurrency - running.size;
  if (free <= 0) return;
  for (const claimed of await claimDue(shell.pool, shell.newId(), free)) {
    const one = deliver(shell, claimed)
      .catch(options.onError)
      .finally(() => {
        running.delete(one);
        bell.ring();
      });
    running.add(one);
  }
}

/** What time alone ends: subscriptions by their `end`, events by their age. */
async function sweep(shell: SubscriptionShell, keepDays: number): Promise<void> {
  await inTransaction(shell.pool, async (tx) => {
    const why = 'switched off: its end has come';
    for (const state of await endSubscriptions(tx, why))
      await showStatus(shell, tx, { state, status: 'off', error: why });
  });
  await forgetEvents(shell.pool, keepDays);
}

/** Runs one step after the other until it is told to stop; a step answers with how long to wait. */
async function repeat(signal: AbortSignal, { onError }: WorkerOptions, step: () => Promise<number>): Promise<void> {
  while (!signal.aborted) {
    let wait = AFTER_ERROR_MS;
    try {
      wait = await step();
    } catch (error) {
      onError(error);
    }
    if (wait > 0) await pause(wait, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

type Bell = {
  readonly ring: () => void;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
};

/** Ends a wait early: something may have become due. */
function createBell(): Bell {
  let wake = new AbortController();
  return {
    ring: () => wake.abort(),
    wait: async (ms, signal) => {
      await pause(ms, undefined, { signal: AbortSignal.any([signal, wake.signal]), ref: false }).catch(() => undefined);
      wake = new AbortController();
    },
  };
}
