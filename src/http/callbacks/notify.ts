/**
 * Callbacks of NHS Notify. Proved by key and signature over the raw bytes, kept, acknowledged; what they mean is found
 * out later by a job. Any 4xx but 429 is final for the sender, so a signed body is never refused. facts: nhs-apis §3.10
 */
import { createHmac } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendFailure } from '#http/answer.ts';
import type { Deps, NotifyKey } from '#http/deps.ts';
import { answerOf } from '#http/openapi.ts';
import { EVENTS } from '#ops/log.ts';
import { fail, type Result } from '#result.ts';
import type { CallbackReceived } from './deps.ts';
import { digestOf, isSame, keep } from './keep.ts';

export async function routeCallbacks(app: FastifyInstance, deps: Deps): Promise<void> {
  await app.register(async (callbacks) => {
    // The published contract says application/vnd.api+json, the sender sends application/json; a 415 would lose it for good.
    callbacks.removeAllContentTypeParsers();
    callbacks.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    callbacks.post('/callbacks/notify', {
      config: { isPublic: true },
      schema: {
        summary: 'Message and channel statuses from NHS Notify',
        description:
          'Public to bearer tokens, closed by x-api-key and x-hmac-sha256-signature (lower-case hex, over the raw bytes).',
        tags: ['Callbacks'],
        security: [{ notifyKey: [] }],
        consumes: ['application/vnd.api+json', 'application/json'],
        body: { type: 'object', additionalProperties: true },
        response: {
          202: { description: 'Kept' },
          401: answerOf('x-api-key is missing or wrong'),
          403: answerOf('The signature is missing or wrong'),
          503: answerOf('Not kept: send it again after Retry-After'),
        },
      },
      handler: (request, reply) => receive(deps, request, reply),
    });
  });
}

async function receive(deps: Deps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const proof = prove(request, raw, deps.notifyKeys);
  if (!proof.ok) {
    deps.log.warn({ event: EVENTS.callbackRefused, requestId: request.id, kind: proof.failure.kind });
    return sendFailure(reply, proof.failure);
  }
  const callback = describe(raw);
  if (callback.problem) deps.log.warn({ event: EVENTS.callbackOdd, requestId: request.id, problem: callback.problem });
  const kept = await keep(deps, callback, request.id);
  return kept ? sendFailure(reply, kept) : reply.code(202).send();
}

function prove(request: FastifyRequest, raw: Buffer, keys: readonly NotifyKey[]): Result<NotifyKey> {
  const given = headerOf(request, 'x-api-key');
  // Every key is compared, so that the time taken does not tell which one nearly matched.
  const key = keys.filter(({ apiKey }) => isSame(Buffer.from(apiKey), Buffer.from(given)))[0];
  if (!key)
    return fail('unauthenticated', 'x-api-key is missing or not the agreed key. Send the key agreed at onboarding.');
  const expected = createHmac('sha256', key.secret).update(raw).digest('hex');
  const signature = headerOf(request, 'x-hmac-sha256-signature');
  if (isSame(Buffer.from(expected), Buffer.from(signature))) return { ok: true, value: key };
  return fail(
    'forbidden',
    'x-hmac-sha256-signature does not match the body. Sign the exact bytes sent: HMAC-SHA256, lower-case hex.',
  );
}

function headerOf(request: FastifyRequest, name: string): string {
  return [request.headers[name] ?? ''].flat().join(',');
}

/** Reads as much of the body as can be read without insisting on anything. */
function describe(raw: Buffer): CallbackReceived {
  const digest = digestOf(raw);
  const items = itemsOf(raw);
  if (items === undefined) return { kind: 'notify', raw, digest, idempotencyKeys: [], problem: 'not-json' };
  const keys = items.map(keyOf).filter((key) => key !== undefined);
  const problem = items.length === 0 ? 'no-items' : keys.length < items.length ? 'item-without-key' : undefined;
  return { kind: 'notify', raw, digest, idempotencyKeys: keys, ...(problem === undefined ? {} : { problem }) };
}

function itemsOf(raw: Buffer): readonly unknown[] | undefined {
  try {
    const body: unknown = JSON.parse(raw.toString('utf8'));
    const data = isObject(body) ? body.data : undefined;
    return Array.isArray(data) ? data : [];
  } catch {
    return undefined;
  }
}

function keyOf(item: unknown): string | undefined {
  const meta = isObject(item) ? item.meta : undefined;
  const key = isObject(meta) ? meta.idempotencyKey : undefined;
  return typeof key === 'string' && key !== '' ? key : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
