/** read and vread: the stored bytes, as they are. https://hl7.org/fhir/R4/http.html#read */

import type { Deps, Stored } from '#http/deps.ts';
import { fail, ok, type Result } from '#result.ts';
import type { Action, Call, Served } from './action.ts';
import { hasVersion, versionHeaders } from './negotiation.ts';

export function read(deps: Deps, type: string): Action {
  return {
    interaction: 'read',
    type,
    needs: [{ type, interaction: 'read' }],
    run: async (call) => answer(type, call, isId(call.id) ? await deps.read(call.access, type, call.id) : undefined),
  };
}

export function vread(deps: Deps, type: string): Action {
  return {
    interaction: 'vread',
    type,
    needs: [{ type, interaction: 'read' }],
    run: async (call) => {
      const { version = '' } = call.request.params as { version?: string };
      const isAsked = isId(call.id) && /^[1-9]\d{0,8}$/.test(version);
      return answer(
        type,
        call,
        isAsked ? await deps.readVersion(call.access, type, call.id, Number(version)) : undefined,
      );
    },
  };
}

/** https://hl7.org/fhir/R4/datatypes.html#id */
export function isId(text: string): boolean {
  return /^[A-Za-z0-9\-.]{1,64}$/.test(text);
}

/** The one answer for what is absent and for what belongs to somebody else. */
export function notVisible(type: string): Result<never> {
  return fail('not-found', `No such ${type} is visible to you. Check its id and your token's organisations.`);
}

function answer(type: string, { request, id }: Call, stored: Stored | undefined): Result<Served> {
  if (!stored) return notVisible(type);
  if (stored.deleted) return fail('gone', `This ${type} was deleted. Its versions are at [id]/_history.`);
  const headers = versionHeaders(stored);
  const patients = [type === 'Patient' ? id : stored.patient];
  if (hasVersion(request, stored.version)) return ok({ status: 304, headers, patients });
  return ok({ status: 200, content: stored.content, headers, patients });
}
