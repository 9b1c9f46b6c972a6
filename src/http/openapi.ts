/** The API's own description: OpenAPI 3.1 at /openapi.json and its reader at /docs, made from the routes themselves. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema } from 'fastify';

type JsonSchema = Readonly<Record<string, unknown>>;

const anyJson: JsonSchema = { type: 'object', additionalProperties: true };

/** One answer of a route, for its description. */
export function answerOf(
  description: string,
  mediaType = 'application/fhir+json',
  schema: JsonSchema = anyJson,
  example?: object,
): JsonSchema {
  return { description, content: { [mediaType]: { schema, ...(example === undefined ? {} : { example }) } } };
}

/** The errors that every closed route can answer with. */
export const closedAnswers = {
  401: answerOf('No access token, or one that does not hold: OperationOutcome'),
  403: answerOf('The token lacks a scope, which the OperationOutcome names'),
  429: answerOf('Too much at once: try again after Retry-After'),
  503: answerOf('A part that is needed cannot be reached: try again after Retry-After'),
  '5xx': answerOf('The server failed: OperationOutcome'),
};

export const bearer: NonNullable<FastifySchema['security']> = [{ bearer: [] }];

export function pathParameters(descriptions: Readonly<Record<string, string>>): JsonSchema {
  const properties = Object.entries(descriptions).map(([name, description]) => [name, { type: 'string', description }]);
  return { type: 'object', required: Object.keys(descriptions), properties: Object.fromEntries(properties) };
}

/** Must be registered before the routes that it is to describe. */
export async function describeApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Holdfast',
        version,
        description:
          'Care coordination for primary care as UK Core FHIR R4. Every route below is closed without a bearer token unless it says otherwise; the organisations in the token decide what is seen.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/' }],
      components: {
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'SMART v2 scopes, ODS codes in "organisations"',
          },
          notifyKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'The key agreed with NHS Notify' },
        },
      },
      security: [{ bearer: [] }],
    },
  });
}

/** The document and its reader: shells without data, so they are public. */
export async function serveDescription(app: FastifyInstance): Promise<void> {
  // Routes do not change while it runs.
  let document: string | undefined;
  app.get('/openapi.json', {
    config: { isPublic: true },
    schema: {
      summary: 'This description, as OpenAPI 3.1',
      tags: ['About'],
      security: [],
      response: { 200: answerOf('OpenAPI 3.1', 'application/json') },
    },
    handler: async (_request, reply) => {
      document ??= JSON.stringify(app.swagger());
      return reply.header('content-type', 'application/json; charset=utf-8').send(document);
    },
  });
  await app.register(async (docs) => {
    docs.addHook('onRoute', (route) => {
      route.config = { ...route.config, isPublic: true };
    });
    await docs.register(swaggerUi, {
      routePrefix: '/docs',
      uiConfig: { docExpansion: 'none', displayRequestDuration: true, filter: true },
      staticCSP:
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    });
  });
}
