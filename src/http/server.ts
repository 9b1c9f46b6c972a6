/** The HTTP facade: closed by default, one file per interaction, everything it needs handed in. */
import compress from '@fastify/compress';
import fastify, { type FastifyInstance } from 'fastify';
import { answerError, BODY_LIMIT, catchErrors, sendFailure } from './answer.ts';
import { routeBoard } from './board/routes.ts';
import { routeGovUkCallbacks } from './callbacks/govuk-notify.ts';
import { routeCallbacks } from './callbacks/notify.ts';
import { type Capability, loadCapability } from './capability.ts';
import type { Deps } from './deps.ts';
import { routeEvents } from './events.ts';
import { routeMetadata } from './fhir/metadata.ts';
import { planRoutes } from './fhir/plans.ts';
import { routeFhir } from './fhir/routes.ts';
import { describeUndeclared } from './fhir/undeclared.ts';
import { closeByDefault } from './gate.ts';
import { routeHealth } from './health.ts';
import { routeIntake } from './intake/routes.ts';
import { routeKeys } from './keys.ts';
import { describeApi, serveDescription } from './openapi.ts';
import { routeReplies } from './replies/routes.ts';
import { routeTimes } from './replies/times.ts';
import { logRequests, requestIdOf } from './request-log.ts';

/** Bytes from which an answer is compressed. */
const COMPRESS_FROM = 2_048;

export type RegisteredRoute = { readonly method: string; readonly url: string; readonly isPublic: () => boolean };

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route there is, HEAD included: what a test of the gate goes through. */
    registeredRoutes: readonly RegisteredRoute[];
  }
}

/** Builds the server; it listens when the caller says `listen`. */
export async function createServer(deps: Deps, capability: Capability = loadCapability()): Promise<FastifyInstance> {
  const routes = planRoutes(capability);
  const app = fastify({
    // The framework's own log lines carry URLs; `logRequests` writes ours.
    logger: false,
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: 256, ignoreTrailingSlash: true },
    genReqId: requestIdOf,
    frameworkErrors: (error, request, reply) => {
      answerError(error, { request, reply, log: deps.log });
    },
  });
  // Schemas describe; what is accepted is decided by our own checks, whose messages never quote a value.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  // Answers that fit a packet or two gain nothing. Nothing a client sends is mirrored beside a secret, so lengths tell nothing.
  await app.register(compress, { encodings: ['gzip', 'deflate'], threshold: COMPRESS_FROM, global: true });
  listRoutes(app);
  logRequests(app, deps.log);
  protect(app);
  closeByDefault(app, deps);
  catchErrors(app, deps.log);
  readBodies(app, deps.xml !== undefined);
  await describeApi(app, deps.version);
  routeMetadata(app, deps, capability);
  await routeEvents(app, deps);
  routeFhir(app, deps, routes);
  await routeCallbacks(app, deps);
  await routeGovUkCallbacks(app, deps);
  routeReplies(app, deps);
  routeTimes(app, deps);
  routeBoard(app, deps);
  await routeIntake(app, deps);
  routeHealth(app, deps);
  routeKeys(app, deps);
  await serveDescription(app);
  app.setNotFoundHandler((request, reply) => {
    const { status, failure, allow } = describeUndeclared(capability, routes, request.raw.url ?? '');
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
function readBodies(app: FastifyInstance, hasXml: boolean): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    [
      'application/fhir+json',
      'application/json',
      'application/json-patch+json',
      ...(hasXml ? ['application/fhir+xml', 'application/xml', 'text/xml'] : []),
    ],
    { parseAs: 'buffer' },
    (_request, body, done) => done(null, body),
  );
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, new URLSearchParams(body.toString())),
  );
}
