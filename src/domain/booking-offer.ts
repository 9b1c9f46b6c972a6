/** Which of the free slots a patient is shown: few enough to read, spread over days and hours, always the same for the same slots. */
import { londonDate } from '#fhir/date.ts';
import type { Suitable } from './booking.ts';

const MOST_DAYS = 8;
const MOST_A_DAY = 4;

/** At most four a day, evenly over the day, on the first eight days that have any. The earliest first. */
export function offerOf(suitable: readonly Suitable[]): readonly Suitable[] {
  const byStart = [...new Map(suitable.map((one) => [one.slot.start, one])).values()];
  const days = [...Map.groupBy(byStart, ({ slot }) => londonDate(slot.start)).values()];
  return days.slice(0, MOST_DAYS).flatMap((day) => {
    if (day.length <= MOST_A_DAY) return day;
    const step = (day.length - 1) / (MOST_A_DAY - 1);
    return Array.from({ length: MOST_A_DAY }, (_, n) => day[Math.round(n * step)]).filter((one) => one !== undefined);
  });
}
