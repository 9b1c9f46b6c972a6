/** Searches as the facade asks them: the query read, the caller's scopes applied to every type it reaches, the page as links. */
import { lookingOnly, typesReached } from '#fhir/search-reach.ts';
import { parseSearch, type SearchRequest } from '#fhir/search-request.ts';
import type { Deps, NameValue, SearchOptions } from '#http/deps.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import { type SearchPage as Page, searchResources } from '#store/search.ts';
import { explainSearch, planText } from '#store/search-explain.ts';
import type { Searchable } from '#store/search-index.ts';
import { searchTypes } from '#store/search-types.ts';
import { accessFor } from './narrowed-access.ts';

type Given = { readonly cursorKey: Buffer; readonly now: () => string; readonly baseUrl: () => string };

/** Searches of the store as it is, or within a transaction. */
export function searchOf(db: Searchable, given: Given): Deps['search'] {
  return async (access, type, params, options) => {
    const request = requestOf(db, given, { type, params, options });
    if (!request.ok) return request;
    const { maySearch, caller = '' } = options;
    const found = await searchResources(db, await accessFor(db, access, 'search'), request.value, {
      cursor: { key: given.cursorKey, caller },
      maySearch,
    });
    if (!found.ok) return found;
    const { issues, ...page } = found.value;
    return ok({ ...withoutUndefined(page), self: request.value.used, ...together(request.value.ignored, issues) });
  };
}

/** The same over several types, in one order. */
export function searchTypesOf(db: Searchable, given: Given): Deps['searchTypes'] {
  return async (access, types, params, options) => {
    const requests: SearchRequest[] = [];
    for (const type of types) {
      const request = requestOf(db, given, { type, params, options });
      const refusal = request.ok ? notOverTypes(request.value) : request;
      if (refusal) return refusal;
      if (request.ok) requests.push(request.value);
    }
    const cursor = { key: given.cursorKey, caller: options.caller ?? '' };
    const found = await searchTypes(db, await accessFor(db, access, 'search'), requests, { cursor });
    if (!found.ok) return found;
    const { issues, ...page } = found.value;
    const ignored = new Map(requests.flatMap((one) => one.ignored).map((issue) => [issue.diagnostics, issue]));
    return ok({ ...withoutUndefined(page), self: params, ...together([...ignored.values()], issues) });
  };
}

function notOverTypes({ sort, includes }: SearchRequest): Result<never> | undefined {
  if (sort.length === 0 || sort.some(({ by }) => typeof by !== 'string'))
    return fail(
      'unsupported',
      'Over several types _sort takes _lastUpdated and _id. Search one type to sort it by more.',
    );
  if (includes.length > 0)
    return fail(
      'unsupported',
      'Over several types nothing is included with _sort. Search one type, or leave _sort out.',
    );
  return undefined;
}

/** What such a search costs. */
export function explainOf(db: Searchable, given: Given): Deps['explain'] {
  return async (access, type, params, options) => {
    const request = requestOf(db, given, { type, params, options });
    if (!request.ok) return request;
    const explained = await explainSearch(db, await accessFor(db, access, 'search'), request.value);
    if (!explained.ok) return explained;
    return ok(explained.value.map(({ sql, plan }) => ({ sql, plan: planText(plan) })));
  };
}

type Asked = { readonly type: string; readonly params: readonly NameValue[]; readonly options: SearchOptions };

/** The query as the store understands it, when the caller may search all that it reaches. */
function requestOf(db: Searchable, given: Given, { type, params, options }: Asked): ReturnType<typeof parseSearch> {
  const request = parseSearch(type, params, {
    definitions: db.definitions,
    lenient: options.handling === 'lenient',
    base: `${given.baseUrl()}/fhir/R4`,
    now: given.now(),
    ...(options.compartment === undefined
      ? {}
      : { compartment: { type: 'Patient', id: options.compartment } as const }),
  });
  if (!request.ok) return request;
  const { filters } = request.value;
  const hidden = filters.flatMap(({ criterion }) => typesReached(criterion)).filter((one) => !options.maySearch(one));
  if (hidden.length > 0)
    return fail('forbidden', `The chain reaches into ${hidden.join(', ')}, which your scopes do not let you search`);
  const kept = filters.map((one) => ({ ...one, criterion: lookingOnly(one.criterion, options.maySearch) }));
  return ok({ ...request.value, filters: kept });
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
