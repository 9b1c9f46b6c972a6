/** `$validate`: what a write would be told, without writing. https://hl7.org/fhir/R4/resource-operation-validate.html */
import { outcomeOfIssues } from '#fhir/outcome.ts';
import type { Parameters, Resource } from '#fhir/types.ts';
import type { Deps } from '#http/deps.ts';
import type { Action } from '#http/fhir/action.ts';
import { bodyOf, type Call, hasBody } from '#http/fhir/call.ts';
import { asResource } from '#http/fhir/json-body.ts';
import { isId, notVisible } from '#http/fhir/read.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import type { ValidationMode } from '#workflow/client-operation.ts';

const MODES = ['create', 'update', 'delete'];

export function validate(deps: Deps, type: string): Action {
  return {
    interaction: 'operation',
    operation: `${type}/$validate`,
    type,
    needs: [{ type, interaction: 'read' }],
    run: async (call) => {
      const stored = call.id === '' ? undefined : await readStored(deps, type, call);
      if (stored && !stored.ok) return stored;
      const asked = askedOf(deps, type, call, stored?.value);
      if (!asked.ok) return asked;
      const { resource, mode, profile } = asked.value;
      const issues = resource ? deps.validate(resource, { mode, ...(profile ? { profile } : {}) }) : [];
      return ok({ status: 200, content: JSON.stringify(outcomeOfIssues(issues.length > 0 ? issues : [nothingWrong])) });
    },
  };
}

const nothingWrong: Issue = {
  code: 'informational',
  severity: 'information',
  diagnostics: 'Nothing is wrong with it.',
};

async function readStored(deps: Deps, type: string, { access, id }: Call): Promise<Result<Resource>> {
  const stored = isId(id) ? await deps.read(access, type, id) : undefined;
  return stored && !stored.deleted ? ok(JSON.parse(stored.content) as Resource) : notVisible(type);
}

type Asked = { resource: Resource | undefined; mode: ValidationMode; profile: string | undefined };

/** The body is the resource, or Parameters with it; mode and profile stand there or in the query. */
function askedOf(deps: Deps, type: string, call: Call, stored: Resource | undefined): Result<Asked> {
  const body = hasBody(call) ? bodyOf(call, deps) : ok(undefined);
  if (!body.ok) return body;
  const parameters = parametersIn(body.value);
  const part = (name: string) => parameters?.parameter?.find((one) => one.name === name);
  const inQuery = (name: string) => call.parameters.findLast(([one]) => one === name)?.[1];
  const mode = part('mode')?.valueCode ?? inQuery('mode') ?? (stored ? 'update' : 'create');
  if (!MODES.includes(mode)) return fail('invalid', `mode is one of ${MODES.join(', ')}`);
  const profile = part('profile')?.valueUri ?? part('profile')?.valueCanonical ?? inQuery('profile');
  const sent = parameters ? part('resource')?.resource : body.value;
  if (sent === undefined && (stored || mode === 'delete'))
    return ok({ resource: mode === 'delete' ? undefined : stored, mode: mode as ValidationMode, profile });
  const resource = asResource(sent, type);
  return resource.ok ? ok({ resource: resource.value, mode: mode as ValidationMode, profile }) : resource;
}

function parametersIn(body: unknown): Parameters | undefined {
  const parameters = asResource(body, 'Parameters');
  if (!parameters.ok) return undefined;
  const { parameter } = parameters.value as { parameter?: unknown };
  const list = Array.isArray(parameter) ? parameter.filter((one) => typeof one === 'object' && one !== null) : [];
  return { resourceType: 'Parameters', parameter: list };
}
