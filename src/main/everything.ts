/** `$everything` as the facade asks it: the store's pages, with cursors that serve only their caller and query. */
import { createHash } from 'node:crypto';
import type { Deps } from '#http/deps.ts';
import { fail, ok } from '#result.ts';
import { seal, unseal } from '#store/cursor.ts';
import { type EverythingPosition, everythingOf } from '#store/everything.ts';
import type { Searchable } from '#store/search-index.ts';
import { accessFor } from './narrowed-access.ts';

/** Over the store as it is. */
export function everythingOn(db: Searchable, cursorKey: Buffer): Deps['everything'] {
  return async (whole, { caller, cursor, ...request }) => {
    const access = await accessFor(db, whole, 'read');
    const { count: _count, ...asked } = request;
    const bound = createHash('sha256')
      .update(JSON.stringify(['everything', caller, access, asked]))
      .digest('base64');
    const after = cursor === undefined ? undefined : positionIn(cursorKey, bound, cursor);
    if (cursor !== undefined && !after)
      return fail('invalid', '_cursor is none that this server gave to you for this query; begin with the first page');
    const found = await everythingOf(db, access, { ...request, ...(after ? { after } : {}) });
    if (!found.ok) return found;
    const { rows, isMore } = found.value;
    const last = rows.at(-1);
    return ok({
      entries: rows.map(({ content, patient, part }) => ({ content, patient, mode: part < 2 ? 'match' : 'include' })),
      self: [],
      ...(isMore && last ? { next: seal(cursorKey, bound, placeOf(last)) } : {}),
    });
  };
}

const placeOf = ({ part, type, organisation, rid }: EverythingPosition) => ({
  backward: false,
  keys: [String(part)],
  type,
  organisation,
  rid,
});

function positionIn(key: Buffer, bound: string, cursor: string): EverythingPosition | undefined {
  const found = unseal(key, bound, cursor);
  const [part] = found?.keys ?? [];
  return found && part ? { ...found, part: Number(part) } : undefined;
}
