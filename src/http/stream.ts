/** Writes a stream of events until its reader leaves, is too slow, or its time is over. */
import { once } from 'node:events';
import type { FastifyReply } from 'fastify';
import { EVENTS } from '#ops/log.ts';
import type { SubscriptionReader } from '#workflow/subscription/operations.ts';
import type { StreamPart, StreamRequest } from '#workflow/subscription/stream.ts';
import type { Deps } from './deps.ts';

export type Streaming = {
  readonly deps: Deps;
  readonly reader: SubscriptionReader;
  readonly request: StreamRequest;
  /** Kept before what it tells of is sent. */
  readonly audit: (patients: readonly string[], found: number) => Promise<void>;
};

/** A token may have been withdrawn: after this the reader comes again and proves itself. */
const STREAM_MS = 15 * 60_000;
const HEARTBEAT_MS = 15_000;
/** How long a reader may leave a full buffer standing. */
const SLOW_MS = 30_000;

export async function streamTo(reply: FastifyReply, streaming: Streaming, closing: AbortSignal): Promise<void> {
  const left = new AbortController();
  const signal = AbortSignal.any([left.signal, closing, AbortSignal.timeout(STREAM_MS)]);
  reply.hijack();
  const { raw } = reply;
  raw.on('close', () => left.abort());
  raw.on('error', () => left.abort());
  raw.writeHead(200, {
    ...reply.getHeaders(),
    'content-type': 'text/event-stream; charset=utf-8',
    'x-accel-buffering': 'no',
    // Kept for another request it would hold up a server that stops.
    connection: 'close',
  } as Record<string, string>);
  try {
    await run(streaming, signal, (text) => write(raw, text, signal));
  } catch (error) {
    if (!signal.aborted) streaming.deps.log.error({ event: EVENTS.requestFailed, err: error });
  } finally {
    raw.end();
  }
}

type Write = (text: string) => Promise<void>;

async function run({ deps, reader, request, audit }: Streaming, signal: AbortSignal, send: Write): Promise<void> {
  let { after } = request;
  let known = '';
  await send('retry: 2000\n\n');
  while (!signal.aborted) {
    const part = await deps.subscriptions.nextInStream(reader, { ...request, after });
    after = part.after;
    if (part.events.length > 0) {
      await audit([...new Set(part.events.flatMap(({ patient }) => patient ?? []))], part.events.length);
      await send(textOf(part));
    }
    if (part.isMore) continue;
    const beat = AbortSignal.any([signal, AbortSignal.timeout(HEARTBEAT_MS)]);
    const moved = await deps.subscriptions.feedMoved(known, beat);
    // The place moves on also where nothing was for this reader.
    if (moved === known && !signal.aborted) await send(`: heartbeat\nid: ${part.cursor}\n\n`);
    known = moved;
  }
}

function textOf({ events }: StreamPart): string {
  const lines = events.map(({ topic, entry, cursor }) => {
    const id = cursor === undefined ? '' : `id: ${cursor}\n`;
    return `${id}event: ${topic.split('/').at(-1)}\ndata: ${JSON.stringify(entry)}\n\n`;
  });
  return lines.join('');
}

async function write(raw: FastifyReply['raw'], text: string, signal: AbortSignal): Promise<void> {
  if (raw.write(text)) return;
  await once(raw, 'drain', { signal: AbortSignal.any([signal, AbortSignal.timeout(SLOW_MS)]) });
}
