/** Shared work over the API: the queue, claiming a Task, giving it back; and the residual of a cohort as it is now. */
import type { Deps } from '#http/deps.ts';
import type { Action } from '#http/fhir/action.ts';
import type { Call } from '#http/fhir/call.ts';
import { expectedVersion } from '#http/fhir/negotiation.ts';
import { isId, notVisible } from '#http/fhir/read.ts';
import { answerOf } from '#http/openapi.ts';
import { fail, ok } from '#result.ts';
import { inputsOf, wholeNumber } from './inputs.ts';
import { instance, notFound, type OperationPlan, query } from './plan.ts';

const USUAL = 50;
const MOST = 200;

function queue(deps: Deps): Action {
  return {
    interaction: 'operation',
    operation: 'Task/$work-queue',
    type: 'Task',
    // The answer holds patients and needs too.
    needs: (['Task', 'Patient', 'ServiceRequest'] as const).map((type) => ({ type, interaction: 'search' as const })),
    run: async (call) => {
      const inputs = inputsOf(deps, call, ['whose', '_count']);
      if (!inputs.ok) return inputs;
      const count = wholeNumber(inputs.value, '_count', MOST);
      if (!count.ok) return count;
      const whose = inputs.value.text('whose') ?? 'all';
      if (whose !== 'mine' && whose !== 'unclaimed' && whose !== 'all')
        return fail('invalid', 'whose wants mine, unclaimed or all');
      const found = await deps.work.queue(call.principal, { whose, count: count.value ?? USUAL });
      if (!found.ok) return found;
      const entries = found.value.entry ?? [];
      const patients = entries.flatMap(({ resource }) => (resource?.resourceType === 'Patient' ? [resource.id] : []));
      return ok({ status: 200, content: JSON.stringify(found.value), patients, found: entries.length });
    },
  };
}

function taken(name: 'claim' | 'give-back') {
  return (deps: Deps): Action => ({
    interaction: 'operation',
    operation: `Task/$${name}`,
    type: 'Task',
    needs: [
      { type: 'Task', interaction: 'read' },
      { type: 'Task', interaction: 'update' },
    ],
    run: async (call: Call) => {
      if (!isId(call.id)) return notVisible('Task');
      const ifMatch = expectedVersion(call.headers['if-match']);
      if (!ifMatch.ok) return ifMatch;
      const wish = { task: call.id, ...(ifMatch.value === undefined ? {} : { ifMatch: ifMatch.value }) };
      const done = await (name === 'claim' ? deps.work.claim : deps.work.giveBack)(call.principal, wish);
      if (!done.ok) return done;
      const patient = done.value.for?.reference?.replace(/^Patient\//, '');
      const headers = { etag: `W/"${done.value.meta?.versionId}"` };
      return ok({ status: 200, content: JSON.stringify(done.value), headers, patients: [patient] });
    },
  });
}

function residual(deps: Deps): Action {
  return {
    interaction: 'operation',
    operation: 'Group/$residual',
    type: 'Group',
    needs: [
      { type: 'Group', interaction: 'read' },
      { type: 'List', interaction: 'read' },
    ],
    run: async ({ principal, id }) => {
      if (!isId(id)) return notVisible('Group');
      const made = await deps.work.residual(principal, id);
      return made.ok ? ok({ status: 200, content: JSON.stringify(made.value) }) : made;
    },
  };
}

const conflicts = {
  409: answerOf('Somebody else has it, or it has ended: the answer says what to do'),
  412: answerOf('It has changed since the version in If-Match'),
};

export const workPlans: Readonly<Record<string, readonly OperationPlan[]>> = {
  'work-queue': [
    {
      method: 'GET',
      on: 'type',
      make: queue,
      describe: () => ({
        summary: 'What people have to do, the most urgent first',
        description:
          'Calls, checks of who somebody is, proposals of exceptions, and needs held for a person; each with its patient and need.',
        ...query({
          whose: 'mine, unclaimed or all (usual)',
          _count: 'Tasks of the answer: 50 unless said, at most 200',
        }),
        response: { 200: answerOf('Bundle of type searchset: Tasks, with Patients and ServiceRequests as includes') },
      }),
    },
  ],
  claim: [
    {
      method: 'POST',
      on: 'instance',
      make: taken('claim'),
      describe: (type) => ({
        summary: 'Take a Task of the team: its owner is then the person of the token',
        params: instance(type),
        response: { 200: answerOf('The Task'), ...notFound(type), ...conflicts },
      }),
    },
  ],
  'give-back': [
    {
      method: 'POST',
      on: 'instance',
      make: taken('give-back'),
      describe: (type) => ({
        summary: "Give a claimed Task back: its owner is the team's practice again",
        params: instance(type),
        response: { 200: answerOf('The Task'), ...notFound(type), ...conflicts },
      }),
    },
  ],
  residual: [
    {
      method: 'POST',
      on: 'instance',
      make: residual,
      describe: (type) => ({
        summary: 'Whom the pathway did not bring in, as it is now',
        params: instance(type),
        response: { 200: answerOf('The List of today, kept'), ...notFound(type) },
      }),
    },
  ],
};
