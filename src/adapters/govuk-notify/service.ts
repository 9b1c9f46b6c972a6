/**
 * What every kind of notification has in common at GOV.UK Notify. It has no idempotency of its own, so each is looked
 * for by its reference before it is sent. facts: nhs-apis §4
 */
import {
  callHttp,
  type HttpReply,
  type HttpRequest,
  jsonOf,
  listOf,
  propertyOf,
  retryAfterOf,
} from '#adapters/http-call.ts';
import { epochMilliseconds } from '#fhir/date.ts';
import { type FailureKind, fail, ok, type Result } from '#result.ts';
import { type NotificationNews, notificationNews } from '#translate/govuk-notify/status.ts';
import { parseApiKey, signedToken } from './token.ts';

export type Kind = 'letter' | 'sms';

/** What a practice owns there, for one kind. */
export type Service = {
  /** `name-<service id>-<secret>`. */
  readonly apiKey: string;
  readonly templateId: string;
};

export type ServiceSettings<S extends Service = Service> = {
  readonly baseUrl: string;
  /** The practice's own service, or undefined when it has none. */
  readonly serviceOf: (organisation: string) => S | undefined;
  readonly now: () => string;
  readonly fetch?: typeof fetch;
  readonly timeoutMs?: number;
};

export type Named = {
  /** Its reference: never from patient data. */
  readonly key: string;
  readonly organisation: string;
};

/** What is sent: the body but for template and reference, and whether it may still go, asked last of all. */
export type Notification = Named & {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly mayStillGo?: (() => boolean) | undefined;
};

export type SentNotification = { readonly messageId: string; readonly duplicate: boolean };

const NAMES: Readonly<Record<Kind, { readonly one: string; readonly service: string }>> = {
  letter: { one: 'letter', service: 'letter service' },
  sms: { one: 'text message', service: 'text service' },
};

/**
 * Sends once: a key that was sent before (within the service's retention, 7 days unless changed) answers with that
 * notification and `duplicate`. `unknown-outcome` after silence is resolved by calling again, which looks first.
 */
export async function sendOnce(
  settings: ServiceSettings,
  kind: Kind,
  { fields, mayStillGo, ...named }: Notification,
): Promise<Result<SentNotification>> {
  if (named.key.trim() === '') return fail('invalid', `a ${NAMES[kind].one} needs a key, or it could be sent twice`);
  const looked = await lookFor(settings, kind, named);
  if (!looked.ok) return looked;
  const { found, service, call } = looked.value;
  const known = propertyOf(found, 'id');
  if (typeof known === 'string') return ok({ messageId: known, duplicate: true });
  if (mayStillGo?.() === false)
    return fail('busy', `The checks before this ${NAMES[kind].one} are too old; nothing was sent, they are made again`);
  const body = { template_id: service.templateId, ...fields, reference: named.key };
  const reply = await call('POST', `/v2/notifications/${kind}`, body);
  if (!reply.ok) return reply;
  const id = propertyOf(jsonOf(reply.value), 'id');
  if (reply.value.status === 201 && typeof id === 'string') return ok({ messageId: id, duplicate: false });
  return refused(reply.value, NAMES[kind].one, settings.now());
}

/** What became of it. `not-found` once the service has forgotten it: ask within its retention. */
export async function newsOf(settings: ServiceSettings, kind: Kind, named: Named): Promise<Result<NotificationNews>> {
  const looked = await lookFor(settings, kind, named);
  if (!looked.ok) return looked;
  const { found } = looked.value;
  const { one, service } = NAMES[kind];
  return found ? notificationNews(found) : fail('not-found', `the ${service} knows no ${one} under this key`);
}

type Call = (method: 'GET' | 'POST', path: string, body?: unknown) => Promise<Result<HttpReply>>;
type Looked = { readonly service: Service; readonly call: Call; readonly found: unknown };

/** What is kept under a key at the practice's own service, and how to speak to it; `found` is undefined when there is nothing. */
async function lookFor(settings: ServiceSettings, kind: Kind, { key, organisation }: Named): Promise<Result<Looked>> {
  const service = settings.serviceOf(organisation);
  if (!service) return fail('unsupported', `the practice has no ${NAMES[kind].service}`);
  const made = caller(settings, service.apiKey);
  if (!made.ok) return made;
  const call = made.value;
  const reply = await call('GET', `/v2/notifications?template_type=${kind}&reference=${encodeURIComponent(key)}`);
  if (!reply.ok) return reply;
  const listed = propertyOf(jsonOf(reply.value), 'notifications');
  if (reply.value.status !== 200 || !Array.isArray(listed)) return refused(reply.value, undefined, settings.now());
  // Compared again: a filter that was ignored must not pass another patient's message off as this one.
  return ok({ service, call, found: listOf(listed).find((one) => propertyOf(one, 'reference') === key) });
}

function caller(settings: ServiceSettings, apiKey: string): Result<Call> {
  const key = parseApiKey(apiKey);
  if (!key.ok) return key;
  return ok(async (method, path, body) => {
    // For this call only: it holds for 30 s on their clock.
    const token = await signedToken(key.value, settings.now());
    const build = (): HttpRequest => ({
      method,
      url: `${settings.baseUrl.replace(/\/$/, '')}${path}`,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const timeoutMs = settings.timeoutMs ?? 20_000;
    return callHttp(build, { party: 'GOV.UK Notify', fetch: settings.fetch, timeoutMs, maxBytes: 5_000_000 });
  });
}

const types = [
  'BadRequestError',
  'ValidationError',
  'AuthError',
  'RateLimitError',
  'TooManyRequestsError',
  'Exception',
];

/** By the error's type: its text can repeat the address or the number. `sent` is left out after a look-up. */
function refused(reply: HttpReply, sent: string | undefined, now: string): Result<never> {
  const named = listOf(propertyOf(jsonOf(reply), 'errors')).map((error) => propertyOf(error, 'error'));
  const type = types.find((known) => named.includes(known));
  const seconds = reply.status === 429 ? (retryAfterOf(reply) ?? waitFor(type, now)) : undefined;
  return fail(
    kindOf(reply.status, sent !== undefined),
    `GOV.UK Notify answered ${reply.status} (${type ?? 'no known error'}) to a ${sent ?? 'look-up'}`,
    seconds === undefined ? {} : { retryAfter: seconds },
  );
}

function kindOf(status: number, write: boolean): FailureKind {
  if (status === 429) return 'busy';
  if (status >= 500 || status < 300) return write ? 'unknown-outcome' : 'unavailable';
  return status === 401 || status === 403 ? 'forbidden' : 'fault';
}

/** The daily limit is reset at midnight UTC, the other within a minute. */
function waitFor(type: string | undefined, now: string): number {
  if (type !== 'TooManyRequestsError') return 60;
  return 86_400 - (Math.floor(epochMilliseconds(now) / 1000) % 86_400);
}
