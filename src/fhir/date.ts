/**
 * Dates, instants and the Europe/London calendar. The one file that knows the Temporal library; when Node ships
 * Temporal itself, only the import goes. Dates are `YYYY-MM-DD`, instants ISO 8601 with a zone.
 */
import { Temporal } from 'temporal-polyfill';

export const LONDON = 'Europe/London';

/** Milliseconds since 1970 at which a calendar day begins in London. London changes its clocks after midnight, so that each day has one. */
export function londonMidnight(year: number, month: number, day: number): number {
  const utc = Date.UTC(year, month - 1, day);
  return utc - londonOffset(utc - londonOffset(utc));
}

/** The calendar date in London at an instant. */
export function londonDate(instant: string): string {
  return londonClock(instant).slice(0, 10);
}

/** Milliseconds that London is ahead of UTC, by hour: it changes on the hour only, and a record asks many thousand times. */
const offsets = new Map<number, number>();
const HOUR = 3_600_000;

function londonOffset(milliseconds: number): number {
  const hour = Math.floor(milliseconds / HOUR);
  const known = offsets.get(hour);
  if (known !== undefined) return known;
  const zoned = Temporal.Instant.fromEpochMilliseconds(hour * HOUR).toZonedDateTimeISO(LONDON);
  const offset = zoned.offsetNanoseconds / 1_000_000;
  if (offsets.size > 50_000) offsets.clear();
  offsets.set(hour, offset);
  return offset;
}

/** The wall clock in London at an instant, `YYYY-MM-DDTHH:mm:ss.sss`. */
function londonClock(instant: string): string {
  const milliseconds = epochMilliseconds(instant);
  return new Date(milliseconds + londonOffset(milliseconds)).toISOString().slice(0, -1);
}

/** The date and wall-clock time in London: weekday 1 (Monday) to 7, hour 0 to 23, minute 0 to 59. */
export function londonTime(instant: string): { date: string; weekday: number; hour: number; minute: number } {
  const clock = londonClock(instant);
  const date = clock.slice(0, 10);
  const weekday = Temporal.PlainDate.from(date).dayOfWeek;
  return { date, weekday, hour: Number(clock.slice(11, 13)), minute: Number(clock.slice(14, 16)) };
}

/** The instant of a London date and time of day (`HH:mm` or `HH:mm:ss`). In the spring gap it moves forward; in autumn the first of the two. */
export function londonInstant(date: string, time: string): string {
  const zoned = Temporal.PlainDate.from(date).toZonedDateTime({
    timeZone: LONDON,
    plainTime: Temporal.PlainTime.from(time),
  });
  return toInstant(zoned.toInstant());
}

/** An instant as London wall-clock with its offset and no fraction: `2026-06-01T09:00:00+01:00`, as GP Connect wants it. */
export function londonOffsetTime(instant: string): string {
  const minutes = londonOffset(epochMilliseconds(instant)) / 60_000;
  const hours = String(Math.floor(minutes / 60)).padStart(2, '0');
  return `${londonClock(instant).slice(0, 19)}+${hours}:${String(minutes % 60).padStart(2, '0')}`;
}

/** The first day of a FHIR partial date (`2019`, `2019-04`, `2019-04-02`, or a dateTime), as a date. */
export function startOfPartial(value: string): string {
  const [year = '', month = '01', day = '01'] = value.slice(0, 10).split('-');
  return `${year}-${month}-${day}`;
}

export function addDays(date: string, days: number): string {
  return Temporal.PlainDate.from(date).add({ days }).toString();
}

/** Months by the calendar: 31 January plus one month is the last day of February. */
export function addMonths(date: string, months: number): string {
  return Temporal.PlainDate.from(date).add({ months }).toString();
}

/** Whole days from one date to another; negative when `to` is earlier. */
export function daysBetween(from: string, to: string): number {
  return Temporal.PlainDate.from(from).until(Temporal.PlainDate.from(to), { largestUnit: 'days' }).days;
}

/** Completed years of age on a date. */
export function ageOn(birthDate: string, date: string): number {
  return Temporal.PlainDate.from(startOfPartial(birthDate)).until(Temporal.PlainDate.from(date), {
    largestUnit: 'years',
  }).years;
}

export function addTo(
  instant: string,
  duration: { days?: number; hours?: number; minutes?: number; seconds?: number },
): string {
  const { days = 0, ...rest } = duration;
  // Days on an instant are London calendar days, so that 09:00 stays 09:00 over a clock change.
  const zoned = Temporal.Instant.from(instant)
    .toZonedDateTimeISO(LONDON)
    .add({ days, ...rest });
  return toInstant(zoned.toInstant());
}

/** Milliseconds since 1970 of an instant. */
export function epochMilliseconds(instant: string): number {
  // The engine's own parser for what is surely right; Temporal judges the rest, such as 30 February.
  const milliseconds = PLAIN_INSTANT.test(instant) ? Date.parse(instant) : Number.NaN;
  return Number.isNaN(milliseconds) ? Temporal.Instant.from(instant).epochMilliseconds : milliseconds;
}

const PLAIN_INSTANT =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,3})?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)$/;

/** The instant of milliseconds since 1970. */
export function instantOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** Whether a text is a whole calendar date that exists. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  try {
    Temporal.PlainDate.from(text, { overflow: 'reject' });
    return true;
  } catch {
    return false;
  }
}

/** Whether a text is an instant that exists: date, time and a zone, as FHIR's `instant` has it. */
export function isInstant(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/.test(text)) return false;
  try {
    Temporal.Instant.from(text);
    return true;
  } catch {
    return false;
  }
}

/** One spelling for all instants (UTC, milliseconds), so that they compare as text. */
function toInstant(instant: Temporal.Instant): string {
  return instant.toString({ smallestUnit: 'millisecond' });
}
