/** The HTTP facade: closed by default, one file per interaction, everything it needs handed in. */
import fastify, { type FastifyInstance } from 'fastify';
import { answerError, BODY_LIMIT, catchErrors, sendFailure } from './answer.ts';
import { routeBoard } from './board/routes.ts';
import { routeCallbacks } from './callbacks/notify.ts';
import { type Capability, loadCapability } from './capability.ts';
import type { Deps } from './deps.ts';
import { routeMetadata } from './fhir/metadata.ts';
import { routeFhir } from './fhir/routes.ts';
import { describeUndeclared } from './fhir/undeclared.ts';
import { closeByDefault } from './gate.ts';
import { routeHealth } from './health.ts';
import { routeKeys } from './keys.ts';
import { describeApi, serveDescription } from './openapi.ts';
import { routeOperations } from './operations/routes.ts';
import { routeReplies } from './replies/routes.ts';
import { logRequests, requestIdOf } from './request-log.ts';

export type RegisteredRoute = { readonly method: string; readonly url: string; readonly isPublic: () => boolean };

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route there is, HEAD included: what a test of the gate goes through. */
    registeredRoutes: readonly RegisteredRoute[];
  }
}

/** Builds the server; it listens when the caller says `listen`. */
export async function createServer(deps: Deps, capability: Capability = loadCapability()): Promise<FastifyInstance> {
  const app = fastify({
    // The framework's own log lines carry URLs; `logRequests` writes ours.
    logger: false,
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: 256 },
    genReqId: requestIdOf,
    frameworkErrors: (error, request, reply) => {
      answerError(error, { request, reply, log: deps.log });
    },
  });
  // Schemas describe; what is accepted is decided by our own checks, whose messages never quote a value.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  listRoutes(app);
  logRequests(app, deps.log);
  protect(app);
  closeByDefault(app, deps);
  catchErrors(app, deps.log);
  readBodies(app);
  await describeApi(app, deps.version);
  routeMetadata(app, deps, capability);
  routeOperations(app, deps);
  routeFhir(app, deps, capability);
  await routeCallbacks(app, deps);
  routeReplies(app, deps);
  routeBoard(app, deps);
  routeHealth(app, deps);
  routeKeys(app, deps);
  await serveDescription(app);
  app.setNotFoundHandler((request, reply) => {
    const { status, failure, allow } = describeUndeclared(capability, request.raw.url ?? '');
    if (allow !== undefined) reply.header('allow', allow);
    return sendFailure(reply, failure, status);
  });
  await app.ready();
  return app;
}

function listRoutes(app: FastifyInstance): void {
  const routes: RegisteredRoute[] = [];
  app.decorate('registeredRoutes', routes);
  app.addHook('onRoute', (route) => {
    for (const method of [route.method].flat()) {
      // Hooks of inner scopes run later and may still open the route, so this is read when it is asked for.
      const isPublic = () => route.config?.isPublic === true;
      routes.push({ method, url: route.url, isPublic });
    }
  });
}

/** Headers that hold for every answer; a page may sharpen them. */
function protect(app: FastifyInstance): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    });
  });
}

/** Bodies stay bytes until a route reads them: a fault is then placed in our words, and no route parses for nothing. */
function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    ['application/fhir+json', 'application/json'],
    { parseAs: 'buffer' },
    (_request, body, done) => done(null, body),
  );
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, new URLSearchParams(body.toString())),
  );
}
