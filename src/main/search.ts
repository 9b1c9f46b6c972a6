/** A search as the facade asks for it: parsed, permitted, run. */
import { type Filter, parseSearch } from '#fhir/search-request.ts';
import type { NameValue, SearchOptions, SearchPage } from '#http/deps.ts';
import { fail, ok, type Result } from '#result.ts';
import type { Access } from '#store/access.ts';
import type { Database } from '#store/database.ts';
import { isCursor, searchResources } from '#store/search.ts';
import type { HouseShell } from './house.ts';

export type Search = { type: string; params: readonly NameValue[]; options: SearchOptions };

export async function search(
  db: Database,
  shell: HouseShell,
  access: Access,
  { type, params, options }: Search,
): Promise<Result<SearchPage>> {
  const { definitions } = shell.pool;
  const request = parseSearch(type, params, { definitions, lenient: options.handling === 'lenient' });
  if (!request.ok) return request;
  if (request.value.cursor !== undefined && !isCursor(request.value.cursor))
    return fail('invalid', '_cursor is none that this server gave; begin again with the first page');
  const hidden = request.value.filters.flatMap(reached).filter((reachedType) => !options.maySearch(reachedType));
  if (hidden.length > 0)
    return fail('forbidden', `The chain reaches into ${hidden.join(', ')}, which your scopes do not let you search`);
  const { compartment } = options;
  const page = await searchResources(db, access, {
    ...request.value,
    ...(compartment === undefined ? {} : { compartment }),
  });
  return ok({
    entries: page.entries.map((entry) => ({ ...entry, mode: 'match' as const })),
    self: request.value.used,
    ...(page.total === undefined ? {} : { total: page.total }),
    ...(page.next ? { next: page.next } : {}),
    ...(request.value.ignored.length > 0 ? { issues: request.value.ignored } : {}),
  });
}

/** The types that a filter reaches into, link by link. */
function reached({ criterion }: Filter): string[] {
  return criterion.kind === 'chain' ? [criterion.type, ...reached(criterion.filter)] : [];
}
