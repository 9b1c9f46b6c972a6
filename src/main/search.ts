/** Searches as the facade asks them: the query read, the caller's scopes applied to every type it reaches, the page as links. */
import type { Criterion } from '#fhir/search-criterion.ts';
import { parseSearch } from '#fhir/search-request.ts';
import type { Deps } from '#http/deps.ts';
import { fail, type Issue, ok } from '#result.ts';
import { cursorKey } from '#store/cursor.ts';
import type { Pool } from '#store/database.ts';
import { type SearchPage as Page, searchResources } from '#store/search.ts';

/** `secret`: of the configuration; cursors are sealed with a key made from it. */
export function searchOf(
  pool: Pool,
  given: { readonly secret: string | Buffer; readonly now: () => string; readonly baseUrl: () => string },
): Deps['search'] {
  const key = cursorKey(given.secret);
  return async (access, type, params, options) => {
    const request = parseSearch(type, params, {
      definitions: pool.definitions,
      lenient: options.handling === 'lenient',
      base: `${given.baseUrl()}/fhir/R4`,
      now: given.now(),
    });
    if (!request.ok) return request;
    const hidden = request.value.filters
      .flatMap(({ criterion }) => typesIn(criterion))
      .filter((one) => !options.maySearch(one));
    if (hidden.length > 0)
      return fail('forbidden', `The chain reaches into ${hidden.join(', ')}, which your scopes do not let you search`);
    const { maySearch, caller = '' } = options;
    const found = await searchResources(pool, access, request.value, { cursor: { key, caller }, maySearch });
    if (!found.ok) return found;
    const { issues, ...page } = found.value;
    return ok({ ...withoutUndefined(page), self: request.value.used, ...together(request.value.ignored, issues) });
  };
}

function together(ignored: readonly Issue[], issues: readonly Issue[]): { issues?: readonly Issue[] } {
  const all = [...ignored, ...issues];
  return all.length > 0 ? { issues: all } : {};
}

function withoutUndefined({ entries, total, next, prev, more }: Omit<Page, 'issues'>) {
  return {
    entries,
    ...(total === undefined ? {} : { total }),
    ...(next === undefined ? {} : { next }),
    ...(prev === undefined ? {} : { prev }),
    ...(more === undefined ? {} : { more }),
  };
}

/** The types that a criterion reaches into, link by link. */
function typesIn(criterion: Criterion): string[] {
  return criterion.kind === 'chain' || criterion.kind === 'has'
    ? [criterion.type, ...typesIn(criterion.criterion)]
    : [];
}
