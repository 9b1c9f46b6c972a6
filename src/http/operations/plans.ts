/** The operations that are built: where each lives, and how it is described. Which are served, the capability statement says. */
import type { FastifySchema } from 'fastify';
import { livePlans } from '#http/live/plans.ts';
import { answerOf } from '#http/openapi.ts';
import { evaluationPlans } from './evaluation-plans.ts';
import { meta, metaChange } from './meta.ts';
import { outreachPlans } from './outreach-plans.ts';
import { explainNeed, needs } from './pathway.ts';
import { instance, notFound, type OperationPlan, parametersBody, query } from './plan.ts';
import { recordPlans } from './record-plans.ts';
import { bindingToken, subscriptionEvents, subscriptionStatus } from './subscription.ts';
import { terminologyPlans } from './terminology-plans.ts';
import { validate } from './validate.ts';
import { workPlans } from './work-queue.ts';

const validated = (type: string): FastifySchema => ({
  summary: `Check a ${type} without saving it`,
  description: 'The body is the resource, or Parameters with resource, mode and profile. 200 whatever is found.',
  querystring: {
    type: 'object',
    properties: {
      mode: { type: 'string', enum: ['create', 'update', 'delete'], description: 'For what it is checked' },
      profile: { type: 'string', description: 'Canonical of a profile to check against' },
    },
  },
  ...parametersBody('The resource, or Parameters', { resourceType: type }),
  response: { 200: answerOf('OperationOutcome: what is wrong, or that nothing is') },
});

const metaExample = {
  resourceType: 'Parameters',
  parameter: [{ name: 'meta', valueMeta: { tag: [{ system: 'https://example.org/tag', code: 'seen' }] } }],
};

const changed = (how: string, what: string): OperationPlan => ({
  method: 'POST',
  on: 'instance',
  make: metaChange(how === 'meta-add' ? 'add' : 'delete'),
  describe: (type) => ({
    summary: `${what} a ${type}`,
    params: instance(type),
    ...parametersBody('Parameters with one meta', metaExample),
    response: { 200: answerOf('Parameters: the meta as it is now'), ...notFound(type) },
  }),
});

/** With GET, and with POST of Parameters, as the backport guide has them. */
const asked = (
  on: OperationPlan['on'],
  make: OperationPlan['make'],
  { summary, answer }: { summary: string; answer: string },
): readonly OperationPlan[] =>
  (['GET', 'POST'] as const).map((method) => ({
    method,
    on,
    make,
    describe: (type) => ({
      summary,
      description: 'Only of what this client itself created.',
      ...(on === 'instance' ? { params: instance(type) } : {}),
      ...(method === 'POST' ? parametersBody('Parameters; may be left out', { resourceType: 'Parameters' }) : {}),
      response: { 200: answerOf(answer), ...(on === 'instance' ? notFound(type) : {}) },
    }),
  }));

const statuses = {
  summary: 'How subscriptions of this client stand, and why one failed',
  answer: 'Bundle of statuses',
};
const missed = { summary: 'Events that were missed, by their numbers, at most 1,000', answer: 'Bundle of events' };
const binding = {
  summary: 'A token, valid for an hour, with which a socket is bound',
  answer: 'Parameters: the token',
};

/** Name without the `$` → its places. */
export const operationPlans: Readonly<Record<string, readonly OperationPlan[]>> = {
  ...livePlans,
  ...outreachPlans,
  ...evaluationPlans,
  needs: [
    {
      method: 'GET',
      on: 'instance',
      make: needs,
      describe: (type) => ({
        summary: 'What care the patient needs now, and why',
        params: instance(type),
        response: { 200: answerOf('The needs, each with its state and evidence'), ...notFound(type) },
      }),
    },
  ],
  'explain-need': [
    {
      method: 'GET',
      on: 'instance',
      make: explainNeed,
      describe: (type) => ({
        summary: 'Why the patient has a need, or has it not',
        params: instance(type),
        ...query({ rule: 'Canonical of the PlanDefinition, or its id' }),
        response: { 200: answerOf('GuidanceResponse: state, reasons, evidence, next change'), ...notFound(type) },
      }),
    },
  ],
  ...workPlans,
  ...recordPlans,
  ...terminologyPlans,
  validate: [
    { method: 'POST', on: 'type', make: validate, describe: validated },
    {
      method: 'POST',
      on: 'instance',
      make: validate,
      describe: (type) => ({ ...validated(type), params: instance(type) }),
    },
  ],
  meta: [
    {
      method: 'GET',
      on: 'instance',
      make: meta,
      describe: (type) => ({
        summary: `Profiles, tags and security labels of a ${type}`,
        params: instance(type),
        response: { 200: answerOf('Parameters with one meta'), ...notFound(type) },
      }),
    },
  ],
  status: [...asked('type', subscriptionStatus, statuses), ...asked('instance', subscriptionStatus, statuses)],
  events: asked('instance', subscriptionEvents, missed),
  'get-ws-binding-token': [...asked('type', bindingToken, binding), ...asked('instance', bindingToken, binding)],
  'meta-add': [changed('meta-add', 'Add profiles, tags or security labels to')],
  'meta-delete': [changed('meta-delete', 'Take profiles, tags or security labels from')],
};
