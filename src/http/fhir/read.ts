/** read and vread: the stored bytes, as they are. https://hl7.org/fhir/R4/http.html#read */
import type { Deps, Stored } from '#http/deps.ts';
import { fail, ok, type Result } from '#result.ts';
import { type Action, auditEntryOf, type Served } from './action.ts';
import type { Call } from './call.ts';
import { isUnchanged, versionHeaders } from './negotiation.ts';
import { shaped } from './shape.ts';

export function read(deps: Deps, type: string): Action {
  const action: Action = {
    interaction: 'read',
    type,
    needs: [{ type, interaction: 'read' }],
    isNarrowable: true,
    run: async (call) => {
      if (!isId(call.id)) return notVisible(type);
      // With parameters the answer may still be refused.
      const together = call.parameters.length === 0 ? deps.readAudited?.(call.access, type, call.id) : undefined;
      if (!together) return answer(deps, type, call, await deps.read(call.access, type, call.id));
      const stored = await together(auditEntryOf({ action, call, result: ok({ status: 200 }) }));
      const served = answer(deps, type, call, stored);
      return served.ok ? ok({ ...served.value, isAudited: true }) : served;
    },
  };
  return action;
}

export function vread(deps: Deps, type: string): Action {
  return {
    interaction: 'vread',
    type,
    needs: [{ type, interaction: 'read' }],
    isNarrowable: true,
    run: async (call) => {
      const { access, id, version } = call;
      const isAsked = isId(id) && /^[1-9]\d{0,8}$/.test(version);
      return answer(deps, type, call, isAsked ? await deps.readVersion(access, type, id, Number(version)) : undefined);
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

function answer(deps: Deps, type: string, call: Call, stored: Stored | undefined): Result<Served> {
  if (!stored) return notVisible(type);
  if (stored.deleted) return fail('gone', `This ${type} was deleted. Its versions are at [id]/_history.`);
  const headers = versionHeaders(stored);
  const patients = [type === 'Patient' ? call.id : stored.patient];
  if (isUnchanged(call.headers, stored)) return ok({ status: 304, headers, patients });
  if (call.parameters.length === 0) return ok({ status: 200, content: stored.content, headers, patients });
  const content = shaped(deps, call.parameters, stored.content);
  return content.ok ? ok({ status: 200, content: content.value, headers, patients }) : content;
}
