/** How the interactions are described in OpenAPI: parameters from the capability statement, an example of each. */
import type { FastifySchema } from 'fastify';
import type { Declared } from '#http/capability.ts';
import { answerOf, pathParameters } from '#http/openapi.ts';

const id = { id: 'Logical id' };
const notFound = { 404: answerOf('Absent, or not visible to this token') };
const text = (description: string) => ({ type: 'string', description });
const properties = (of: Record<string, unknown>) => ({ type: 'object', properties: of });

const ofTheForm = {
  _format: text('json or xml'),
  _pretty: text('true: indented'),
  _summary: text('true, text, data, count or false'),
  _elements: text('Only these elements, and those that must be there'),
};
const bundleOf = (type: string) => ({ resourceType: 'Bundle', type });

const faults = {
  400: answerOf('Not JSON, the wrong type, or the wrong id: the OperationOutcome says where'),
  409: answerOf('Not possible in the present state, or others are changing it: try again after Retry-After'),
  412: answerOf('Changed meanwhile, or the condition does not name exactly one'),
  413: answerOf('Too large'),
  415: answerOf('Not JSON or XML by its Content-Type'),
  422: answerOf('Understood, and against a rule or a profile: the OperationOutcome names the elements'),
};

const bodyOf = (type: string): FastifySchema => ({
  consumes: ['application/fhir+json', 'application/fhir+xml'],
  body: {
    type: 'object',
    description: `One ${type}`,
    required: ['resourceType'],
    additionalProperties: true,
    examples: [{ resourceType: type }],
  },
});

const preferences = {
  prefer: text('return=minimal, representation or OperationOutcome'),
};
const ifMatch = { 'if-match': text('ETag of the version that was changed, like W/"3"') };

export const describe = {
  read: ({ type }: Declared): FastifySchema => ({
    summary: `Read one ${type}`,
    params: pathParameters(id),
    querystring: properties(ofTheForm),
    headers: properties({ 'if-none-match': text('ETag that the client has'), 'if-modified-since': text('HTTP date') }),
    response: {
      200: answerOf(`The ${type}, with ETag and Last-Modified`, undefined, undefined, { resourceType: type, id: '1' }),
      304: { description: 'Not changed since' },
      410: answerOf('Deleted'),
      ...notFound,
    },
  }),
  vread: ({ type }: Declared): FastifySchema => ({
    summary: `Read one version of a ${type}`,
    params: pathParameters({ ...id, version: 'Version, from 1' }),
    response: { 200: answerOf(`The ${type} as it was`), 410: answerOf('That version is the deletion'), ...notFound },
  }),
  history: (summary: string, isOne: boolean): FastifySchema => ({
    summary,
    ...(isOne ? { params: pathParameters(id) } : {}),
    querystring: properties({
      _since: text('Versions made at or after this instant'),
      _at: text('Versions that were current at some time in this date or dateTime'),
      _count: text('Versions on a page'),
      ...ofTheForm,
    }),
    headers: properties({ prefer: text('respond-async') }),
    response: { 200: answerOf('Bundle, newest first', undefined, undefined, bundleOf('history')), ...notFound },
  }),
  search: (declared: Declared): FastifySchema => ({
    ...searched(declared.type),
    querystring: properties({ ...parametersOf(declared), ...pageParameters }),
  }),
  searchPost: (declared: Declared): FastifySchema => ({
    ...searched(declared.type),
    summary: `Search ${declared.type}, parameters in the body`,
    consumes: ['application/x-www-form-urlencoded'],
    body: properties({ ...parametersOf(declared), ...pageParameters }),
  }),
  compartment: (type: string): FastifySchema => ({
    ...searched(type),
    summary: `${type === '*' ? 'Everything' : `Search ${type}`} in the compartment of one patient`,
    params: pathParameters({ id: 'Id of the Patient', ...(type === '*' ? { everything: 'The character *' } : {}) }),
    querystring: properties(pageParameters),
  }),
  system: (): FastifySchema => ({
    ...searched('several types'),
    querystring: properties({ _type: text('Types, separated by commas'), ...pageParameters }),
  }),
  create: ({ type }: Declared): FastifySchema => ({
    summary: `Create a ${type}`,
    ...bodyOf(type),
    headers: properties({ ...preferences, 'if-none-exist': text('A search: created only when nothing matches') }),
    response: {
      201: answerOf(`The ${type}, with Location and ETag`),
      200: answerOf('The one that matched'),
      ...faults,
    },
  }),
  update: ({ type }: Declared, isOne: boolean): FastifySchema => ({
    summary: isOne ? `Update a ${type}` : `Update the one ${type} that matches the query, or create it`,
    ...(isOne ? { params: pathParameters(id) } : {}),
    headers: properties({ ...preferences, ...ifMatch, 'if-none-match': text('*: only when there is none yet') }),
    ...bodyOf(type),
    response: { 200: answerOf(`The ${type} as saved`), 201: answerOf('Created'), ...notFound, ...faults },
  }),
  patch: ({ type }: Declared, isOne: boolean): FastifySchema => ({
    summary: isOne ? `Patch a ${type}` : `Patch the one ${type} that matches the query`,
    ...(isOne ? { params: pathParameters(id) } : {}),
    headers: properties({ ...preferences, ...ifMatch }),
    consumes: ['application/json-patch+json', 'application/fhir+json'],
    body: {
      description: 'A JSON Patch, or a FHIRPath Patch as Parameters',
      examples: [[{ op: 'replace', path: '/status', value: 'completed' }]],
    },
    response: { 200: answerOf(`The ${type} as saved`), ...notFound, ...faults },
  }),
  delete: ({ type }: Declared, isOne: boolean): FastifySchema => ({
    summary: isOne ? `Delete a ${type}` : `Delete the one ${type} that matches the query`,
    ...(isOne ? { params: pathParameters(id) } : {}),
    headers: properties(ifMatch),
    response: {
      204: { description: 'It is deleted; its versions stay' },
      ...notFound,
      412: faults[412],
      422: faults[422],
    },
  }),
  bundle: (): FastifySchema => ({
    summary: 'A batch or transaction',
    description: 'Entries of a batch stand each for itself; a transaction is done as a whole or not at all.',
    consumes: ['application/fhir+json', 'application/fhir+xml'],
    headers: properties({ prefer: text('return=…, respond-async') }),
    body: {
      type: 'object',
      description: 'A Bundle of type batch or transaction',
      additionalProperties: true,
      examples: [{ ...bundleOf('batch'), entry: [{ request: { method: 'GET', url: 'Task?_count=1' } }] }],
    },
    response: { 200: answerOf('Bundle of responses, in the order of the entries'), ...faults },
  }),
};

const pageParameters = {
  _count: text('Resources on a page'),
  _sort: text('_lastUpdated or -_lastUpdated'),
  _total: text('accurate: count them all'),
  ...ofTheForm,
};

function searched(type: string): FastifySchema {
  return {
    summary: `Search ${type}`,
    description: 'Unknown parameters are refused, unless Prefer: handling=lenient. Pages go on by the "next" link.',
    headers: properties({ prefer: text('handling=strict or lenient; respond-async') }),
    response: {
      200: answerOf('Bundle', undefined, undefined, bundleOf('searchset')),
      202: { description: 'Put off: see Content-Location' },
      400: answerOf('A parameter is unknown or malformed'),
    },
  };
}

function parametersOf({ searchParameters }: Declared): Record<string, unknown> {
  return Object.fromEntries(
    searchParameters.map(({ name, type, documentation }) => [name, text(documentation ?? type)]),
  );
}
