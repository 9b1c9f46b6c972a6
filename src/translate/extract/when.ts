/** Dates and times as extracts write them: London, without a zone. Anything that is no date is undefined, never today. */
import { addTo, isDate, londonInstant, londonOffsetTime } from '#fhir/date.ts';

export type Moment = {
  readonly date: string;
  /** `HH:mm:ss`; undefined when the source did not know it. */
  readonly time: string | undefined;
};

/** An EMIS date with its precision code: `Y` 2009, `YM` 2009-04, `YMD` and `YMDT` the day, `U` none (facts: gp-extracts §1.1). */
export function emisDate(date: string | undefined, precision: string | undefined): string | undefined {
  const day = date?.trim().slice(0, 10) ?? '';
  if (!isDate(day)) return undefined;
  switch (precision?.trim().toUpperCase()) {
    case 'U':
      return undefined;
    case 'Y':
      return day.slice(0, 4);
    case 'YM':
      return day.slice(0, 7);
    default:
      return day;
  }
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** A TPP date-time, `29 Sep 2011 14:53:28`, seconds or not. Midnight means that the time is not known (facts: gp-extracts §2.1). */
export function tppMoment(text: string | undefined): Moment | undefined {
  const [, day = '', name = '', year = '', time] =
    /^(\d{1,2}) ([A-Za-z]{3}) (\d{4})(?: (\d{2}:\d{2}(?::\d{2})?))?$/.exec(text?.trim() ?? '') ?? [];
  const month = months.indexOf(name.toLowerCase()) + 1;
  const date = `${year}-${String(month).padStart(2, '0')}-${day.padStart(2, '0')}`;
  if (!isDate(date)) return undefined;
  return { date, time: time === undefined || /^00:00/.test(time) ? undefined : time };
}

/** A FHIR dateTime: the day alone, or the wall-clock time with London's offset so that its first ten characters stay the day. */
export function dateTimeOf(moment: Moment | undefined): string | undefined {
  if (!moment || !isDate(moment.date)) return undefined;
  const instant = moment.time ? instantOf(moment.date, moment.time) : undefined;
  return instant ? londonOffsetTime(instant) : moment.date;
}

/** The instant of a London date and time; undefined when either is none. */
export function instantOf(date: string | undefined, time: string | undefined): string | undefined {
  if (!date || !isDate(date) || !/^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$/.test(time ?? '')) return undefined;
  return londonInstant(date, time ?? '');
}

export function minutesAfter(instant: string, minutes: number): string {
  return addTo(instant, { minutes });
}

/** Does a period end on a day before the one, or the month or year, that it starts in? FHIR has no such period (per-1). */
export function isReversed(start: string | undefined, end: string | undefined): boolean {
  return start !== undefined && end !== undefined && end.slice(0, start.length) < start.slice(0, end.length);
}
