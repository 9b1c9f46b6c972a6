/** Dates, numbers and quantities as they are asked for, with their prefixes. https://hl7.org/fhir/R4/search.html#prefix */
import { fail, ok, type Result } from '#result.ts';
import {
  type Asked,
  type Criterion,
  type DateValue,
  type NumberValue,
  type Prefix,
  splitOn,
  unescaped,
} from './search-criterion.ts';
import { anyUnit, unitKey } from './search-hash.ts';
import { dateRange, numberRange, type Range } from './search-range.ts';
import { ITSELF } from './search-value.ts';

const PREFIXES: ReadonlySet<string> = new Set(['eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb', 'ap']);

/** A prefix and what follows; a text that begins with none is compared for equality. */
function prefixed(text: string): { prefix: Prefix; rest: string } {
  const prefix = text.slice(0, 2);
  return PREFIXES.has(prefix) ? { prefix: prefix as Prefix, rest: text.slice(2) } : { prefix: 'eq', rest: text };
}

/** Dates with their prefixes; a failure names the parameter, never the value. */
export function readDateValues(name: string, parts: readonly string[], now: number | undefined): Result<DateValue[]> {
  const ranges: DateValue[] = [];
  for (const part of parts) {
    const { prefix, rest } = prefixed(part);
    // A `+` of an offset arrives as a space when the caller did not encode it.
    const range = dateRange(rest.replace(' ', '+'));
    if (!range)
      return fail(
        'invalid',
        `${name} wants a date or dateTime that exists, with an optional prefix ${[...PREFIXES].join(', ')}`,
      );
    if (prefix === 'ap' && now === undefined)
      return fail('invalid', `${name} cannot be searched with ap here: the time is not known`);
    ranges.push({ prefix, ...(prefix === 'ap' ? around(range, now ?? range.low) : range) });
  }
  return ok(ranges);
}

/** "The recommended value of the approximation is 10% of the gap between now and the date." https://hl7.org/fhir/R4/search.html#prefix */
function around({ low, high }: Range, now: number): Range {
  const gap = Math.round(Math.abs(now - low) * 0.1);
  return { low: low - gap, high: high + gap };
}

/** Dates of a parameter; `token` is 0, or the key of a composite's first component. */
export function readDates({ definition, now }: Asked, token: string, parts: readonly string[]): Result<Criterion> {
  const ranges = readDateValues(definition.code, parts, now);
  return ranges.ok ? ok({ kind: 'date', param: definition.param, token, ranges: ranges.value }) : ranges;
}

/** Numbers or quantities of a parameter, likewise. */
export function readNumbers({ definition }: Asked, token: string, parts: readonly string[]): Result<Criterion> {
  const ranges: NumberValue[] = [];
  for (const part of parts) {
    const [amount = '', system, code] = splitOn(part, '|').map(unescaped);
    const { prefix, rest } = prefixed(amount);
    const range = numberRange(rest);
    if (!range || (definition.kind === 'number' && system !== undefined))
      return fail(
        'invalid',
        `${definition.code} wants a number${definition.kind === 'number' ? '' : ', or [number]|[system]|[code]'}, with an optional prefix ${[...PREFIXES].join(', ')}`,
      );
    const tenth = Math.abs(range.value) * 0.1;
    const near =
      prefix === 'ap'
        ? { low: Math.min(range.low, range.value - tenth), high: Math.max(range.high, range.value + tenth) }
        : {};
    ranges.push({ prefix, ...range, ...near, unit: unitOf(system, code) });
  }
  return ok({ kind: 'number', param: definition.param, token, ranges });
}

function unitOf(system: string | undefined, code: string | undefined): string {
  if (!code) return ITSELF;
  return system ? unitKey(system, code) : anyUnit(code);
}
