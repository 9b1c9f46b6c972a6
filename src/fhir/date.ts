/**
 * Dates, instants and the Europe/London calendar. The one file that knows the Temporal library; when Node ships
 * Temporal itself, only the import goes. Dates are `YYYY-MM-DD`, instants ISO 8601 with a zone.
 */
import { Temporal } from 'temporal-polyfill';

export const LONDON = 'Europe/London';

/** The calendar date in London at an instant. */
export function londonDate(instant: string): string {
  return Temporal.Instant.from(instant).toZonedDateTimeISO(LONDON).toPlainDate().toString();
}

/** The date and wall-clock time in London: weekday 1 (Monday) to 7, hour 0 to 23, minute 0 to 59. */
export function londonTime(instant: string): { date: string; weekday: number; hour: number; minute: number } {
  const zoned = Temporal.Instant.from(instant).toZonedDateTimeISO(LONDON);
  return { date: zoned.toPlainDate().toString(), weekday: zoned.dayOfWeek, hour: zoned.hour, minute: zoned.minute };
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
  return Temporal.Instant.from(instant)
    .toZonedDateTimeISO(LONDON)
    .toString({ timeZoneName: 'never', smallestUnit: 'second' });
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
  return Temporal.Instant.from(instant).epochMilliseconds;
}

/** The instant of milliseconds since 1970. */
export function instantOf(milliseconds: number): string {
  return toInstant(Temporal.Instant.fromEpochMilliseconds(milliseconds));
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
