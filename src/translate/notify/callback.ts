/**
 * What NHS Notify tells us about a message: status callbacks → receipts. Tolerant of every status, field and type it
 * does not know, because a refused callback is lost for good. facts: nhs-apis §3.9, §3.10
 */
import { digest } from '#fhir/id.ts';
import { fail, ok, type Result } from '#result.ts';

export type Receipt = {
  /** The same for a repeat; a transition that truly happens twice has the same one too, so never count by it. */
  readonly idempotencyKey: string;
  readonly kind: 'message' | 'channel';
  readonly messageId: string;
  readonly messageReference: string;
  /** Of a channel receipt; of a message receipt only when it names a single channel. */
  readonly channel?: string;
  /** messageStatus or channelStatus as sent; empty when this receipt only tells the supplier's. */
  readonly status: string;
  readonly supplierStatus?: string;
  readonly failureCode?: string;
  readonly description?: string;
  /** Order receipts by this, not by arrival. */
  readonly timestamp: string;
};

type Json = Readonly<Record<string, unknown>>;

/** One callback's items. `unknown` counts those that are no receipt: store the raw body and answer 2xx all the same. */
export function parseCallback(body: unknown): Result<{ readonly items: readonly Receipt[]; readonly unknown: number }> {
  const data = object(body)?.['data'];
  const given = Array.isArray(data) ? data : object(data) ? [data] : undefined;
  if (!given) return fail('invalid', 'the callback has no data array');
  const items = given.flatMap((item) => receipt(object(item)) ?? []);
  return ok({ items, unknown: given.length - items.length });
}

function receipt(item: Json | undefined): Receipt | undefined {
  const attributes = object(item?.['attributes']);
  const kind = { MessageStatus: 'message', ChannelStatus: 'channel' }[text(item?.['type']) ?? ''];
  const [messageId, messageReference] = [text(attributes?.['messageId']), text(attributes?.['messageReference'])];
  const timestamp = text(attributes?.['timestamp']);
  if (!attributes || !kind || !messageId || !messageReference || !timestamp) return undefined;
  const { timestamp: _, ...content } = attributes;
  return {
    idempotencyKey: text(object(item?.['meta'])?.['idempotencyKey']) ?? digest(JSON.stringify(content)),
    ...(kind === 'message' ? messageParts(attributes) : channelParts(attributes)),
    messageId,
    messageReference,
    timestamp,
  };
}

function messageParts(attributes: Json) {
  const channels = Array.isArray(attributes['channels']) ? attributes['channels'].map(object) : [];
  const channel = channels.length === 1 ? text(channels[0]?.['type']) : undefined;
  return {
    kind: 'message' as const,
    status: text(attributes['messageStatus']) ?? '',
    ...(channel ? { channel } : {}),
    ...named('failureCode', attributes['messageFailureReasonCode']),
    ...named('description', attributes['messageStatusDescription']),
  };
}

function channelParts(attributes: Json) {
  return {
    kind: 'channel' as const,
    status: text(attributes['channelStatus']) ?? '',
    ...named('channel', attributes['channel']),
    ...named('supplierStatus', attributes['supplierStatus']),
    ...named('failureCode', attributes['channelFailureReasonCode']),
    ...named('description', attributes['channelStatusDescription']),
  };
}

export type Summary = {
  readonly status: 'sending' | 'delivered' | 'read' | 'failed' | 'other';
  /** The text was on the patient's own device, read or not. Never for a letter: its last news is that it was posted. */
  readonly reachedDevice: boolean;
};

const onDevice = {
  nhsapp: ['read', 'notified'],
  sms: ['delivered'],
  email: ['delivered'],
} as const;

/** What Notify itself would call the channel's status, from the supplier's: used where a receipt tells only that. */
const supplierMeaning: Readonly<Record<string, Readonly<Record<string, Summary['status']>>>> = {
  nhsapp: {
    read: 'delivered',
    ...Object.fromEntries(['received', 'delivered', 'notified', 'notification_attempted'].map((s) => [s, 'sending'])),
    ...Object.fromEntries(['unnotified', 'rejected'].map((s) => [s, 'failed'])),
  },
  letter: {
    received: 'delivered',
    accepted: 'sending',
    pending_virus_check: 'sending',
    cancelled: 'failed',
    virus_scan_failed: 'failed',
    validation_failed: 'failed',
  },
};

const ownMeaning: Readonly<Record<string, Summary['status']>> = {
  created: 'sending',
  pending_enrichment: 'sending',
  enriched: 'sending',
  sending: 'sending',
  delivered: 'delivered',
  failed: 'failed',
};

/**
 * What one receipt says. `delivered` by NHS App means read; an App message that `failed` as unread is still in the
 * inbox, and has reached the device if its notification had.
 */
export function summarise(receipt: Receipt): Summary {
  const channel = receipt.channel ?? '';
  const supplier = receipt.supplierStatus?.toLowerCase().replaceAll(' ', '_') ?? '';
  const own = ownMeaning[receipt.status] ?? (receipt.status === '' ? supplierStatus(channel, supplier) : 'other');
  const status = channel === 'nhsapp' && (own === 'delivered' || supplier === 'read') ? 'read' : own;
  return { status, reachedDevice: reached(channel, supplier, status, receipt.kind) };
}

function supplierStatus(channel: string, supplier: string): Summary['status'] {
  if (supplier.endsWith('_failure')) return 'failed';
  return supplierMeaning[channel]?.[supplier] ?? (supplier === 'delivered' ? 'delivered' : 'other');
}

function reached(channel: string, supplier: string, status: Summary['status'], kind: Receipt['kind']): boolean {
  if (status === 'read') return true;
  const signs: readonly string[] = Object.hasOwn(onDevice, channel) ? onDevice[channel as keyof typeof onDevice] : [];
  if (signs.includes(supplier)) return true;
  // Over several channels, and over one unnamed, a delivered message may be a letter.
  return (
    status === 'delivered' && (channel === 'sms' || channel === 'email') && (kind === 'message' || supplier === '')
  );
}

function object(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function named<K extends string>(name: K, value: unknown): { readonly [P in K]?: string } {
  const found = text(value);
  return (found ? { [name]: found } : {}) as { readonly [P in K]?: string };
}
