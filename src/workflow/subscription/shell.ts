/** What subscriptions are given: the database, topics, a clock of their own, sealing, and the way out to receivers. */
import type { Answer, RetryPolicy } from '#domain/subscription/attempt.ts';
import type { Header } from '#domain/subscription/header.ts';
import type { Topic } from '#domain/subscription/topic.ts';
import type { Result } from '#result.ts';
import type { Pool, Transaction } from '#store/database.ts';
import type { Now } from '#workflow/ports.ts';

/** Posts one notification. A failure is `forbidden` when the address may not be called, anything else may be tried again. */
export type PostNotification = (request: {
  readonly url: string;
  readonly headers: readonly Header[];
  readonly body: string;
  readonly timeoutMs: number;
  /** The same for each attempt to deliver the same events. */
  readonly key: string;
}) => Promise<Answer>;

/** What a notification told, for the audit trail. */
export type Disclosure = {
  readonly subscription: string;
  readonly client: string;
  readonly organisations: readonly string[];
  /** Ids; none where the notification named nothing. */
  readonly patients: readonly string[];
  /** Numbers of the events: `12-40`. */
  readonly events: string;
};

export type SubscriptionShell = {
  readonly pool: Pool;
  /** Real time, for what is due to the outside: deliveries, ends, tokens. */
  readonly realNow: Now;
  /** 0 to 1. */
  readonly random: () => number;
  readonly newId: () => string;
  readonly topics: readonly Topic[];
  /** `https://server/fhir/R4` */
  readonly base: () => string;
  readonly seal: (text: string) => string;
  /** Undefined when the text was not sealed here. */
  readonly open: (sealed: string) => string | undefined;
  /** What can be said about an address without asking anybody: `forbidden` when it may never be called. */
  readonly checkEndpoint: (url: string) => Result<unknown>;
  readonly post: PostNotification;
  readonly audit: (tx: Transaction, disclosure: Disclosure) => Promise<void>;
  readonly retry: RetryPolicy;
};
