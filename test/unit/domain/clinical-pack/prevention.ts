/** Care that age alone calls for: care-needs §2.6, §2.7; windows §2.9. */
import { shift } from './families.ts';
import { allOf, hadAtLeast, holds, isAged, isHere, isPalliative, isWithin, not } from './owed.ts';
import type { Case, RulePack } from './patient.ts';

type ByAge = {
  readonly word: string;
  readonly youngest: number;
  readonly oldest?: number;
  /** The value set that shows it was done. */
  readonly done: string;
  /** Days after it is due. */
  readonly overdueAfter: number;
  /** Entries that exclude for good. */
  readonly excluding?: readonly string[];
};

const day = '2026-06-15';

/** Patients whom every such rule must get right: ages, those who never had it, those who are out. */
function byAge({ word, youngest, oldest, done, overdueAfter, excluding = [] }: ByAge): readonly Case[] {
  const year = 2026 - youngest;
  const birthday = (date: string) => `${Number(date.slice(0, 4)) - youngest}${date.slice(4)}`;
  const long = { born: `${year - 3}-02-01` };
  return [
    { says: `${word}, ${youngest} tomorrow`, on: day, born: `${year}-06-16`, has: {}, want: 'not-eligible' },
    { says: `${word}, ${youngest} today, never done`, on: day, born: `${year}-06-15`, has: {}, want: 'due', due: day },
    {
      says: `${word}, never done, the day before it is overdue`,
      on: day,
      born: birthday(shift(day, 1 - overdueAfter)),
      has: {},
      want: 'due',
      due: shift(day, 1 - overdueAfter),
    },
    {
      says: `${word}, never done, the day it is overdue`,
      on: day,
      born: birthday(shift(day, -overdueAfter)),
      has: {},
      want: 'overdue',
      due: shift(day, -overdueAfter),
    },
    {
      says: `${word}, old enough for long, registered today`,
      on: day,
      ...long,
      registeredOn: day,
      has: {},
      want: 'due',
      due: day,
    },
    { says: `${word}, born in the month that decides`, on: day, born: `${year}-06`, has: {}, want: 'unknown' },
    { says: `${word}, age unknown`, on: day, born: null, has: {}, want: 'unknown' },
    { says: `${word}, done this month`, on: day, ...long, has: { [done]: '2026-06-01' }, want: 'up-to-date' },
    { says: `${word}, done at an unknown date`, on: day, ...long, has: { [done]: '' }, want: 'unknown' },
    {
      says: `${word}, nothing recorded, but part of the record is withheld`,
      on: day,
      ...long,
      incomplete: ['confidential-items'],
      has: {},
      want: 'unknown',
    },
    { says: `${word}, died`, on: day, ...long, deceased: true, has: {}, want: 'not-eligible' },
    { says: `${word}, moved to another practice`, on: day, ...long, registered: false, has: {}, want: 'not-eligible' },
    {
      says: `${word}, in palliative care`,
      on: day,
      ...long,
      has: { 'palliative-care': '2026-01-01' },
      want: 'excluded',
    },
    {
      says: `${word}, palliative care ended`,
      on: day,
      ...long,
      has: { 'palliative-care': '2026-01-01', 'palliative-care-ended': '2026-03-01' },
      want: 'overdue',
    },
    ...excluding.map(
      (set): Case => ({
        says: `${word}, with ${set}`,
        on: day,
        ...long,
        has: { [set]: '2019-03-01' },
        want: 'excluded',
      }),
    ),
    ...(oldest === undefined ? [] : tooOld(word, oldest)),
  ];
}

function tooOld(word: string, oldest: number): readonly Case[] {
  const year = 2026 - oldest - 1;
  return [
    { says: `${word}, ${oldest + 1} tomorrow`, on: day, born: `${year}-06-16`, has: {}, want: 'overdue' },
    { says: `${word}, ${oldest + 1} today`, on: day, born: `${year}-06-15`, has: {}, want: 'not-eligible' },
  ];
}

const isOwed = (rule: ByAge, interval: string, ...besides: readonly string[]) =>
  allOf(isHere, isAged(rule.youngest, rule.oldest), not(isPalliative), not(isWithin(rule.done, interval)), ...besides);

/** Five years to the day from 15 June 2021. */
const fiveYears = (word: string, done: string, opens: string | undefined): readonly Case[] => {
  const has = { [done]: '2021-06-15' };
  const before = opens ?? day;
  return [
    {
      says: `${word} five years ago, the day before it opens`,
      on: shift(before, -1),
      has,
      want: 'up-to-date',
      due: day,
    },
    ...(opens === undefined
      ? []
      : ([
          { says: `${word} five years ago, the day it opens`, on: opens, has, want: 'approaching', due: day },
          { says: `${word} five years ago but a day`, on: '2026-06-14', has, want: 'approaching', due: day },
        ] satisfies Case[])),
    { says: `${word} five years ago to the day`, on: day, has, want: 'due', due: day },
  ];
};

const bloodPressure: ByAge = {
  word: 'Blood pressure',
  youngest: 45,
  done: 'blood-pressure',
  overdueAfter: 180,
  excluding: ['hypertension-register'],
};

const listed = [
  'chd-register',
  'stroke-tia-register',
  'familial-hypercholesterolaemia-register',
  'peripheral-arterial-disease-register',
  'heart-failure-register',
];
const resolvable: readonly (readonly [string, string])[] = [
  ['hypertension-register', 'hypertension-resolved'],
  ['diabetes-register', 'diabetes-resolved'],
  ['ckd-register', 'ckd-resolved'],
  ['atrial-fibrillation-register', 'atrial-fibrillation-resolved'],
];
const healthCheck: ByAge = {
  word: 'Health check',
  youngest: 40,
  oldest: 74,
  done: 'nhs-health-check-completed',
  overdueAfter: 365,
  excluding: [...listed, ...resolvable.map(([register]) => register)],
};

const healthCheckOnly: readonly Case[] = [
  {
    says: 'Health check, statin issued six months ago but a day',
    on: day,
    has: { 'statin-medication': '2025-12-16' },
    want: 'excluded',
  },
  {
    says: 'Health check, statin issued six months ago to the day',
    on: day,
    has: { 'statin-medication': '2025-12-15' },
    want: 'overdue',
  },
  {
    says: 'Health check, risk assessment declined a year ago but a day',
    on: day,
    has: { 'cardiovascular-risk-declined': '2025-06-16' },
    want: 'excluded',
  },
  {
    says: 'Health check, risk assessment declined a year ago to the day',
    on: day,
    has: { 'cardiovascular-risk-declined': '2025-06-15' },
    want: 'overdue',
  },
  {
    says: 'Health check, risk score of 20 %',
    on: day,
    has: { 'cardiovascular-risk-score': { date: '2023-02-02', value: 20, unit: '%' } },
    want: 'excluded',
  },
  {
    says: 'Health check, risk score of 19.9 %',
    on: day,
    has: { 'cardiovascular-risk-score': { date: '2023-02-02', value: 19.9, unit: '%' } },
    want: 'overdue',
  },
  {
    says: 'Health check, risk score of 25 % ten years ago to the day',
    on: day,
    has: { 'cardiovascular-risk-score': { date: '2016-06-15', value: 25, unit: '%' } },
    want: 'overdue',
  },
  {
    says: 'Health check, risk score without a value',
    on: day,
    has: { 'cardiovascular-risk-score': '2023-02-02' },
    want: 'unknown',
  },
  ...resolvable.map(
    ([register, resolved]): Case => ({
      says: `Health check, ${register} and then ${resolved}`,
      on: day,
      has: { [register]: '2015-03-01', [resolved]: '2019-03-01' },
      want: 'overdue',
    }),
  ),
];

const pneumococcal: ByAge = { word: 'Pneumococcal', youngest: 65, done: 'pneumococcal-vaccination', overdueAfter: 180 };
const rsv: ByAge = { word: 'RSV', youngest: 75, done: 'rsv-vaccination', overdueAfter: 180 };
const onceOnly = (word: string, done: string): Case => ({
  says: `${word}, done many years ago: once is enough`,
  on: day,
  born: '1940-02-01',
  has: { [done]: '2006-10-10' },
  want: 'up-to-date',
});

const pressureOnly: readonly Case[] = [
  { says: 'Declined a year ago but a day', on: day, has: { 'hypertension-declined': '2025-06-16' }, want: 'excluded' },
  { says: 'Declined a year ago to the day', on: day, has: { 'hypertension-declined': '2025-06-15' }, want: 'overdue' },
  {
    says: 'Hypertension that was resolved',
    on: day,
    has: { 'hypertension-register': '2015-03-01', 'hypertension-resolved': '2019-03-01' },
    want: 'overdue',
  },
];

export const prevention: readonly RulePack[] = [
  {
    file: 'blood-pressure-check',
    cases: [...byAge(bloodPressure), ...fiveYears('Blood pressure', 'blood-pressure', '2026-04-16'), ...pressureOnly],
    owed: isOwed(
      bloodPressure,
      '60 months',
      not(holds('hypertension-register', 'hypertension-resolved')),
      not(isWithin('hypertension-declined', '12 months')),
    ),
  },
  {
    file: 'nhs-health-check',
    cases: [
      ...byAge(healthCheck),
      ...fiveYears('Health check', 'nhs-health-check-completed', undefined),
      ...healthCheckOnly,
    ],
    owed: isOwed(
      healthCheck,
      '60 months',
      ...listed.map((set) => not(holds(set))),
      ...resolvable.map(([register, resolved]) => not(holds(register, resolved))),
      not(isWithin('statin-medication', '6 months')),
      not(hadAtLeast('cardiovascular-risk-score', 20, '10 years')),
      not(isWithin('cardiovascular-risk-declined', '12 months')),
    ),
  },
  {
    file: 'pneumococcal-vaccination',
    cases: [...byAge(pneumococcal), onceOnly('Pneumococcal', pneumococcal.done)],
    owed: isOwed(pneumococcal, '100 years'),
  },
  { file: 'rsv-vaccination', cases: [...byAge(rsv), onceOnly('RSV', rsv.done)], owed: isOwed(rsv, '100 years') },
];
