/** What a search asks, in the words of the index: criteria whose values are numbers and ranges. https://hl7.org/fhir/R4/search.html */
import { fail } from '#result.ts';
import type { SearchDefinition } from './search-definition.ts';
import type { Range } from './search-range.ts';

export type Prefix = 'eq' | 'ne' | 'gt' | 'lt' | 'ge' | 'le' | 'sa' | 'eb' | 'ap';
export type DateValue = Range & { readonly prefix: Prefix };
export type NumberValue = Range & { readonly prefix: Prefix; readonly value: number; readonly unit: string };

/** Values of one criterion are alternatives. `param`, `values`, `targets` are the index's numbers. */
export type Criterion =
  | { readonly kind: 'token'; readonly param: number; readonly values: readonly string[]; readonly not: boolean }
  | {
      readonly kind: 'reference';
      readonly param: number;
      readonly values: readonly string[];
      /** `:identifier`: also whoever has one of these identifiers, among the types. */
      readonly identifiers?: { readonly types: readonly string[]; readonly values: readonly string[] };
    }
  | { readonly kind: 'date'; readonly param: number; readonly token: string; readonly ranges: readonly DateValue[] }
  | { readonly kind: 'number'; readonly param: number; readonly token: string; readonly ranges: readonly NumberValue[] }
  | {
      readonly kind: 'string';
      readonly param: number;
      readonly token: string;
      readonly match: 'starts' | 'contains' | 'exact';
      /** Folded. */
      readonly values: readonly string[];
      /** The numbers of the whole texts, for `exact`. */
      readonly exact?: readonly string[];
    }
  /**
   * Several forms of one criterion of which any may hold: composites with different first components. `isOfOne`: about
   * one compartment, so that all it finds are as many as one record has, however many records there are.
   */
  | { readonly kind: 'any'; readonly of: readonly Criterion[]; readonly isOfOne?: true }
  /** Several that must hold of one resource at the end of a link. */
  | { readonly kind: 'all'; readonly of: readonly Criterion[] }
  | { readonly kind: 'members'; readonly param: number; readonly valueSet: string; readonly not: boolean }
  | {
      readonly kind: 'hierarchy';
      readonly param: number;
      readonly system: string;
      readonly code: string;
      readonly direction: 'above' | 'below';
    }
  | { readonly kind: 'missing'; readonly param: number; readonly missing: boolean }
  | { readonly kind: 'ids'; readonly rids: readonly string[] }
  | { readonly kind: 'updated'; readonly ranges: readonly DateValue[] }
  | { readonly kind: 'chain'; readonly param: number; readonly type: string; readonly criterion: Criterion }
  | { readonly kind: 'has'; readonly type: string; readonly param: number; readonly criterion: Criterion };

export type Asked = {
  readonly definition: SearchDefinition;
  readonly modifier: string | undefined;
  readonly value: string;
  /** Our own address, whose absolute references are taken as ours. */
  readonly base: string | undefined;
  /** The instant to which `ap` is near, in milliseconds; undefined: unknown, and `ap` is refused for dates. */
  readonly now: number | undefined;
  /** Every type that is searched, for references to anything. */
  readonly types: readonly string[];
};

/** Parts of a value at a mark that is not escaped; escapes stay. https://hl7.org/fhir/R4/search.html#escaping */
export function splitOn(value: string, mark: ',' | '|' | '$'): string[] {
  const parts: string[] = [];
  let from = 0;
  for (let index = 0; index < value.length; index += 1) {
    if (value[index] === '\\') index += 1;
    else if (value[index] === mark) {
      parts.push(value.slice(from, index));
      from = index + 1;
    }
  }
  return [...parts, value.slice(from)];
}

export function unescaped(text: string): string {
  return text.includes('\\') ? text.replace(/\\([\\,|$])/g, '$1') : text;
}

/** A refusal that names what the parameter would have taken. */
export const unknownModifier = ({ definition, modifier }: Asked, known: string) =>
  fail('invalid', `${definition.code} does not know the modifier :${modifier}; known: ${known}`);

/** Alternatives as one criterion; those that are looked up in one place become one list. */
export function anyCriterion(of: readonly Criterion[]): Criterion {
  const [only] = of;
  if (of.length === 1 && only) return only;
  const tokens = of.filter((one) => one.kind === 'token');
  const [first] = tokens;
  if (!first || tokens.length < of.length) return { kind: 'any', of };
  return { ...first, values: tokens.flatMap((one) => one.values) };
}
