/** The operations and interactions that act on a practice's own system. */
import type { Bundle, Parameters } from '#fhir/types.ts';
import type { Deps } from '#http/deps.ts';
import type { Action } from '#http/fhir/action.ts';
import { isId, notVisible } from '#http/fhir/read.ts';
import { answerOf, pathParameters } from '#http/openapi.ts';
import type { OperationPlan } from '#http/operations/plan.ts';
import { fail, ok, type Result } from '#result.ts';
import { liveCreate, liveUpdate } from './appointment.ts';
import type { LiveDeps } from './deps.ts';
import { liveSlotSearch } from './slots.ts';

type Make = (deps: Deps, type: string) => Action;

const acting: Readonly<Record<string, (deps: Deps, kept: Action) => Action>> = {
  'Slot search': liveSlotSearch,
  'Appointment create': liveCreate,
  'Appointment update': liveUpdate,
};

/** An interaction of a type, acting live where the type has such. */
export function actingLive(code: string, type: string, make: Make): Make {
  const act = acting[`${type} ${code}`];
  return act ? (deps, of) => act(deps, make(deps, of)) : make;
}

/** Whoever sees a whole record must be allowed to see what is in it. */
const RECORD = ['Patient', 'Condition', 'Observation', 'MedicationRequest', 'AllergyIntolerance', 'Immunization'];

type Named = 'record' | 'refresh' | 'freshness';

function onPatient(name: Named): Make {
  return ({ live }) => ({
    interaction: 'operation',
    operation: `Patient/$${name}`,
    type: 'Patient',
    needs: (name === 'freshness' ? ['Patient'] : RECORD).map((type) => ({ type, interaction: 'read' })),
    run: async ({ principal, id }) => {
      if (!isId(id)) return notVisible('Patient');
      if (!live) return fail('unsupported', 'No practice’s system can be asked from here');
      const call: LiveDeps[Named] = live[name];
      const found: Result<Bundle | Parameters> = await call(principal, id);
      return found.ok ? ok({ status: 200, content: JSON.stringify(found.value), patients: [id] }) : found;
    },
  });
}

const check: Make = ({ live }) => ({
  interaction: 'operation',
  operation: 'HealthcareService/$check',
  type: 'HealthcareService',
  needs: (['HealthcareService', 'Endpoint'] as const).map((type) => ({ type, interaction: 'read' })),
  run: async ({ principal, id }) => {
    if (!isId(id)) return notVisible('HealthcareService');
    if (!live) return fail('unsupported', 'No practice’s system can be asked from here');
    const told = await live.check(principal, id);
    return told.ok ? ok({ status: 200, content: JSON.stringify(told.value) }) : told;
  },
});

function plan(
  name: Named,
  method: OperationPlan['method'],
  about: { summary: string; answer: string },
): OperationPlan[] {
  return [
    {
      method,
      on: 'instance',
      make: onPatient(name),
      describe: (type) => ({
        summary: about.summary,
        params: pathParameters({ id: `Id of the ${type}` }),
        response: { 200: answerOf(about.answer), 404: answerOf(`No such ${type} for this token`) },
      }),
    },
  ];
}

/** Name without the `$` → its places. */
export const livePlans: Readonly<Record<string, readonly OperationPlan[]>> = {
  record: plan('record', 'GET', {
    summary: "The patient's record as the practice's system has it now, not kept",
    answer: 'Bundle of type collection; warnings of what is missing come first',
  }),
  refresh: plan('refresh', 'POST', {
    summary: "Fetch the patient's record anew and keep it",
    answer: 'Parameters: source, instant and completeness of what is kept now',
  }),
  freshness: plan('freshness', 'GET', {
    summary: "Up to when the patient's record is known, and what keeps it from being whole",
    answer: 'Parameters: of each source its instant and its gaps',
  }),
  check: [
    {
      method: 'POST',
      on: 'instance',
      make: check,
      describe: (type) => ({
        summary: "Ask the practice's GP Connect what it can do, and keep the answer",
        params: pathParameters({ id: `Id of the ${type}: gp-connect- and the ODS code` }),
        response: {
          200: answerOf('Bundle of the Endpoints as they are now'),
          404: answerOf(`No such ${type} for this token`),
        },
      }),
    },
  ],
};
