/** Whether the value of an entry is within what a rule asks for. */
import type { Finding } from './facts.ts';

/** Inclusive; at least one of the two, in the unit that the record has. */
export type ValueBounds = { readonly atLeast?: number; readonly atMost?: number; readonly unit: string };

/** `unknown` without a value or in another unit: nothing is converted, and nothing is taken for within or outside. */
export function isWithin({ atLeast, atMost, unit }: ValueBounds, finding: Finding): 'yes' | 'no' | 'unknown' {
  const { value } = finding;
  if (value === undefined || finding.unit !== unit) return 'unknown';
  return value >= (atLeast ?? value) && value <= (atMost ?? value) ? 'yes' : 'no';
}
