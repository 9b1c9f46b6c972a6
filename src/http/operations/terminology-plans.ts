/** Operations on what is loaded of terminologies. */
import type { FastifySchema } from 'fastify';
import { answerOf } from '#http/openapi.ts';
import { instance, notFound, type OperationPlan, parametersBody, query } from './plan.ts';
import { expand, lookup, validateCode } from './terminology.ts';

type Told = {
  readonly summary: string;
  readonly queries: Readonly<Record<string, string>>;
  readonly answer: string;
};

/** With GET by URL and in the path, and with POST of Parameters. */
function both(on: readonly OperationPlan['on'][], make: OperationPlan['make'], told: Told): OperationPlan[] {
  return on.flatMap((where) =>
    (['GET', 'POST'] as const).map((method): OperationPlan => {
      const sent =
        method === 'POST' ? parametersBody('Parameters', { resourceType: 'Parameters' }) : query(told.queries);
      return {
        method,
        on: where,
        make,
        describe: (type) => described(type, where, { ...sent, summary: told.summary }, told.answer),
      };
    }),
  );
}

function described(type: string, on: OperationPlan['on'], schema: FastifySchema, answer: string): FastifySchema {
  const isOne = on === 'instance';
  return {
    ...schema,
    description: 'Over what is loaded: what would need another code system is refused, and names it.',
    ...(isOne ? { params: instance(type) } : {}),
    response: { 200: answerOf(answer), ...(isOne ? notFound(type) : { 404: answerOf(`No such ${type} is loaded`) }) },
  };
}

const coded = { url: 'Canonical URL, with |version or without', code: 'The code', display: 'What it is to be called' };

export const terminologyPlans: Readonly<Record<string, readonly OperationPlan[]>> = {
  expand: both(['type', 'instance'], expand, {
    summary: 'The codes of a value set',
    queries: {
      url: coded.url,
      filter: 'Words that begin words of the display',
      offset: 'How many to leave out first',
      count: 'How many to give',
      activeOnly: 'true: without what is not for use any more',
      includeDesignations: 'true: with other names',
    },
    answer: 'ValueSet with its expansion',
  }),
  'validate-code': both(['type', 'instance'], validateCode, {
    summary: 'Whether a code is in a value set or code system',
    queries: { ...coded, system: 'Code system of the code, for a value set' },
    answer: 'Parameters: result, message, display',
  }),
  lookup: both(['type'], lookup, {
    summary: 'What a code means',
    queries: { code: coded.code, system: 'URL of its code system' },
    answer: 'Parameters: name, display, designations, properties',
  }),
};
