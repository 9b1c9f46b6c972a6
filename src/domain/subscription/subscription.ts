/**
 * A Subscription of a client, read and checked against the backport profile and against what is served here.
 * http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition-backport-subscription.html
 */
import { epochMilliseconds, isInstant } from '#fhir/date.ts';
import type { Extension, Subscription } from '#fhir/types.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import { type Filter, readFilter } from './filter.ts';
import { readHeaders } from './header.ts';
import { FILTER_CRITERIA, HEARTBEAT_PERIOD, MAX_COUNT, PAYLOAD_CONTENT, TIMEOUT } from './systems.ts';
import type { Topic } from './topic.ts';

export const CONTENTS = ['empty', 'id-only', 'full-resource'] as const;
export type Content = (typeof CONTENTS)[number];

export type Channel = 'rest-hook' | 'websocket';

/** What a subscription asks for, apart from where it stands. Kept as JSON beside its state. */
export type Asked = {
  /** Canonical of the topic, without version. */
  readonly topic: string;
  readonly filters: readonly Filter[];
  readonly channel: Channel;
  /** Of a rest-hook only. */
  readonly endpoint?: string;
  readonly content: Content;
  readonly heartbeatSeconds?: number;
  readonly timeoutSeconds: number;
  /** Most events of one notification. */
  readonly maxCount: number;
  /** Instant after which nothing more is sent. */
  readonly end?: string;
};

const DEFAULT = { timeoutSeconds: 30, maxCount: 100 };

type Limits = { readonly least: number; readonly most: number };
const LIMITS: Readonly<Record<'heartbeat' | 'timeout' | 'count', Limits>> = {
  heartbeat: { least: 10, most: 2_592_000 },
  timeout: { least: 1, most: 120 },
  count: { least: 1, most: 1_000 },
};

/** Reads a Subscription; `invalid` with one issue for each thing that is wrong. `now` is real time. */
export function readSubscription(
  subscription: Subscription,
  { topics, now }: { topics: readonly Topic[]; now: string },
): Result<Asked> {
  const issues: Issue[] = [];
  const say = (expression: string, diagnostics: string) => {
    issues.push({ code: 'value', expression, diagnostics });
    return undefined;
  };
  const topic = topicOf(subscription, topics, say);
  const filters = topic ? filtersOf(subscription, topic, say) : [];
  const content = contentOf(subscription, say);
  const channel = channelOf(subscription, say);
  const headers = readHeaders(subscription.channel?.header ?? []);
  if (!headers.ok) say('Subscription.channel.header', headers.failure.message);
  const numbers = numbersOf(subscription.channel?.extension ?? [], say);
  const end = endOf(subscription, now, say);
  if (!subscription.reason) say('Subscription.reason', 'reason is missing: say what the subscription is for');
  if (issues.length > 0 || !topic || !content || !channel)
    return fail('invalid', issues.map((one) => one.diagnostics).join('; '), { issues });
  return ok({
    topic: topic.url,
    filters,
    ...channel,
    content,
    ...DEFAULT,
    ...numbers,
    ...(end === undefined ? {} : { end }),
  });
}

type Say = (expression: string, diagnostics: string) => undefined;

function topicOf({ criteria }: Subscription, topics: readonly Topic[], say: Say): Topic | undefined {
  const wanted = criteria?.split('|')[0];
  return (
    topics.find(({ url }) => url === wanted) ??
    say(
      'Subscription.criteria',
      `criteria is none of the topics served here: ${topics.map(({ url }) => url).join(', ')}`,
    )
  );
}

function filtersOf(subscription: Subscription, topic: Topic, say: Say): Filter[] {
  const { _criteria } = subscription as { _criteria?: { extension?: Extension[] } };
  return (_criteria?.extension ?? [])
    .filter(({ url }) => url === FILTER_CRITERIA)
    .flatMap(({ valueString = '' }, index) => {
      const read = readFilter(valueString, topic);
      if (read.ok) return read.value;
      say(`Subscription.criteria.extension[${index}]`, read.failure.message);
      return [];
    });
}

function contentOf({ channel }: Subscription, say: Say): Content | undefined {
  const { _payload } = (channel ?? {}) as { _payload?: { extension?: Extension[] } };
  const code = _payload?.extension?.find(({ url }) => url === PAYLOAD_CONTENT)?.valueCode;
  const isJson = /^application\/(?:fhir\+)?json(?:\s*;.*)?$/.test(channel?.payload ?? 'application/fhir+json');
  if (!isJson) say('Subscription.channel.payload', 'payload is not application/fhir+json, the one that is served');
  return (
    CONTENTS.find((one) => one === code) ??
    say('Subscription.channel.payload', `payload wants the extension backport-payload-content: ${CONTENTS.join(', ')}`)
  );
}

function channelOf({ channel }: Subscription, say: Say): Pick<Asked, 'channel' | 'endpoint'> | undefined {
  if (channel?.type === 'websocket') return { channel: 'websocket' };
  if (channel?.type !== 'rest-hook')
    return say('Subscription.channel.type', 'channel.type is not one that is served: rest-hook, websocket');
  const { endpoint = '' } = channel;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    return say('Subscription.channel.endpoint', 'endpoint is not an absolute http or https URL');
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    return say('Subscription.channel.endpoint', 'endpoint holds a user, a password or a fragment: use channel.header');
  return { channel: 'rest-hook', endpoint: url.href };
}

function numbersOf(extensions: readonly Extension[], say: Say) {
  const read = (url: string, { least, most }: Limits) => {
    const found = extensions.find((one) => one.url === url);
    if (!found) return undefined;
    const value = found.valueUnsignedInt ?? found.valuePositiveInt ?? -1;
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    return say(
      'Subscription.channel.extension',
      `${url.split('/').at(-1)} wants a whole number from ${least} to ${most}`,
    );
  };
  const heartbeatSeconds = read(HEARTBEAT_PERIOD, LIMITS.heartbeat);
  const timeoutSeconds = read(TIMEOUT, LIMITS.timeout);
  const maxCount = read(MAX_COUNT, LIMITS.count);
  return {
    ...(heartbeatSeconds === undefined ? {} : { heartbeatSeconds }),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(maxCount === undefined ? {} : { maxCount }),
  };
}

function endOf({ end }: Subscription, now: string, say: Say): string | undefined {
  if (end === undefined) return undefined;
  if (!isInstant(end)) return say('Subscription.end', 'end is not an instant with a time zone');
  return epochMilliseconds(end) > epochMilliseconds(now) ? end : say('Subscription.end', 'end is over already');
}
