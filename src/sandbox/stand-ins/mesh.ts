/**
 * A stand-in of MESH's REST API, version 2 with version 1 where only that exists. Sending is not idempotent, as it is not
 * there; tokens work once; what is fetched stays until it is acknowledged. contract: mesh.oas.json; facts: nhs-apis §8
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Ledger } from '#sandbox/ledger.ts';
import { inboxAnswers } from './mesh/inbox.ts';
import { createMailroom, type Mailroom, type MailroomOptions } from './mesh/mailroom.ts';
import { outboxAnswers } from './mesh/outbox.ts';
import { type Handle, invalid, type MeshAnswer, type MeshRequest } from './mesh/request.ts';
import { createTokenCheck } from './mesh/token.ts';
import { createServer, header, listen, send } from './serving.ts';

export type MeshOptions = MailroomOptions & {
  readonly ledger: Ledger;
  readonly sharedKey: string;
  readonly realNow?: () => number;
  readonly port?: number;
};

export type MeshStandIn = {
  readonly url: string;
  readonly mailroom: Mailroom;
  close(): Promise<void>;
};

/** Starts the stand-in on a loopback port. */
export async function startMesh(options: MeshOptions): Promise<MeshStandIn> {
  const mailroom = createMailroom(options);
  const server = createServer('mesh', options.ledger);
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  const isGood = createTokenCheck(mailroom, options.sharedKey, options.realNow ?? Date.now);
  const base = '/messageexchange/:mailbox';
  const on = (method: 'GET' | 'HEAD' | 'POST' | 'PUT', path: string, handle: Handle) =>
    route(server, { method, path: `${base}${path}` }, (request) =>
      isGood(request.header('authorization'), request.mailbox) ? handle(request) : { status: 403 },
    );
  const [inbox, outbox] = [inboxAnswers(mailroom), outboxAnswers(mailroom)];
  on('POST', '', handshake);
  on('GET', '', handshake);
  on('GET', '/inbox', inbox.list);
  on('GET', '/count', inbox.count);
  on('HEAD', '/inbox/:id', inbox.head);
  on('GET', '/inbox/:id', inbox.fetch);
  on('GET', '/inbox/:id/:chunk', inbox.fetch);
  on('PUT', '/inbox/:id/status/acknowledged', inbox.acknowledge);
  on('POST', '/outbox', outbox.post);
  on('POST', '/outbox/:id/:chunk', outbox.addChunk);
  on('GET', '/outbox/tracking', outbox.track);
  on('GET', '/outbox/tracking/:localId', outbox.trackLocalId);
  const url = await listen(server, options.port);
  return { url, mailroom, close: () => server.close() };
}

function handshake({ header: named }: MeshRequest): MeshAnswer {
  const wanted = ['mex-clientversion', 'mex-osname', 'mex-osversion'];
  const missing = wanted.filter((name) => named(name) === '');
  return missing.length > 0 ? invalid(missing, 'header') : { status: 200 };
}

function route(
  server: FastifyInstance,
  { method, path }: { method: 'GET' | 'HEAD' | 'POST' | 'PUT'; path: string },
  handle: Handle,
): void {
  server.route({
    method,
    url: path,
    ...(method === 'GET' ? { exposeHeadRoute: false } : {}),
    handler: async (request, reply) => write(reply, handle(requestOf(request))),
  });
}

function requestOf(request: FastifyRequest): MeshRequest {
  const params = request.params as Record<string, string>;
  return {
    mailbox: params['mailbox'] ?? '',
    params,
    query: new URL(request.url, 'http://mesh.invalid').searchParams,
    header: (name) => header(request, name)?.trim() ?? '',
    body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
    version: header(request, 'accept')?.includes('vnd.mesh.v2') ? 2 : 1,
  };
}

function write(reply: FastifyReply, answer: MeshAnswer): FastifyReply {
  const type = answer.headers?.['content-type'] ?? 'application/vnd.mesh.v2+json';
  if (!answer.bytes) return send(reply, answer, type);
  reply.code(answer.status).headers(answer.headers ?? {});
  return reply.type('application/octet-stream').send(answer.bytes);
}
