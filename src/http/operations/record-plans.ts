/** Operations on what is kept: one record as a whole, whose a description is, and what finding it costs. */
import { answerOf } from '#http/openapi.ts';
import { everything } from './everything.ts';
import { explain } from './explain.ts';
import { match } from './match.ts';
import { instance, notFound, type OperationPlan, parametersBody, query } from './plan.ts';

export const recordPlans: Readonly<Record<string, readonly OperationPlan[]>> = {
  everything: [
    {
      method: 'GET',
      on: 'instance',
      make: everything,
      describe: (type) => ({
        summary: 'All that is kept about one patient',
        description:
          'The Patient, what is in its compartment, and what that refers to, one step out, in pages; only of types that the token lets you read.',
        params: instance(type),
        ...query({
          start: 'Care at or after this date; what has no date of care is always in',
          end: 'Care at or before this date',
          _since: 'Only what changed at or after this instant',
          _type: 'Only these types, separated by commas',
          _count: 'Entries of a page: 200 unless said, at most 1,000',
        }),
        response: { 200: answerOf('Bundle of type searchset; its link "next" leads on'), ...notFound(type) },
      }),
    },
  ],
  match: [
    {
      method: 'POST',
      on: 'type',
      make: match,
      describe: () => ({
        summary: 'Find a patient by a description, each match with its score and grade',
        description:
          'The NHS number with the date of birth is certain; names, date of birth, postcode and gender are probable (0.8) or possible (0.55).',
        ...parametersBody('Parameters: resource, onlyCertainMatches, count', {
          resourceType: 'Parameters',
          parameter: [
            {
              name: 'resource',
              resource: { resourceType: 'Patient', name: [{ family: 'Doe' }], birthDate: '1980-03-31' },
            },
            { name: 'count', valueInteger: 5 },
          ],
        }),
        response: { 200: answerOf('Bundle of type searchset, best match first') },
      }),
    },
  ],
  explain: [
    {
      method: 'GET',
      on: 'type',
      make: explain,
      describe: (type) => ({
        summary: `How a search of ${type} is answered, and what it costs`,
        description: 'For operators: role "operator" and the scope system/*.s. With the query of the search.',
        response: { 200: answerOf('Parameters: each statement without its values, and its plan') },
      }),
    },
  ],
};
