/** The FHIR routes: one for each way that the capability statement declares, registered with the framework. */
import type { FastifyInstance, RouteHandlerMethod } from 'fastify';
import { scopeFor } from '#auth/access.ts';
import type { Deps } from '#http/deps.ts';
import { answerOf, bearer, closedAnswers, pathParameters } from '#http/openapi.ts';
import type { Action } from './action.ts';
import { asyncForget, asyncStatus } from './async.ts';
import type { Route, Routes } from './router.ts';
import { serve } from './serve.ts';

const BASE = '/fhir/R4';

export function routeFhir(app: FastifyInstance, deps: Deps, routes: Routes): void {
  for (const route of routes.values()) register(app, deps, route);
  routeAsync(app, deps);
}

function register(app: FastifyInstance, deps: Deps, route: Route): void {
  const action = route.make(deps);
  const { schema, method, bodyLimit } = route;
  const scopes = scopesOf(action);
  app.route({
    method,
    url: `${BASE}${route.pattern === '/' ? '' : route.pattern}`.replace('/*', '/:everything'),
    ...(bodyLimit === undefined ? {} : { bodyLimit }),
    schema: {
      tags: [route.type === '' ? 'System' : route.type],
      security: bearer,
      ...schema,
      description: [schema.description, scopes === '' ? '' : `Scope: ${scopes}.`].filter(Boolean).join(' '),
      response: { ...(schema.response as object), ...closedAnswers, 406: answerOf('Not a format that is served') },
    },
    handler: route.pattern.endsWith('/*') ? onlyForStar(serve(deps, action)) : serve(deps, action),
  });
}

/** The framework's `*` is anything; FHIR's is itself. */
function onlyForStar(handler: RouteHandlerMethod): RouteHandlerMethod {
  return function everything(request, reply) {
    const { everything: name } = request.params as { everything?: string };
    if (name === '*') return handler.call(this, request, reply);
    reply.callNotFound();
    return reply;
  };
}

/** Where the results of `Prefer: respond-async` are fetched. */
function routeAsync(app: FastifyInstance, deps: Deps): void {
  const shared = { tags: ['System'], security: bearer, params: pathParameters({ id: 'From Content-Location' }) };
  const response = { 404: answerOf('No such request of this caller'), ...closedAnswers };
  app.get(`${BASE}/_async/:id`, {
    schema: {
      ...shared,
      summary: 'The result of a request that was put off',
      response: { 200: answerOf('Bundle of type batch-response'), 202: { description: 'Not done yet' }, ...response },
    },
    handler: serve(deps, asyncStatus(deps)),
  });
  app.delete(`${BASE}/_async/:id`, {
    schema: {
      ...shared,
      summary: 'Throw that result away',
      response: { 204: { description: 'It is gone' }, ...response },
    },
    handler: serve(deps, asyncForget(deps)),
  });
}

/** The scopes an action asks for, as a user would hold them. */
export function scopesOf(action: Action): string {
  const someone = {
    subject: '',
    clientId: '',
    organisations: [],
    scopes: [],
    role: '',
    user: { sdsUserId: '', sdsRoleProfileId: '', localId: '', family: '', given: '' },
  };
  return action.needs.map((need) => scopeFor(someone, need.type, need.interaction)).join(' and ');
}
