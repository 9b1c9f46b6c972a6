/** How the operations on outreach are described. */
import { answerOf } from '#http/openapi.ts';
import { emergencyStop, hold, planOutreach, release } from './outreach.ts';
import { instance, notFound, type OperationPlan, parametersBody } from './plan.ts';

const body = (...parameter: object[]) =>
  parametersBody('Parameters; may be left out', { resourceType: 'Parameters', parameter });
const refused = { 409: answerOf('Another person has to act first, or the campaign is held') };

export const outreachPlans: Readonly<Record<string, readonly OperationPlan[]>> = {
  'plan-outreach': [
    {
      method: 'POST',
      on: 'instance',
      make: planOutreach,
      describe: (type) => ({
        summary: 'What a release would do now: who, when, by which channel, why, and the risk of too many bookings',
        description: 'A dry run: nothing is written and nobody invited. Counts are of all, the list is limited.',
        params: instance(type),
        ...body({ name: 'limit', valueUnsignedInt: 50 }),
        response: { 200: answerOf('Parameters: the counts, then the people'), ...notFound(type) },
      }),
    },
  ],
  release: [
    {
      method: 'POST',
      on: 'instance',
      make: release,
      describe: (type) => ({
        summary: 'Release a cohort: invite its members, as many as the slots absorb',
        description:
          'Makes the RequestGroup and invites day by day; the first ten of a large release go ahead, a larger one waits for a second person ("approve"). The same release twice makes one.',
        params: instance(type),
        ...body({ name: 'dailyCap', valuePositiveInt: 20 }),
        response: {
          200: answerOf('Parameters: the campaign, and whether a second person is waited for'),
          ...notFound(type),
          ...refused,
          422: answerOf('The cohort is smaller or larger than expected; the counts are in the answer'),
        },
      }),
    },
  ],
  hold: [
    {
      method: 'POST',
      on: 'instance',
      make: hold,
      describe: (type) => ({
        summary:
          type === 'Group' ? 'Hold a campaign, or let it go on' : 'Hold the outreach of a practice, or let it go on',
        description: 'Nobody is invited and no step is taken; what waits goes on when it is resumed.',
        params: instance(type),
        ...body({ name: 'reason', valueString: 'The clinic is closed next week' }),
        response: { 200: answerOf('Parameters: what is held, as it is now'), ...notFound(type), ...refused },
      }),
    },
  ],
  'emergency-stop': (['instance', 'type'] as const).map((on) => ({
    method: 'POST',
    on,
    make: emergencyStop(on),
    describe: (type) => ({
      summary: on === 'type' ? 'Stop all sending of every practice of the token' : 'Stop all sending of a practice',
      description: 'Nothing more is handed over after a second. Lifted by setting the Flag inactive.',
      ...(on === 'instance' ? { params: instance(type) } : {}),
      ...body({ name: 'reason', valueString: 'Wrong wording' }),
      response: {
        200: answerOf('Parameters: for each practice its Flag, and the List of what was handed over'),
        ...(on === 'instance' ? notFound(type) : {}),
      },
    }),
  })),
};
