/** Days of every year (`03-31`), as seasons and contract years have them. 29 February is none. */
import { addDays, isDate } from '#fhir/date.ts';

export type Season = { readonly from: string; readonly until: string };

/** Whether a text is `MM-DD` of a day that every year has. */
export function isMonthDay(text: string): boolean {
  return isDate(`2025-${text}`);
}

/** The first such day on or after a date. */
export function nextMonthDay(date: string, monthDay: string): string {
  return inYear(yearOf(date) + (date.slice(5) <= monthDay ? 0 : 1), monthDay);
}

/** The last such day on or before a date. */
export function lastMonthDay(date: string, monthDay: string): string {
  return inYear(yearOf(date) - (date.slice(5) >= monthDay ? 0 : 1), monthDay);
}

/** Whether a date is in the season; both its days count, and it may span New Year. */
export function isInSeason({ from, until }: Season, date: string): boolean {
  const day = date.slice(5);
  return from <= until ? from <= day && day <= until : from <= day || day <= until;
}

/** The days around a date on which a season begins or is over: enough to find the next change. */
export function turnsOfSeason({ from, until }: Season, date: string): readonly string[] {
  const years = [-1, 0, 1, 2].map((more) => yearOf(date) + more);
  return years.flatMap((year) => [inYear(year, from), addDays(inYear(year, until), 1)]);
}

function yearOf(date: string): number {
  return Number(date.slice(0, 4));
}

function inYear(year: number, monthDay: string): string {
  return `${String(year).padStart(4, '0')}-${monthDay}`;
}
