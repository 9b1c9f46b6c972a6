/** What a client may ask about its own Subscriptions: how they stand, what it missed, and a token for a socket. */

import { type NotificationType, notificationBundle, statusBundle } from '#domain/subscription/notification.ts';
import { type Asked, CONTENTS, type Content } from '#domain/subscription/subscription.ts';
import { typesOf } from '#domain/subscription/topic.ts';
import { addTo, epochMilliseconds } from '#fhir/date.ts';
import type { Bundle, Parameters } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import type { Access } from '#store/access.ts';
import { oldestEvent, readEvents, type StoredEvent } from '#store/subscription-events.ts';
import { type SubscriptionState, subscriptionsOf } from '#store/subscriptions.ts';
import type { Disclosure, SubscriptionShell } from './shell.ts';

export type SubscriptionReader = {
  readonly client: string;
  readonly access: Access;
  readonly mayRead: (type: string) => boolean;
};

const TOKEN_MINUTES = 60;
const MOST_EVENTS = 1_000;

/** $status of the client's own subscriptions; ids and states narrow them. One that is not its own is not there. */
export async function subscriptionStatus(
  shell: SubscriptionShell,
  reader: SubscriptionReader,
  asked: { readonly ids: readonly string[] | undefined; readonly statuses: readonly string[] },
): Promise<Result<Bundle>> {
  const found = await subscriptionsOf(shell.pool, reader.client, asked.ids);
  const wanted = found.filter(({ status }) => asked.statuses.length === 0 || asked.statuses.includes(status));
  const timestamp = shell.realNow();
  const statuses = wanted.map((state) => told(shell, state, { type: 'query-status' }));
  return ok(statusBundle(statuses, { id: shell.newId(), timestamp }));
}

type Telling = {
  readonly type: NotificationType;
  readonly events?: readonly StoredEvent[];
  readonly content?: Content;
};

/** A notification about a subscription as it stands now. */
export function told(shell: SubscriptionShell, state: SubscriptionState, { type, events = [], content }: Telling) {
  const asked = state.asked as Asked;
  return {
    type,
    base: shell.base(),
    subscription: state.id,
    topic: asked.topic,
    status: state.status,
    last: state.lastEvent,
    content: content ?? asked.content,
    events,
    timestamp: shell.realNow(),
    ids: [shell.newId(), shell.newId()] as const,
    ...(state.error === null ? {} : { error: state.error }),
  };
}

/** What a notification of these events discloses. */
export function disclosureOf(state: SubscriptionState, events: readonly StoredEvent[]): Disclosure {
  const isNamed = (state.asked as Asked).content !== 'empty';
  return {
    subscription: state.id,
    client: state.client,
    organisations: [...new Set(events.map(({ organisation }) => organisation))],
    patients: isNamed ? [...new Set(events.flatMap(({ patient }) => patient ?? []))] : [],
    events: `${events[0]?.number}-${events.at(-1)?.number}`,
  };
}

export type EventQuery = {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly content?: string | undefined;
};

export type EventsFound = { readonly bundle: Bundle; readonly events: readonly StoredEvent[] };

/** $events: at most 1,000, in order, from `since`. `gone` when numbers that were asked for are no longer kept. */
export async function subscriptionEvents(
  shell: SubscriptionShell,
  reader: SubscriptionReader,
  { id, query }: { readonly id: string; readonly query: EventQuery },
): Promise<Result<EventsFound>> {
  const [state] = await subscriptionsOf(shell.pool, reader.client, [id]);
  if (!state) return fail('not-found', 'There is no Subscription with this id, or another client made it');
  const range = rangeOf(query);
  if (!range.ok) return range;
  const asked = state.asked as Asked;
  const content = query.content === undefined ? asked.content : CONTENTS.find((one) => one === query.content);
  if (!content) return fail('invalid', `content wants one of: ${CONTENTS.join(', ')}`);
  const hidden = shell.topics
    .filter(({ url }) => url === asked.topic)
    .flatMap(typesOf)
    .filter((type) => !reader.mayRead(type));
  if (hidden.length > 0) return fail('forbidden', `Your scopes do not let you read ${hidden.join(', ')}`);
  const oldest = (await oldestEvent(shell.pool, id)) ?? state.lastEvent + 1;
  if (range.value.since !== undefined && range.value.since < oldest && range.value.since <= state.lastEvent)
    return fail('gone', `Events before number ${oldest} are no longer kept: read the resources, then ask from there`);
  const events = await readEvents(shell.pool, {
    subscription: id,
    ...range.value,
    since: range.value.since ?? oldest,
    limit: MOST_EVENTS,
    access: within(state.access, reader.access),
    withContent: content === 'full-resource',
  });
  return ok({ bundle: notificationBundle(told(shell, state, { type: 'query-event', events, content })), events });
}

/** What both may see: the subscription when it was made, and its client now. */
function within(one: Access, other: Access): Access {
  return {
    ...one,
    organisations: one.organisations.filter((organisation) => other.organisations.includes(organisation)),
  };
}

function rangeOf({ since, until }: EventQuery): Result<{ since?: number; until?: number }> {
  const given = { since, until };
  const wrong = Object.values(given).some((text) => text !== undefined && !/^\d{1,15}$/.test(text));
  if (wrong) return fail('invalid', 'eventsSinceNumber and eventsUntilNumber want whole numbers');
  return ok({
    ...(since === undefined ? {} : { since: Math.max(1, Number(since)) }),
    ...(until === undefined ? {} : { until: Number(until) }),
  });
}

/** $get-ws-binding-token: for an hour, for the subscriptions named or all of the client's that go by websocket. */
export async function bindingToken(
  shell: SubscriptionShell,
  reader: SubscriptionReader,
  { ids, socketUrl }: { readonly ids: readonly string[] | undefined; readonly socketUrl: string },
): Promise<Result<Parameters>> {
  const found = await subscriptionsOf(shell.pool, reader.client, ids);
  const bound = found.filter((state) => (state.asked as Asked).channel === 'websocket').map(({ id }) => id);
  if (bound.length === 0 || (ids && bound.length < ids.length))
    return fail('not-found', 'There is no such Subscription of yours whose channel is websocket');
  const expires = addTo(shell.realNow(), { minutes: TOKEN_MINUTES });
  return ok({
    resourceType: 'Parameters',
    parameter: [
      { name: 'token', valueString: shell.seal(JSON.stringify({ use: 'socket', expires, bound })) },
      { name: 'expiration', valueDateTime: expires },
      ...bound.map((id) => ({ name: 'subscription', valueString: id })),
      { name: 'websocket-url', valueUrl: socketUrl },
    ],
  });
}

export type Binding = { readonly bound: readonly string[]; readonly expires: string };

/** What a binding token allows; undefined when it is none, or its hour is over. */
export function openBinding(shell: SubscriptionShell, token: string): Binding | undefined {
  const text = shell.open(token);
  if (text === undefined) return undefined;
  const { use, expires, bound } = JSON.parse(text) as { use?: string } & Binding;
  if (use !== 'socket' || epochMilliseconds(expires) <= epochMilliseconds(shell.realNow())) return undefined;
  return { expires, bound };
}
