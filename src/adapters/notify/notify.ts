/** Sending by NHS Notify: one message a call, the key is its messageReference. facts: nhs-apis §3.2 to §3.5 */
import { callHttp, type HttpReply, jsonOf, listOf, propertyOf, retryAfterOf } from '#adapters/http-call.ts';
import { isNhsNumber } from '#fhir/nhs-number.ts';
import { type FailureKind, fail, ok, type Result } from '#result.ts';
import { type Message, messageRequest } from '#translate/notify/request.ts';

export type NotifySettings = {
  /** With the product's path: `https://api.service.nhs.uk/comms`. */
  readonly baseUrl: string;
  readonly accessToken: () => Promise<Result<string>>;
  readonly fetch?: typeof fetch;
  readonly timeoutMs?: number;
};

/** What is sent, and asked last of all whether it may still be. */
export type Sending = Message & { readonly mayStillGo?: () => boolean };

export type Sent = { readonly messageId: string | undefined; readonly duplicate: boolean };

/**
 * Creates the sender. Silence and 5xx after the POST are `unavailable`, not `unknown-outcome`: Notify keeps a
 * messageReference for months and takes it once, so sending again with the same key either sends or answers "duplicate".
 */
export function createNotify(settings: NotifySettings) {
  return { sendMessage: (message: Sending): Promise<Result<Sent>> => sendMessage(settings, message) };
}

async function sendMessage(settings: NotifySettings, message: Sending): Promise<Result<Sent>> {
  if (!isNhsNumber(message.nhsNumber)) {
    return fail('invalid', 'the NHS number fails its check; nothing was sent, correct it in the record');
  }
  const request = messageRequest(message);
  if (!request.ok) return request;
  const token = await settings.accessToken();
  if (!token.ok) return token;
  const reply = await callHttp(
    () => ({
      method: 'POST',
      url: `${settings.baseUrl.replace(/\/$/, '')}/v1/messages`,
      headers: {
        authorization: `Bearer ${token.value}`,
        'content-type': 'application/vnd.api+json',
        accept: 'application/vnd.api+json',
      },
      body: JSON.stringify(request.value),
    }),
    {
      party: 'NHS Notify',
      fetch: settings.fetch,
      // Its own limit behind the gateway is 29 s.
      timeoutMs: settings.timeoutMs ?? 35_000,
      maxBytes: 1_000_000,
      repeatable: true,
      // A token may have had to be fetched meanwhile.
      admit: async () => (message.mayStillGo?.() === false ? fail('busy', TOO_LATE) : ok('in time')),
    },
  );
  return reply.ok ? sentOf(reply.value) : reply;
}

const TOO_LATE = 'The checks before this message are too old; nothing was sent, they are made again';

function sentOf(reply: HttpReply): Result<Sent> {
  if (reply.status === 201) {
    const id = propertyOf(propertyOf(jsonOf(reply), 'data'), 'id');
    return ok({ messageId: typeof id === 'string' && id !== '' ? id : undefined, duplicate: false });
  }
  const codes = codesOf(reply);
  // Taken before; there is no look-up by reference, so the id comes with the first callback.
  if (reply.status === 422 && codes.includes('CM_DUPLICATE_REQUEST'))
    return ok({ messageId: undefined, duplicate: true });
  const kind = kindOf(reply.status);
  const seconds = retryAfterOf(reply) ?? { 425: 300, 429: 60 }[reply.status];
  return fail(
    kind,
    `NHS Notify answered ${reply.status} (${codes.join(', ') || 'no known code'})${advice[kind] ?? ''}`,
    seconds === undefined ? {} : { retryAfter: seconds },
  );
}

const advice: Readonly<Partial<Record<FailureKind, string>>> = {
  busy: '; try again later with the same key',
  unavailable: '; try again later with the same key',
  forbidden: '; this service may not send: stop, and ask NHS Notify',
  fault: '; the request is wrong, a developer must look',
};

function kindOf(status: number): FailureKind {
  if (status === 425 || status === 429) return 'busy';
  // 401: the token ended early; the next try takes a new one.
  if (status === 401 || status === 408 || status >= 500) return 'unavailable';
  return status === 403 ? 'forbidden' : 'fault';
}

/** Codes only: details and pointers can repeat what was sent. */
function codesOf(reply: HttpReply): readonly string[] {
  const codes = listOf(propertyOf(jsonOf(reply), 'errors')).map((error) => propertyOf(error, 'code'));
  const known = codes.filter((code): code is string => typeof code === 'string' && /^CM_[A-Z_]{2,60}$/.test(code));
  return [...new Set(known)];
}
