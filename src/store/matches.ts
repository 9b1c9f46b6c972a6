/** The matches of a condition (`If-None-Exist`, `Type?query`), read inside the transaction that acts on them. */
import { lookingOnly, typesReached } from '#fhir/search-reach.ts';
import { parseSearch } from '#fhir/search-request.ts';
import { fail, ok, type Result } from '#result.ts';
import type { Access } from './access.ts';
import { readResource, type StoredResource } from './resources.ts';
import { searchResources } from './search.ts';
import type { Searchable } from './search-index.ts';

/**
 * At most two matches: none, one and many are all that a condition asks about. Strict: an unknown parameter, or none
 * at all, would match what was not meant. `maySearch`: a condition tells what is there, so it takes what a search takes.
 */
export async function matchesOf(
  tx: Searchable,
  access: Access,
  type: string,
  { params, maySearch }: { params: readonly (readonly [string, string])[]; maySearch: (type: string) => boolean },
): Promise<Result<readonly StoredResource[]>> {
  const shaping = params.find(([name]) => /^_(count|sort|total|summary|elements|cursor|include|revinclude)/.test(name));
  if (shaping) return fail('invalid', `A condition says which ${type} is meant; ${shaping[0]} says how to show it.`);
  if (params.flat().some((text) => text.includes('\0')))
    return fail('invalid', 'The condition holds the character U+0000, which stands in no text. Take it out.');
  const meant = params.filter(([name, value]) => name !== '_format' && name !== '_pretty' && value !== '');
  if (meant.length === 0)
    return fail('precondition', `The condition names no ${type}: give at least one search parameter with a value.`);
  const request = parseSearch(type, [...meant, ['_count', '2']], { definitions: tx.definitions, lenient: false });
  if (!request.ok) return request;
  const { filters } = request.value;
  const hidden = [type, ...filters.flatMap(({ criterion }) => typesReached(criterion))].find((one) => !maySearch(one));
  if (hidden)
    return fail(
      'forbidden',
      `The condition asks about ${hidden}, which your scopes do not let you search. Ask for them.`,
    );
  const kept = filters.map((one) => ({ ...one, criterion: lookingOnly(one.criterion, maySearch) }));
  const page = await searchResources(tx, access, { ...request.value, filters: kept });
  if (!page.ok) return page;
  const rows = await Promise.all(page.value.entries.map(({ id }) => readResource(tx, access, type, id)));
  return ok(rows.filter((row) => row !== undefined));
}
