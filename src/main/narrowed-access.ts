/** What a caller may see, for the store: its organisations, and of types that its scopes narrow what their queries find. */
import { mayDo, queriesOf } from '#auth/access.ts';
import type { Access as Asked } from '#http/deps.ts';
import type { Access } from '#store/access.ts';
import { narrow } from '#store/narrowing.ts';
import type { Searchable } from '#store/search-index.ts';

/**
 * For reading, what a scope with the letter r finds. For searching, what one with the letter s finds, and of that no more
 * than may be read, where reading is narrowed too.
 */
export async function accessFor(db: Searchable, asked: Asked, interaction: 'read' | 'search'): Promise<Access> {
  const { organisations, scopes } = asked;
  if (!scopes) return { organisations };
  const interactions = interaction === 'search' ? (['search', 'read'] as const) : (['read'] as const);
  const queries: Record<string, readonly (readonly string[])[]> = {};
  for (const type of db.definitions.keys()) {
    const groups = interactions
      .filter((one) => !mayDo({ scopes }, type, one))
      .map((one) => queriesOf({ scopes }, type, one))
      .filter((one) => one.length > 0);
    if (groups.length > 0) queries[type] = groups;
  }
  return narrow(db, { organisations }, queries);
}
