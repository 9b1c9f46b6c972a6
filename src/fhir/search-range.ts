/**
 * The intervals that dates and numbers cover when they are searched: a date its whole day, a number what would be
 * rounded to it. https://hl7.org/fhir/R4/search.html#prefix
 */
import { epochMilliseconds, isDate, isInstant, londonInstant, londonMidnight } from './date.ts';

/** Milliseconds since 1970 (dates) or plain numbers; `high` is exclusive for dates. */
export type Range = { readonly low: number; readonly high: number };

/** The beginning and end of time for periods that are open: the first and last day that FHIR can write. */
export const BEGINNING = Date.UTC(1, 0, 1) - 59_958_144_000_000;
export const END = Date.UTC(9999, 11, 31);

/**
 * The interval of a FHIR date, partial date, dateTime or instant; undefined when it is none. What has no zone is
 * London's.
 */
export function dateRange(value: string): Range | undefined {
  if (value.length > 10) return instantRange(value);
  const [, y, m, d] = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$/.exec(value) ?? [];
  if (y === undefined) return undefined;
  const [year, month, day] = [Number(y), Number(m ?? 1), Number(d ?? 1)];
  if (year === 0 || month < 1 || month > 12 || day < 1 || (day > 28 && !isDate(value))) return undefined;
  const low = londonMidnight(year, month, day);
  if (d !== undefined) return { low, high: londonMidnight(year, month, day + 1) };
  if (m !== undefined) return { low, high: londonMidnight(year, month + 1, 1) };
  return { low, high: londonMidnight(year + 1, 1, 1) };
}

const INSTANT = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(:\d{2})?(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})?$/;

function instantRange(value: string): Range | undefined {
  const [, date = '', minutes = '', seconds, fraction, zone] = INSTANT.exec(value) ?? [];
  if (date === '' || date.startsWith('0000')) return undefined;
  if (!isInstant(`${date}T${minutes}${seconds ?? ':00'}${zone ?? 'Z'}`)) return undefined;
  const whole =
    zone === undefined
      ? londonInstant(date, `${minutes}${seconds ?? ''}`)
      : `${date}T${minutes}${seconds ?? ':00'}${zone}`;
  const low = epochMilliseconds(whole);
  if (fraction === undefined) return { low, high: low + (seconds === undefined ? 60_000 : 1_000) };
  // Resources are stamped in microseconds: finer than that nothing differs.
  const digits = Math.min(6, Math.max(3, fraction.length - 1));
  const unit = 10 ** (3 - digits);
  const from = low + Math.floor(Number(fraction) * 10 ** digits + 1e-6) * unit;
  return { low: from, high: from + unit };
}

/** A number as it is searched: itself, and the interval of what would be rounded to it. `2.0` is 1.95 to 2.05, `1e2` (by R4's own example) 95 to 105. */
export type NumberRange = Range & { readonly value: number };

/** Undefined when the text is no FHIR decimal. */
export function numberRange(text: string): NumberRange | undefined {
  const [, sign = '', whole = '', fraction = '', exponent] =
    /^([+-]?)(\d{1,40})(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text) ?? [];
  if (whole === '') return undefined;
  const value = Number(text);
  const half = 0.5 * 10 ** ((exponent === undefined ? 0 : Number(exponent) - 1) - fraction.length);
  if (!Number.isFinite(value)) return undefined;
  const apart = sign === '' && value === 0 ? half : Math.max(half, Math.abs(value) * Number.EPSILON);
  return { value, low: tidy(value - apart), high: tidy(value + apart) };
}

/** Without the dust of binary fractions, so that 5.45 is the end of 5.4 and the beginning of 5.5 alike. */
function tidy(value: number): number {
  return Number(value.toPrecision(15));
}

/** The intervals of a Period, Timing, date or dateTime as it stands in a resource. */
export function dateRangesOf(value: unknown): Range[] {
  if (typeof value === 'string') {
    const range = dateRange(value);
    return range ? [{ low: Math.floor(range.low), high: Math.ceil(range.high) }] : [];
  }
  if (typeof value !== 'object' || value === null) return [];
  const { start, end, event, repeat } = value as {
    start?: unknown;
    end?: unknown;
    event?: unknown;
    repeat?: { boundsPeriod?: unknown };
  };
  if (Array.isArray(event) && event.length > 0) return spanOf(event.flatMap(dateRangesOf));
  if (repeat) return dateRangesOf(repeat.boundsPeriod);
  const from = typeof start === 'string' ? dateRange(start) : undefined;
  const to = typeof end === 'string' ? dateRange(end) : undefined;
  if (!from && !to) return [];
  return [{ low: Math.floor(from?.low ?? BEGINNING), high: Math.ceil(to?.high ?? END) }];
}

/** "The specified scheduling details are ignored and only the outer limits matter." https://hl7.org/fhir/R4/search.html#date */
function spanOf(ranges: readonly Range[]): Range[] {
  if (ranges.length === 0) return [];
  return [{ low: Math.min(...ranges.map((one) => one.low)), high: Math.max(...ranges.map((one) => one.high)) }];
}
