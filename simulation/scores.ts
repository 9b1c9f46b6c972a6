/** The scores of one year, and what two policies differ by on the same people. facts: care-needs §5.2 */
import { type Clinic, minutesOf } from './clinic.ts';
import type { World } from './world.ts';

export const SCORES = [
  { id: 'attendedPer100Invited', title: 'Attended needs per 100 invited', better: 'more', digits: 1 },
  { id: 'attendedPer100Due', title: 'Attended needs per 100 due', better: 'more', digits: 1 },
  { id: 'closedPerAppointment', title: 'Needs closed per appointment', better: 'more', digits: 3 },
  { id: 'contactsPerAttended', title: 'Contacts per attended need', better: 'less', digits: 2 },
  { id: 'wastedSlots', title: 'Wasted slots, % of minutes', better: 'less', digits: 1 },
  { id: 'overInvitedWeeks', title: 'Over-invited patient-weeks', better: 'less', digits: 0 },
  { id: 'harms', title: 'Contacts after a known death or opt-out', better: 'less', digits: 0 },
  { id: 'gap', title: 'Attendance of IMD 5 less that of IMD 1, points', better: 'less', digits: 1 },
  { id: 'leastServed', title: 'Attended needs per 100 due, IMD 1', better: 'more', digits: 1 },
  { id: 'phoneMinutes', title: 'Staff minutes on the telephone', better: 'less', digits: 0 },
] as const;
export type ScoreId = (typeof SCORES)[number]['id'];
export type Scores = Readonly<Record<ScoreId, number>>;

/** A: minutes of staff for one call, answered or not. */
const CALL_MINUTES = 5;

export function scoresOf(world: World): Scores {
  const { states, counts, people } = world;
  const needs = people.flatMap((person) => person.needs.map((need) => ({ need, imd: person.imd })));
  const is = (state: string) => (one: { need: { id: number } }) => states.get(one.need.id) === state;
  const attended = needs.filter(is('attended')).length;
  const invited = needs.filter((one) => states.has(one.need.id)).length;
  const rate = (imd: number) => {
    const own = needs.filter((one) => one.imd === imd);
    return (100 * own.filter(is('attended')).length) / own.length;
  };
  return {
    attendedPer100Invited: (100 * attended) / invited,
    attendedPer100Due: (100 * attended) / needs.length,
    closedPerAppointment: attended / counts.appointments,
    contactsPerAttended: (counts.messages + counts.calls) / attended,
    wastedSlots: wasted(world.clinic, minutesOf(needs.filter(is('attended')).map((one) => one.need))),
    overInvitedWeeks: counts.overInvitedWeeks,
    harms: counts.harms,
    gap: rate(5) - rate(1),
    leastServed: rate(1),
    phoneMinutes: counts.calls * CALL_MINUTES,
  };
}

/** Minutes that were offered and in which nobody was seen, of all that were offered. */
function wasted({ offered }: Clinic, seen: number): number {
  const all = offered.nurse + offered.phlebotomy;
  return (100 * (all - seen)) / all;
}

export type Interval = { readonly mean: number; readonly low: number; readonly high: number };

/** Mean and 95 % confidence interval by Student's t. Of paired values, give the differences. */
export function intervalOf(values: readonly number[]): Interval {
  const n = values.length;
  const mean = values.reduce((sum, one) => sum + one, 0) / n;
  const variance = values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (n - 1);
  const half = studentT(n - 1) * Math.sqrt(variance / n);
  return { mean, low: mean - half, high: mean + half };
}

/** The 97.5th percentile of Student's t, by Cornish and Fisher: within 0.001 from ten degrees of freedom on. */
function studentT(freedom: number): number {
  const z = 1.959964;
  const first = (z ** 3 + z) / (4 * freedom);
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2);
  const third = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * freedom ** 3);
  return z + first + second + third;
}
