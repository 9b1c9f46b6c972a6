/** `$meta`, `$meta-add`, `$meta-delete`: profiles, tags and security labels. https://hl7.org/fhir/R4/resource-operation-meta.html */
import type { Meta, Parameters, Resource } from '#fhir/types.ts';
import type { Deps, Written } from '#http/deps.ts';
import { type Action, auditEntryOf, type Served } from '#http/fhir/action.ts';
import { type Call, resourceOf } from '#http/fhir/call.ts';
import { expectedVersion, versionHeaders } from '#http/fhir/negotiation.ts';
import { isId, notVisible } from '#http/fhir/read.ts';
import { fail, ok, type Result } from '#result.ts';
import type { WriteOperation } from '#workflow/client-operation.ts';

export function meta(deps: Deps, type: string): Action {
  return {
    interaction: 'operation',
    operation: `${type}/$meta`,
    type,
    needs: [{ type, interaction: 'read' }],
    run: async ({ access, id }) => {
      const stored = isId(id) ? await deps.read(access, type, id) : undefined;
      if (!stored || stored.deleted) return notVisible(type);
      return ok({ ...answer(stored.content), headers: versionHeaders(stored), patients: [stored.patient] });
    },
  };
}

export function metaChange(how: 'add' | 'delete'): (deps: Deps, type: string) => Action {
  return (deps, type) => {
    const action: Action = {
      interaction: 'operation',
      operation: `${type}/$meta-${how}`,
      type,
      needs: [{ type, interaction: 'update' }],
      run: async (call) => {
        if (!isId(call.id)) return notVisible(type);
        const given = metaOf(call, deps);
        if (!given.ok) return given;
        const ifMatch = expectedVersion(call.headers['if-match']);
        if (!ifMatch.ok) return ifMatch;
        const served = (written: Written): Served => ({
          ...answer(written.content),
          headers: versionHeaders(written),
          patients: [written.patient],
          isAudited: true,
        });
        const operation: WriteOperation = {
          method: 'patch',
          type,
          which: { id: call.id },
          patch: { kind: 'meta', how, meta: given.value },
          ...(ifMatch.value === undefined ? {} : { ifMatch: ifMatch.value }),
        };
        const entryOf = (written: Written) => auditEntryOf({ action, call, result: ok(served(written)) });
        const written = await deps.write(call.principal, operation, entryOf);
        return written.ok ? ok(served(written.value)) : written;
      },
    };
    return action;
  };
}

function metaOf(call: Call, deps: Deps): Result<Meta> {
  const body = resourceOf(call, deps, { type: 'Parameters' });
  if (!body.ok) return body;
  const { parameter } = body.value as { parameter?: unknown };
  const list = (Array.isArray(parameter) ? parameter : []) as readonly ({ name?: string; valueMeta?: Meta } | null)[];
  const given = list.find((one) => one?.name === 'meta')?.valueMeta;
  const isLists =
    given &&
    ['profile', 'tag', 'security'].every((name) => {
      const value = given[name as 'tag'];
      return value === undefined || Array.isArray(value);
    });
  return isLists
    ? ok(given)
    : fail('invalid', 'Send Parameters with one parameter "meta" that has a valueMeta of profile, tag or security.');
}

function answer(content: string): Pick<Served, 'status' | 'content'> {
  const { meta: valueMeta = {} } = JSON.parse(content) as Resource;
  const parameters: Parameters = { resourceType: 'Parameters', parameter: [{ name: 'return', valueMeta }] };
  return { status: 200, content: JSON.stringify(parameters) };
}
