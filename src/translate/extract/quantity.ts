/** Numbers and units of extract rows. */
import { UCUM } from '#fhir/systems.ts';
import type { Quantity } from '#fhir/types.ts';

/** Units whose meaning is certain; others keep their text alone (facts: gp-connect §6.7, never invent UCUM). */
const ucum: Readonly<Record<string, string>> = {
  'mmol/mol': 'mmol/mol',
  'mm hg': 'mm[Hg]',
  mmhg: 'mm[Hg]',
  'mm[hg]': 'mm[Hg]',
  'mmol/l': 'mmol/L',
  'umol/l': 'umol/L',
  'kg/m2': 'kg/m2',
  'kg/m*2': 'kg/m2',
  kg: 'kg',
  cm: 'cm',
  'ml/min': 'mL/min',
  'mg/mmol': 'mg/mmol',
  '%': '%',
  'l/min': 'L/min',
};

const comparators: readonly string[] = ['<', '<=', '>=', '>'];

/** A quantity from a number as text; undefined when it is no plain decimal number. */
export function quantityOf(value: string | undefined, unit?: string, comparator?: string): Quantity | undefined {
  const number = numberOf(value);
  if (number === undefined) return undefined;
  const code = ucum[unit?.toLowerCase() ?? ''];
  return {
    value: number,
    ...(isComparator(comparator) ? { comparator } : {}),
    ...(unit ? { unit } : {}),
    ...(code ? { system: UCUM, code } : {}),
  };
}

export function numberOf(text: string | undefined): number | undefined {
  const plain = text?.trim() ?? '';
  return /^[+-]?\d+(\.\d+)?$/.test(plain) ? Number(plain) : undefined;
}

/** How long an issue lasts, in days. */
export function daysOf(text: string | undefined): Quantity | undefined {
  const days = numberOf(text);
  return days !== undefined && days > 0 ? { value: days, unit: 'd', system: UCUM, code: 'd' } : undefined;
}

function isComparator(text: string | undefined): text is NonNullable<Quantity['comparator']> {
  return text !== undefined && comparators.includes(text);
}
