/** search and history. Unknown parameters are refused unless the client prefers leniency: a filter that is not applied answers another question. */
import { mayDo } from '#auth/access.ts';
import type { Deps } from '#http/deps.ts';
import { fail, ok } from '#result.ts';
import type { Action } from './action.ts';
import { history as historyBundle, keyOf, searchset } from './bundle.ts';
import { preference } from './negotiation.ts';
import { isId, notVisible } from './read.ts';

/** About the answer's form, and read here: the search itself never sees them. */
const ofTheForm = new Set(['_format', '_pretty']);

export function search(deps: Deps, type: string): Action {
  return {
    interaction: 'search',
    type,
    needs: [{ type, interaction: 'search' }],
    run: async ({ request, principal, access, parameters }) => {
      const maySearch = (other: string) => mayDo(principal, other, 'search');
      const handling = preference(request, 'handling') === 'lenient' ? 'lenient' : 'strict';
      const asked = parameters.filter(([name]) => !ofTheForm.has(name));
      if (asked.flat().some((text) => text.includes('\0')))
        return fail('invalid', 'A parameter holds the character U+0000, which stands in no text. Take it out.');
      const found = await deps.search(access, type, asked, { handling, maySearch, caller: principal.subject });
      if (!found.ok) return found;
      // The store was told which types it may include; an include that slipped through still does not leave.
      const entries = found.value.entries.filter(
        ({ mode, content }) => mode === 'match' || maySearch(keyOf(content).type),
      );
      const base = `${deps.baseUrl()}/fhir/R4`;
      return ok({
        status: 200,
        content: searchset(found.value, entries, { base, url: `${base}/${type}` }),
        patients: entries.map(({ patient }) => patient),
        found: entries.length,
      });
    },
  };
}

export function history(deps: Deps, type: string): Action {
  return {
    interaction: 'history',
    type,
    needs: [{ type, interaction: 'history' }],
    run: async ({ access, id }) => {
      const versions = isId(id) ? await deps.history(access, type, id) : [];
      if (versions.length === 0) return notVisible(type);
      return ok({
        status: 200,
        content: historyBundle(versions, { url: `${deps.baseUrl()}/fhir/R4/${type}/${id}/_history` }),
        patients: type === 'Patient' ? [id] : versions.map(({ patient }) => patient),
        found: versions.length,
      });
    },
  };
}
