/** FHIR's primitive types, read from JSON of unknown shape. https://hl7.org/fhir/R4/datatypes.html#primitive */
import { describe, lose, malformed, type Part, problem, take } from './node.ts';

const DAY = '\\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\\d|3[01]))?)?';
const TIME = 'T([01]\\d|2[0-3]):[0-5]\\d:([0-5]\\d|60)(\\.\\d+)?(Z|[+-]((0\\d|1[0-3]):[0-5]\\d|14:00))';
const DATE_PATTERN = new RegExp(`^${DAY}$`);
const DATE_TIME_PATTERN = new RegExp(`^(${DAY}|\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])${TIME})$`);
const INSTANT_PATTERN = new RegExp(`^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])${TIME}$`);

/** A text with something in it. Blank ones count as absent; a list of one is taken for it. */
export function text(part: Part, name: string): string | undefined {
  const taken = take(part, name);
  if (taken === undefined) return undefined;
  const value: unknown = Array.isArray(taken) && taken.length === 1 ? taken[0] : taken;
  if (typeof value !== 'string') return malformed(part, name, 'a text');
  return value.trim() === '' ? undefined : value;
}

/** A date, whole or partial, as it was written. */
export function date(part: Part, name: string): string | undefined {
  return checked(part, name, DATE_PATTERN, 'a date (YYYY, YYYY-MM or YYYY-MM-DD)');
}

/**
 * A date, whole or partial, or a moment with its offset, as it was written: never moved to UTC. A time without an
 * offset is no moment that R4 knows: its date is kept, which is as much as is certain.
 */
export function dateTime(part: Part, name: string): string | undefined {
  const value = text(part, name);
  const [day = '', time] = value?.split(/[T ]/) ?? [];
  if (time !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(day) && /^\d{2}:\d{2}(:\d{2}(\.\d+)?)?$/.test(time)) {
    lose(part, `${name}-time-without-offset`);
    return DATE_PATTERN.test(day) ? day : malformed(part, name, 'a date');
  }
  return checked(part, name, DATE_TIME_PATTERN, 'a date, or a date and time with an offset');
}

export function dateTimes(part: Part, name: string): string[] | undefined {
  return texts(part, name)?.filter(
    (value) => DATE_TIME_PATTERN.test(value) || malformed(part, name, 'dates, or dates and times with an offset'),
  );
}

export function instant(part: Part, name: string): string | undefined {
  return checked(part, name, INSTANT_PATTERN, 'a date and time with an offset');
}

export function uri(part: Part, name: string): string | undefined {
  const value = text(part, name)?.trim();
  if (value === undefined || /^\S+$/.test(value)) return value;
  return malformed(part, name, 'a URI without spaces');
}

/** A code out of the given ones. Another one is a problem: what it means is not known. */
export function code<const T extends string>(part: Part, name: string, allowed: readonly T[]): T | undefined {
  const value = take(part, name);
  if (value === undefined) return undefined;
  const found = allowed.find((one) => one === value);
  if (found !== undefined) return found;
  return problem(part, name, `is ${describe(value)}; wanted one of ${allowed.join(', ')}`);
}

/** A code that matters little: another one than the given is dropped and counted. */
export function minorCode<const T extends string>(part: Part, name: string, allowed: readonly T[]): T | undefined {
  const value = take(part, name);
  const found = allowed.find((one) => one === value);
  if (value !== undefined && found === undefined) lose(part, `${name}:unknown-code`);
  return found;
}

export function boolean(part: Part, name: string): boolean | undefined {
  const value = take(part, name);
  if (value === undefined) return undefined;
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  return malformed(part, name, 'true or false');
}

export function decimal(part: Part, name: string): number | undefined {
  const value = take(part, name);
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value === 'string' && /^-?\d{1,15}(\.\d+)?$/.test(value)) return Number(value);
  return malformed(part, name, 'a number');
}

/** A whole number of at least `least` that fits in 32 bits. */
export function integer(part: Part, name: string, least = -2147483648): number | undefined {
  const value = decimal(part, name);
  if (value === undefined) return undefined;
  if (Number.isInteger(value) && value >= least && value <= 2147483647) return value;
  return malformed(part, name, `a whole number of at least ${least}`);
}

/** The texts of a repeating text element; a lone text counts as one. */
export function texts(part: Part, name: string): string[] | undefined {
  const value = take(part, name);
  if (value === undefined) return undefined;
  const kept: string[] = [];
  for (const item of Array.isArray(value) ? value : [value]) {
    if (typeof item !== 'string') malformed(part, name, 'texts');
    else if (item.trim() !== '') kept.push(item);
  }
  return kept.length > 0 ? kept : undefined;
}

/** The codes of a repeating code element. One that is not known is a problem. */
export function codes<const T extends string>(part: Part, name: string, allowed: readonly T[]): T[] | undefined {
  const found = texts(part, name)?.map((value) => {
    const known = allowed.find((one) => one === value);
    if (known === undefined) problem(part, name, `is ${describe(value)}; wanted one of ${allowed.join(', ')}`);
    return known;
  });
  const kept = found?.filter((value) => value !== undefined);
  return kept && kept.length > 0 ? kept : undefined;
}

function checked(part: Part, name: string, pattern: RegExp, wanted: string): string | undefined {
  const value = text(part, name);
  return value === undefined || pattern.test(value) ? value : malformed(part, name, wanted);
}
