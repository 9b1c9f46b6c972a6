/** How long a sequence waits: by the calendar, or by the days and hours in which a practice works. */
import { addDays, addTo, londonInstant, londonTime } from '#fhir/date.ts';
import { type Hours, isWorkingDay, WORKING_HOURS } from './window.ts';

export const WAIT_UNITS = ['days', 'hours', 'working-days', 'working-hours'] as const;
export type Wait = { readonly count: number; readonly unit: (typeof WAIT_UNITS)[number] };

/** The instant at which a wait that began at `instant` is over. Days are London days: 09:00 stays 09:00. */
export function afterWait(instant: string, { count, unit }: Wait, hours: Hours = {}): string {
  switch (unit) {
    case 'days':
      return addTo(instant, { days: count });
    case 'hours':
      return addTo(instant, { hours: count });
    case 'working-days':
      return afterWorkingDays(instant, count, hours);
    case 'working-hours':
      return afterWorkingHours(instant, count, hours);
  }
}

function afterWorkingDays(instant: string, count: number, hours: Hours): string {
  const { date, hour, minute } = londonTime(instant);
  let day = date;
  for (let left = count; left > 0; ) {
    day = addDays(day, 1);
    if (isWorked(day, hours)) left -= 1;
  }
  return day === date ? instant : londonInstant(day, clock(hour, minute));
}

/** What begins outside working hours begins with the next working day. */
function afterWorkingHours(instant: string, count: number, hours: Hours): string {
  const { from, to } = WORKING_HOURS;
  const { date, hour, minute } = londonTime(instant);
  let day = date;
  let at = isWorked(day, hours) ? Math.max(hour * 60 + minute, from * 60) : to * 60;
  for (let left = count * 60; left > 0 || at >= to * 60; ) {
    const worked = Math.min(left, Math.max(0, to * 60 - at));
    left -= worked;
    at += worked;
    if (left === 0 && worked > 0) break;
    day = nextWorked(day, hours);
    at = from * 60;
  }
  return londonInstant(day, clock(Math.floor(at / 60), at % 60));
}

function nextWorked(date: string, hours: Hours): string {
  let day = addDays(date, 1);
  while (!isWorked(day, hours)) day = addDays(day, 1);
  return day;
}

/** In a year whose holidays are not known weekdays count: what is due then is held by the checklist all the same. */
function isWorked(date: string, hours: Hours): boolean {
  const isWorking = isWorkingDay(date, hours);
  return isWorking === 'unknown' ? londonTime(londonInstant(date, '12:00')).weekday <= 5 : isWorking;
}

function clock(hour: number, minute: number): string {
  return `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`;
}
