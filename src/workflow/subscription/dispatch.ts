/**
 * Changes become numbered events: the feed is read in order up to its horizon, each subscription gets what fires its
 * topic, passes its filters and is visible to its client; events and the place in the feed move in one transaction.
 */
import { passes } from '#domain/subscription/filter.ts';
import { fires } from '#domain/subscription/fires.ts';
import type { Asked } from '#domain/subscription/subscription.ts';
import { typesOf } from '#domain/subscription/topic.ts';
import type { Resource } from '#fhir/types.ts';
import { inTransaction, type Transaction } from '#store/database.ts';
import { currentPosition, type FeedChange, type FeedPosition, readFeed } from '#store/feed.ts';
import { insertEvents, moveDispatcher, takeDispatcher } from '#store/subscription-events.ts';
import {
  hasSubscriptions,
  recordingSubscriptions,
  removeSubscriptions,
  type SubscriptionState,
} from '#store/subscriptions.ts';
import type { SubscriptionShell } from './shell.ts';

const BATCH = 500;

/** Takes the next changes; true when there may be more at once. Two at a time wait for each other. */
export async function dispatch(shell: Pick<SubscriptionShell, 'pool' | 'topics'>): Promise<boolean> {
  return inTransaction(shell.pool, async (tx) => {
    const after = (await takeDispatcher(tx)) ?? undefined;
    // Read before all else: where nothing that counts lies between, this is as far as it has been read.
    const newest = await currentPosition(tx);
    // Whoever is not here yet came after every change up to there.
    const isWanted = await hasSubscriptions(tx);
    const { changes, position } = isWanted ? await nextChanges(shell, tx, after) : nothing;
    if (changes.length > 0) await number(shell, tx, changes);
    const next = changes.length > 0 ? position : newest;
    if (next && JSON.stringify(next) !== JSON.stringify(after)) await moveDispatcher(tx, next);
    return changes.length === BATCH;
  });
}

const nothing: Awaited<ReturnType<typeof readFeed>> = { changes: [], position: undefined };

function nextChanges({ topics }: Pick<SubscriptionShell, 'topics'>, tx: Transaction, after: FeedPosition | undefined) {
  const types = [...new Set(topics.flatMap(typesOf)), 'Subscription'];
  return readFeed(tx, { ...(after ? { after } : {}), types, limit: BATCH });
}

async function number(
  shell: Pick<SubscriptionShell, 'topics'>,
  tx: Transaction,
  changes: readonly FeedChange[],
): Promise<void> {
  // Whoever deletes a Subscription, and by whatever way, ends it.
  const gone = changes.filter(({ type, deleted }) => type === 'Subscription' && deleted).map(({ id }) => id);
  if (gone.length > 0) await removeSubscriptions(tx, gone);
  // Read after the feed: one that is not here yet came after every change in hand.
  const subscriptions = await recordingSubscriptions(tx);
  if (subscriptions.length === 0) return;
  const parsed = changes.filter(({ type }) => type !== 'Subscription').map(parse);
  for (const subscription of subscriptions) {
    const chosen = parsed.filter((change) => isFor(shell, subscription, change));
    if (chosen.length > 0)
      await insertEvents(
        tx,
        subscription,
        chosen.map(({ change }) => change),
      );
  }
}

type Parsed = { readonly change: FeedChange; readonly current: Resource; readonly previous: Resource | undefined };

function parse(change: FeedChange): Parsed {
  return {
    change,
    current: JSON.parse(change.content) as Resource,
    previous: change.previous === null ? undefined : (JSON.parse(change.previous) as Resource),
  };
}

function isFor(
  { topics }: Pick<SubscriptionShell, 'topics'>,
  { access, asked, startAfter }: SubscriptionState,
  { change, current, previous }: Parsed,
): boolean {
  const { topic: url, filters } = asked as Asked;
  const topic = topics.find((one) => one.url === url);
  return (
    topic !== undefined &&
    access.organisations.includes(change.organisation) &&
    isLater(change, startAfter) &&
    fires(topic, { current, previous, deleted: change.deleted }) &&
    passes(filters, { organisation: change.organisation, resource: current })
  );
}

/** A start is the last change that was complete then; what is later came in a transaction that ended after it. */
function isLater({ lastUpdated }: FeedPosition, start: FeedPosition | null): boolean {
  return start === null || lastUpdated > start.lastUpdated;
}
