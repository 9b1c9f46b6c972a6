/**
 * The bundles a subscriber gets: handshake, heartbeat, events, and the answers of $status and $events.
 * http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition-backport-subscription-notification-r4.html
 */
import type { Bundle, BundleEntry, Parameters, ParametersParameter, Resource } from '#fhir/types.ts';
import type { Status } from './attempt.ts';
import type { Content } from './subscription.ts';
import { NOTIFICATION_PROFILE, STATUS_PROFILE } from './systems.ts';

export type NotificationType = 'handshake' | 'heartbeat' | 'event-notification' | 'query-status' | 'query-event';

/** One numbered event: what changed, and which version of it. */
export type SubscriptionEvent = {
  readonly number: number;
  readonly type: string;
  readonly id: string;
  readonly version: number;
  /** Instant of the change. */
  readonly lastUpdated: string;
  readonly deleted: boolean;
  /** JSON of that version; only where the subscriber gets full resources. */
  readonly content?: string;
};

export type Notification = {
  readonly type: NotificationType;
  /** `https://server/fhir/R4`, without a slash at the end. */
  readonly base: string;
  readonly subscription: string;
  readonly topic: string;
  readonly status: Status;
  /** Number of the last event there is. */
  readonly last: number;
  readonly content: Content;
  readonly events: readonly SubscriptionEvent[];
  /** Why the subscription failed, where it did. */
  readonly error?: string | undefined;
  readonly timestamp: string;
  /** A UUID for the bundle and another for its status. */
  readonly ids: readonly [bundle: string, status: string];
};

/** The notification as a Bundle of type history, its status first. */
export function notificationBundle(notification: Notification): Bundle {
  const { ids, base, subscription, timestamp, events, content } = notification;
  const entries: BundleEntry[] = content === 'empty' ? [] : events.map((event) => entryOf(event, { base, content }));
  return {
    resourceType: 'Bundle',
    id: ids[0],
    meta: { profile: [NOTIFICATION_PROFILE] },
    type: 'history',
    timestamp,
    entry: [
      {
        fullUrl: `urn:uuid:${ids[1]}`,
        resource: statusParameters(notification),
        request: { method: 'GET', url: `${base}/Subscription/${subscription}/$status` },
        response: { status: '200' },
      },
      ...entries,
    ],
  };
}

/** The answer of $status: a searchset of the state of each subscription. */
export function statusBundle(
  statuses: readonly Notification[],
  { id, timestamp }: { id: string; timestamp: string },
): Bundle {
  return {
    resourceType: 'Bundle',
    id,
    type: 'searchset',
    timestamp,
    total: statuses.length,
    entry: statuses.map((one) => ({
      fullUrl: `urn:uuid:${one.ids[1]}`,
      resource: statusParameters(one),
      search: { mode: 'match' },
    })),
  };
}

function statusParameters(notification: Notification): Parameters {
  const { ids, base, subscription, topic, status, type, last, events, content, error } = notification;
  return {
    resourceType: 'Parameters',
    id: ids[1],
    meta: { profile: [STATUS_PROFILE] },
    parameter: [
      { name: 'subscription', valueReference: { reference: `${base}/Subscription/${subscription}` } },
      { name: 'topic', valueCanonical: topic },
      { name: 'status', valueCode: status },
      { name: 'type', valueCode: type },
      // Text as R4 of the backport wants it: a 64 bit number has no place in R4's integer.
      { name: 'events-since-subscription-start', valueString: String(last) },
      ...events.map((event) => eventParameter(event, { base, content })),
      ...(error === undefined ? [] : [{ name: 'error', valueCodeableConcept: { text: error } }]),
    ],
  };
}

type Shape = { readonly base: string; readonly content: Content };

function eventParameter(event: SubscriptionEvent, { base, content }: Shape): ParametersParameter {
  const focus = { name: 'focus', valueReference: { reference: `${base}/${event.type}/${event.id}` } };
  return {
    name: 'notification-event',
    part: [
      { name: 'event-number', valueString: String(event.number) },
      { name: 'timestamp', valueInstant: event.lastUpdated },
      ...(content === 'empty' ? [] : [focus]),
    ],
  };
}

/** A changed resource as an entry of a history bundle. */
export function entryOf(event: Omit<SubscriptionEvent, 'number'>, { base, content }: Shape): BundleEntry {
  const { type, id, version, deleted, lastUpdated } = event;
  const isFirst = version === 1;
  const request = { method: isFirst ? ('POST' as const) : ('PUT' as const), url: isFirst ? type : `${type}/${id}` };
  const resource = content === 'full-resource' && !deleted && event.content ? parse(event.content) : undefined;
  return {
    fullUrl: `${base}/${type}/${id}`,
    ...(resource ? { resource } : {}),
    request: deleted ? { method: 'DELETE', url: `${type}/${id}` } : request,
    response: { status: deleted ? '204' : isFirst ? '201' : '200', etag: `W/"${version}"`, lastModified: lastUpdated },
  };
}

function parse(content: string): Resource {
  return JSON.parse(content) as Resource;
}
