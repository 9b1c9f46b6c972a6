/** Dates counted back from the day on which the network's past ends. The generator asks for the same days over and over, so answers are kept. */
import { addDays, londonInstant } from '#fhir/date.ts';

export type Calendar = {
  readonly startDate: string;
  /** The London date so many days before the start date; negative for days after it. */
  readonly ago: (days: number) => string;
  /** The instant of a London date and time of day (`HH:mm`). */
  readonly at: (date: string, time: string) => string;
};

export function calendarFrom(startDate: string): Calendar {
  const dates = new Map<number, string>();
  const instants = new Map<string, string>();
  return {
    startDate,
    ago: (days) => remembered(dates, days, () => addDays(startDate, -days)),
    at: (date, time) => remembered(instants, `${date} ${time}`, () => londonInstant(date, time)),
  };
}

function remembered<K>(known: Map<K, string>, key: K, work: () => string): string {
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = work();
  known.set(key, made);
  return made;
}
