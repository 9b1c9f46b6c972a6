/** The outbox half of the MESH stand-in: sending, chunks, tracking. contract: mesh.oas.json, outbox */
import type { Mailroom, Message } from './mailroom.ts';
import { type Handle, invalid, type MeshAnswer, type MeshRequest } from './request.ts';

type OutboxAnswers = Readonly<Record<'post' | 'addChunk' | 'track' | 'trackLocalId', Handle>>;

export function outboxAnswers(mailroom: Mailroom): OutboxAnswers {
  return {
    post: (request) => post(mailroom, request),
    addChunk: (request) => addChunk(mailroom, request),
    track: (request) => {
      const message = mailroom.message(request.query.get('messageID') ?? '');
      if (message?.from !== request.mailbox) return { status: 404 };
      if (request.version === 2) return { status: 200, body: trackingV2(mailroom, message) };
      return { status: 200, headers: JSON_TYPE, body: trackingV1(message) };
    },
    trackLocalId: ({ mailbox, params }) => {
      const found = mailroom.messages.filter(
        (one) => one.type === 'DATA' && one.from === mailbox && one.localId === params['localId'],
      );
      const [message, another] = found;
      if (!message) return { status: 404 };
      if (another) return { status: 300 };
      return { status: 200, headers: JSON_TYPE, body: trackingV1(message) };
    },
  };
}

const JSON_TYPE = { 'content-type': 'application/json' };

/** Longest values. contract: POST outbox */
const LONGEST = { 'mex-to': 100, 'mex-workflowid': 300, 'mex-subject': 500, 'mex-localid': 300, 'mex-filename': 300 };

function post(mailroom: Mailroom, request: MeshRequest): MeshAnswer {
  const { header, mailbox, body, version } = request;
  const tooLong = Object.entries(LONGEST).filter(([name, most]) => header(name).length > most);
  const missing = ['mex-to', 'mex-workflowid'].filter((name) => header(name) === '');
  if (tooLong.length + missing.length > 0) return invalid([...tooLong.map(([name]) => name), ...missing], 'header');
  const encoding = header('content-encoding');
  if (encoding !== '' && encoding !== 'gzip') return invalid(['content-encoding'], 'header');
  const range = rangeOf(header('mex-chunk-range'));
  if (range?.number !== 1) return refuse('InvalidHeaderChunks', 'Invalid chunk values', version);
  if (body.length === 0) return refuse('02', 'Data file is missing or inaccessible.', version, 'COLLECT');
  const message = mailroom.post(
    {
      from: mailbox,
      to: header('mex-to'),
      workflowId: header('mex-workflowid'),
      localId: header('mex-localid'),
      subject: header('mex-subject'),
      fileName: header('mex-filename') || 'message.dat',
      contentType: header('content-type'),
      encoding,
      total: range.total,
    },
    body,
  );
  if (!message) return refuse('12', 'Unregistered to address', version);
  return accepted(message, version);
}

function addChunk(mailroom: Mailroom, { mailbox, params, header, body, version }: MeshRequest): MeshAnswer {
  const message = mailroom.message(params['id'] ?? '');
  if (message?.from !== mailbox) return { status: 404 };
  const range = rangeOf(header('mex-chunk-range'));
  const number = Number(params['chunk']);
  if (!range || range.number !== number || range.total !== message.total)
    return refuse('InvalidHeaderChunks', 'Invalid chunk values', version);
  if (header('content-encoding') !== message.encoding)
    return refuse('EncodingChanged', 'cannot change content encoding', version);
  if (message.status !== 'uploading') return { status: 423 };
  mailroom.addChunk(message, number, body);
  return accepted(message, version);
}

function rangeOf(text: string): { readonly number: number; readonly total: number } | undefined {
  const [, number = '1', total = '1'] = /^(\d{1,5}):(\d{1,5})$/.exec(text || '1:1') ?? [];
  const isWhole = text === '' || /^\d{1,5}:\d{1,5}$/.test(text);
  const range = { number: Number(number), total: Number(total) };
  return isWhole && range.number >= 1 && range.number <= range.total ? range : undefined;
}

function accepted({ id }: Message, version: 1 | 2): MeshAnswer {
  if (version === 2) return { status: 202, body: { message_id: id } };
  return { status: 202, headers: JSON_TYPE, body: { messageID: id } };
}

function refuse(code: string, msg: string, version: 1 | 2, event = 'SEND'): MeshAnswer {
  if (version === 2) return { status: 417, body: { detail: [{ event, code, msg }] } };
  return { status: 417, headers: JSON_TYPE, body: { errorEvent: event, errorCode: code, errorDescription: msg } };
}

function trackingV2(mailroom: Mailroom, message: Message) {
  const recipient = mailroom.mailboxes.get(message.mailbox ?? '');
  return {
    message_id: message.id,
    local_id: message.localId,
    workflow_id: message.workflowId,
    filename: message.fileName,
    upload_timestamp: message.at,
    ...(recipient
      ? { recipient: recipient.id, recipient_name: recipient.name, recipient_ods_code: recipient.ods }
      : {}),
    status: message.status,
    status_success: message.error === undefined,
    status_timestamp: message.at,
    ...(message.error ? { status_code: message.error.code, status_description: message.error.description } : {}),
  };
}

function trackingV1(message: Message) {
  return {
    messageId: message.id,
    dtsId: message.id,
    localId: message.localId,
    workflowId: message.workflowId,
    fileName: message.fileName,
    fileSize: [...message.chunks.values()].reduce((sum, one) => sum + one.length, 0),
    status: message.status[0]?.toUpperCase() + message.status.slice(1),
    statusSuccess: message.error ? 'ERROR' : 'SUCCESS',
    ...(message.error ? { statusCode: message.error.code, statusDescription: message.error.description } : {}),
  };
}
