/** Where an operation lives and how it is described, and the words that descriptions share. */
import type { FastifySchema } from 'fastify';
import type { Deps } from '#http/deps.ts';
import type { Action } from '#http/fhir/action.ts';
import type { Route } from '#http/fhir/router.ts';
import { answerOf, pathParameters } from '#http/openapi.ts';

export type OperationPlan = {
  readonly method: Route['method'];
  /** Before the `$`: on the type or on one resource. */
  readonly on: 'type' | 'instance';
  readonly make: (deps: Deps, type: string) => Action;
  readonly describe: (type: string) => FastifySchema;
};

/** The path of an operation on one resource. */
export const instance = (type: string) => pathParameters({ id: `Id of the ${type}` });

/** The answer where that resource is not there for the caller. */
export const notFound = (type: string) => ({ 404: answerOf(`No such ${type} for this token`) });

/** A body of Parameters, with an example. */
export const parametersBody = (description: string, example: object): FastifySchema => ({
  consumes: ['application/fhir+json'],
  body: { type: 'object', description, additionalProperties: true, examples: [example] },
});

/** Parameters of the query, each with what it says; all may be left out. */
export const query = (descriptions: Readonly<Record<string, string>>): FastifySchema => ({
  querystring: {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(descriptions).map(([name, description]) => [name, { type: 'string', description }]),
    ),
  },
});
