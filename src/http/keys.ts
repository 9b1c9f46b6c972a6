/** The public keys by which the NHS API platform checks our signatures. RFC 7517; facts: nhs-apis §1.2 */
import type { FastifyInstance } from 'fastify';
import type { Deps } from './deps.ts';
import { answerOf } from './openapi.ts';

export function routeKeys(app: FastifyInstance, { publicKeys }: Pick<Deps, 'publicKeys'>): void {
  app.get('/.well-known/jwks.json', {
    config: { isPublic: true },
    schema: {
      tags: ['About'],
      security: [],
      summary: 'The public keys of this application, as a JWKS',
      response: { 200: answerOf('The keys; none where the application signs nothing', 'application/json') },
    },
    // A key that is new must be seen before it is used: nobody keeps the document for longer than this.
    handler: async (_request, reply) =>
      reply.header('cache-control', 'public, max-age=600').send(publicKeys ?? { keys: [] }),
  });
}
