/** create and update. What a change means is decided by the workflow; here it is only read and answered. https://hl7.org/fhir/R4/http.html#update */
import { outcomeOfIssues } from '#fhir/outcome.ts';
import type { Deps, Written } from '#http/deps.ts';
import { fail, ok, type Result } from '#result.ts';
import type { Action, Call, Served } from './action.ts';
import { resourceBody } from './json-body.ts';
import { expectedVersion, preference, versionHeaders } from './negotiation.ts';
import { isId, notVisible } from './read.ts';

export function create(deps: Deps, type: string): Action {
  return {
    interaction: 'create',
    type,
    needs: [{ type, interaction: 'create' }],
    run: async (call) => {
      if (call.request.headers['if-none-exist'] !== undefined) {
        return fail('unsupported', 'Conditional create (If-None-Exist) is not served. Search first, then create.');
      }
      const body = resourceBody(call.request, type);
      if (!body.ok) return body;
      // The server names what it creates (R4 §3.1.0.8): a client's id is not kept.
      const { id: _ignored, ...resource } = body.value;
      const written = await deps.create(call.principal, resource as typeof body.value);
      return answer(call, { deps, type, written, isNew: true });
    },
  };
}

export function update(deps: Deps, type: string): Action {
  return {
    interaction: 'update',
    type,
    needs: [{ type, interaction: 'update' }],
    run: async (call) => {
      if (!isId(call.id)) return notVisible(type);
      const ifMatch = expectedVersion(call.request);
      if (!ifMatch.ok) return ifMatch;
      const body = resourceBody(call.request, type, call.id);
      if (!body.ok) return body;
      const options = ifMatch.value === undefined ? {} : { ifMatch: ifMatch.value };
      const written = await deps.update(call.principal, { ...body.value, id: call.id }, options);
      return answer(call, { deps, type, written, isNew: written.ok && written.value.created === true });
    },
  };
}

type Answering = { deps: Deps; type: string; written: Result<Written>; isNew: boolean };

function answer({ request }: Call, { deps, type, written, isNew }: Answering): Result<Served> {
  if (!written.ok) return written;
  const { id, version, content, patient } = written.value;
  const location = `${deps.baseUrl()}/fhir/R4/${type}/${id}/_history/${version}`;
  const headers = { ...versionHeaders(written.value), ...(isNew ? { location } : {}) };
  const body = bodyFor(preference(request, 'return'), content);
  return ok({
    status: isNew ? 201 : 200,
    headers,
    id,
    patients: [patient],
    ...(body === undefined ? {} : { content: body }),
  });
}

function bodyFor(wanted: string | undefined, content: string): string | undefined {
  if (wanted === 'minimal') return undefined;
  if (wanted !== 'OperationOutcome') return content;
  return JSON.stringify(
    outcomeOfIssues([{ code: 'informational', severity: 'information', diagnostics: 'The resource was saved.' }]),
  );
}
