/**
 * Letters by GOV.UK Notify, through the service that the practice itself owns. It has no idempotency of its own, so
 * every letter is looked for by its reference before it is sent. facts: nhs-apis §4
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
import { parseApiKey, signedToken } from './token.ts';

export type LetterService = {
  /** `name-<service id>-<secret>`. */
  readonly apiKey: string;
  readonly templateId: string;
};

export type LetterSettings = {
  readonly baseUrl: string;
  /** The practice's own service, or undefined when it has none. */
  readonly serviceOf: (organisation: string) => LetterService | undefined;
  readonly now: () => string;
  readonly fetch?: typeof fetch;
  readonly timeoutMs?: number;
};

export type Letter = {
  readonly key: string;
  readonly organisation: string;
  /** 3 to 7 lines, the last one the postcode. */
  readonly addressLines: readonly string[];
  readonly personalisation: Readonly<Record<string, string>>;
  /** Asked last of all: `false` = nothing may be sent any more. */
  readonly mayStillGo?: () => boolean;
};

export type SentLetter = { readonly messageId: string; readonly duplicate: boolean };

type Call = (method: 'GET' | 'POST', path: string, body?: unknown) => Promise<Result<HttpReply>>;

/**
 * Creates the sender. A key that was sent before (within the service's retention, 7 days unless changed) answers with
 * that letter and `duplicate`; `unknown-outcome` after silence is resolved by calling again, which looks first.
 */
export function createGovUkLetters(settings: LetterSettings) {
  return {
    sendLetter: (letter: Letter): Promise<Result<SentLetter>> => sendLetter(settings, letter),
    letterStatus: (letter: Pick<Letter, 'key' | 'organisation'>): Promise<Result<LetterNews>> =>
      letterStatus(settings, letter),
  };
}

/** `delivered` = printed and posted, the last that is ever known of a letter that did not come back. */
export type LetterNews = {
  readonly status: 'sending' | 'delivered' | 'failed';
  readonly at?: string;
  readonly failureCode?: string;
  readonly messageId?: string;
};

const UNDER_WAY = ['created', 'sending', 'pending', 'accepted', 'pending-virus-check'];

/** What became of a letter. `not-found` once the service has forgotten it: ask within its retention. */
async function letterStatus(
  settings: LetterSettings,
  letter: Pick<Letter, 'key' | 'organisation'>,
): Promise<Result<LetterNews>> {
  const looked = await lookFor(settings, letter);
  if (!looked.ok) return looked;
  const { found } = looked.value;
  if (!found) return fail('not-found', 'the letter service knows no letter under this key');
  const text = (name: string) => {
    const value = propertyOf(found, name);
    return typeof value === 'string' ? value : undefined;
  };
  const [id, status = '', at] = [text('id'), text('status'), text('completed_at') ?? text('sent_at')];
  const known = { ...(id ? { messageId: id } : {}), ...(at ? { at } : {}) };
  if (status === 'received' || status === 'delivered') return ok({ status: 'delivered', ...known });
  return ok(
    UNDER_WAY.includes(status) ? { status: 'sending', ...known } : { status: 'failed', failureCode: status, ...known },
  );
}

async function sendLetter(settings: LetterSettings, letter: Letter): Promise<Result<SentLetter>> {
  const lines = letter.addressLines.length;
  if (lines < 3 || lines > 7) return fail('invalid', `the address has ${lines} lines; a letter needs 3 to 7`);
  if (letter.key.trim() === '') return fail('invalid', 'a letter needs a key, or it could be sent twice');
  const looked = await lookFor(settings, letter);
  if (!looked.ok) return looked;
  const { found, service, call } = looked.value;
  const known = propertyOf(found, 'id');
  if (typeof known === 'string') return ok({ messageId: known, duplicate: true });
  if (letter.mayStillGo?.() === false)
    return fail('busy', 'The checks before this letter are too old; nothing was sent, they are made again');
  const address = letter.addressLines.map((line, index) => [`address_line_${index + 1}`, line]);
  const reply = await call('POST', '/v2/notifications/letter', {
    template_id: service.templateId,
    personalisation: { ...letter.personalisation, ...Object.fromEntries(address) },
    reference: letter.key,
  });
  if (!reply.ok) return reply;
  const id = propertyOf(jsonOf(reply.value), 'id');
  if (reply.value.status === 201 && typeof id === 'string') return ok({ messageId: id, duplicate: false });
  return refused(reply.value, true, settings.now());
}

type Looked = { readonly service: LetterService; readonly call: Call; readonly found: unknown };

/** The letter under a key at the practice's own service, and how to speak to it; `found` is undefined when there is none. */
async function lookFor(
  settings: LetterSettings,
  { key, organisation }: Pick<Letter, 'key' | 'organisation'>,
): Promise<Result<Looked>> {
  const service = settings.serviceOf(organisation);
  if (!service) return fail('unsupported', 'the practice has no letter service');
  const made = caller(settings, service.apiKey);
  if (!made.ok) return made;
  const call = made.value;
  const reply = await call('GET', `/v2/notifications?template_type=letter&reference=${encodeURIComponent(key)}`);
  if (!reply.ok) return reply;
  const letters = propertyOf(jsonOf(reply.value), 'notifications');
  if (reply.value.status !== 200 || !Array.isArray(letters)) return refused(reply.value, false, settings.now());
  // Compared again: a filter that was ignored must not pass another patient's letter off as this one.
  return ok({ service, call, found: listOf(letters).find((one) => propertyOf(one, 'reference') === key) });
}

function caller(settings: LetterSettings, apiKey: string): Result<Call> {
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

/** By the error's type: its text can repeat the address. */
function refused(reply: HttpReply, write: boolean, now: string): Result<never> {
  const named = listOf(propertyOf(jsonOf(reply), 'errors')).map((error) => propertyOf(error, 'error'));
  const type = types.find((known) => named.includes(known));
  const seconds = reply.status === 429 ? (retryAfterOf(reply) ?? waitFor(type, now)) : undefined;
  return fail(
    kindOf(reply.status, write),
    `GOV.UK Notify answered ${reply.status} (${type ?? 'no known error'}) to ${write ? 'a letter' : 'a look-up'}`,
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
