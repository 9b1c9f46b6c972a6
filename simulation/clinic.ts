/** The slots of the practice, in minutes a week for each skill, and who waits for one. */
import type { Need, Person, Skill } from './people.ts';
import { KINDS } from './people.ts';

export type Visit = { readonly person: Person; readonly needs: readonly Need[]; readonly askedOn: number };

export type Clinic = {
  /** Minutes free, by skill and week. */
  readonly free: Record<Skill, number[]>;
  readonly offered: Record<Skill, number>;
  /** Who asked for a booking and found no slot, first come first. */
  readonly waiting: Record<Skill, Visit[]>;
};

export const WEEKS = 52;
/** Slots are opened so far ahead. */
const AHEAD_WEEKS = 4;
const NOTICE_DAYS = 2;

export function clinicFor(people: readonly Person[], capacity: number): Clinic {
  const minutes = { nurse: 0, phlebotomy: 0 };
  for (const need of people.flatMap((person) => person.needs)) minutes[skillOf(need)] += KINDS[need.kind].minutes;
  const weekly = (skill: Skill) => Math.round((capacity * minutes[skill]) / WEEKS / 10) * 10;
  const weeks = (skill: Skill) => Array.from({ length: WEEKS + 1 }, () => weekly(skill));
  return {
    free: { nurse: weeks('nurse'), phlebotomy: weeks('phlebotomy') },
    offered: { nurse: weekly('nurse') * WEEKS, phlebotomy: weekly('phlebotomy') * WEEKS },
    waiting: { nurse: [], phlebotomy: [] },
  };
}

/** Takes the earliest slot within the weeks that are open; the day of the appointment, or undefined when all are full. */
export function book(clinic: Clinic, visit: Visit, day: number): number | undefined {
  const skill = skillOf(visit.needs[0]);
  const minutes = minutesOf(visit.needs);
  const first = Math.ceil((day + NOTICE_DAYS) / 7);
  for (let week = first; week <= Math.min(first + AHEAD_WEEKS - 1, WEEKS - 1); week += 1) {
    const free = clinic.free[skill][week] ?? 0;
    if (free < minutes) continue;
    clinic.free[skill][week] = free - minutes;
    return week * 7 + (visit.person.id % 5);
  }
  return undefined;
}

/** Visits of a usual length that the open weeks still have room for, less those who wait already. */
export function freeVisits(clinic: Clinic, skill: Skill, day: number): number {
  const first = Math.ceil((day + NOTICE_DAYS) / 7);
  const minutes = clinic.free[skill]
    .slice(first, Math.min(first + AHEAD_WEEKS, WEEKS))
    .reduce((sum, one) => sum + one, 0);
  return Math.max(0, Math.floor(minutes / (skill === 'nurse' ? 18 : 10)) - clinic.waiting[skill].length);
}

export function skillOf(need: Need | undefined): Skill {
  return KINDS[need?.kind ?? 'review'].skill;
}

export function minutesOf(needs: readonly Need[]): number {
  return needs.reduce((sum, need) => sum + KINDS[need.kind].minutes, 0);
}
