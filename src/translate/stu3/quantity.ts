/** Quantities, ranges and lengths of time. https://hl7.org/fhir/R4/datatypes.html#Quantity */
import { UCUM } from '#fhir/systems.ts';
import type { Duration, Quantity, Range, Ratio } from '#fhir/types.ts';
import { child, children, lose, malformed, type Part, present, some } from './node.ts';
import { decimal, minorCode, text, uri } from './primitive.ts';

const COMPARATORS = ['<', '<=', '>=', '>'] as const;

/**
 * Unit texts that can mean one UCUM unit only, in the spellings GP systems use. Anything else keeps its text and gets
 * no code: a guessed unit is worse than none. facts: gp-connect §6.7
 */
const UNITS = new Map<string, string>([
  ...'mm[Hg] mmol/L mmol/mol umol/L nmol/L pmol/L g/L g/dL mg/L ug/L ng/mL mg/mmol kg kg/m2 g mg cm mm mL mL/min mL/min/{1.73_m2} U/L % Cel /min'
    .split(' ')
    .map((code): [string, string] => [code, code]),
  ['mmHg', 'mm[Hg]'],
  ['mm Hg', 'mm[Hg]'],
  ['mmol/l', 'mmol/L'],
  ['umol/l', 'umol/L'],
  ['Kg', 'kg'],
  ['Kg/m2', 'kg/m2'],
  ['kg/m²', 'kg/m2'],
  ['beats/min', '/min'],
  ['bpm', '/min'],
  ['mL/min/1.73m2', 'mL/min/{1.73_m2}'],
  ['ml/min/1.73m2', 'mL/min/{1.73_m2}'],
]);

const TIME_UNITS = new Map<string, string>([
  ['year', 'a'],
  ['years', 'a'],
  ['day', 'd'],
  ['days', 'd'],
  ['week', 'wk'],
  ['weeks', 'wk'],
  ['month', 'mo'],
  ['months', 'mo'],
  ['minute', 'min'],
  ['minutes', 'min'],
  ['hour', 'h'],
  ['hours', 'h'],
]);

export function quantity(part: Part, name: string): Quantity | undefined {
  const found = child(part, name);
  return found && quantityIn(found);
}

export function quantities(part: Part, name: string): Quantity[] | undefined {
  return some(children(part, name).map(quantityIn));
}

function quantityIn(part: Part): Quantity | undefined {
  const value = decimal(part, 'value');
  const comparator = minorCode(part, 'comparator', COMPARATORS);
  const unit = text(part, 'unit');
  const system = uri(part, 'system');
  const written = text(part, 'code')?.trim();
  const known = unit === undefined ? undefined : UNITS.get(unit.trim());
  if (value === undefined && unit === undefined && written === undefined) return undefined;
  const named = unitCode(system, written, known);
  if (written !== undefined && named.code === undefined) lose(part, 'code-without-system');
  return { ...present({ value, comparator, unit }), ...named };
}

/** The unit's code: the given one if its system is given, else the one that the unit's text can only mean. */
function unitCode(system: string | undefined, written: string | undefined, known: string | undefined) {
  if (written !== undefined && system !== undefined) return { system, code: written };
  if (known !== undefined && (system === undefined || system === UCUM)) return { system: UCUM, code: known };
  return present({ system, code: undefined });
}

/** A quantity without a comparator, as ranges and doses have it. */
export function simpleQuantity(part: Part, name: string): Quantity | undefined {
  const found = quantity(part, name);
  if (found?.comparator === undefined) return found;
  return malformed(part, name, 'a quantity without a comparator');
}

export function rangeIn(part: Part): Range | undefined {
  const low = simpleQuantity(part, 'low');
  const high = simpleQuantity(part, 'high');
  return low === undefined && high === undefined ? undefined : present({ low, high });
}

export function range(part: Part, name: string): Range | undefined {
  const found = child(part, name);
  return found && rangeIn(found);
}

/** A ratio. R4 wants both of its terms or neither. */
export function ratio(part: Part, name: string): Ratio | undefined {
  const found = child(part, name);
  if (found === undefined) return undefined;
  const numerator = quantity(found, 'numerator');
  const denominator = quantity(found, 'denominator');
  if (numerator === undefined || denominator === undefined) return malformed(part, name, 'a ratio of two quantities');
  return { numerator, denominator };
}

/** A length of time. R4 wants a coded unit of time; one that is not given as such is taken from a plain word or lost. */
export function duration(part: Part, name: string): Duration | undefined {
  const found = child(part, name);
  if (found === undefined) return undefined;
  const value = decimal(found, 'value');
  const unit = text(found, 'unit');
  const comparator = minorCode(found, 'comparator', COMPARATORS);
  const system = uri(found, 'system');
  const written = text(found, 'code')?.trim();
  const code = system === UCUM && written !== undefined ? written : TIME_UNITS.get(unit?.trim().toLowerCase() ?? '');
  if (value === undefined) return undefined;
  if (code === undefined) return void lose(part, `${name}-without-unit`);
  return { value, ...present({ comparator, unit }), system: UCUM, code };
}

/** An age: a length of time under another name. */
export function age(part: Part, name: string): Duration | undefined {
  return duration(part, name);
}
