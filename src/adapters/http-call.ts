/**
 * One HTTP call: a time limit, a size limit, and an answer to "did it happen?" when none came. Knows no party's words;
 * what a status means is for each adapter to say. No URL and no body ever gets into a failure: both can name a patient.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { fail, ok, type Result } from '#result.ts';

export type HttpRequest = {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
};

/** Any answer at all, whatever its status. Header names are lower case. */
export type HttpReply = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
};

/** The same with its bytes, for what is no text. */
export type HttpBytes = Omit<HttpReply, 'text'> & { readonly bytes: Uint8Array };

export type CallOptions = {
  /** Who is called, for messages: "GP Connect". */
  readonly party: string;
  readonly fetch?: typeof fetch | undefined;
  /** From the first byte out to the last byte in, connecting included. */
  readonly timeoutMs: number;
  /** A longer answer, once unpacked, is not read further. */
  readonly maxBytes: number;
  /** Doing it twice does no harm though it is not a GET (a read by POST, or the receiver knows the key): silence is then `unavailable`. */
  readonly repeatable?: boolean;
  /** Wait before the one repeat of a GET. */
  readonly pauseMs?: number | undefined;
  /** Comes back when the next try may go out, before each of them; its failure is the call's. For limits shared by callers. */
  readonly admit?: (() => Promise<Result<unknown>>) | undefined;
};

type Silence = 'unreached' | 'timeout' | 'broken' | 'too-large' | 'malformed';
type Attempt = { readonly reply: HttpBytes } | { readonly silence: Silence };

/**
 * Makes one call. A GET that met 502, 503, 504 or a lost connection is made once more, built afresh (tokens and trace
 * ids are for one request); nothing else is repeated here. Fails with `unavailable` when nothing was done, with
 * `unknown-outcome` when a write went out and no whole answer came back.
 */
export async function callHttp(build: () => HttpRequest, options: CallOptions): Promise<Result<HttpReply>> {
  const reply = await callHttpBytes(build, options);
  if (!reply.ok) return reply;
  const { bytes, ...rest } = reply.value;
  return ok({ ...rest, text: new TextDecoder().decode(bytes) });
}

/** `callHttp` for bodies that are no text: the answer's bytes as they are. */
export async function callHttpBytes(build: () => HttpRequest, options: CallOptions): Promise<Result<HttpBytes>> {
  const admitted = await options.admit?.();
  if (admitted?.ok === false) return admitted;
  const request = build();
  let attempt = await attemptCall(request, options);
  if (request.method === 'GET' && isPassing(attempt)) {
    await pause(options.pauseMs ?? 250);
    const again = await options.admit?.();
    if (again?.ok === false) return again;
    attempt = await attemptCall(build(), options);
  }
  if ('reply' in attempt) return ok(attempt.reply);
  return silent(attempt.silence, request.method === 'GET' || options.repeatable === true, options);
}

/** The answer's JSON, or undefined when it is none. */
export function jsonOf(reply: HttpReply): unknown {
  try {
    return JSON.parse(reply.text);
  } catch {
    return undefined;
  }
}

/** The seconds of a Retry-After header; a date in it is not used. */
export function retryAfterOf(reply: HttpReply): number | undefined {
  return retryAfterIn(reply.headers.get('retry-after'));
}

/** The same of the header's value. */
export function retryAfterIn(value: unknown): number | undefined {
  const text = typeof value === 'string' ? value.trim() : '';
  return /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}

/** The named property of a JSON value, or undefined. */
export function propertyOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isPassing(attempt: Attempt): boolean {
  if ('reply' in attempt) return [502, 503, 504].includes(attempt.reply.status);
  return attempt.silence === 'unreached' || attempt.silence === 'broken';
}

async function attemptCall(request: HttpRequest, options: CallOptions): Promise<Attempt> {
  try {
    const response = await (options.fetch ?? fetch)(request.url, {
      method: request.method,
      headers: request.headers,
      // A redirect would carry the credentials to another address; none of these parties uses them.
      redirect: 'manual',
      signal: AbortSignal.timeout(options.timeoutMs),
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    const bytes = await readBytes(response, options.maxBytes);
    if (bytes === undefined) return { silence: 'too-large' };
    return { reply: { status: response.status, headers: response.headers, bytes } };
  } catch (error) {
    return { silence: silenceOf(error) };
  }
}

async function readBytes(response: Response, maxBytes: number): Promise<Uint8Array | undefined> {
  if (!response.body) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.byteLength;
    // Leaving the loop cancels the stream, and with it the connection.
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

const neverSent =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$|CERT|TLS|ISSUER/;

function silenceOf(error: unknown): Silence {
  if (error instanceof DOMException) return 'timeout';
  const cause = propertyOf(error, 'cause');
  if (cause === undefined) return error instanceof TypeError ? 'malformed' : 'broken';
  const [code, syscall] = [String(propertyOf(cause, 'code')), propertyOf(cause, 'syscall')];
  if (code === 'ERR_INVALID_URL') return 'malformed';
  return neverSent.test(code) || syscall === 'connect' ? 'unreached' : 'broken';
}

function silent(silence: Silence, repeatable: boolean, { party, timeoutMs, maxBytes }: CallOptions): Result<never> {
  if (silence === 'unreached') return fail('unavailable', `${party} could not be reached; nothing was sent`);
  if (silence === 'malformed')
    return fail('fault', `${party} was not called: the request could not be made from its parts`);
  const what = {
    timeout: `did not answer within ${timeoutMs / 1000} s`,
    broken: 'broke the connection before a whole answer came',
    'too-large': `answered with more than ${maxBytes} bytes`,
  }[silence];
  if (!repeatable) return fail('unknown-outcome', `${party} ${what}; it may have been done: look before trying again`);
  if (silence === 'too-large') return fail('fault', `${party} ${what}; raise the limit or ask for less`);
  return fail('unavailable', `${party} ${what}; try again later`);
}
