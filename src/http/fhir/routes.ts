/** The FHIR routes: one for each interaction that the capability statement declares. */
import type { FastifyInstance, FastifySchema, HTTPMethods } from 'fastify';
import { scopeFor } from '#auth/access.ts';
import type { Capability, Declared, InteractionCode } from '#http/capability.ts';
import type { Deps } from '#http/deps.ts';
import { answerOf, bearer, closedAnswers, pathParameters } from '#http/openapi.ts';
import { type Action, serve } from './action.ts';
import { read, vread } from './read.ts';
import { history, search } from './search.ts';
import { create, update } from './write.ts';

type Plan = {
  readonly method: HTTPMethods;
  readonly path: string;
  readonly make: (deps: Deps, type: string) => Action;
  readonly describe: (declared: Declared) => FastifySchema;
};

const id = { id: 'Logical id' };
const notFound = { 404: answerOf('Absent, or not visible to this token') };

const plans: Readonly<Record<InteractionCode, readonly Plan[]>> = {
  read: [
    {
      method: 'GET',
      path: '/:id',
      make: read,
      describe: ({ type }) => ({
        summary: `Read one ${type}`,
        params: pathParameters(id),
        response: {
          200: answerOf(`The ${type}, with ETag and Last-Modified`),
          304: { description: 'Not changed since If-None-Match' },
          410: answerOf('Deleted'),
          ...notFound,
        },
      }),
    },
  ],
  vread: [
    {
      method: 'GET',
      path: '/:id/_history/:version',
      make: vread,
      describe: ({ type }) => ({
        summary: `Read one version of a ${type}`,
        params: pathParameters({ ...id, version: 'Version, from 1' }),
        response: {
          200: answerOf(`The ${type} as it was`),
          410: answerOf('That version is the deletion'),
          ...notFound,
        },
      }),
    },
  ],
  'history-instance': [
    {
      method: 'GET',
      path: '/:id/_history',
      make: history,
      describe: ({ type }) => ({
        summary: `All versions of a ${type}, newest first`,
        params: pathParameters(id),
        response: { 200: answerOf('Bundle of type history'), ...notFound },
      }),
    },
  ],
  'search-type': [
    {
      method: 'GET',
      path: '',
      make: search,
      describe: (declared) => ({ ...searchSchema(declared), querystring: searchParameters(declared) }),
    },
    {
      method: 'POST',
      path: '/_search',
      make: search,
      describe: (declared) => ({
        ...searchSchema(declared),
        summary: `Search ${declared.type}, parameters in the body`,
        consumes: ['application/x-www-form-urlencoded'],
        body: searchParameters(declared),
      }),
    },
  ],
  create: [
    {
      method: 'POST',
      path: '',
      make: create,
      describe: ({ type }) => ({
        summary: `Create a ${type}`,
        ...bodyOf(type),
        response: { 201: answerOf(`The ${type}, with Location and ETag`), ...bodyFaults },
      }),
    },
  ],
  update: [
    {
      method: 'PUT',
      path: '/:id',
      make: update,
      describe: ({ type }) => ({
        summary: `Update a ${type}`,
        params: pathParameters(id),
        headers: {
          type: 'object',
          properties: { 'if-match': { type: 'string', description: 'ETag of the version that was changed' } },
        },
        ...bodyOf(type),
        response: {
          200: answerOf(`The ${type} as saved`),
          412: answerOf('Changed meanwhile'),
          ...notFound,
          ...bodyFaults,
        },
      }),
    },
  ],
};

const bodyFaults = {
  400: answerOf('Not JSON, the wrong type, or the wrong id: the OperationOutcome says where'),
  409: answerOf('Not possible in the present state'),
  413: answerOf('Larger than 5 MB'),
  415: answerOf('Not JSON by its Content-Type'),
  422: answerOf('Understood, and against a rule'),
};

function bodyOf(type: string): FastifySchema {
  return {
    consumes: ['application/fhir+json'],
    body: { type: 'object', description: `One ${type}`, required: ['resourceType'], additionalProperties: true },
  };
}

function searchSchema({ type }: Declared): FastifySchema {
  return {
    summary: `Search ${type}`,
    description: 'Unknown parameters are refused, unless Prefer: handling=lenient. Pages go on by the "next" link.',
    response: { 200: answerOf('Bundle of type searchset'), 400: answerOf('A parameter is unknown or malformed') },
  };
}

const pageParameters = {
  _count: { type: 'string', description: 'Resources on a page' },
  _sort: { type: 'string', description: '_lastUpdated or -_lastUpdated' },
  _total: { type: 'string', description: 'accurate: count them all' },
  _summary: { type: 'string', description: 'count: only the total' },
};

function searchParameters({ searchParameters: declared }: Declared): Record<string, unknown> {
  const own = declared.map(({ name, type, documentation }) => [
    name,
    { type: 'string', description: documentation ?? type },
  ]);
  return { type: 'object', properties: { ...Object.fromEntries(own), ...pageParameters } };
}

/** Registers them all. An interaction code without a plan is a promise that could not be kept: it throws. */
export function routeFhir(app: FastifyInstance, deps: Deps, capability: Capability): void {
  for (const declared of capability.types.values()) {
    for (const code of declared.interactions) {
      const found = plans[code as InteractionCode] as readonly Plan[] | undefined;
      if (!found) throw new Error(`The capability statement declares ${declared.type} ${code}, which is not built`);
      for (const plan of found) register(app, { deps, declared, plan });
    }
  }
}

function register(
  app: FastifyInstance,
  { deps, declared, plan }: { deps: Deps; declared: Declared; plan: Plan },
): void {
  const action = plan.make(deps, declared.type);
  const schema = plan.describe(declared);
  app.route({
    method: plan.method,
    url: `/fhir/R4/${declared.type}${plan.path}`,
    schema: {
      tags: [declared.type],
      security: bearer,
      ...schema,
      description: [schema.description, declared.documentation, `Scope: ${scopesOf(action)}.`]
        .filter(Boolean)
        .join(' '),
      response: { ...(schema.response as object), ...closedAnswers, 406: answerOf('Only JSON is served') },
    },
    handler: serve(deps, action),
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
