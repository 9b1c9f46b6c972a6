/** Names for the shapes of searches, so that each connection plans a shape once. */
import type { Sql } from './sql.ts';

const shapes = new Map<string, string>();
/** Each is kept by every connection: shapes beyond these, which nobody asks often, are planned each time. */
const MOST_SHAPES = 200;

/** The same statement under the name of its shape. The fences in a shape leave only one plan to choose, whatever its values. */
export function prepared({ text, values }: Sql): Sql {
  const known = shapes.get(text);
  if (known === undefined && shapes.size >= MOST_SHAPES) return { text, values };
  const name = known ?? `search-${shapes.size}`;
  shapes.set(text, name);
  return { text, values, name };
}
