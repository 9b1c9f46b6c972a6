/** A mailbox: what waits in it, fetched chunk by chunk, and acknowledged by whoever has kept it. contract: GET inbox, PUT status/acknowledged */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type HttpBytes, propertyOf } from '#adapters/http-call.ts';
import { fail, ok, type Result } from '#result.ts';
import { type Mail, mailOf, packMail } from '#translate/mesh/mail.ts';
import { isMessageId, type MeshSettings, meshCall, meshJson } from './call.ts';

const PAGE = 500;
/** More pages than a mailbox can hold: a server that never ends its list must not keep us here. */
const MOST_PAGES = 1_000;

/** The ids of all messages that wait, oldest first as the server lists them. */
export async function listMail(settings: MeshSettings): Promise<Result<readonly string[]>> {
  const ids = new Set<string>();
  let path: string | undefined = `/inbox?max_results=${PAGE}`;
  for (let page = 0; path !== undefined && page < MOST_PAGES; page += 1) {
    const reply = await meshCall(settings, { method: 'GET', path });
    if (!reply.ok) return reply;
    const body = meshJson(reply.value);
    const messages = propertyOf(body, 'messages');
    if (!Array.isArray(messages)) return fail('unavailable', 'MESH did not list the inbox; try again later');
    for (const id of messages) if (typeof id === 'string' && isMessageId(id)) ids.add(id);
    path = nextPath(settings, propertyOf(propertyOf(body, 'links'), 'next'));
  }
  return ok([...ids]);
}

/** The next page, only if it is one of this very inbox: a token goes to no address that an answer names. */
function nextPath({ mailbox }: MeshSettings, next: unknown): string | undefined {
  const own = `/messageexchange/${mailbox.toUpperCase()}`;
  if (typeof next !== 'string' || !next.toUpperCase().startsWith(`${own.toUpperCase()}/INBOX?`)) return undefined;
  return next.slice(own.length);
}

export type OpenMail = {
  readonly mail: Mail;
  /** The content, one chunk at a time; ends early with a failure. */
  readonly chunks: () => AsyncIterable<Result<Uint8Array>>;
};

/** Begins to fetch a message; it stays in the inbox. `not-found` and `gone`: it is not there any more. */
export async function openMail(settings: MeshSettings, id: string): Promise<Result<OpenMail>> {
  if (!isMessageId(id)) return fail('invalid', 'A message id of the inbox has characters that no id has');
  const first = await fetchChunk(settings, `/inbox/${id}`);
  if (!first.ok) return first;
  const mail = mailOf(id, (name) => first.value.headers.get(name));
  if (!mail.ok) return mail;
  return ok({ mail: mail.value, chunks: () => chunksOf(settings, id, first.value) });
}

async function* chunksOf(settings: MeshSettings, id: string, first: HttpBytes): AsyncIterable<Result<Uint8Array>> {
  let reply = first;
  for (let number = 2; ; number += 1) {
    yield await decode(settings, reply);
    // 206: another chunk follows.
    if (reply.status !== 206) return;
    const next = await fetchChunk(settings, `/inbox/${id}/${number}`);
    if (!next.ok) {
      yield next;
      return;
    }
    reply = next.value;
  }
}

function fetchChunk(settings: MeshSettings, path: string): Promise<Result<HttpBytes>> {
  const maxBytes = limit(settings);
  return meshCall(settings, {
    method: 'GET',
    path,
    isTransfer: true,
    maxBytes,
    headers: { 'accept-encoding': 'gzip' },
  });
}

const unzip = promisify(gunzip);

/** What the transport compressed is plain already; what a sender's client compressed says so in a header of its own. */
async function decode(settings: MeshSettings, { headers, bytes }: HttpBytes): Promise<Result<Uint8Array>> {
  const isZipped =
    headers.get('mex-content-compressed')?.toUpperCase() === 'Y' && bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!isZipped) return ok(bytes);
  try {
    return ok(await unzip(bytes, { maxOutputLength: limit(settings) }));
  } catch {
    return fail('invalid', 'The message says that it is compressed, and cannot be unpacked');
  }
}

/** A message whole, as it is kept: headers and bytes. `fault` when it is longer than may be held. */
export async function fetchMail(settings: MeshSettings, id: string): Promise<Result<Uint8Array>> {
  const opened = await openMail(settings, id);
  if (!opened.ok) return opened;
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of opened.value.chunks()) {
    if (!part.ok) return part;
    length += part.value.length;
    if (length > limit(settings))
      return fail('fault', `A message is longer than ${limit(settings)} bytes; it stays in the inbox`);
    parts.push(part.value);
  }
  return ok(packMail(opened.value.mail, Buffer.concat(parts, length)));
}

/** Takes a message out of the inbox; only for one that was kept. One that is not there any more is `ok`. */
export async function acknowledgeMail(settings: MeshSettings, id: string): Promise<Result<unknown>> {
  if (!isMessageId(id)) return fail('invalid', 'A message id of the inbox has characters that no id has');
  const reply = await meshCall(settings, {
    method: 'PUT',
    path: `/inbox/${id}/status/acknowledged`,
    repeatable: true,
  });
  const isGone = !reply.ok && (reply.failure.kind === 'not-found' || reply.failure.kind === 'gone');
  return isGone ? ok('gone') : reply;
}

function limit({ maxMessageBytes = 20_000_000 }: MeshSettings): number {
  return maxMessageBytes;
}
