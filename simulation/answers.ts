/** How a simulated person answers one message or call. facts: care-needs §5.2 */
import type { Channel } from '#domain/task-event.ts';
import type { Assumptions } from './assumptions.ts';
import type { Draws } from './draws.ts';
import type { Need, Person } from './people.ts';

export type Contacted = {
  readonly person: Person;
  /** The need that the message is about; of several, the first. */
  readonly need: Need;
  readonly channel: Channel;
  /** Attempts of this invitation before. */
  readonly attempt: number;
  readonly ignoredBefore: number;
  readonly changed: boolean;
  readonly sentIn14Days: number;
};

export type Answer =
  | { readonly kind: 'failed' }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'wants-to-book'; readonly afterDays: number };

const FOR = { arrives: 21, books: 22, delay: 23 };

export function answerTo(contacted: Contacted, assumptions: Assumptions, draws: Draws): Answer {
  const { person, need, channel, attempt } = contacted;
  if (!arrives(contacted, assumptions, draws)) return { kind: channel === 'telephone' ? 'ignored' : 'failed' };
  const chance = logistic(logOdds(contacted, assumptions));
  if (draws.uniform(FOR.books, need.id, attempt) >= chance) return { kind: 'ignored' };
  return { kind: 'wants-to-book', afterDays: delayOf(channel, draws.uniform(FOR.delay, need.id, attempt, person.id)) };
}

/** Whether the message comes to the person at all. A text that the App person has no phone for fails too. */
function arrives(contacted: Contacted, assumptions: Assumptions, draws: Draws): boolean {
  const { person, channel, need, attempt } = contacted;
  switch (channel) {
    case 'nhsapp':
      return person.hasApp;
    case 'sms':
      return person.hasMobile && person.isNumberRight;
    case 'letter':
      return person.hasAddress;
    case 'telephone':
      return person.isNumberRight && draws.uniform(FOR.arrives, need.id, attempt) < assumptions.phoneAnswered;
  }
}

function logOdds({ person, need, channel, ...before }: Contacted, assumptions: Assumptions): number {
  const first = {
    nhsapp: person.hasPush ? assumptions.appPush : assumptions.appSilent,
    sms: assumptions.sms,
    letter: assumptions.letter,
    telephone: assumptions.phone,
  }[channel];
  return (
    Math.log(first / (1 - first)) +
    need.motive +
    assumptions.readiness * person.readiness +
    assumptions.ignored * before.ignoredBefore +
    (before.changed ? assumptions.changed : 0) +
    (before.sentIn14Days >= 2 ? assumptions.crowded : 0) +
    assumptions.deprivation * (person.imd - 3) +
    (person.age >= 65 ? 0.15 : 0)
  );
}

/** Digital: lognormal, median 4 h, 80 % within 48 h. A letter lies some days. A call is answered at once. */
function delayOf(channel: Channel, draw: number): number {
  if (channel === 'telephone') return 0;
  if (channel === 'letter') return 3 + Math.floor(draw * 8);
  return draw < 0.7 ? 0 : draw < 0.8 ? 1 : draw < 0.95 ? 3 : 6;
}

/** Chance that a booked appointment is missed: by age, and by how long ago it was booked. */
export function missChance(person: Person, leadDays: number, { missed }: Assumptions): number {
  const byAge = person.age <= 25 ? 0.117 / 0.07 : person.age >= 75 ? 0.052 / 0.07 : 1;
  const byLead =
    leadDays <= 1
      ? 0.55
      : leadDays <= 7
        ? 0.55 + (0.45 * (leadDays - 1)) / 6
        : 1 + (0.35 * (Math.min(leadDays, 28) - 7)) / 21;
  return Math.min(1, missed * byAge * byLead);
}

const logistic = (odds: number): number => 1 / (1 + Math.exp(-odds));
