/**
 * What a value set includes, asked in two ways: is this code in it, and which codes are. Whatever needs a code system or
 * value set that is not loaded, or an expression in another language (SNOMED CT's ECL), is a failure, never a "no".
 * https://hl7.org/fhir/R4/valueset.html#compositions
 */
import type { ValueSet } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { type Concept, type Find, isComplete, type SystemIndex, systemFrom, unanswerable } from './code-system.ts';
import { compileFilters } from './filter.ts';

type Compose = NonNullable<ValueSet['compose']>;
export type Include = NonNullable<Compose['include']>[number];
type Contains = NonNullable<NonNullable<ValueSet['expansion']>['contains']>[number];

/** A code of a value set, with what is known of it. */
export type Member = {
  readonly system: string;
  readonly code: string;
  readonly display?: string;
  /** From the code system, when it is loaded. */
  readonly concept?: Concept;
};

/** What is loaded, and the value sets on the way here: one that includes itself has no answer. */
export type Scope = {
  readonly find: Find;
  readonly path: readonly ValueSet[];
  /** How often value sets were entered in all: sets that name two others each, many levels deep, would never end. */
  readonly entered: { times: number };
};

/** Value sets nested deeper are a mistake. */
const DEEPEST = 20;
const MOST_ENTERED = 1000;

/** Where a question about a value set begins. */
export function scopeOf(valueSet: ValueSet, find: Find): Scope {
  return { find, path: [valueSet], entered: { times: 0 } };
}

/** The value set of a reference, and the scope below it. */
export function enter(canonical: string, scope: Scope): Result<{ valueSet: ValueSet; scope: Scope }> {
  const [url = '', version] = canonical.split('|');
  const valueSet = scope.find.valueSet(url, version);
  if (!valueSet) return unanswerable('not-supported', `The value set ${canonical} is not loaded`);
  if (scope.path.includes(valueSet) || scope.path.length >= DEEPEST) {
    const diagnostics = `The value set ${canonical} includes itself, or is nested deeper than ${DEEPEST}`;
    return fail('invalid', diagnostics, { issues: [{ code: 'processing', diagnostics }] });
  }
  if (++scope.entered.times > MOST_ENTERED)
    return unanswerable('too-costly', `Value sets within the value set were entered more than ${MOST_ENTERED} times`);
  return ok({ valueSet, scope: { ...scope, path: [...scope.path, valueSet] } });
}

/** The code system that an include is about; undefined when it is not loaded, or the include has none. */
export function systemOf(include: Include, { find }: Scope): SystemIndex | undefined {
  return include.system ? systemFrom(find, include.system, include.version) : undefined;
}

/** What an include takes of its code system: the concepts that pass its filters, or all of them. */
export type Selection = {
  readonly index: SystemIndex;
  readonly isSelected: (concept: Concept) => boolean;
};

/** The selection of an include that lists no codes. A failure where its system is not wholly loaded. */
export function selectionOf(include: Include, scope: Scope): Result<Selection> {
  const index = systemOf(include, scope);
  if (!index || !isComplete(index)) {
    const what = index ? 'only partly loaded' : 'not loaded';
    return unanswerable('not-supported', `The code system ${include.system} is ${what}; its codes cannot be told`);
  }
  const test = compileFilters(include.filter ?? [], index);
  return test.ok ? ok({ index, isSelected: test.value }) : test;
}

/** The codes that an include lists one by one. A code that the whole, loaded system does not have is none. */
export function listed(include: Include, scope: Scope): readonly Member[] {
  const index = systemOf(include, scope);
  return (include.concept ?? []).flatMap((one) => {
    const concept = index?.find(one.code ?? '');
    if (!one.code || (index && !concept && isComplete(index))) return [];
    return [memberFrom(include.system ?? '', { code: concept?.code ?? one.code, display: one.display }, concept)];
  });
}

/** A member, by the name the value set gives it or the one of its code system. */
export function memberFrom(
  system: string,
  named: { readonly code: string; readonly display?: string | undefined },
  concept?: Concept,
): Member {
  const display = named.display ?? concept?.display;
  return { system, code: named.code, ...(display === undefined ? {} : { display }), ...(concept ? { concept } : {}) };
}

/** The codes of an expansion that came with a value set; undefined when there is none, or only a page of it. */
export function storedExpansion({ expansion }: ValueSet, { find }: Scope): readonly Member[] | undefined {
  if (!expansion?.contains) return undefined;
  const members: Member[] = [];
  const waiting: Contains[] = [...expansion.contains];
  for (let at = 0; at < waiting.length; at++) {
    const { system, code, display, abstract, contains, version } = waiting[at] ?? {};
    waiting.push(...(contains ?? []));
    if (!system || !code || abstract) continue;
    members.push(memberFrom(system, { code, display }, systemFrom(find, system, version)?.find(code)));
  }
  return (expansion.total ?? members.length) > members.length ? undefined : members;
}

/** One key for a code in a system. A blank cannot stand in a system's URI. */
export function keyOf({ system, code }: { readonly system: string; readonly code: string }): string {
  return `${system} ${code}`;
}
