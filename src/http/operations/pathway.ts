/** The operations of the pathway: what is asked of the workflow by name. https://hl7.org/fhir/R4/operations.html */
import type { Resource } from '#fhir/types.ts';
import type { Deps } from '#http/deps.ts';
import type { Action } from '#http/fhir/action.ts';
import type { Call } from '#http/fhir/call.ts';
import { isId, notVisible } from '#http/fhir/read.ts';
import { fail, ok, type Result } from '#result.ts';
import { inputsOf } from './inputs.ts';

export function needs(deps: Deps): Action {
  return onOne({
    type: 'Patient',
    name: 'needs',
    also: { type: 'ServiceRequest', interaction: 'search' },
    run: ({ principal }, id) => deps.needs(principal, id),
  });
}

export function explainNeed(deps: Deps): Action {
  return onOne({
    type: 'Patient',
    name: 'explain-need',
    also: { type: 'ServiceRequest', interaction: 'search' },
    run: async (call, id) => {
      const inputs = inputsOf(deps, call, ['rule']);
      if (!inputs.ok) return inputs;
      // What is wrong with the question is told only of a patient that the caller can see.
      const patient = await deps.read(call.access, 'Patient', id);
      if (!patient || patient.deleted) return notVisible('Patient');
      const rule = inputs.value.text('rule');
      if (!rule) return fail('invalid', 'rule is missing: the canonical of a PlanDefinition, or its id');
      return deps.explainNeed(call.principal, id, rule);
    },
  });
}

type OnOne = {
  readonly type: string;
  readonly name: string;
  /** What the caller must be allowed beside reading the type. */
  readonly also: Action['needs'][number];
  readonly run: (call: Call, id: string) => Promise<Result<Resource>>;
};

/** An operation on one resource that the caller can see, answered with a resource. */
function onOne({ type, name, also, run }: OnOne): Action {
  return {
    interaction: 'operation',
    operation: `${type}/$${name}`,
    type,
    needs: [{ type, interaction: 'read' }, also],
    run: async (call) => {
      const { id } = call;
      if (!isId(id)) return notVisible(type);
      const answer = await run(call, id);
      if (!answer.ok) return answer;
      const patients = type === 'Patient' ? [id] : [];
      return ok({ status: 200, content: JSON.stringify(answer.value), patients });
    },
  };
}
