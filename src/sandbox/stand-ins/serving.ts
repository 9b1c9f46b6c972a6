/** What every stand-in shares: a loopback Fastify that reads raw text, strikes with faults, and shows the ledger. */
import { Readable } from 'node:stream';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { type Fault, type FaultySystem, faultSchema } from '#sandbox/faults.ts';
import type { Ledger } from '#sandbox/ledger.ts';
import { checker } from '#schema.ts';

/** An answer before it is written to the wire. A `body` of undefined sends no content. */
export type Answer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
};

/** Which system a call is for, where two share a host. */
type SystemOf = (url: string) => FaultySystem;

const checkFault = checker('fault', faultSchema);

/** A server that hands bodies on as text (`''` when there is none), whatever their type, so that each stand-in judges them itself. */
export function createServer(system: FaultySystem | SystemOf, ledger: Ledger): FastifyInstance {
  const server = Fastify({ bodyLimit: 6_000_000, forceCloseConnections: true });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  addControls(server, ledger);
  addFaults(server, system, ledger);
  return server;
}

export async function listen(server: FastifyInstance, port = 0): Promise<string> {
  return await server.listen({ host: '127.0.0.1', port });
}

export function send(reply: FastifyReply, answer: Answer, type: string): FastifyReply {
  reply.code(answer.status).headers(answer.headers ?? {});
  if (answer.body === undefined) return reply.send();
  return reply.type(type).send(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
}

export function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

export function textBody(request: FastifyRequest): string {
  return typeof request.body === 'string' ? request.body : '';
}

/** JSON text as a value; undefined when it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function addControls(server: FastifyInstance, ledger: Ledger): void {
  server.post('/_sandbox/faults', async (request, reply) => {
    const fault = checkFault(parseJson(textBody(request)));
    if (!fault.ok) return send(reply, { status: 400, body: { error: fault.failure.message } }, 'application/json');
    ledger.fault(fault.value);
    return send(reply, { status: 204 }, 'application/json');
  });
  server.delete('/_sandbox/faults', async (_request, reply) => {
    ledger.faults.clear();
    return send(reply, { status: 204 }, 'application/json');
  });
  server.get('/_sandbox/ledger', async (_request, reply) => {
    const { messages, letters, bookings, cancellations, filed, recordReads, demographicsReads, refusals } = ledger;
    const body = { messages, letters, bookings, cancellations, filed, recordReads, demographicsReads, refusals };
    const counts = ledger.counts();
    return send(reply, { status: 200, body: { counts, duplicates: ledger.duplicates(), ...body } }, 'application/json');
  });
}

const struck = new WeakMap<FastifyRequest, Fault>();

/** The fault that strikes this call, for a stand-in that acts on one itself. */
export function faultOn(request: FastifyRequest): Fault | undefined {
  return struck.get(request);
}

const waits = (fault: Fault | undefined) => new Promise((done) => setTimeout(done, fault?.milliseconds ?? 500));

function addFaults(server: FastifyInstance, system: FaultySystem | SystemOf, ledger: Ledger): void {
  server.addHook('onRequest', async (request, reply) => {
    if (request.url.startsWith('/_sandbox/')) return;
    const name = typeof system === 'function' ? system(request.url) : system;
    const fault = ledger.faults.strike(name, `${request.method} ${request.url}`);
    if (fault) struck.set(request, fault);
    const refusal = fault && REFUSALS[fault.kind];
    return refusal && send(reply, refusal, refusal.body === '' ? 'text/plain' : 'text/html');
  });
  // With the body read: the work is done even if nobody waits for the answer any more.
  server.addHook('preHandler', async (request) => {
    if (faultOn(request)?.kind === 'latency') await waits(faultOn(request));
  });
  server.addHook('onSend', async (request, reply, payload) => {
    const fault = faultOn(request);
    if (fault?.kind === 'slow-answer') await waits(fault);
    if (fault?.kind === 'drop-after-commit') request.raw.socket.destroy();
    return fault?.kind === 'half-body' ? half(request, reply, payload) : payload;
  });
}

/** The whole length is promised, half of it comes, then the connection is cut. */
function half(request: FastifyRequest, reply: FastifyReply, payload: unknown): Readable {
  const whole = Buffer.isBuffer(payload) ? payload : Buffer.from(typeof payload === 'string' ? payload : '');
  reply.header('content-length', Math.max(2, whole.length));
  const part = whole.subarray(0, Math.max(1, Math.floor(whole.length / 2)));
  return Readable.from(
    (async function* () {
      yield part.length > 0 ? part : Buffer.from(' ');
      await new Promise((done) => setTimeout(done, 5));
      request.raw.socket.destroy();
    })(),
  );
}

/** Faults that answer before anything is done. */
const REFUSALS: Readonly<Partial<Record<Fault['kind'], Answer>>> = {
  '403': { status: 403, body: '' },
  '429': { status: 429, body: '' },
  '500': { status: 500, body: '' },
  '502-html': { status: 502, body: '<html><body><h1>502 Bad Gateway</h1></body></html>' },
};
