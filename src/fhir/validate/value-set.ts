/**
 * Value sets expanded offline, as far as they can be: https://hl7.org/fhir/R4/valueset.html#composition
 * What only a terminology server knows (SNOMED CT, LOINC, languages, media types) is open: any code of that system.
 */
import type { CodeSystem, CodeSystemConcept, ValueSet, ValueSetComposeInclude } from '#fhir/types.ts';
import { withoutVersion } from './definitions.ts';

export type CodeSet = {
  /** System → its codes in the set; undefined where any code of the system is let through. */
  readonly systems: ReadonlyMap<string, ReadonlySet<string> | undefined>;
  /** False when a part of it is not at hand: that a code is not in it proves nothing then. */
  readonly isWhole: boolean;
};

export type Terminology = {
  readonly valueSet: (url: string) => ValueSet | undefined;
  readonly codeSystem: (url: string) => CodeSystem | undefined;
};

const UNKNOWN: CodeSet = { systems: new Map(), isWhole: false };
/** Sets that include each other in a ring end here. */
const DEEPEST = 8;

/** The codes of a value set by its canonical. */
export function expand(canonical: string, terminology: Terminology, depth = 0): CodeSet {
  const set = terminology.valueSet(withoutVersion(canonical));
  if (!set || depth > DEEPEST) return UNKNOWN;
  const { include = [], exclude = [] } = set.compose ?? {};
  if (include.length === 0) return expansionOf(set);
  const parts = include.map((one) => partOf(one, terminology, depth));
  const whole = union(parts);
  return exclude.length === 0 ? whole : without(whole, union(exclude.map((one) => partOf(one, terminology, depth))));
}

/** Is the code in the set, as far as can be known here? Without a system, as in an element of type code, any system's will do. */
export function isIn(codes: CodeSet, code: string | undefined, system?: string): boolean {
  if (code === undefined) return false;
  if (system !== undefined) {
    if (!codes.systems.has(system)) return false;
    return isOf(system, codes.systems.get(system), code);
  }
  for (const [one, listed] of codes.systems) if (isOf(one, listed, code)) return true;
  return false;
}

/** The form of codes that no list holds. */
const FORMS: Readonly<Record<string, RegExp>> = {
  'urn:ietf:bcp:47': /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/,
  // R4 has three short words beside the media types: "xml | json | ttl | mime type".
  'urn:ietf:bcp:13': /^(xml|json|ttl)$|^[\w!#$&^.+-]+\/[\w!#$&^.+*-]+(\s*;.*)?$/,
  'urn:iso:std:iso:4217': /^[A-Z]{3}$/,
};

function isOf(system: string, listed: ReadonlySet<string> | undefined, code: string): boolean {
  return listed ? listed.has(code) : (FORMS[system]?.test(code) ?? true);
}

function expansionOf({ expansion }: ValueSet): CodeSet {
  if (!expansion?.contains) return UNKNOWN;
  const systems = new Map<string, Set<string>>();
  const add = (contains: typeof expansion.contains = []): void => {
    for (const { system = '', code, contains: more } of contains) {
      if (code !== undefined) setOf(systems, system).add(code);
      add(more);
    }
  };
  add(expansion.contains);
  return { systems, isWhole: true };
}

function setOf(systems: Map<string, Set<string>>, system: string): Set<string> {
  const found = systems.get(system) ?? new Set();
  systems.set(system, found);
  return found;
}

function partOf(include: ValueSetComposeInclude, terminology: Terminology, depth: number): CodeSet {
  const { system, valueSet = [] } = include;
  const sets = valueSet.map((one) => expand(one, terminology, depth + 1));
  if (system === undefined) return sets.length === 1 ? (sets[0] ?? UNKNOWN) : { ...union(sets), isWhole: false };
  const codes = codesOf(include, terminology.codeSystem(withoutVersion(system)));
  const own: CodeSet = { systems: new Map([[system, codes]]), isWhole: true };
  // A system and value sets together are the codes in all of them; too rare to work out, so nothing is denied.
  return sets.length === 0 ? own : { ...own, isWhole: false };
}

function codesOf({ concept, filter }: ValueSetComposeInclude, system?: CodeSystem): ReadonlySet<string> | undefined {
  if (concept) return new Set(concept.flatMap(({ code }) => code ?? []));
  if (!system?.concept || !['complete', 'fragment'].includes(system.content ?? '')) return undefined;
  if (system.content === 'fragment') return undefined;
  const parents = parentsOf(system);
  if (!filter) return new Set(parents.keys());
  const kept = filter.map(({ property, op, value = '' }) => {
    if (property !== 'concept' || !['is-a', 'descendent-of'].includes(op ?? '')) return undefined;
    const under = [...parents.keys()].filter((code) => isUnder(code, value, parents));
    return new Set(op === 'is-a' ? [value, ...under] : under);
  });
  const [first, ...rest] = kept;
  if (!first || rest.some((one) => one === undefined)) return undefined;
  return new Set([...first].filter((code) => rest.every((one) => one?.has(code))));
}

/** Code → its parents, by nesting and by the property `subsumedBy` that the v3 systems use. */
function parentsOf(system: CodeSystem): Map<string, string[]> {
  const parents = new Map<string, string[]>();
  const add = (concepts: readonly CodeSystemConcept[] = [], parent?: string): void => {
    for (const { code, property, concept } of concepts) {
      if (code === undefined) continue;
      const named = property?.filter((one) => one.code === 'subsumedBy' || one.code === 'parent') ?? [];
      const more = named.flatMap((one) => one.valueCode ?? []);
      parents.set(code, [...(parents.get(code) ?? []), ...(parent === undefined ? [] : [parent]), ...more]);
      add(concept, code);
    }
  };
  add(system.concept);
  return parents;
}

function isUnder(code: string, ancestor: string, parents: ReadonlyMap<string, readonly string[]>): boolean {
  const seen = new Set<string>();
  const open = [...(parents.get(code) ?? [])];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (one === ancestor) return true;
    if (seen.has(one)) continue;
    seen.add(one);
    open.push(...(parents.get(one) ?? []));
  }
  return false;
}

function union(sets: readonly CodeSet[]): CodeSet {
  const systems = new Map<string, ReadonlySet<string> | undefined>();
  for (const one of sets) {
    for (const [system, codes] of one.systems) {
      const known = systems.get(system);
      const isOpen = codes === undefined || (systems.has(system) && known === undefined);
      systems.set(system, isOpen ? undefined : new Set([...(known ?? []), ...codes]));
    }
  }
  return { systems, isWhole: sets.every(({ isWhole }) => isWhole) };
}

function without(set: CodeSet, excluded: CodeSet): CodeSet {
  const systems = new Map(
    [...set.systems].map(([system, codes]) => {
      const gone = excluded.systems.get(system);
      // An open exclusion (all of a system, or an unreadable filter) takes nothing away that could be named.
      return [system, codes && gone ? new Set([...codes].filter((code) => !gone.has(code))) : codes] as const;
    }),
  );
  return { systems, isWhole: set.isWhole };
}
