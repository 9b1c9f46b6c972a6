/**
 * When each channel may be used, in London time. SMS go out 08:00 to 18:00 on working days, App messages 06:00 to
 * 22:00 on any day, letters on working days. facts: nhs-apis §3.7; care-needs §6.1 H23
 */

import type { Channel } from '#domain/task-event.ts';
import { addDays, londonInstant, londonTime } from '#fhir/date.ts';

/** Bank holidays in England. A year that is not here is not known, and nothing that needs a working day is sent in it. */
const BANK_HOLIDAYS: Readonly<Record<string, readonly string[]>> = {
  '2026': ['01-01', '04-03', '04-06', '05-04', '05-25', '08-31', '12-25', '12-28'],
  '2027': ['01-01', '03-26', '03-29', '05-03', '05-31', '08-30', '12-27', '12-28'],
  '2028': ['01-03', '04-14', '04-17', '05-01', '05-29', '08-28', '12-25', '12-26'],
};

type Window = { readonly from: number; readonly to: number; readonly workingDays: boolean };

const WINDOWS: Record<Channel, Window> = {
  nhsapp: { from: 6, to: 22, workingDays: false },
  sms: { from: 8, to: 18, workingDays: true },
  letter: { from: 0, to: 24, workingDays: true },
  telephone: { from: 8, to: 18, workingDays: true },
};

/** When a practice works, as waits in working hours count it. */
export const WORKING_HOURS: { readonly from: number; readonly to: number } = WINDOWS.telephone;

/** What a practice sets itself: it may only narrow the hours of a channel, and be closed on more days. */
export type Hours = {
  readonly windows?: Partial<Readonly<Record<Channel, { readonly from: number; readonly to: number }>>>;
  /** London dates on which it is closed beside the bank holidays. */
  readonly closed?: readonly string[];
};

function windowOf(channel: Channel, { windows }: Hours): Window {
  const { from, to, workingDays } = WINDOWS[channel];
  const own = windows?.[channel];
  return own ? { from: Math.max(from, own.from), to: Math.min(to, own.to), workingDays } : WINDOWS[channel];
}

/** The longest run of days without a working day is far shorter. */
const SEARCH_DAYS = 14;

/** Whether the channel may be used at the instant; `unknown` where the holidays of the year are not known. */
export function isOpen(channel: Channel, instant: string, hours: Hours = {}): boolean | 'unknown' {
  const { date, hour } = londonTime(instant);
  const window = windowOf(channel, hours);
  if (hour < window.from || hour >= window.to) return false;
  return window.workingDays ? isWorkingDay(date, hours) : true;
}

/** The instant itself when the channel is open, else its next opening; the instant of the search's end when there is none that is known. */
export function nextOpening(channel: Channel, instant: string, hours: Hours = {}): string {
  if (isOpen(channel, instant, hours) === true) return instant;
  const { date, hour } = londonTime(instant);
  const window = windowOf(channel, hours);
  const first = hour < window.from ? 0 : 1;
  for (let day = first; day <= SEARCH_DAYS; day += 1) {
    const candidate = addDays(date, day);
    if (!window.workingDays || isWorkingDay(candidate, hours) === true) return opening(candidate, window.from);
  }
  return opening(addDays(date, SEARCH_DAYS + 1), window.from);
}

/** Monday to Friday, no bank holiday in England and the practice not closed; `unknown` for a year without a holiday table. */
export function isWorkingDay(date: string, { closed = [] }: Hours = {}): boolean | 'unknown' {
  const holidays = BANK_HOLIDAYS[date.slice(0, 4)];
  if (!holidays) return 'unknown';
  const { weekday } = londonTime(londonInstant(date, '12:00'));
  return weekday <= 5 && !holidays.includes(date.slice(5)) && !closed.includes(date);
}

function opening(date: string, hour: number): string {
  return londonInstant(date, `${String(hour).padStart(2, '0')}:00`);
}
