/** One MESH call: a token of its own, the answer sorted. contract: MESH API 2.0.0 (mesh.oas.json); facts: nhs-apis §8 */
import { callHttpBytes, type HttpBytes, type HttpRequest, listOf, propertyOf } from '#adapters/http-call.ts';
import { type FailureKind, fail, ok, type Result } from '#result.ts';
import { meshStatus, shownCode } from '#translate/mesh/status.ts';
import { type MeshCredentials, meshToken } from './token.ts';

export type MeshSettings = MeshCredentials & {
  /** `https://host`, without a path. */
  readonly baseUrl: string;
  /** This program's version, for the handshake. */
  readonly version: string;
  /** The real time: a token is held against the server's clock. */
  readonly now: () => string;
  readonly newNonce: () => string;
  /** A `fetch` that shows the client certificate. */
  readonly fetch?: typeof fetch;
  /** For everything but bodies of messages. */
  readonly timeoutMs?: number;
  /** For one chunk of a message, out or in. */
  readonly transferTimeoutMs?: number;
  /** Bytes of one chunk before compression; the API takes 100 MB in one request. */
  readonly chunkBytes?: number;
  /** A longer message is not fetched. */
  readonly maxMessageBytes?: number;
  /** Wait before the one repeat of a GET. */
  readonly pauseMs?: number;
};

export type MeshCall = {
  readonly method: HttpRequest['method'];
  /** After the mailbox: `/inbox`, or nothing for the handshake. Already encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Doing it twice does no harm. */
  readonly repeatable?: boolean;
  readonly isTransfer?: boolean;
  readonly maxBytes?: number;
};

export const V2 = 'application/vnd.mesh.v2+json';

/**
 * Makes one call; only 2xx is `ok`. A refused token is refused before anything is done, and may have been a clash of
 * nonces: one more try with a new one, then `unavailable`, because every call would fail until somebody has looked.
 */
export async function meshCall(settings: MeshSettings, call: MeshCall): Promise<Result<HttpBytes>> {
  const first = await attempt(settings, call);
  const reply = first.ok && first.value.status === 403 ? await attempt(settings, call) : first;
  if (!reply.ok) return reply;
  const { status } = reply.value;
  return status >= 200 && status < 300 ? ok(reply.value) : refused(reply.value, call);
}

function attempt(settings: MeshSettings, call: MeshCall): Promise<Result<HttpBytes>> {
  const base = `${settings.baseUrl.replace(/\/$/, '')}/messageexchange/${settings.mailbox.toUpperCase()}`;
  const { timeoutMs = 30_000, transferTimeoutMs = 300_000 } = settings;
  return callHttpBytes(
    // Built anew for a repeat: a token works once.
    () => ({
      method: call.method,
      url: `${base}${call.path}`,
      headers: {
        accept: V2,
        ...call.headers,
        authorization: meshToken(settings, settings.newNonce(), settings.now()),
      },
      ...(call.body === undefined ? {} : { body: call.body }),
    }),
    {
      party: 'MESH',
      fetch: settings.fetch,
      timeoutMs: call.isTransfer ? transferTimeoutMs : timeoutMs,
      maxBytes: call.maxBytes ?? 1_000_000,
      repeatable: call.repeatable === true,
      pauseMs: settings.pauseMs,
    },
  );
}

const kinds: Readonly<Record<number, FailureKind>> = {
  300: 'conflict',
  403: 'unavailable',
  404: 'not-found',
  410: 'gone',
  423: 'conflict',
  429: 'busy',
};

const meanings: Readonly<Partial<Record<number, string>>> = {
  300: 'more than one message has this local id',
  403: 'the token was refused: check mailbox, password, shared key, certificate and clock',
  404: 'no such message',
  410: 'the message has expired or was acknowledged',
  423: 'the message is complete already',
  429: 'too many calls; try again later',
};

function refused(reply: HttpBytes, call: MeshCall): Result<never> {
  const { status } = reply;
  if (status === 417) {
    const code = refusalCode(reply);
    const { kind, meaning } = meshStatus(code);
    return fail(kind, `MESH refused the message (${shownCode(code)}): ${meaning}`);
  }
  const mayBeDone = call.method !== 'GET' && call.repeatable !== true;
  const ofServer: FailureKind = mayBeDone ? 'unknown-outcome' : 'unavailable';
  const kind = kinds[status] ?? (status >= 500 || status === 408 ? ofServer : 'fault');
  const retryAfter = kind === 'busy' ? { retryAfter: 60 } : {};
  return fail(kind, `MESH answered ${status}: ${meanings[status] ?? 'no meaning is known'}`, retryAfter);
}

/** Version 2 lists its errors, version 1 has one. */
function refusalCode(reply: HttpBytes): string | undefined {
  const body = meshJson(reply);
  const [first] = listOf(propertyOf(body, 'detail'));
  const code = propertyOf(first, 'code') ?? propertyOf(body, 'errorCode');
  return typeof code === 'string' ? code : undefined;
}

/** The JSON of an answer, or undefined when it is none. */
export function meshJson({ bytes }: HttpBytes): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/** A message's id, as either version names it; undefined when it could not stand in a path. */
export function messageIdOf(body: unknown): string | undefined {
  const id = propertyOf(body, 'message_id') ?? propertyOf(body, 'messageID') ?? propertyOf(body, 'messageId');
  return typeof id === 'string' && isMessageId(id) ? id : undefined;
}

export function isMessageId(id: string): boolean {
  return /^[A-Za-z0-9_-]{1,100}$/.test(id);
}
