/** `ValueSet/$expand`. https://hl7.org/fhir/R4/valueset-operation-expand.html */
import type { ValueSet } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { type Find, unanswerable } from './code-system.ts';
import { type Member, scopeOf } from './compose.ts';
import { enumerate } from './enumerate.ts';

type Expansion = NonNullable<ValueSet['expansion']>;
type Contains = NonNullable<Expansion['contains']>[number];

export type Expand = {
  readonly find: Find;
  /** The instant of the expansion, from outside. */
  readonly at: string;
  /** Words that must begin words of the display, of a designation, or the code. */
  readonly filter?: string;
  readonly offset?: number;
  readonly count?: number;
  readonly activeOnly?: boolean;
  readonly includeDesignations?: boolean;
};

/** Codes given in one answer unless the client asks for pages. */
const MOST_AT_ONCE = 10_000;

/**
 * The value set with its expansion instead of its definition: flat, in the order of the definition, with the total before
 * paging and the parameters that made it. Not every code system is here: what cannot be told is `unsupported` with
 * `not-supported`, naming the system; too many codes without `count` are `too-costly`.
 */
export function expand(valueSet: ValueSet, options: Expand): Result<ValueSet> {
  const members = enumerate(valueSet, scopeOf(valueSet, options.find));
  if (!members.ok) return members;
  const words = wordsOf(options.filter ?? '');
  const chosen = [...members.value.values()].filter(
    (member) => !(options.activeOnly && member.concept?.isInactive) && matches(member, words),
  );
  if (options.count === undefined && chosen.length > MOST_AT_ONCE)
    return unanswerable('too-costly', `The expansion has ${chosen.length} codes; ask for pages with count and offset`);
  const offset = options.offset ?? 0;
  const page = chosen.slice(offset, options.count === undefined ? undefined : offset + options.count);
  const contains = page.map((member) => containsFrom(member, options.includeDesignations === true));
  const parameter = parametersOf(options);
  const { compose, expansion, text, contained, ...head } = valueSet;
  return ok({
    ...head,
    expansion: {
      timestamp: options.at,
      total: chosen.length,
      offset,
      ...(parameter.length > 0 ? { parameter } : {}),
      ...(contains.length > 0 ? { contains } : {}),
    },
  });
}

function containsFrom({ system, code, display, concept }: Member, withDesignations: boolean): Contains {
  return {
    system,
    code,
    ...(display === undefined ? {} : { display }),
    ...(concept?.isAbstract ? { abstract: true } : {}),
    ...(concept?.isInactive ? { inactive: true } : {}),
    ...(withDesignations && concept && concept.designations.length > 0
      ? { designation: [...concept.designations] }
      : {}),
  };
}

function matches({ code, display, concept }: Member, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const texts = [code, display ?? '', ...(concept?.designations.map((one) => one.value ?? '') ?? [])];
  const found = texts.flatMap(wordsOf);
  return words.every((word) => found.some((one) => one.startsWith(word)));
}

/** Lower case, without accents, at anything that is neither letter nor digit. */
function wordsOf(text: string): readonly string[] {
  const plain = text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
  return plain.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');
}

function parametersOf(options: Expand): NonNullable<Expansion['parameter']> {
  const { filter, offset, count, activeOnly, includeDesignations } = options;
  return [
    ...(filter === undefined ? [] : [{ name: 'filter', valueString: filter }]),
    ...(offset === undefined ? [] : [{ name: 'offset', valueInteger: offset }]),
    ...(count === undefined ? [] : [{ name: 'count', valueInteger: count }]),
    ...(activeOnly === undefined ? [] : [{ name: 'activeOnly', valueBoolean: activeOnly }]),
    ...(includeDesignations === undefined ? [] : [{ name: 'includeDesignations', valueBoolean: includeDesignations }]),
  ];
}
