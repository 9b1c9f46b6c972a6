/** Patients that every rule of a kind must get right, said once for the kind; a rule adds what is its own. */
import type { Case, Entry } from './patient.ts';

type Has = Readonly<Record<string, Entry | readonly Entry[]>>;

/** A yearly review of a register. All was last done on 15 June 2025, so it is due on 15 June 2026. */
export type Yearly = {
  /** The diagnosis in words, and the register's value set. */
  readonly word: string;
  readonly register: string;
  /** Value set of what resolves it. */
  readonly resolved?: string;
  /** Value set of what shows that each component was done, by component. */
  readonly done: Readonly<Record<string, string>>;
  /** The first day on which it is approaching, and on which it is overdue: care-needs §2.9. */
  readonly opens: string;
  readonly overdue: string;
  readonly declined?: string;
  readonly unsuitable?: string;
  /** The youngest age in years; absent = any. */
  readonly youngest?: number;
  /** What else the record must hold to be eligible. */
  readonly besides?: Has;
  /** Palliative care does not exclude. */
  readonly isForThePalliativeToo?: boolean;
};

const DAY = 86_400_000;
/** The day before or after, in plain days: the dates of a table stay readable where they are given. */
export const shift = (date: string, days: number): string =>
  new Date(Date.parse(date) + days * DAY).toISOString().slice(0, 10);

const all = (done: Readonly<Record<string, string>>, date: string): Has =>
  Object.fromEntries(Object.values(done).map((set) => [set, date]));

export function yearly(kind: Yearly): readonly Case[] {
  const on = { [kind.register]: '2016-03-01', ...kind.besides };
  const reviewed = { ...on, ...all(kind.done, '2025-06-15') };
  return [
    ...windowCases(kind, reviewed),
    ...registerCases(kind, on, reviewed),
    ...exclusionCases(kind, reviewed),
    ...ageCases(kind, reviewed),
    ...partialCases(kind, reviewed),
  ];
}

function windowCases({ opens, overdue, word }: Yearly, has: Has): readonly Case[] {
  const due = '2026-06-15';
  return [
    { says: `${word}, the day before it opens`, on: shift(opens, -1), has, want: 'up-to-date', due },
    { says: `${word}, the day it opens`, on: opens, has, want: 'approaching', due },
    { says: `${word}, the day before it is due`, on: '2026-06-14', has, want: 'approaching', due },
    { says: `${word}, a year to the day`, on: due, has, want: 'due', due },
    { says: `${word}, the day before it is overdue`, on: shift(overdue, -1), has, want: 'due', due },
    { says: `${word}, the day it is overdue`, on: overdue, has, want: 'overdue', due },
  ];
}

function registerCases({ word, register, resolved, done, besides }: Yearly, on: Has, reviewed: Has): readonly Case[] {
  const day = '2026-06-15';
  const { [register]: _, ...noDiagnosis } = reviewed;
  const undated = { ...on, ...all(done, '') };
  return [
    { says: `No diagnosis of ${word}`, on: day, has: noDiagnosis, want: 'not-eligible' },
    { says: `${word}, nothing ever done in ten years`, on: day, has: on, want: 'overdue', missing: Object.keys(done) },
    {
      says: `${word} diagnosed today, nothing done yet`,
      on: '2026-06-15',
      has: { ...besides, [register]: day },
      want: 'due',
      due: day,
    },
    {
      says: `${word}, new to the practice this week, nothing in the record`,
      on: day,
      registeredOn: '2026-06-10',
      has: on,
      want: 'due',
      due: '2026-06-10',
    },
    { says: `${word}, done at an unknown date`, on: day, has: undated, want: 'unknown' },
    {
      says: `${word}, but part of the record is withheld`,
      on: day,
      incomplete: ['confidential-items'],
      has: reviewed,
      want: 'unknown',
    },
    { says: `${word}, died`, on: day, deceased: true, has: reviewed, want: 'not-eligible' },
    { says: `${word}, perhaps died`, on: day, deceased: 'unknown', has: reviewed, want: 'unknown' },
    { says: `${word}, moved to another practice`, on: day, registered: false, has: reviewed, want: 'not-eligible' },
    ...(resolved
      ? ([
          {
            says: `${word}, resolved since`,
            on: day,
            has: { ...reviewed, [resolved]: '2020-01-01' },
            want: 'not-eligible',
          },
          {
            says: `${word}, resolved and diagnosed again`,
            on: day,
            has: { ...reviewed, [resolved]: '2018-01-01', [register]: ['2016-03-01', '2019-01-01'] },
            want: 'due',
          },
          {
            says: `${word}, resolved at an unknown date`,
            on: day,
            has: { ...reviewed, [resolved]: '' },
            want: 'unknown',
          },
        ] satisfies Case[])
      : []),
  ];
}

function exclusionCases({ word, declined, unsuitable, isForThePalliativeToo }: Yearly, reviewed: Has): readonly Case[] {
  const day = '2026-06-15';
  const lapsing = [declined, unsuitable]
    .filter((set) => set !== undefined)
    .flatMap((set): Case[] => [
      { says: `${word}, ${set} yesterday`, on: day, has: { ...reviewed, [set]: '2026-06-14' }, want: 'excluded' },
      {
        says: `${word}, ${set} a year ago but a day`,
        on: day,
        has: { ...reviewed, [set]: '2025-06-16' },
        want: 'excluded',
      },
      {
        says: `${word}, ${set} a year ago to the day`,
        on: day,
        has: { ...reviewed, [set]: '2025-06-15' },
        want: 'due',
      },
      { says: `${word}, ${set} at an unknown date`, on: day, has: { ...reviewed, [set]: '' }, want: 'unknown' },
    ]);
  if (isForThePalliativeToo) return lapsing;
  const palliative = { ...reviewed, 'palliative-care': '2025-09-01' };
  return [
    ...lapsing,
    { says: `${word}, in palliative care`, on: day, has: palliative, want: 'excluded' },
    {
      says: `${word}, palliative care ended`,
      on: day,
      has: { ...palliative, 'palliative-care-ended': '2026-01-10' },
      want: 'due',
    },
  ];
}

function ageCases({ word, youngest }: Yearly, has: Has): readonly Case[] {
  if (youngest === undefined) return [];
  const day = '2026-06-15';
  const year = 2026 - youngest;
  return [
    { says: `${word}, ${youngest} tomorrow`, on: day, born: `${year}-06-16`, has, want: 'not-eligible' },
    { says: `${word}, ${youngest} today`, on: day, born: `${year}-06-15`, has, want: 'due' },
    { says: `${word}, born in the month that decides`, on: day, born: `${year}-06`, has, want: 'unknown' },
    { says: `${word}, born the year before, month unknown`, on: day, born: `${year - 1}`, has, want: 'due' },
    { says: `${word}, age unknown`, on: day, born: null, has, want: 'unknown' },
  ];
}

/** All but one component done in spring: the need stays, and names the one that is left, whichever it is. */
function partialCases({ word, done }: Yearly, reviewed: Has): readonly Case[] {
  const ids = Object.keys(done);
  const inMay = (some: readonly string[]) => ({
    ...reviewed,
    ...Object.fromEntries(some.map((id) => [done[id] ?? '', '2026-05-01'])),
  });
  const left = ids.length > 1 ? ids : [];
  return [
    { says: `${word}, all done in May`, on: '2026-06-20', has: inMay(ids), want: 'up-to-date' },
    ...left.map(
      (id): Case => ({
        says: `${word}, all but ${id} done in May`,
        on: '2026-06-15',
        has: inMay(ids.filter((one) => one !== id)),
        want: 'due',
        due: '2026-06-15',
        missing: [id],
      }),
    ),
  ];
}

/** A medicine that is monitored: tests repeat while it is issued. */
export type Monitored = {
  readonly word: string;
  readonly medicine: string;
  readonly done: Readonly<Record<string, string>>;
  /** The day on which all the tests were last done, and what follows from the interval of the first of them. */
  readonly tested: string;
  readonly opens: string;
  readonly due: string;
  readonly overdue: string;
  /** Components that are due then; the others have longer intervals. */
  readonly missing: readonly string[];
};

export function monitored({ word, medicine, done, tested, opens, due, overdue, missing }: Monitored): readonly Case[] {
  const issued = (date: string, supplyDays = 28) => ({ [medicine]: { date, supplyDays } });
  const tests = all(done, tested);
  const now = { ...tests, ...issued(shift(due, -5)) };
  const yesterday = (ids: readonly string[]) => Object.fromEntries(ids.map((id) => [done[id] ?? '', shift(due, -1)]));
  return [
    {
      says: `${word}, the day before it opens`,
      on: shift(opens, -1),
      has: { ...tests, ...issued(shift(opens, -5)) },
      want: 'up-to-date',
      due,
    },
    {
      says: `${word}, the day it opens`,
      on: opens,
      has: { ...tests, ...issued(shift(opens, -5)) },
      want: 'approaching',
      due,
    },
    { says: `${word}, the day before it is due`, on: shift(due, -1), has: now, want: 'approaching', due },
    { says: `${word}, the day it is due`, on: due, has: now, want: 'due', due, missing },
    { says: `${word}, the day before it is overdue`, on: shift(overdue, -1), has: now, want: 'due', due },
    { says: `${word}, the day it is overdue`, on: overdue, has: now, want: 'overdue', due },
    {
      says: `${word}, never tested`,
      on: due,
      has: issued(shift(due, -5)),
      want: 'overdue',
      missing: Object.keys(done),
    },
    { says: `${word}, all tested yesterday`, on: due, has: { ...now, ...yesterday(missing) }, want: 'up-to-date' },
    ...missing.map(
      (id): Case => ({
        says: `${word}, only ${id} not tested since`,
        on: due,
        has: { ...now, ...yesterday(Object.keys(done).filter((one) => one !== id)) },
        want: 'due',
        due,
        missing: [id],
      }),
    ),
    {
      says: `${word}, issued a year ago to the day for as long`,
      on: due,
      has: { ...tests, ...issued(shift(due, -365), 365) },
      want: 'due',
      due,
    },
    {
      says: `${word}, issued a year and a day ago for a year`,
      on: due,
      has: { ...tests, ...issued(shift(due, -366), 365) },
      want: 'not-eligible',
    },
    {
      says: `${word}, last issued 42 days ago for 28 days`,
      on: due,
      has: { ...tests, ...issued(shift(due, -42)) },
      want: 'due',
      due,
    },
    {
      says: `${word}, last issued 43 days ago for 28 days`,
      on: due,
      has: { ...tests, ...issued(shift(due, -43)) },
      want: 'not-eligible',
    },
    { says: `${word}, supply not recorded`, on: due, has: { ...tests, [medicine]: shift(due, -5) }, want: 'unknown' },
    {
      says: `${word}, issue without a date`,
      on: due,
      has: { ...tests, [medicine]: { supplyDays: 28 } },
      want: 'unknown',
    },
    { says: `${word}, never issued`, on: due, has: tests, want: 'not-eligible' },
    {
      says: `${word}, never issued, but part of the record is withheld`,
      on: due,
      incomplete: ['confidential-items'],
      has: tests,
      want: 'unknown',
    },
    {
      says: `${word}, in palliative care: the prescriber decides, the need stays`,
      on: due,
      has: { ...now, 'palliative-care': '2026-01-01' },
      want: 'due',
    },
    { says: `${word}, died`, on: due, deceased: true, has: now, want: 'not-eligible' },
    { says: `${word}, moved to another practice`, on: due, registered: false, has: now, want: 'not-eligible' },
  ];
}
