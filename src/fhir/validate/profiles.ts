/** Profiles made ready, and which of them a resource is held to. */
import type { Claims } from './claims.ts';
import { type Compiler, compilerOf } from './compile.ts';
import type { Definitions } from './definitions.ts';
import { libraryOf } from './library.ts';

export type Profiles = {
  readonly compiler: Compiler;
  /** What sets of claims came to; filled as resources are validated. */
  readonly claims: Map<string, Claims>;
};

/**
 * Makes definitions ready for `validate`. Cheap: a type is compiled when the first resource of it is checked, and
 * `definitions.lookUp` is asked for base R4 then.
 */
export function compileProfiles(definitions: Definitions): Profiles {
  return { compiler: compilerOf(libraryOf(definitions)), claims: new Map() };
}

/**
 * The canonical of the profile that every resource of a type is held to: the official UK Core profile where a supplied
 * package holds it, ours that states the same otherwise. Undefined for a type that has neither: base R4 is all.
 */
export function defaultProfileOf(profiles: Profiles, type: string): string | undefined {
  return profiles.compiler.library.defaultProfileOf(type);
}

/** Compiles the default profile of each type now, so that nothing validated later waits for it: for measurements. */
export function warmUp(profiles: Profiles, types: Iterable<string>): void {
  const { compiler } = profiles;
  for (const type of types) {
    compiler.shapeOfType(type);
    const canonical = defaultProfileOf(profiles, type);
    if (canonical !== undefined) compiler.shape(canonical);
  }
}
