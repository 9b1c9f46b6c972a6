/** create, update, patch and delete, by id or by condition. What a change means is decided by the workflow. https://hl7.org/fhir/R4/http.html#update */
import { type Interaction, mayDo, scopeFor } from '#auth/access.ts';
import { outcomeOfIssues } from '#fhir/outcome.ts';
import type { Parameters, Resource } from '#fhir/types.ts';
import type { Deps, Written } from '#http/deps.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import type { Patch, Which, WriteOperation } from '#workflow/client-operation.ts';
import { type Action, auditEntryOf, type Served } from './action.ts';
import { bodyOf, type Call, resourceOf } from './call.ts';
import { asResource } from './json-body.ts';
import { expectedVersion, mediaType, preference, versionHeaders } from './negotiation.ts';
import { isId, notVisible } from './read.ts';

export type Reading = (call: Call, deps: Deps) => Result<WriteOperation>;

/** What each kind of request asks to be written; Bundle entries are read by the same functions. */
export const operationOf = {
  create:
    (type: string): Reading =>
    (call, deps) =>
      readCreate(type, call, deps),
  update:
    (type: string): Reading =>
    (call, deps) =>
      readUpdate(type, call, deps),
  patch:
    (type: string): Reading =>
    (call, deps) =>
      readPatch(type, call, deps),
  delete:
    (type: string): Reading =>
    (call) =>
      readDelete(type, call),
} as const;

/** One write as an action of its own. */
export function write(method: keyof typeof operationOf): (deps: Deps, type: string) => Action {
  return (deps, type) => {
    const action: Action = {
      interaction: method,
      type,
      needs: [{ type, interaction: method === 'patch' ? 'update' : method }],
      run: async (call) => {
        const operation = operationOf[method](type)(call, deps);
        if (!operation.ok) return operation;
        const refusal = mayLookUp(call, operation.value);
        if (refusal) return refusal;
        const served = (written: Written): Served => ({ ...answer(call, deps, written), isAudited: true });
        const entryOf = (written: Written) => auditEntryOf({ action, call, result: ok(served(written)) });
        const written = await deps.write(call.principal, operation.value, entryOf);
        return written.ok ? ok(served(written.value)) : written;
      },
    };
    return action;
  };
}

/** A condition tells whether something is there: it takes the scope of a search. */
export function mayLookUp({ principal }: Call, operation: WriteOperation): Result<never> | undefined {
  const isConditional =
    operation.method === 'create' ? operation.ifNoneExist !== undefined : 'criteria' in operation.which;
  if (!isConditional || mayDo(principal, operation.type, 'search')) return undefined;
  const scope = scopeFor(principal, operation.type, 'search' satisfies Interaction);
  return fail('forbidden', `A condition takes the scope ${scope} as well. Ask the issuer for a token with it.`);
}

function readCreate(type: string, call: Call, deps: Deps): Result<WriteOperation> {
  const body = resourceOf(call, deps, { type });
  if (!body.ok) return body;
  // The server names what it creates (R4 §3.1.0.8): a client's id is not kept.
  const { id: _ignored, ...resource } = body.value;
  const condition = call.headers['if-none-exist'];
  const ifNoneExist = condition === undefined ? undefined : criteriaOf(type, [condition].flat().join('&'));
  return ok({
    method: 'create',
    type,
    resource: resource as Resource,
    ...(ifNoneExist === undefined ? {} : { ifNoneExist }),
  });
}

function readUpdate(type: string, call: Call, deps: Deps): Result<WriteOperation> {
  const which = whichOf(type, call);
  if (!which.ok) return which;
  const ifMatch = expectedVersion(call.headers['if-match']);
  if (!ifMatch.ok) return ifMatch;
  const none = call.headers['if-none-match'];
  if (none !== undefined && none.trim() !== '*')
    return fail('invalid', 'If-None-Match of a write is * or absent: write only when there is none yet.');
  const body = resourceOf(call, deps, { type, ...('id' in which.value ? { id: which.value.id } : {}) });
  if (!body.ok) return body;
  const given: unknown = body.value.id;
  if (given !== undefined && (typeof given !== 'string' || !isId(given)))
    return fail('invalid', "The body's id is not an id: letters, digits, - and ., at most 64.");
  return ok({
    method: 'update',
    type,
    which: which.value,
    resource: body.value,
    ...(ifMatch.value === undefined ? {} : { ifMatch: ifMatch.value }),
    ...(none === undefined ? {} : { isOnlyNew: true }),
  });
}

function readPatch(type: string, call: Call, deps: Deps): Result<WriteOperation> {
  const which = whichOf(type, call);
  if (!which.ok) return which;
  const ifMatch = expectedVersion(call.headers['if-match']);
  if (!ifMatch.ok) return ifMatch;
  const body = bodyOf(call, deps);
  if (!body.ok) return body;
  const patch = patchOf(body.value, mediaType(call.headers['content-type'] ?? ''));
  if (!patch.ok) return patch;
  return ok({
    method: 'patch',
    type,
    which: which.value,
    patch: patch.value,
    ...(ifMatch.value === undefined ? {} : { ifMatch: ifMatch.value }),
  });
}

function patchOf(body: unknown, contentType: string): Result<Patch> {
  if (contentType === 'application/json-patch+json') return ok({ kind: 'json-patch', operations: body });
  const parameters = asResource(body, 'Parameters');
  return parameters.ok ? ok({ kind: 'fhirpath-patch', parameters: parameters.value as Parameters }) : parameters;
}

function readDelete(type: string, call: Call): Result<WriteOperation> {
  const which = whichOf(type, call);
  if (!which.ok) return which;
  const ifMatch = expectedVersion(call.headers['if-match']);
  if (!ifMatch.ok) return ifMatch;
  return ok({
    method: 'delete',
    type,
    which: which.value,
    ...(ifMatch.value === undefined ? {} : { ifMatch: ifMatch.value }),
  });
}

/** By the id in the path, or by the condition in the query. */
function whichOf(type: string, { id, parameters }: Call): Result<Which> {
  if (id !== '') return isId(id) ? ok({ id }) : notVisible(type);
  const criteria = parameters.filter(([name]) => name !== '_format' && name !== '_pretty');
  return criteria.length > 0
    ? ok({ criteria })
    : fail('invalid', `Which ${type} is meant? Name it by id (${type}/[id]) or by a condition (${type}?identifier=…).`);
}

/** `If-None-Exist` is a query, with or without what stands before it. */
function criteriaOf(type: string, condition: string): [string, string][] {
  const query = condition.replace(new RegExp(`^(?:.*/)?${type}\\?|^\\?`), '');
  return [...new URLSearchParams(query)];
}

function answer(call: Call, deps: Deps, written: Written): Served {
  const { outcome, type, id, version, patient, issues } = written;
  if (outcome === 'absent' || outcome === 'deleted') return { status: 204, id, patients: [patient] };
  const isNew = outcome === 'created';
  const location = `${deps.baseUrl()}/fhir/R4/${type}/${id}/_history/${version}`;
  const headers = { ...versionHeaders(written), ...(isNew ? { location } : {}) };
  const body = bodyFor(preference(call.headers, 'return'), written.content, issues);
  return {
    status: isNew ? 201 : 200,
    headers,
    id,
    patients: [patient],
    ...(body === undefined ? {} : { content: body }),
  };
}

function bodyFor(wanted: string | undefined, content: string, issues: readonly Issue[]): string | undefined {
  if (wanted === 'minimal') return undefined;
  return wanted === 'OperationOutcome' ? JSON.stringify(outcomeOfWrite(issues)) : content;
}

/** What a write that succeeded has to say: that it did, and what validation noticed. */
export function outcomeOfWrite(issues: readonly Issue[]) {
  const saved: Issue = { code: 'informational', severity: 'information', diagnostics: 'The resource was saved.' };
  return outcomeOfIssues([saved, ...issues]);
}
