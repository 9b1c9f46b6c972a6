/** Vaccinations of a season, and of a course of two doses: care-needs §2.7, windows §2.9. */
import { shift } from './families.ts';
import { allOf, anyOf, holds, isAged, isHere, isPalliative, isWithin, not, onOrAfter } from './owed.ts';
import type { Case, RulePack } from './patient.ts';

/** The season of 2026/27: 1 September to 31 March, overdue from 1 December. */
type Seasonal = {
  readonly word: string;
  /** The value set of the vaccination. */
  readonly given: string;
  readonly declined: string;
  /** Old enough all through the season. */
  readonly born: string;
};

const noLonger = { 'palliative-care': '2026-01-01', 'palliative-care-ended': '2026-03-01' };

function seasonal({ word, given, declined, born }: Seasonal): readonly Case[] {
  const of = (says: string, on: string, has: Case['has'], want: Case['want']): Case => ({
    says: `${word}, ${says}`,
    on,
    born,
    has,
    want,
  });
  const october = '2026-10-01';
  return [
    of('the day before the season', '2026-08-31', {}, 'not-eligible'),
    of('the first day of the season', '2026-09-01', {}, 'due'),
    of('the last day of November', '2026-11-30', {}, 'due'),
    of('the first of December', '2026-12-01', {}, 'overdue'),
    of('the last day of the season', '2027-03-31', {}, 'overdue'),
    of('given last season', october, { [given]: '2026-01-10' }, 'due'),
    of('given on the day before the season', october, { [given]: '2026-08-31' }, 'due'),
    of('given on the first day of the season', october, { [given]: '2026-09-01' }, 'up-to-date'),
    of('given in this season, asked on its last day', '2027-03-31', { [given]: '2026-10-01' }, 'up-to-date'),
    of('given at an unknown date', october, { [given]: '' }, 'unknown'),
    of('declined this season', october, { [declined]: '2026-09-20' }, 'excluded'),
    of('declined this season, asked on its last day', '2027-03-31', { [declined]: '2026-09-20' }, 'excluded'),
    of('declined last season', october, { [declined]: '2026-02-01' }, 'due'),
    of('in palliative care', october, { 'palliative-care': '2026-01-01' }, 'excluded'),
    of('palliative care ended', october, noLonger, 'due'),
    { ...of('died', october, {}, 'not-eligible'), deceased: true },
    { ...of('moved to another practice', october, {}, 'not-eligible'), registered: false },
    { ...of('age unknown', october, {}, 'unknown'), born: null },
    { ...of('part of the record is withheld', october, {}, 'unknown'), incomplete: ['confidential-items'] },
  ];
}

const influenza: Seasonal = {
  word: 'Influenza',
  given: 'flu-vaccination',
  declined: 'flu-declined',
  born: '1950-05-05',
};
const influenzaOnly: readonly Case[] = [
  { says: 'Influenza, 65 on 31 March', on: '2026-10-01', born: '1962-03-31', has: {}, want: 'due' },
  { says: 'Influenza, 65 on 1 April', on: '2026-10-01', born: '1962-04-01', has: {}, want: 'not-eligible' },
  { says: 'Influenza, 65 in March, day unknown', on: '2026-10-01', born: '1962-03', has: {}, want: 'due' },
  { says: 'Influenza, born in the year that decides', on: '2026-10-01', born: '1962', has: {}, want: 'unknown' },
  {
    says: 'Influenza, contraindicated this season',
    on: '2026-10-01',
    has: { 'flu-contraindicated': '2026-09-10' },
    want: 'excluded',
  },
  {
    says: 'Influenza, contraindicated last season',
    on: '2026-10-01',
    has: { 'flu-contraindicated': '2026-02-10' },
    want: 'due',
  },
  {
    says: 'Influenza, allergic to the vaccine years ago',
    on: '2026-10-01',
    has: { 'flu-allergy': '2001-02-10' },
    want: 'excluded',
  },
].map((one): Case => ({ born: influenza.born, ...one }) as Case);

const covid: Seasonal = {
  word: 'COVID-19',
  given: 'covid-vaccination',
  declined: 'covid-declined',
  born: '1945-05-05',
};
const covidOnly: readonly Case[] = [
  { says: 'COVID-19, 75 tomorrow', on: '2026-10-01', born: '1951-10-02', has: {}, want: 'not-eligible' },
  { says: 'COVID-19, 75 today', on: '2026-10-01', born: '1951-10-01', has: {}, want: 'due' },
];

const inSeason = '%today.toDate() >= @2026-09-01 and %today.toDate() <= @2027-03-31';
const isSeasonal = ({ given, declined }: Seasonal, age: string) =>
  allOf(
    isHere,
    inSeason,
    age,
    not(isPalliative),
    not(onOrAfter(given, '2026-09-01')),
    not(onOrAfter(declined, '2026-04-01')),
  );

/** A course of two doses, from an age; the second from six months after the first. */
function shingles(word: string, born: string, birthday: string): readonly Case[] {
  const on = '2026-06-15';
  const both = { 'shingles-first-dose': '2025-01-10', 'shingles-second-dose': '2025-07-20' };
  const of = (says: string, has: Case['has'], want: Case['want'], missing?: readonly string[]): Case => ({
    says: `${word}, ${says}`,
    on,
    born,
    has,
    want,
    ...(missing ? { missing } : {}),
  });
  return [
    { ...of('of age tomorrow', {}, 'not-eligible'), born: shift(birthday, 1) },
    { ...of('of age today, no dose', {}, 'due', ['first', 'second']), born: birthday, due: on },
    of('of age for a year, no dose', {}, 'overdue', ['first', 'second']),
    of('first dose six months ago but a day', { 'shingles-first-dose': '2025-12-16' }, 'excluded'),
    of('first dose six months ago to the day', { 'shingles-first-dose': '2025-12-15' }, 'overdue', ['second']),
    of('a dose of unstated number last month', { 'shingles-vaccination': '2026-05-15' }, 'excluded'),
    of('a dose of unstated number last year', { 'shingles-vaccination': '2025-05-15' }, 'overdue', ['second']),
    of('both doses', both, 'up-to-date'),
    of('second dose at an unknown date', { ...both, 'shingles-second-dose': '' }, 'unknown'),
    of('the live vaccine years ago', { 'shingles-live-vaccination': '2019-04-04' }, 'excluded'),
    of('declined a year ago but a day', { 'shingles-declined': '2025-06-16' }, 'excluded'),
    of('declined a year ago to the day', { 'shingles-declined': '2025-06-15' }, 'overdue'),
    of('contraindicated', { 'shingles-contraindicated': '2020-06-16' }, 'excluded'),
    of('in palliative care', { 'palliative-care': '2026-01-01' }, 'excluded'),
    of('palliative care ended', noLonger, 'overdue'),
    of('unstated dose six months ago but a day', { 'shingles-vaccination': '2025-12-16' }, 'excluded'),
    of('unstated dose six months ago to the day', { 'shingles-vaccination': '2025-12-15' }, 'overdue', ['second']),
    // Of age on 18 December: 179 days before 15 June, and overdue after 180.
    { ...of('of age for 179 days', {}, 'due'), born: `${Number(birthday.slice(0, 4)) - 1}-12-18`, due: '2025-12-18' },
    {
      ...of('of age for 180 days', {}, 'overdue'),
      born: `${Number(birthday.slice(0, 4)) - 1}-12-17`,
      due: '2025-12-17',
    },
    { ...of('age unknown', {}, 'unknown'), born: null },
    { ...of('part of the record is withheld', {}, 'unknown'), incomplete: ['confidential-items'] },
    { ...of('died', {}, 'not-eligible'), deceased: true },
    { ...of('moved to another practice', {}, 'not-eligible'), registered: false },
  ];
}

const isOwedShingles = (...who: readonly string[]) =>
  allOf(
    isHere,
    ...who,
    not(isPalliative),
    not(isWithin('shingles-first-dose', '6 months')),
    not(isWithin('shingles-vaccination', '6 months')),
    not(holds('shingles-live-vaccination')),
    not(holds('shingles-contraindicated')),
    not(isWithin('shingles-declined', '12 months')),
    anyOf(
      allOf(not(holds('shingles-first-dose')), not(holds('shingles-vaccination'))),
      not(holds('shingles-second-dose')),
    ),
  );
const bornBy = (comparison: string) =>
  `Bundle.entry.resource.where(resourceType = 'Patient').birthDate.toDate() ${comparison}`;

export const seasons: readonly RulePack[] = [
  {
    file: 'influenza-vaccination',
    cases: [...seasonal(influenza), ...influenzaOnly],
    owed: allOf(
      isSeasonal(influenza, not(bornBy('>= @1962-04-01'))),
      not(holds('flu-allergy')),
      not(onOrAfter('flu-contraindicated', '2026-04-01')),
    ),
  },
  { file: 'covid-vaccination', cases: [...seasonal(covid), ...covidOnly], owed: isSeasonal(covid, isAged(75)) },
  {
    file: 'shingles-vaccination',
    cases: [
      ...shingles('Shingles from 65', '1960-05-05', '1961-06-15'),
      { says: 'Shingles, born on 1 September 1958', on: '2026-06-15', born: '1958-09-01', has: {}, want: 'overdue' },
      { says: 'Shingles, born on 31 August 1958', on: '2026-06-15', born: '1958-08-31', has: {}, want: 'not-eligible' },
      { says: 'Shingles, born in 1958', on: '2026-06-15', born: '1958', has: {}, want: 'unknown' },
    ],
    owed: isOwedShingles(isAged(65), bornBy('>= @1958-09-01')),
  },
  {
    file: 'shingles-vaccination-70',
    cases: [
      ...shingles('Shingles from 70', '1955-05-05', '1956-06-15'),
      { says: 'Shingles, 80 tomorrow', on: '2026-06-15', born: '1946-06-16', has: {}, want: 'overdue' },
      { says: 'Shingles, 80 today', on: '2026-06-15', born: '1946-06-15', has: {}, want: 'not-eligible' },
    ],
    owed: isOwedShingles(isAged(70, 79)),
  },
];
