/**
 * Texts that patients send to a practice's number at GOV.UK Notify, and what became of those it sent them. There is no signature: the bearer token that the
 * practice entered there proves the sender and says which practice it is. facts: nhs-apis §4
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendFailure } from '#http/answer.ts';
import type { Deps } from '#http/deps.ts';
import { answerOf } from '#http/openapi.ts';
import { EVENTS } from '#ops/log.ts';
import { fail } from '#result.ts';
import type { CallbackReceived, TextToken } from './deps.ts';
import { digestOf, isSame, keep } from './keep.ts';

const ROUTES: readonly { path: string; kind: CallbackReceived['kind']; summary: string }[] = [
  { path: 'received-text', kind: 'govuk-text', summary: 'Text messages from patients, by GOV.UK Notify' },
  { path: 'status', kind: 'govuk-status', summary: 'What became of text messages to patients, by GOV.UK Notify' },
];

export async function routeGovUkCallbacks(app: FastifyInstance, deps: Deps): Promise<void> {
  await app.register(async (callbacks) => {
    // A 4xx is final for the sender: whatever is proved is kept, also what is no JSON.
    callbacks.removeAllContentTypeParsers();
    callbacks.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    for (const { path, kind, summary } of ROUTES)
      callbacks.post(`/callbacks/govuk-notify/${path}`, {
        config: { isPublic: true },
        schema: {
          summary,
          description: 'Closed by the bearer token that the practice entered at GOV.UK Notify, which is none of ours.',
          tags: ['Callbacks'],
          security: [{ bearer: [] }],
          consumes: ['application/json'],
          body: { type: 'object', additionalProperties: true },
          response: {
            202: { description: 'Kept' },
            401: answerOf('The bearer token is missing or of no practice'),
            503: answerOf('Not kept: send it again after Retry-After'),
          },
        },
        handler: (request, reply) => receive(deps, kind, { request, reply }),
      });
  });
}

async function receive(
  deps: Deps,
  kind: CallbackReceived['kind'],
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
): Promise<FastifyReply> {
  const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const practice = practiceOf(request.headers.authorization ?? '', deps.textTokens ?? []);
  if (!practice) {
    deps.log.warn({ event: EVENTS.callbackRefused, requestId: request.id, kind: 'unauthenticated' });
    const message =
      'The bearer token belongs to no practice. Enter at GOV.UK Notify the token whose SHA-256 is configured.';
    return sendFailure(reply, fail('unauthenticated', message).failure);
  }
  const { organisation } = practice;
  const callback = { kind, raw, digest: `${organisation}|${digestOf(raw)}`, idempotencyKeys: [] };
  const kept = await keep(deps, callback, request.id);
  return kept ? sendFailure(reply, kept) : reply.code(202).send();
}

/** Every token is compared, so that the time taken does not tell which one nearly matched. */
function practiceOf(authorization: string, tokens: readonly TextToken[]): TextToken | undefined {
  const given = /^Bearer (\S+)$/i.exec(authorization)?.[1] ?? '';
  const digest = Buffer.from(digestOf(given));
  return tokens.filter(({ sha256 }) => isSame(Buffer.from(sha256.toLowerCase()), digest))[0];
}
