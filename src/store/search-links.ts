/** The places of a page's neighbours: before its first entry, after its last. */
import type { Position } from './cursor.ts';
import type { PageRow } from './search-page.ts';
import type { Way } from './search-plan.ts';

type Page = { readonly rows: readonly PageRow[]; readonly isMore: boolean };

export type Links = {
  readonly next: Position | undefined;
  readonly prev: Position | undefined;
  readonly start: Position | undefined;
};

/** `isMore`: in the direction of reading there is an entry after the page. */
export function linksOf({ rows, isMore }: Page, position: Position | undefined, way: Way): Links {
  const backward = position?.backward ?? false;
  const [first] = rows;
  const last = rows.at(-1);
  const after = backward || isMore;
  const before = position !== undefined && (!backward || isMore);
  return {
    next: after && last ? placeOf(last, way, false) : undefined,
    prev: before && first ? placeOf(first, way, true) : undefined,
    // The first page has no position of its own: its includes go on from one before everything.
    start: first && beforeFirst(first, way),
  };
}

function placeOf(row: PageRow, { keys }: Way, backward: boolean): Position {
  const values = [row.k0, row.k1, row.k2].slice(0, keys.length).map((value) => value ?? null);
  return { backward, keys: values, rid: row.rid, organisation: row.organisation, type: row.type };
}

/** Just before a row: its own place, with an organisation that stands before all. */
function beforeFirst(row: PageRow, way: Way): Position {
  const place = placeOf(row, way, false);
  const descends = way.keys[0]?.descending === true;
  return { ...place, organisation: descends ? '\u{10ffff}' : '' };
}
