/** The operations of the pathway: what is asked of the workflow by name. https://hl7.org/fhir/R4/operations.html */
import type { Parameters } from '#fhir/types.ts';
import type { Deps } from '#http/deps.ts';
import type { Action } from '#http/fhir/action.ts';
import { type Call, hasBody, resourceOf } from '#http/fhir/call.ts';
import { isId, notVisible } from '#http/fhir/read.ts';
import { ok, type Result } from '#result.ts';

export function release(deps: Deps): Action {
  return {
    interaction: 'operation',
    operation: 'Group/$release',
    type: 'Group',
    needs: [
      { type: 'Group', interaction: 'read' },
      { type: 'RequestGroup', interaction: 'create' },
    ],
    run: async (call) => {
      if (!isId(call.id)) return notVisible('Group');
      const parameters = parametersOf(call, deps);
      if (!parameters.ok) return parameters;
      const released = await deps.release(call.principal, call.id, parameters.value);
      return released.ok ? ok({ status: 200, content: JSON.stringify(released.value) }) : released;
    },
  };
}

function parametersOf(call: Call, deps: Deps): Result<Parameters> {
  if (!hasBody(call)) return ok({ resourceType: 'Parameters' });
  const body = resourceOf(call, deps, { type: 'Parameters' });
  return body.ok ? ok(body.value as Parameters) : body;
}

export function needs(deps: Deps): Action {
  return {
    interaction: 'operation',
    operation: 'Patient/$needs',
    type: 'Patient',
    needs: [
      { type: 'Patient', interaction: 'read' },
      { type: 'ServiceRequest', interaction: 'search' },
    ],
    run: async ({ principal, id }) => {
      if (!isId(id)) return notVisible('Patient');
      const found = await deps.needs(principal, id);
      return found.ok ? ok({ status: 200, content: JSON.stringify(found.value), patients: [id] }) : found;
    },
  };
}
