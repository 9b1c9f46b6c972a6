/** What one policy has brought about in one simulated practice so far. */
import type { Attempt } from '#domain/outreach/channel-history.ts';
import type { EvidenceCell } from '#domain/outreach/channel-model.ts';
import type { Channel } from '#domain/task-event.ts';
import type { Assumptions } from './assumptions.ts';
import { type Clinic, clinicFor, skillOf } from './clinic.ts';
import type { Draws } from './draws.ts';
import type { Need, Person, Skill } from './people.ts';

export type NeedState =
  | 'not-invited'
  | 'invited'
  | 'waits'
  | 'booked'
  | 'attended'
  | 'missed'
  | 'gave-up'
  | 'exhausted';

export type Invitation = {
  readonly person: Person;
  readonly needs: readonly Need[];
  /** The next step, by its place in the sequence. */
  step: number;
  readonly tried: Channel[];
  /** No earlier than this day. */
  next: number;
  state: 'open' | 'answered' | 'over';
};

type Seen = { -readonly [K in keyof EvidenceCell]: EvidenceCell[K] };
export type Known = { -readonly [K in keyof Attempt]: Attempt[K] };

/** What is counted on the way; the scores are made of it. */
export type Counts = {
  messages: number;
  calls: number;
  appointments: number;
  overInvitedWeeks: number;
  missedMinutes: number;
  /** Contacts after the record in hand told of a death or an opt-out: has to stay 0. */
  harms: number;
  /** Contacts on the day of a death, of which no record could tell yet. */
  unknowable: number;
};

export type World = {
  readonly assumptions: Assumptions;
  readonly draws: Draws;
  readonly people: readonly Person[];
  readonly clinic: Clinic;
  readonly states: Map<number, NeedState>;
  readonly invitations: Invitation[];
  readonly counts: Counts;
  readonly propensities: { readonly channel: Channel; readonly propensity: number }[];
  readonly person: (id: number) => Person;
  readonly attempts: (person: Person) => Known[];
  readonly cells: () => readonly Seen[];
  /** Adds one outcome to what the practice has seen. */
  readonly see: (channel: Channel, ignoredBefore: number, isAnswered: boolean) => void;
  /** Needs that are due by a day and to which nobody was invited. */
  readonly due: (day: number) => readonly Need[];
  /** The person's other needs of the same skill that come due within four weeks. */
  readonly alongside: (need: Need, day: number) => readonly Need[];
};

const EARLY_DAYS = 28;

export function worldOf(people: readonly Person[], assumptions: Assumptions, draws: Draws): World {
  const states = new Map<number, NeedState>();
  const attempts = new Map<number, Known[]>();
  const cells = new Map<string, Seen>();
  const byDue = people.flatMap((person) => person.needs).sort((one, other) => one.due - other.due || one.id - other.id);
  const isWaiting = (need: Need) => !states.has(need.id);
  const personOf = (id: number): Person => {
    const person = people[id];
    if (!person) throw new Error(`There is no simulated person ${id}`);
    return person;
  };
  return {
    assumptions,
    draws,
    people,
    clinic: clinicFor(people, assumptions.capacity),
    states,
    invitations: [],
    counts: { messages: 0, calls: 0, appointments: 0, overInvitedWeeks: 0, missedMinutes: 0, harms: 0, unknowable: 0 },
    propensities: [],
    person: personOf,
    attempts: (person) => {
      const own = attempts.get(person.id) ?? [];
      attempts.set(person.id, own);
      return own;
    },
    cells: () => [...cells.values()],
    see: (channel, before, isAnswered) => {
      const ignoredBefore = Math.min(before, 2);
      const key = `${channel} ${ignoredBefore}`;
      const cell = cells.get(key) ?? { channel, ignoredBefore, answered: 0, ignored: 0 };
      if (isAnswered) cell.answered += 1;
      else cell.ignored += 1;
      cells.set(key, cell);
    },
    due: (day) => byDue.filter((need) => need.due <= day && isWaiting(need)),
    alongside: (need, day) =>
      personOf(need.person).needs.filter(
        (other) =>
          other !== need && isWaiting(other) && skillOf(other) === skillOf(need) && other.due <= day + EARLY_DAYS,
      ),
  };
}

/** Whether the record in hand says that the person has died (a day late) or opted out. */
export function isGone({ dies, optsOut }: Person, day: number): boolean {
  return (dies !== undefined && dies < day) || (optsOut !== undefined && optsOut < day);
}

/** Invitations out without an answer. */
export function openInvitations(world: World, skill: Skill): number {
  return world.invitations.filter((one) => one.state === 'open' && skillOf(one.needs[0]) === skill).length;
}
