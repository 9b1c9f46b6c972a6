/** What the server can do, for anyone who asks. https://hl7.org/fhir/R4/http.html#capabilities */
import type { FastifyInstance } from 'fastify';
import { FHIR_JSON, sendFailure } from '#http/answer.ts';
import type { Capability } from '#http/capability.ts';
import type { Deps } from '#http/deps.ts';
import { answerOf } from '#http/openapi.ts';
import { checkFormat } from './negotiation.ts';

export function routeMetadata(app: FastifyInstance, deps: Deps, { statement }: Capability): void {
  app.get('/fhir/R4/metadata', {
    config: { isPublic: true },
    schema: {
      summary: 'CapabilityStatement of this server',
      tags: ['About'],
      security: [],
      response: { 200: answerOf('CapabilityStatement'), 406: answerOf('Only JSON is served') },
    },
    handler: async (request, reply) => {
      const query = [...new URLSearchParams(request.raw.url?.split('?', 2)[1] ?? '')];
      const format = checkFormat(request, query);
      if (!format.ok) return sendFailure(reply, format.failure, 406);
      const url = `${deps.baseUrl()}/fhir/R4`;
      const instance = {
        ...statement,
        software: { ...statement.software, version: deps.version },
        implementation: { ...statement.implementation, url },
      };
      return reply.header('content-type', FHIR_JSON).send(JSON.stringify(instance));
    },
  });
}
