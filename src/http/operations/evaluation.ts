/** `PlanDefinition/$evaluate` and `ValueSet/$impact`: whom rules find, before anything is loaded. Nothing is written. */
import type { Parameters, PlanDefinition, Resource, ValueSet } from '#fhir/types.ts';
import type { Deps } from '#http/deps.ts';
import type { Action } from '#http/fhir/action.ts';
import type { Call } from '#http/fhir/call.ts';
import { isId, notVisible } from '#http/fhir/read.ts';
import { fail, ok, type Result } from '#result.ts';
import { type Inputs, inputsOf, wholeNumber } from './inputs.ts';

/** How many people are listed unless said, and at most. */
const LISTED = 50;
const MOST_LISTED = 1_000;
const MOST_SKIPPED = 10_000_000;

/** People are counted, and listed on request: reading them must be allowed. */
const needs: Action['needs'] = [
  { type: 'Patient', interaction: 'search' },
  { type: 'ServiceRequest', interaction: 'search' },
];

export const evaluate =
  (on: 'type' | 'instance') =>
  (deps: Deps): Action => ({
    interaction: 'operation',
    operation: 'PlanDefinition/$evaluate',
    type: 'PlanDefinition',
    needs: [{ type: 'PlanDefinition', interaction: 'read' }, ...needs],
    run: async (call) => {
      const known = ['state', 'limit', 'offset', ...(on === 'type' ? ['url', 'planDefinition'] : [])];
      const inputs = inputsOf(deps, call, known);
      if (!inputs.ok) return inputs;
      const list = listIn(inputs.value);
      if (!list.ok) return list;
      const rule = on === 'type' ? named(inputs.value) : await stored(deps, call);
      if (!rule.ok) return rule;
      const wish = { rule: rule.value, ...list.value };
      return served(await deps.evaluation.evaluate(call.principal, wish));
    },
  });

/** Who is to be listed. */
function listIn(inputs: Inputs): Result<{ states: readonly string[]; limit: number; offset: number }> {
  const limit = wholeNumber(inputs, 'limit', MOST_LISTED);
  if (!limit.ok) return limit;
  const offset = wholeNumber(inputs, 'offset', MOST_SKIPPED);
  if (!offset.ok) return offset;
  const states = (inputs.text('state') ?? '').split(',').filter((state) => state !== '');
  return ok({ states, limit: limit.value ?? LISTED, offset: offset.value ?? 0 });
}

type Wish = { readonly canonical: string } | { readonly candidate: PlanDefinition };

function named(inputs: Inputs): Result<Wish> {
  const canonical = inputs.text('url');
  const candidate = inputs.resource('planDefinition');
  if (candidate && canonical === undefined)
    return isPlan(candidate) ? ok({ candidate }) : notA('planDefinition', 'PlanDefinition');
  if (!candidate && canonical !== undefined) return ok({ canonical });
  return fail('invalid', 'Either url (url|version, or url for the version in force) or planDefinition is wanted');
}

async function stored(deps: Deps, call: Call): Promise<Result<Wish>> {
  if (!isId(call.id)) return notVisible('PlanDefinition');
  const found = await deps.read(call.access, 'PlanDefinition', call.id);
  if (!found || found.deleted) return notVisible('PlanDefinition');
  return ok({ candidate: JSON.parse(found.content) as PlanDefinition });
}

export function impact(deps: Deps): Action {
  return {
    interaction: 'operation',
    operation: 'ValueSet/$impact',
    type: 'ValueSet',
    needs: [{ type: 'ValueSet', interaction: 'read' }, { type: 'PlanDefinition', interaction: 'read' }, ...needs],
    run: async (call) => {
      const inputs = inputsOf(deps, call, ['candidate', 'limit']);
      if (!inputs.ok) return inputs;
      const candidate = inputs.value.resource('candidate');
      if (!candidate || !(isPlan(candidate) || isSet(candidate)))
        return notA('candidate', 'ValueSet or PlanDefinition');
      const limit = wholeNumber(inputs.value, 'limit', MOST_LISTED);
      if (!limit.ok) return limit;
      return served(await deps.evaluation.impact(call.principal, { candidate, limit: limit.value ?? 0 }));
    },
  };
}

const isPlan = (resource: Resource): resource is PlanDefinition => resource.resourceType === 'PlanDefinition';
const isSet = (resource: Resource): resource is ValueSet => resource.resourceType === 'ValueSet';
const notA = (name: string, what: string) => fail('invalid', `${name} wants a resource: a ${what}`);

/** With the ids of those who are listed, for the audit. */
function served(answer: Result<Parameters>) {
  if (!answer.ok) return answer;
  const patients = (answer.value.parameter ?? []).flatMap(({ part = [] }) =>
    part.flatMap(({ name, valueReference }) =>
      name === 'patient' ? (valueReference?.reference?.replace('Patient/', '') ?? []) : [],
    ),
  );
  return ok({ status: 200, content: JSON.stringify(answer.value), patients });
}
