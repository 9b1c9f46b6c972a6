/**
 * What stays open: sockets of subscriptions, and Server-Sent Events for screens. A socket proves itself by its binding
 * token, a stream by its bearer token as every other request. https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
import websocket from '@fastify/websocket';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendFailure } from './answer.ts';
import type { Deps } from './deps.ts';
import { rawQuery } from './fhir/call.ts';
import { principalOf } from './gate.ts';
import { answerOf, bearer, closedAnswers } from './openapi.ts';
import { readerOf, SOCKET_PATH } from './operations/subscription.ts';
import { streamTo } from './stream.ts';

/** What has not ended by itself this long after the server began to stop is cut. */
const CLOSE_MS = 5_000;

export async function routeEvents(app: FastifyInstance, deps: Deps): Promise<void> {
  await app.register(websocket, { options: { maxPayload: 4_096 } });
  const closing = new AbortController();
  // The server waits for its connections when it closes: streams have to end first, and one that was opened and never
  // used would be waited for as long as a request may take to arrive.
  app.addHook('preClose', async () => {
    closing.abort();
    setTimeout(() => app.server.closeAllConnections(), CLOSE_MS).unref();
  });
  app.route({
    method: 'GET',
    url: SOCKET_PATH,
    exposeHeadRoute: false,
    config: { isPublic: true },
    schema: {
      summary: 'A socket for notifications: send "bind-with-token: [token]"',
      description:
        'The token is of Subscription/$get-ws-binding-token. "bind-with-token: [token] events-since-number: [n]" goes on from a number; the same with a newer token prolongs the binding.',
      tags: ['Subscription'],
      security: [],
      response: { 101: { description: 'The socket is open' } },
    },
    // Without an upgrade there is nothing to hand out.
    handler: (_request, reply) =>
      sendFailure(reply, { kind: 'invalid', message: 'This address is for WebSockets: connect with ws or wss.' }, 426),
    wsHandler: (socket) => {
      const { receive, closed } = deps.subscriptions.connect({
        send: (text) => socket.send(text),
        waiting: () => socket.bufferedAmount,
        close: (code, reason) => socket.close(code, reason),
      });
      socket.on('message', (data: Buffer) => {
        receive(data.toString('utf8')).catch(() => socket.close(1011, 'the server failed: connect again'));
      });
      socket.on('close', closed);
      socket.on('error', closed);
    },
  });
  app.get('/fhir/R4/$events-stream', {
    // A HEAD would hold a stream open for nobody.
    exposeHeadRoute: false,
    schema: {
      summary: 'Changes as Server-Sent Events, for screens',
      description:
        'Each event is an entry as in a history Bundle, its name the topic. The id of an event, sent back as Last-Event-ID, resumes exactly after it. Only what the token may read is told. The stream ends after 15 minutes: connect again with a fresh token.',
      tags: ['Subscription'],
      security: bearer,
      querystring: {
        type: 'object',
        properties: {
          topic: {
            type: 'string',
            description: 'A topic, by canonical or its last part; repeatable; none: all that may be read',
          },
          filter: { type: 'string', description: '[type]?[parameter]=[value] as in a Subscription; with one topic' },
          content: { type: 'string', description: 'id-only or full-resource' },
        },
      },
      response: { 200: answerOf('The stream', 'text/event-stream', { type: 'string' }), ...closedAnswers },
    },
    handler: (request, reply) => stream(deps, { request, reply, closing: closing.signal }),
  });
}

type Opening = { readonly request: FastifyRequest; readonly reply: FastifyReply; readonly closing: AbortSignal };

async function stream(deps: Deps, { request, reply, closing }: Opening): Promise<FastifyReply> {
  const principal = principalOf(request);
  const reader = readerOf({ principal, access: { organisations: principal.organisations } });
  const query = new URLSearchParams(request.raw.url?.split('?', 2)[1] ?? '');
  const cursor = request.headers['last-event-id'];
  const opened = await deps.subscriptions.openStream(reader, {
    topics: query.getAll('topic'),
    filters: query.getAll('filter'),
    content: query.get('content') ?? undefined,
    cursor: typeof cursor === 'string' && cursor !== '' ? cursor : undefined,
  });
  const audit = (patients: readonly string[], found: number) =>
    deps.audit({
      principal,
      interaction: 'operation',
      operation: '$events-stream',
      type: 'Subscription',
      patients,
      organisations: principal.organisations,
      outcome: opened.ok ? '0' : '4',
      found,
      query: rawQuery(request.raw.url ?? ''),
      requestId: request.id,
      address: request.ip,
    });
  await audit([], 0);
  if (!opened.ok) return sendFailure(reply, opened.failure);
  await streamTo(reply, { deps, reader, request: opened.value, audit }, closing);
  return reply;
}
