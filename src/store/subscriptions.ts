/** Where each subscription stands: what it asks for, how far it was delivered, who is delivering now. */
import type { Access } from './access.ts';
import type { Database, Transaction } from './database.ts';
import type { FeedPosition } from './feed.ts';
import { type Sql, sql } from './sql.ts';

export type SubscriptionStatus = 'requested' | 'active' | 'error' | 'off';

export type SubscriptionState = {
  readonly id: string;
  readonly organisation: string;
  readonly client: string;
  readonly access: Access;
  /** As `domain/subscription` read it; JSON here. */
  readonly asked: unknown;
  /** Sealed. */
  readonly headers: string;
  readonly status: SubscriptionStatus;
  readonly startAfter: FeedPosition | null;
  readonly lastEvent: number;
  readonly delivered: number;
  readonly failures: number;
  readonly gone: number;
  readonly failingForMs: number;
  readonly error: string | null;
};

const columns = sql`id, organisation, client, access, asked, headers, status, start_after as "startAfter", last_event as "lastEvent",
  delivered, failures, gone, coalesce(extract(epoch from now() - failing_since) * 1000, 0)::float8 as "failingForMs", error`;

export type NewSubscription = Pick<SubscriptionState, 'id' | 'organisation' | 'client' | 'access' | 'headers'> & {
  readonly asked: { readonly channel: string; readonly heartbeatSeconds?: number; readonly end?: string };
  readonly status: SubscriptionStatus;
};

/** Begins a subscription: what changes after `startAfter` is for it. */
export async function insertSubscription(
  tx: Transaction,
  one: NewSubscription,
  startAfter: FeedPosition | undefined,
): Promise<void> {
  await tx.query(sql`
    insert into subscription_state (id, organisation, client, access, asked, channel, heartbeat, ends_at, headers, status, recording, start_after)
    values (${one.id}, ${one.organisation}, ${one.client}, ${JSON.stringify(one.access)}, ${JSON.stringify(one.asked)}, ${one.asked.channel},
      ${seconds(one.asked.heartbeatSeconds)}, ${one.asked.end ?? null}::timestamptz, ${one.headers}, ${one.status}, true,
      ${startAfter ? JSON.stringify(startAfter) : null})`);
}

/**
 * What its owner changed. `requested` begins delivery again with the first event that was not delivered; `off` ends
 * recording and delivery. A delivery that is under way counts no more.
 */
export async function changeSubscription(
  tx: Transaction,
  one: Omit<NewSubscription, 'organisation' | 'client'>,
  restartAfter: FeedPosition | undefined,
): Promise<void> {
  const isOff = one.status === 'off';
  const restart = restartAfter ? JSON.stringify(restartAfter) : null;
  await tx.query(sql`
    update subscription_state set access = ${JSON.stringify(one.access)}, asked = ${JSON.stringify(one.asked)}, channel = ${one.asked.channel},
      heartbeat = ${seconds(one.asked.heartbeatSeconds)}, ends_at = ${one.asked.end ?? null}::timestamptz, headers = ${one.headers},
      status = ${one.status}, start_after = case when recording then start_after else ${restart}::jsonb end, recording = ${!isOff},
      failures = 0, gone = 0, failing_since = null, error = null, next_attempt = ${isOff ? null : 'now'}::timestamptz, lease = null, leased_until = null
    where id = ${one.id}`);
}

/** One subscription, locked until the transaction ends. */
export async function lockSubscription(tx: Transaction, id: string): Promise<SubscriptionState | undefined> {
  const { rows } = await tx.query<SubscriptionState>(
    sql`select ${columns} from subscription_state where id = ${id} for update`,
  );
  return rows[0];
}

/** Subscriptions of one client, by id where ids are given. */
export async function subscriptionsOf(
  db: Database,
  client: string,
  ids: readonly string[] | undefined,
): Promise<SubscriptionState[]> {
  const named = ids ? sql`and id = any(${[...ids]}::text[])` : sql``;
  const { rows } = await db.query<SubscriptionState>(
    sql`select ${columns} from subscription_state where client = ${client} ${named} order by id`,
  );
  return rows;
}

/** Subscriptions for which events are numbered. */
export async function recordingSubscriptions(db: Database): Promise<SubscriptionState[]> {
  const { rows } = await db.query<SubscriptionState>(
    sql`select ${columns} from subscription_state where recording order by id`,
  );
  return rows;
}

/** Whether anybody has ever subscribed and not deleted it. */
export async function hasSubscriptions(db: Database): Promise<boolean> {
  const { rows } = await db.query(sql`select 1 from subscription_state limit 1`);
  return rows.length > 0;
}

/** The states of subscriptions that sockets are bound to. */
export async function boundSubscriptions(db: Database, ids: readonly string[]): Promise<SubscriptionState[]> {
  const { rows } = await db.query<SubscriptionState>(
    sql`select ${columns} from subscription_state where id = any(${[...ids]}::text[])`,
  );
  return rows;
}

/** A rest-hook subscription that is to be sent something now, held until `leased_until`. */
export type Claimed = SubscriptionState & { readonly lease: string };

const pending = sql`(status = 'requested' or (status in ('active', 'error')
  and (last_event > delivered or (heartbeat is not null and coalesce(last_sent, '-infinity') + heartbeat <= now()))))`;

/** Takes what is due, longest waiting first; each for its own timeout and a little more, so that a killed worker's comes back soon. */
export async function claimDue(db: Database, lease: string, limit: number): Promise<Claimed[]> {
  const { rows } = await db.query<Claimed>(sql`
    with due as (
      select id from subscription_state
      where channel = 'rest-hook' and next_attempt <= now() and (leased_until is null or leased_until <= now()) and ${pending}
      order by next_attempt, id limit ${limit} for update skip locked
    )
    update subscription_state s set lease = ${lease}, leased_until = now() + make_interval(secs => (s.asked ->> 'timeoutSeconds')::float8 + 5)
    where s.id in (select id from due) returning ${columns}, lease`);
  return rows;
}

export type Finished = {
  readonly status: SubscriptionStatus;
  readonly failures: number;
  readonly gone: number;
  readonly waitMs: number | undefined;
  readonly error: string | undefined;
  /** Number of the last event that arrived; undefined when none was sent. */
  readonly deliveredTo: number | undefined;
};

/** Writes down how an attempt went and gives the lease back. False when the lease was lost meanwhile: then nothing counts. */
export async function finishAttempt(tx: Transaction, { id, lease }: Claimed, how: Finished): Promise<boolean> {
  const next: Sql =
    how.waitMs === undefined ? sql`null` : sql`now() + make_interval(secs => ${how.waitMs / 1000}::float8)`;
  const { rowCount } = await tx.query(sql`
    update subscription_state set status = ${how.status}, failures = ${how.failures}, gone = ${how.gone}, error = ${how.error ?? null},
      failing_since = case when ${how.failures} = 0 then null else coalesce(failing_since, now()) end,
      delivered = greatest(delivered, ${how.deliveredTo ?? 0}), last_sent = case when ${how.failures} = 0 then now() else last_sent end,
      next_attempt = ${next}, lease = null, leased_until = null
    where id = ${id} and lease = ${lease}`);
  if (rowCount === 0) return false;
  if (how.deliveredTo !== undefined)
    await tx.query(sql`
      update subscription_event set delivered_at = now()
      where subscription = ${id} and number <= ${how.deliveredTo} and delivered_at is null`);
  return true;
}

/** Forgets subscriptions and their events: their resources were deleted. */
export async function removeSubscriptions(tx: Transaction, ids: readonly string[]): Promise<void> {
  await tx.query(sql`delete from subscription_state where id = any(${[...ids]}::text[])`);
}

/** Subscriptions whose end has come, switched off. */
export async function endSubscriptions(tx: Transaction, why: string): Promise<SubscriptionState[]> {
  const { rows } = await tx.query<SubscriptionState>(sql`
    update subscription_state set status = 'off', recording = false, error = ${why}, next_attempt = null, lease = null, leased_until = null
    where ends_at <= now() and status <> 'off' returning ${columns}`);
  return rows;
}

/** Forgets events older than the days given; what was switched off for as long is no longer recorded. Answers with how many events went. */
export async function forgetEvents(db: Database, days: number): Promise<number> {
  await db.query(sql`
    update subscription_state set recording = false
    where recording and status = 'off' and coalesce(failing_since, last_sent) < now() - make_interval(days => ${days})`);
  const { rowCount } = await db.query(
    sql`delete from subscription_event where recorded < now() - make_interval(days => ${days})`,
  );
  return rowCount;
}

function seconds(value: number | undefined): Sql {
  return value === undefined ? sql`null` : sql`make_interval(secs => ${value})`;
}
