/** The inbox half of the MESH stand-in. contract: mesh.oas.json, inbox and count */
import { gunzipSync } from 'node:zlib';
import type { Mailroom, Message } from './mailroom.ts';
import { type Handle, invalid, type MeshAnswer, type MeshRequest } from './request.ts';

type InboxAnswers = Readonly<Record<'list' | 'count' | 'head' | 'fetch' | 'acknowledge', Handle>>;

export function inboxAnswers(mailroom: Mailroom): InboxAnswers {
  const own = ({ mailbox, params }: MeshRequest) => {
    const message = mailroom.message(params['id'] ?? '');
    return message?.mailbox === mailbox ? message : undefined;
  };
  return {
    list: (request) => list(mailroom, request),
    count: ({ mailbox, version }) => {
      const count = mailroom.inbox(mailbox).length;
      const older = { internalID: 'stand-in', allResultsIncluded: true };
      return { status: 200, body: { count, ...(version === 1 ? older : {}) } };
    },
    head: (request) => {
      const message = own(request);
      if (!message) return { status: 404 };
      return isThere(message) ? { status: 200, headers: headersOf(message, 1) } : { status: 410 };
    },
    fetch: (request) => {
      const message = own(request);
      if (!message) return { status: 404 };
      return isThere(message) ? fetchChunk(message, request) : { status: 410 };
    },
    acknowledge: (request) => {
      const message = own(request);
      if (!message) return { status: 404 };
      mailroom.acknowledge(message);
      return request.version === 1 ? { status: 200, body: { messageId: message.id } } : { status: 200 };
    },
  };
}

function list(mailroom: Mailroom, { mailbox, query, version }: MeshRequest): MeshAnswer {
  const most = Number(query.get('max_results') ?? 500);
  if (!Number.isInteger(most) || most < 10 || most > 5000) return invalid(['max_results'], 'query');
  const all = mailroom.inbox(mailbox).map(({ id }) => id);
  const place = query.get('continue_from');
  const from = place === null ? 0 : all.indexOf(Buffer.from(place, 'base64url').toString()) + 1;
  const messages = all.slice(from, from + most);
  if (version === 1) return { status: 200, headers: JSON_TYPE, body: { messages } };
  const self = `/messageexchange/${mailbox}/inbox?max_results=${most}`;
  const last = messages.at(-1);
  const hasMore = last !== undefined && from + most < all.length;
  const next = hasMore ? { next: `${self}&continue_from=${Buffer.from(last).toString('base64url')}` } : {};
  return { status: 200, body: { messages, links: { self, ...next }, approx_inbox_count: all.length } };
}

const JSON_TYPE = { 'content-type': 'application/json' };

/** An acknowledged message may still be fetched for a while; one that expired or failed is gone. */
function isThere({ status }: Message): boolean {
  return status === 'accepted' || status === 'acknowledged';
}

function fetchChunk(message: Message, { params, header }: MeshRequest): MeshAnswer {
  const number = Number(params['chunk'] ?? '1');
  const bytes = message.chunks.get(number);
  if (!bytes) return { status: 404 };
  const status = number >= message.total ? 200 : 206;
  const isZipped = message.encoding === 'gzip';
  const keepsIt = isZipped && header('accept-encoding').includes('gzip');
  const encoding = keepsIt ? { 'content-encoding': 'gzip', 'mex-content-compressed': 'Y' } : {};
  return {
    status,
    headers: { ...headersOf(message, number), ...encoding },
    bytes: isZipped && !keepsIt ? gunzipSync(bytes) : bytes,
  };
}

function headersOf(message: Message, chunk: number): Record<string, string> {
  const { type, error, linked, at } = message;
  const isReport = type === 'REPORT';
  const headers = {
    'mex-from': message.from,
    'mex-to': isReport ? message.to : (message.mailbox ?? message.to),
    'mex-workflowid': message.workflowId,
    'mex-chunk-range': `${chunk}:${message.total}`,
    'mex-addresstype': 'ALL',
    'mex-localid': message.localId,
    'mex-filename': message.fileName,
    'mex-subject': message.subject,
    'mex-version': '1.0',
    'mex-messagetype': type,
    'mex-messageid': message.id,
    'mex-linkedmsgid': linked ?? '',
    'mex-statuscode': error && isReport ? error.code : '00',
    'mex-statusevent': error && isReport ? error.event : 'TRANSFER',
    'mex-statusdescription': error && isReport ? error.description : 'Transferred to recipient mailbox',
    'mex-statussuccess': isReport ? 'ERROR' : 'SUCCESS',
    'mex-statustimestamp': at.replace(/\D/g, '').slice(0, 14),
  };
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== ''));
}
