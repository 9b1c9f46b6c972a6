/** The synthetic practice: people with needs in one year, drawn by name so that every policy meets the same ones. */
import type { Assumptions } from './assumptions.ts';
import type { Draws } from './draws.ts';

export type Need = {
  readonly id: number;
  readonly person: number;
  readonly kind: keyof typeof KINDS;
  /** Day of the year. */
  readonly due: number;
  readonly motive: number;
};

export type Person = {
  readonly id: number;
  readonly age: number;
  /** 1 is most deprived. */
  readonly imd: number;
  readonly hasMobile: boolean;
  readonly hasApp: boolean;
  readonly hasPush: boolean;
  readonly hasAddress: boolean;
  readonly isNumberRight: boolean;
  readonly smsDeclined: boolean;
  /** Standard normal: the lasting readiness to answer. */
  readonly readiness: number;
  /** The day on which it happens, if it does in this year; the record tells a day later. */
  readonly dies?: number;
  readonly optsOut?: number;
  readonly needs: readonly Need[];
};

/** A: kinds of need, with who does them, how long they take and how long they may wait for another one. */
export const KINDS = {
  review: { skill: 'nurse', minutes: 20, share: 0.55, maxDefer: 42, priority: 'routine' },
  vaccination: { skill: 'nurse', minutes: 10, share: 0.25, maxDefer: 42, priority: 'routine' },
  monitoring: { skill: 'phlebotomy', minutes: 10, share: 0.2, maxDefer: 0, priority: 'urgent' },
} as const;
export type Skill = (typeof KINDS)[keyof typeof KINDS]['skill'];

/** Needs come due until here, so that an invitation of the last ones can run its course. */
const LAST_DUE = 300;

/** What a draw is for: the first name of each. */
const FOR = {
  needs: 1,
  age: 2,
  imd: 3,
  mobile: 4,
  app: 5,
  push: 6,
  address: 7,
  number: 8,
  consent: 9,
  ready: 10,
  end: 11,
};

export function practiceOf(assumptions: Assumptions, draws: Draws): readonly Person[] {
  const count = Math.round(assumptions.patients * assumptions.withNeeds);
  return Array.from({ length: count }, (_, id) => personOf(id, assumptions, draws));
}

function personOf(id: number, assumptions: Assumptions, draws: Draws): Person {
  const chance = (what: number, of: number) => draws.uniform(what, id) < of;
  const age = 25 + Math.floor(70 * draws.uniform(FOR.age, id) ** 0.9);
  const isOld = age >= 75;
  const hasApp = chance(FOR.app, isOld ? 0.45 : 0.82);
  const end = draws.uniform(FOR.end, id);
  const endDay = Math.floor(draws.uniform(FOR.end, id, 1) * 365);
  return {
    id,
    age,
    imd: 1 + Math.floor(5 * draws.uniform(FOR.imd, id)),
    hasMobile: chance(FOR.mobile, isOld ? 0.7 : 0.93),
    hasApp,
    hasPush: hasApp && chance(FOR.push, 0.5),
    hasAddress: chance(FOR.address, 0.95),
    isNumberRight: !chance(FOR.number, assumptions.wrongContact),
    smsDeclined: chance(FOR.consent, 0.03),
    readiness: draws.normal(FOR.ready, id),
    ...(end < assumptions.dies
      ? { dies: endDay }
      : end < assumptions.dies + assumptions.optsOut
        ? { optsOut: endDay }
        : {}),
    needs: needsOf(id, assumptions, draws),
  };
}

function needsOf(person: number, { motive }: Assumptions, draws: Draws): Need[] {
  const many = draws.uniform(FOR.needs, person);
  const count = many < 0.6 ? 1 : many < 0.88 ? 2 : 3;
  return Array.from({ length: count }, (_, index) => ({
    id: person * 4 + index,
    person,
    kind: kindOf(draws.uniform(FOR.needs, person, index, 1)),
    due: dueOf(draws, person, index),
    motive: motive * draws.normal(FOR.needs, person, index, 2),
  }));
}

function kindOf(draw: number): Need['kind'] {
  return draw < KINDS.review.share
    ? 'review'
    : draw < KINDS.review.share + KINDS.vaccination.share
      ? 'vaccination'
      : 'monitoring';
}

/** A: two needs of one person in three fall in the same six weeks; two in five fall in ten weeks of autumn. */
function dueOf(draws: Draws, person: number, index: number): number {
  const anchor = peaked(draws.uniform(FOR.needs, person, 0, 3), draws.uniform(FOR.needs, person, 0, 4));
  if (index === 0) return anchor;
  const isNear = draws.uniform(FOR.needs, person, index, 5) < 2 / 3;
  const near = anchor + Math.floor(42 * draws.uniform(FOR.needs, person, index, 3));
  const other = peaked(draws.uniform(FOR.needs, person, index, 3), draws.uniform(FOR.needs, person, index, 4));
  return Math.min(LAST_DUE, isNear ? near : other);
}

function peaked(which: number, where: number): number {
  return which < 0.2 ? 150 + Math.floor(70 * where) : Math.floor(LAST_DUE * where);
}
