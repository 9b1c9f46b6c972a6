/** Operations on what is kept about people: one record as a whole. */
import { answerOf } from '#http/openapi.ts';
import { everything } from './everything.ts';
import { instance, notFound, type OperationPlan, query } from './plan.ts';

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
};
