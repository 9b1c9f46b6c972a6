/** One delivery to one receiver: a handshake, the next events in order, or a heartbeat; and what follows from the answer. */

import { type Answer, judge, type Verdict } from '#domain/subscription/attempt.ts';
import {
  type NotificationType,
  notificationBundle,
  type SubscriptionEvent,
} from '#domain/subscription/notification.ts';
import type { Asked } from '#domain/subscription/subscription.ts';
import { inTransaction } from '#store/database.ts';
import { readEvents, type StoredEvent } from '#store/subscription-events.ts';
import { type Claimed, finishAttempt } from '#store/subscriptions.ts';
import { keptHeaders, showStatus } from './client.ts';
import { disclosureOf } from './operations.ts';
import type { SubscriptionShell } from './shell.ts';

/** Longest body of full resources, in characters of JSON; one event alone may be longer. */
const BODY = 4_000_000;

type Parcel = { readonly type: NotificationType; readonly events: readonly StoredEvent[]; readonly to: number };

/** Sends what is due to the subscription that was claimed. The receiver may get the same again, never in another order. */
export async function deliver(shell: SubscriptionShell, claimed: Claimed): Promise<void> {
  const parcel = await parcelFor(shell, claimed);
  // What the subscription may no longer see is passed over.
  const isNothing = parcel.type === 'event-notification' && parcel.events.length === 0;
  const answer: Answer = isNothing ? { ok: true, value: { status: 204 } } : await send(shell, claimed, parcel);
  const { failures, gone, status, failingForMs } = claimed;
  const attempted = { status, failures, gone, failingForMs, answer, jitter: shell.random() };
  await settle(shell, claimed, { verdict: judge(attempted, shell.retry), parcel });
}

async function parcelFor(shell: SubscriptionShell, claimed: Claimed): Promise<Parcel> {
  const { id, status, delivered, lastEvent, access } = claimed;
  const asked = claimed.asked as Asked;
  if (status === 'requested') return { type: 'handshake', events: [], to: delivered };
  if (lastEvent <= delivered) return { type: 'heartbeat', events: [], to: delivered };
  const read = await readEvents(shell.pool, {
    subscription: id,
    since: delivered + 1,
    until: lastEvent,
    limit: asked.maxCount,
    access,
    withContent: asked.content === 'full-resource',
  });
  const events = fitting(read);
  return { type: 'event-notification', events, to: events.at(-1)?.number ?? lastEvent };
}

/** As many of the first events as a body may hold. */
function fitting(events: readonly StoredEvent[]): readonly StoredEvent[] {
  let size = 0;
  const tooMuch = events.findIndex(({ content }, index) => {
    size += content?.length ?? 0;
    return size > BODY && index > 0;
  });
  return tooMuch < 0 ? events : events.slice(0, tooMuch);
}

function send(shell: SubscriptionShell, claimed: Claimed, { type, events, to }: Parcel): Promise<Answer> {
  const { id, status, lastEvent } = claimed;
  const asked = claimed.asked as Asked;
  const bundle = notificationBundle({
    type,
    base: shell.base(),
    subscription: id,
    topic: asked.topic,
    status: status === 'requested' ? 'requested' : 'active',
    last: lastEvent,
    content: asked.content,
    events: events as readonly SubscriptionEvent[],
    timestamp: shell.realNow(),
    ids: [shell.newId(), shell.newId()],
  });
  const first = events[0]?.number;
  return shell.post({
    url: asked.endpoint ?? '',
    headers: keptHeaders(shell, claimed),
    body: JSON.stringify(bundle),
    timeoutMs: asked.timeoutSeconds * 1000,
    key: first === undefined ? `${id}/${bundle.id}` : `${id}/${first}-${to}`,
  });
}

type Outcome = { readonly verdict: Verdict; readonly parcel: Parcel };

async function settle(shell: SubscriptionShell, claimed: Claimed, { verdict, parcel }: Outcome): Promise<void> {
  const isArrived = verdict.isDelivered && parcel.type === 'event-notification';
  await inTransaction(shell.pool, async (tx) => {
    const isOurs = await finishAttempt(tx, claimed, { ...verdict, deliveredTo: isArrived ? parcel.to : undefined });
    if (isOurs && isArrived && parcel.events.length > 0) await shell.audit(tx, disclosureOf(claimed, parcel.events));
    if (isOurs && verdict.status !== claimed.status) await showStatus(shell, tx, { ...verdict, state: claimed });
  });
}
