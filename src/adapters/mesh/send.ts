/**
 * Sending by MESH. The server takes the same message as often as it is sent, so before every send the local id is looked
 * up: whoever had no answer, or was killed, finds what was done. contract: POST outbox, GET outbox/tracking/{local_id}
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { propertyOf } from '#adapters/http-call.ts';
import { fail, ok, type Result } from '#result.ts';
import { type MeshSettings, meshCall, meshJson, messageIdOf } from './call.ts';

export type Outgoing = {
  readonly to: string;
  readonly workflowId: string;
  /** The key under which it is sent at most once. Never from patient data: it stands in a URL. */
  readonly localId: string;
  readonly subject?: string;
  readonly fileName?: string;
  readonly contentType: string;
  /** Bytes of the whole. */
  readonly size: number;
  /** The bytes from one place up to another: asked for chunk by chunk, so that only one is held at a time. */
  readonly read: (from: number, to: number) => Uint8Array | Promise<Uint8Array>;
};

/** `messageId` is undefined when the look-up finds it sent more than once. */
export type Sent = { readonly messageId: string | undefined; readonly duplicate: boolean };

const compress = promisify(gzip);

/**
 * Sends a message, in chunks when it is large. Fails with `unknown-outcome` when it may have been sent: the next try
 * looks first. A message whose chunks were not all sent is gone on with.
 */
export async function sendMail(settings: MeshSettings, outgoing: Outgoing): Promise<Result<Sent>> {
  if (outgoing.localId.trim() === '') return fail('invalid', 'A message needs a local id, or it could be sent twice');
  if (outgoing.size === 0) return fail('invalid', 'MESH takes no message without content');
  const earlier = await lookUp(settings, outgoing.localId);
  if (!earlier.ok) return earlier;
  const total = Math.ceil(outgoing.size / chunkBytes(settings));
  if (earlier.value && !earlier.value.isUploading) return ok({ messageId: earlier.value.messageId, duplicate: true });
  const known = earlier.value?.messageId;
  const first = known ? ok(known) : await begin(settings, outgoing, total);
  if (!first.ok) return first;
  for (let number = 2; number <= total; number += 1) {
    const sent = await sendChunk(settings, outgoing, { messageId: first.value, number, total });
    if (sent.ok) continue;
    // Finalised by an earlier try whose answer was lost.
    if (sent.failure.kind === 'conflict') break;
    return sent;
  }
  return ok({ messageId: first.value, duplicate: known !== undefined });
}

type Earlier = { readonly messageId: string | undefined; readonly isUploading: boolean };

/** What was sent under a local id; undefined when nothing was. */
async function lookUp(settings: MeshSettings, localId: string): Promise<Result<Earlier | undefined>> {
  const path = `/outbox/tracking/${encodeURIComponent(localId)}`;
  // Deprecated, and the only way to find a message whose id never arrived. It answers in version 1 alone.
  const found = await meshCall(settings, { method: 'GET', path, headers: { accept: 'application/json' } });
  if (!found.ok) {
    if (found.failure.kind === 'not-found') return ok(undefined);
    return found.failure.kind === 'conflict' ? ok({ messageId: undefined, isUploading: false }) : found;
  }
  const body = meshJson(found.value);
  const messageId = messageIdOf(body);
  if (!messageId) return fail('unavailable', 'MESH found the message, but its answer could not be read; try again');
  const status = propertyOf(body, 'status');
  return ok({ messageId, isUploading: typeof status === 'string' && status.toLowerCase() === 'uploading' });
}

async function begin(settings: MeshSettings, outgoing: Outgoing, total: number): Promise<Result<string>> {
  const { to, workflowId, localId, subject, fileName, contentType } = outgoing;
  const sent = await meshCall(settings, {
    method: 'POST',
    path: '/outbox',
    isTransfer: true,
    headers: {
      'mex-to': to,
      'mex-workflowid': workflowId,
      'mex-localid': localId,
      ...(subject === undefined ? {} : { 'mex-subject': subject }),
      ...(fileName === undefined ? {} : { 'mex-filename': fileName }),
      ...(total > 1 ? { 'mex-chunk-range': `1:${total}` } : {}),
      'content-type': contentType,
      'content-encoding': 'gzip',
    },
    body: await chunk(settings, outgoing, 1),
  });
  if (!sent.ok) return sent;
  const id = messageIdOf(meshJson(sent.value));
  return id ? ok(id) : fail('unknown-outcome', 'MESH accepted the message without an id; look before sending again');
}

type Place = { readonly messageId: string; readonly number: number; readonly total: number };

async function sendChunk(
  settings: MeshSettings,
  outgoing: Outgoing,
  { messageId, number, total }: Place,
): Promise<Result<unknown>> {
  return meshCall(settings, {
    method: 'POST',
    path: `/outbox/${messageId}/${number}`,
    isTransfer: true,
    headers: {
      'mex-chunk-range': `${number}:${total}`,
      'content-type': outgoing.contentType,
      'content-encoding': 'gzip',
    },
    body: await chunk(settings, outgoing, number),
  });
}

/** Each chunk is compressed by itself, as the API wants it. */
async function chunk(
  settings: MeshSettings,
  { size, read }: Outgoing,
  number: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = chunkBytes(settings);
  const plain = await read((number - 1) * bytes, Math.min(number * bytes, size));
  return compress(plain);
}

function chunkBytes({ chunkBytes: bytes = 50_000_000 }: MeshSettings): number {
  return bytes;
}
