/** How the trying out of rules is described. */
import { answerOf } from '#http/openapi.ts';
import { evaluate, impact } from './evaluation.ts';
import { instance, notFound, type OperationPlan, parametersBody, query } from './plan.ts';

const queries = {
  state:
    'Whose patients are listed: up-to-date, approaching, due, overdue, unknown, excluded, not-eligible; several with commas',
  limit: 'How many are listed: 50 unless said, at most 1,000',
  offset: 'How many to leave out first',
};

const evaluated = (on: OperationPlan['on'], method: OperationPlan['method']): OperationPlan => ({
  method,
  on,
  make: evaluate(on),
  describe: (type) => ({
    summary: 'Whom a rule finds today: counts by state, and the patients on request',
    description:
      'A dry run over the records of the practices of the token; nothing is written. On the type a rule is named by url|version or sent as planDefinition, active or not.',
    ...(on === 'instance' ? { params: instance(type) } : {}),
    ...(method === 'GET'
      ? query({ ...(on === 'type' ? { url: 'Canonical of the rule, with |version or without' } : {}), ...queries })
      : parametersBody('Parameters', {
          resourceType: 'Parameters',
          parameter: [{ name: 'state', valueString: 'overdue' }],
        })),
    response: { 200: answerOf('Parameters: the counts, then the patients'), ...notFound(type) },
  }),
});

export const evaluationPlans: Readonly<Record<string, readonly OperationPlan[]>> = {
  evaluate: (['type', 'instance'] as const).flatMap((on) => [evaluated(on, 'GET'), evaluated(on, 'POST')]),
  impact: [
    {
      method: 'POST',
      on: 'type',
      make: impact,
      describe: () => ({
        summary: 'Whom a new version of a value set or rule would move, from which state to which',
        description: 'Before it is loaded; nothing is written. Within the practices of the token.',
        ...parametersBody('Parameters: candidate, limit', {
          resourceType: 'Parameters',
          parameter: [
            {
              name: 'candidate',
              resource: { resourceType: 'ValueSet', url: 'https://example.org/set', status: 'draft' },
            },
            { name: 'limit', valueUnsignedInt: 50 },
          ],
        }),
        response: { 200: answerOf('Parameters: for each rule the moves, then the patients') },
      }),
    },
  ],
};
