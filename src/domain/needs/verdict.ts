/** Answers that depend on the date: three-valued, with the dates on which they may change. */
import { isDate } from '#fhir/date.ts';
import type { Finding, PatientFacts } from './facts.ts';

/** `unknown` is an answer of its own: never rounded to yes or no. An empty `why` is not worth saying. */
export type Verdict = { readonly truth: 'yes' | 'no' | 'unknown'; readonly why: string };

/** A value by London date: `at` is constant between two `changes`. */
export type Dated<T> = { readonly changes: readonly string[]; readonly at: (date: string) => T };

export const yes = (why: string): Verdict => ({ truth: 'yes', why });
export const no = (why: string): Verdict => ({ truth: 'no', why });
export const unknown = (why: string): Verdict => ({ truth: 'unknown', why });

export function constant<T>(value: T): Dated<T> {
  return { changes: [], at: () => value };
}

/** What the absence of an entry shows: no, or nothing where the record is not whole. */
export function absence(facts: PatientFacts, why: string): Verdict {
  return facts.incomplete.length === 0 ? no(why) : unknown(`${why} ${notWhole(facts)}`);
}

/** Why absence proves nothing here, in a sentence. */
export function notWhole(facts: PatientFacts): string {
  return `The record is not whole (${facts.incomplete.join(', ')}), so that proves nothing.`;
}

/** The finding of a value set with its date, which is undefined unless it is a whole date that exists. */
export function found(
  facts: PatientFacts,
  valueSet: string | undefined,
): { finding: Finding; date: string | undefined } | undefined {
  const finding = valueSet === undefined ? undefined : facts.latest.get(valueSet);
  if (!finding) return undefined;
  return { finding, date: isDate(finding.date ?? '') ? finding.date : undefined };
}
