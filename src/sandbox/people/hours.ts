/** The hours at which things happen in the simulation. They are few, so that an accelerated clock needs few steps. */
import { addDays, addTo, londonDate, londonInstant, londonTime } from '#fhir/date.ts';

const HOURS = ['09:00', '11:00', '13:00', '15:00', '17:00'];

/** The first of 09:00, 11:00, 13:00, 15:00 and 17:00 in London that is later than an instant. */
export function nextHour(after: string): string {
  const today = londonDate(after);
  const later = HOURS.map((hour) => londonInstant(today, hour)).find((instant) => instant > after);
  return later ?? londonInstant(addDays(today, 1), '09:00');
}

/** The same, Monday to Friday. Bank holidays are not known here. */
export function nextWorkingHour(after: string): string {
  let at = nextHour(after);
  while (londonTime(at).weekday > 5) at = nextHour(at);
  return at;
}

/** The next instant later than the given one at which it is that time of day in London. */
export function nextDaily(after: string, time: string): string {
  const today = londonInstant(londonDate(after), time);
  return today > after ? today : londonInstant(addDays(londonDate(after), 1), time);
}

export function nextWorkingDay(after: string, time: string): string {
  let at = nextDaily(after, time);
  while (londonTime(at).weekday > 5) at = nextDaily(at, time);
  return at;
}

/** So many hours later, on the minute. */
export function hoursLater(instant: string, hours: number): string {
  return addTo(instant, { minutes: Math.round(hours * 60) });
}
