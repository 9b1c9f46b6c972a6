/** What a resource says of itself in `meta.profile`, and what follows from it. Resources of a type mostly say the same. */

import { shownUrl } from './found.ts';
import type { Library } from './library.ts';
import { defaultProfileOf, type Profiles } from './profiles.ts';
import type { Severity } from './run.ts';
import type { Shape } from './shape.ts';

export type Claims = {
  /** Known and of the resource's type. */
  readonly canonicals: readonly string[];
  /** What the resource is held to: none when base R4 is all. */
  readonly shapes: readonly Shape[];
  readonly problems: readonly Problem[];
};

type Problem = { readonly severity: Severity; readonly code: string; readonly diagnostics: string };

/** So many different sets of claims are remembered; a client that makes up new ones starts it over. */
const REMEMBERED = 1000;

/** What the claims of a resource of a type come to. */
export function claimsOf(profiles: Profiles, type: string, claimed: readonly string[]): Claims {
  const { claims, compiler } = profiles;
  const key = claimed.length === 0 ? type : `${type} ${claimed.join(' ')}`;
  const known = claims.get(key);
  if (known) return known;
  const canonicals = claimed.filter((one) => compiler.library.root(one)?.profile.type === type);
  const problems = claimed.flatMap((one) => problemOf(compiler.library, one, type) ?? []);
  const made = { canonicals, problems, shapes: shapesOf(profiles, type, canonicals) };
  if (claims.size >= REMEMBERED) claims.clear();
  claims.set(key, made);
  return made;
}

function problemOf(library: Library, canonical: string, type: string): Problem | undefined {
  const shown = shownUrl(canonical);
  const root = library.root(canonical);
  if (root?.profile.type === type) return undefined;
  if (root)
    return {
      severity: 'error',
      code: 'value',
      diagnostics: `Claims a profile of another type (${shown}); leave it out`,
    };
  const diagnostics = `Claims a profile that is not known here (${shown}); it was not checked`;
  return { severity: 'warning', code: 'not-supported', diagnostics };
}

/** The Shapes of the type's default profile and of more, but for those that another of them is derived from. */
export function shapesOf(profiles: Profiles, type: string, canonicals: readonly string[]): readonly Shape[] {
  const { compiler } = profiles;
  const byDefault = defaultProfileOf(profiles, type);
  const all = byDefault === undefined ? canonicals : [byDefault, ...canonicals];
  return mostDerived(compiler.library, all).flatMap((one) => compiler.shape(one) ?? []);
}

/** What a derived profile asks includes what its base asks. */
function mostDerived(library: Library, canonicals: readonly string[]): string[] {
  const urls = new Set(canonicals.map((one) => library.root(one)?.profile.url ?? one));
  const bases = new Set<string>();
  for (const url of urls) {
    let base = library.root(url)?.profile.baseDefinition;
    while (base !== undefined && !bases.has(base)) {
      const root = library.root(base);
      bases.add(root?.profile.url ?? base);
      base = root?.profile.baseDefinition;
    }
  }
  return [...urls].filter((one) => !bases.has(one));
}
