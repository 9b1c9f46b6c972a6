/** Subscriptions put together: the way out to receivers, sealing, real time, and the worker that tells of changes. */
import { randomUUID } from 'node:crypto';
import { createRestHook } from '#adapters/rest-hook/post.ts';
import { defaultRetry } from '#domain/subscription/attempt.ts';
import type { SubscriptionDeps } from '#http/subscription-deps.ts';
import { describeError, type Logger } from '#ops/log.ts';
import type { Pool } from '#store/database.ts';
import { bindingToken, subscriptionEvents, subscriptionStatus } from '#workflow/subscription/operations.ts';
import { createPulse } from '#workflow/subscription/pulse.ts';
import type { SubscriptionShell } from '#workflow/subscription/shell.ts';
import { openSocketHub } from '#workflow/subscription/sockets.ts';
import { feedPulse, nextInStream, readStream } from '#workflow/subscription/stream.ts';
import { startSubscriptionWorker } from '#workflow/subscription/worker.ts';
import type { Definitions } from './definitions.ts';
import type { Parts } from './parts.ts';
import { sealing } from './sealing.ts';
import { auditDisclosure } from './subscription-audit.ts';

export type Subscriptions = {
  readonly shell: SubscriptionShell;
  /** What its routes are given. */
  readonly deps: SubscriptionDeps;
  /** Starts the dispatcher and the deliverer in this process. */
  readonly work: () => void;
  readonly close: () => Promise<void>;
};

/** Between two looks at the database when nothing happens: how late news is at most, beside the work itself. */
const EVERY_MS = 200;

export function openSubscriptions(
  parts: Parts,
  definitions: Definitions,
  { pool, log }: { pool: Pool; log: Logger },
): Subscriptions {
  const hook = createRestHook({ allowed: parts.subscriptions.privateHosts });
  const shell: SubscriptionShell = {
    pool,
    realNow: () => new Date().toISOString(),
    random: Math.random,
    newId: randomUUID,
    topics: definitions.topics,
    base: () => `${parts.publicUrl()}/fhir/R4`,
    ...sealing(parts.secret, 'subscription'),
    checkEndpoint: hook.checkEndpoint,
    post: hook.post,
    audit: (tx, disclosure) => auditDisclosure(tx, disclosure, new Date().toISOString()),
    retry: parts.subscriptions.retry ?? defaultRetry,
  };
  const onError = (error: unknown) =>
    log.error({ event: 'subscriptions', ...describeError(error) }, 'the subscription worker met an error');
  const hub = openSocketHub(shell, { everyMs: EVERY_MS, onError });
  let stop = async () => undefined as unknown;
  return {
    shell,
    deps: {
      status: (reader, asked) => subscriptionStatus(shell, reader, asked),
      events: (reader, asked) => subscriptionEvents(shell, reader, asked),
      bindingToken: (reader, asked) => bindingToken(shell, reader, asked),
      connect: hub.connect,
      openStream: (reader, asked) => readStream(shell, reader, asked),
      nextInStream: (reader, request) => nextInStream(shell, reader, request),
      feedMoved: createPulse(() => feedPulse(shell), EVERY_MS),
    },
    work: () => {
      stop = startSubscriptionWorker(shell, { everyMs: EVERY_MS, concurrency: 16, keepDays: 30, onError }).stop;
    },
    close: async () => {
      await hub.close();
      await stop();
      await hook.close();
    },
  };
}
