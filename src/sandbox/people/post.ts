/** What reaches Holdfast over HTTP from outside: NHS Notify's callbacks and patients' replies. facts: nhs-apis §3.10 */
import { createHash, createHmac } from 'node:crypto';
import type { AcceptedMessage, NotifyStatus } from '#sandbox/records.ts';
import { routingPlanOf, shownPlan } from '#sandbox/stand-ins/routing-plans.ts';

export type Post = (url: string, init: RequestInit) => Promise<Response>;

export type CallbackKeys = {
  readonly apiKey: string;
  /** `<application id>.<api key>` */
  readonly secret: string;
};

/**
 * What came of a call. `later`: no answer, 5xx or 429, to be tried again. `refused`: any other 4xx, which is final for
 * a callback and for a patient alike.
 */
export type Sent = 'accepted' | 'refused' | 'later';

/** How long a caller waits for an answer. */
export const PATIENCE_MS = 30_000;

export async function sendJson(
  post: Post,
  url: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<Sent> {
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const response = await post(url, {
      signal,
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });
    await response.body?.cancel();
    if (response.ok) return 'accepted';
    return response.status === 429 || response.status >= 500 || response.status < 400 ? 'later' : 'refused';
  } catch {
    return 'later';
  }
}

/** Lower-case hex HMAC-SHA256 of the exact bytes. */
export function signatureOf(body: string, secret: string): string {
  return createHmac('sha256', secret).update(body).digest('hex');
}

/** One callback with one item, as the sender of today does it. */
export async function sendCallback(
  post: Post,
  holdfast: { readonly baseUrl: string; readonly callback: CallbackKeys },
  body: string,
): Promise<Sent> {
  const { apiKey, secret } = holdfast.callback;
  const headers = { 'x-api-key': apiKey, 'x-hmac-sha256-signature': signatureOf(body, secret) };
  return sendJson(post, `${holdfast.baseUrl}/callbacks/notify`, body, headers);
}

/** The bytes of a callback. The idempotency key is a hash of the content without its time, so a redelivery has the same one. */
export function callbackBody(message: AcceptedMessage, status: NotifyStatus, at: string): string {
  const content = status.type === 'MessageStatus' ? messageContent(message, status) : channelContent(message, status);
  const idempotencyKey = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  const links = { message: `https://api.service.nhs.uk/comms/v1/messages/${message.id}` };
  const item = { type: status.type, attributes: { ...content, timestamp: at }, links, meta: { idempotencyKey } };
  return JSON.stringify({ data: [item] });
}

function messageContent({ id, reference, routingPlanId }: AcceptedMessage, status: NotifyStatus) {
  const plan = routingPlanOf(routingPlanId);
  return {
    messageId: id,
    messageReference: reference,
    messageStatus: status.status,
    channels: status.channel ? [{ type: status.channel, channelStatus: status.status }] : [],
    ...(plan ? { routingPlan: shownPlan(plan) } : {}),
    ...(status.description ? { messageStatusDescription: status.description } : {}),
    ...(status.reasonCode ? { messageFailureReasonCode: status.reasonCode } : {}),
  };
}

function channelContent({ id, reference }: AcceptedMessage, status: NotifyStatus) {
  return {
    messageId: id,
    messageReference: reference,
    channel: status.channel,
    channelStatus: status.status,
    ...(status.supplierStatus ? { supplierStatus: status.supplierStatus } : {}),
    cascadeType: 'primary',
    cascadeOrder: status.cascadeOrder ?? 1,
    retryCount: 0,
    ...(status.description ? { channelStatusDescription: status.description } : {}),
    ...(status.reasonCode ? { channelFailureReasonCode: status.reasonCode } : {}),
  };
}
