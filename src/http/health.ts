/** Whether the process lives, and whether it can do its work. */
import type { FastifyInstance } from 'fastify';
import { sendFailure } from './answer.ts';
import type { Deps } from './deps.ts';
import { answerOf } from './openapi.ts';

export function routeHealth(app: FastifyInstance, deps: Deps): void {
  const shared = { tags: ['About'], security: [] };
  app.get('/health/live', {
    config: { isPublic: true },
    schema: { ...shared, summary: 'The process runs', response: { 200: answerOf('It does', 'application/json') } },
    handler: async () => ({ status: 'live' }),
  });
  app.get('/health/ready', {
    config: { isPublic: true },
    schema: {
      ...shared,
      summary: 'The process can do its work',
      response: { 200: answerOf('It can', 'application/json'), 503: answerOf('OperationOutcome: what is missing') },
    },
    handler: async (_request, reply) => {
      const ready = await deps.ready();
      return ready.ok ? { status: 'ready' } : sendFailure(reply, ready.failure, 503);
    },
  });
  app.get('/health/destinations', {
    config: { isPublic: true },
    schema: {
      ...shared,
      summary: 'How the systems fare that are called from this process',
      description: 'Names of systems and practices, counts and states; nothing of what was asked.',
      response: { 200: answerOf('A list of destinations', 'application/json') },
    },
    handler: async () => ({ destinations: deps.destinations?.() ?? [] }),
  });
}
