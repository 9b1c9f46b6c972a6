/** The change feed as a stream for screens: no Subscription is kept; the reader holds its own place, sealed, and goes on from it. */

import { type Filter, passes, readFilter } from '#domain/subscription/filter.ts';
import { fires } from '#domain/subscription/fires.ts';
import { entryOf } from '#domain/subscription/notification.ts';
import { CONTENTS, type Content } from '#domain/subscription/subscription.ts';
import { type Topic, typesOf } from '#domain/subscription/topic.ts';
import type { BundleEntry, Resource } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { currentPosition, type FeedChange, type FeedPosition, readFeed } from '#store/feed.ts';
import type { SubscriptionReader } from './operations.ts';
import type { SubscriptionShell } from './shell.ts';

export type StreamRequest = {
  readonly topics: readonly Topic[];
  readonly filters: readonly Filter[];
  readonly content: Content;
  readonly after: FeedPosition | undefined;
};

export type StreamAsked = {
  readonly topics: readonly string[];
  readonly filters: readonly string[];
  readonly content: string | undefined;
  /** The last id that the reader got. */
  readonly cursor: string | undefined;
};

export type StreamEvent = {
  /** Canonical of the topic. */
  readonly topic: string;
  readonly entry: BundleEntry;
  readonly patient: string | null;
  /** The place after it; with the last event of a change only, so that none of them can be skipped. */
  readonly cursor?: string;
};

/** `cursor` is the place after all of it, also where nothing was for this reader. */
export type StreamPart = {
  readonly events: readonly StreamEvent[];
  readonly cursor: string;
  readonly after: FeedPosition | undefined;
  /** Whether there may be more at once. */
  readonly isMore: boolean;
};

const PAGE = 200;

/** Reads what a stream asks for. Topics may be named by their canonical or its last part; none means all that may be read. */
export async function readStream(
  shell: SubscriptionShell,
  reader: SubscriptionReader,
  asked: StreamAsked,
): Promise<Result<StreamRequest>> {
  const content = CONTENTS.find((one) => one === (asked.content ?? 'id-only'));
  if (!content || content === 'empty') return fail('invalid', 'content wants id-only or full-resource');
  const topics = topicsFor(shell, reader, asked.topics);
  if (!topics.ok) return topics;
  const filters = filtersFor(topics.value, asked.filters);
  if (!filters.ok) return filters;
  const after = asked.cursor === undefined ? await currentPosition(shell.pool) : openCursor(shell, asked.cursor);
  if (asked.cursor !== undefined && !after)
    return fail('invalid', 'Last-Event-ID is none that this server gave: begin without it');
  return ok({ topics: topics.value, filters: filters.value, content, after });
}

function topicsFor(
  shell: SubscriptionShell,
  reader: SubscriptionReader,
  names: readonly string[],
): Result<readonly Topic[]> {
  const named = names.map((name) => shell.topics.find(({ url }) => url === name || url.endsWith(`/${name}`)));
  if (named.includes(undefined))
    return fail('invalid', `topic is none of: ${shell.topics.map(({ url }) => url).join(', ')}`);
  const mayRead = (topic: Topic) => typesOf(topic).every(reader.mayRead);
  const topics = named.length > 0 ? named.flatMap((one) => one ?? []) : shell.topics.filter(mayRead);
  const hidden = topics.filter((topic) => !mayRead(topic));
  if (hidden.length === 0 && topics.length > 0) return ok(topics);
  return fail('forbidden', `Your scopes do not let you read ${hidden.flatMap(typesOf).join(', ') || 'any topic'}`);
}

function filtersFor(topics: readonly Topic[], texts: readonly string[]): Result<readonly Filter[]> {
  const [topic] = topics;
  if (texts.length > 0 && (topics.length !== 1 || !topic)) return fail('invalid', 'filter wants exactly one topic');
  const filters: Filter[] = [];
  if (!topic) return ok(filters);
  for (const text of texts) {
    const read = readFilter(text, topic);
    if (!read.ok) return read;
    filters.push(...read.value);
  }
  return ok(filters);
}

/** The next events after a place, as far as the reader sees them now. */
export async function nextInStream(
  shell: SubscriptionShell,
  reader: SubscriptionReader,
  request: StreamRequest,
): Promise<StreamPart> {
  const { topics, after } = request;
  const newest = await currentPosition(shell.pool);
  const types = [...new Set(topics.flatMap(typesOf))];
  const { changes, position } = await readFeed(shell.pool, {
    access: reader.access,
    ...(after ? { after } : {}),
    types,
    limit: PAGE,
  });
  const events = changes.flatMap((change) => eventsOf(shell, request, change));
  const place = changes.length > 0 ? position : (newest ?? after);
  return { events, cursor: place ? sealCursor(shell, place) : '', after: place, isMore: changes.length === PAGE };
}

function eventsOf(
  shell: SubscriptionShell,
  { topics, filters, content }: StreamRequest,
  change: FeedChange,
): StreamEvent[] {
  const current = JSON.parse(change.content) as Resource;
  const previous = change.previous === null ? undefined : (JSON.parse(change.previous) as Resource);
  if (!passes(filters, { organisation: change.organisation, resource: current })) return [];
  const entry = entryOf(change, { base: shell.base(), content });
  const fired = topics.filter((topic) => fires(topic, { current, previous, deleted: change.deleted }));
  return fired.map(({ url }, index) => ({
    topic: url,
    entry,
    patient: change.patient,
    ...(index === fired.length - 1 ? { cursor: sealCursor(shell, change) } : {}),
  }));
}

/** Whether anything at all has happened since; one cheap question for all streams of a process. */
export async function feedPulse(shell: SubscriptionShell): Promise<string> {
  return JSON.stringify((await currentPosition(shell.pool)) ?? null);
}

function sealCursor(shell: SubscriptionShell, place: FeedPosition): string {
  const { lastUpdated, organisation, type, id, version } = place;
  const position = { lastUpdated, organisation, type, id, version };
  return shell.seal(JSON.stringify({ use: 'cursor', position }));
}

function openCursor(shell: SubscriptionShell, cursor: string): FeedPosition | undefined {
  const text = shell.open(cursor);
  if (text === undefined) return undefined;
  const { use, position } = JSON.parse(text) as { use?: string; position: FeedPosition };
  return use === 'cursor' ? position : undefined;
}
