/**
 * The conditions and exclusions of a need rule as SQL over one patient's row `p`, on a date that is an expression itself. SQL's own three values are the rule's: null is unknown. Each term says what its counterpart in
 * domain/needs says in words (eligibility, exclusions); a property test holds the two together.
 */
import type {
  EvaluatedAge,
  EvaluatedBounds,
  EvaluatedExclusion,
  EvaluatedMedication,
  EvaluatedRule,
  EvaluatedSeason,
} from './needs-rule.ts';
import { join, type Sql, sql } from './sql.ts';

/** A value by date, and the dates on which it may change. */
export type Term = { readonly at: (date: Sql) => Sql; readonly changes: readonly Sql[] };

/** The columns of the patient's row that hold the latest entry of a value set. */
export type Slot = (valueSet: string) => number;

/** Text of our own making: a number or the name of a column. */
export const raw = (text: string): Sql => sql([text] as unknown as TemplateStringsArray);

export function number(value: number): Sql {
  if (!Number.isFinite(value)) throw new Error(`A rule holds ${value} where a number is wanted`);
  return raw(String(value));
}

export const has = (slot: number): Sql => raw(`p.k${slot} is not null`);
export const dated = (slot: number): Sql => raw(`p.d${slot}`);
const supply = (slot: number): Sql => raw(`p.s${slot}`);

export const months = (date: Sql, count: number): Sql =>
  sql`(${date} + make_interval(months => ${number(count)}))::date`;

/** All of them have to be true. */
export function conditionsOf(rule: EvaluatedRule, slot: Slot): readonly Term[] {
  return [
    { at: () => sql`p.alive`, changes: [] },
    { at: () => sql`p.registered`, changes: [] },
    ...(rule.age ? [ofAge(rule.age), ...(isBornAsked(rule.age) ? [bornWithin(rule.age)] : [])] : []),
    ...(rule.register ? [onRegister(rule.register, slot)] : []),
    ...(rule.medication ? [taking(rule.medication, slot)] : []),
    ...(rule.season ? [inSeason(rule.season)] : []),
  ];
}

/** Whether the rule is surely not for the patient whatever the date: most patients of most rules, settled without more. */
export function neverEligible(rule: EvaluatedRule, slot: Slot): Sql {
  const wanted = [rule.register?.valueSet, rule.medication?.valueSet].filter((one) => one !== undefined);
  return join(
    [
      sql`p.alive is false`,
      sql`p.registered is false`,
      ...wanted.map((valueSet) => sql`(p.whole and not ${has(slot(valueSet))})`),
    ],
    ' or ',
  );
}

const isBornAsked = ({ bornFrom, bornUntil }: EvaluatedAge) => bornFrom !== undefined || bornUntil !== undefined;

function ofAge({ youngest = 0, oldest, on }: EvaluatedAge): Term {
  const counts = (born: Sql, years: number) => countsFrom(reaches(born, years), on);
  const [perhapsFrom, surelyFrom] = [counts(sql`p.born_from`, youngest), counts(sql`p.born_to`, youngest)];
  if (oldest === undefined)
    return {
      changes: [perhapsFrom, surelyFrom],
      at: (date) => sql`case when ${date} < ${perhapsFrom} then false when ${date} >= ${surelyFrom} then true end`,
    };
  const [perhapsPast, surelyPast] = [counts(sql`p.born_from`, oldest + 1), counts(sql`p.born_to`, oldest + 1)];
  return {
    changes: [perhapsFrom, surelyFrom, perhapsPast, surelyPast],
    at: (date) => sql`case when ${date} < ${perhapsFrom} or ${date} >= ${surelyPast} then false
      when ${date} >= ${surelyFrom} and ${date} < ${perhapsPast} then true end`,
  };
}

/** Null where the date of birth is not known, or too coarse to tell. */
function bornWithin({ bornFrom, bornUntil }: EvaluatedAge): Term {
  const [from, until] = [
    sql`coalesce(${bornFrom ?? null}::date, p.born_from)`,
    sql`coalesce(${bornUntil ?? null}::date, p.born_to)`,
  ];
  return {
    changes: [],
    at: () => sql`case when p.born_to < ${from} or p.born_from > ${until} then false
      when p.born_from >= ${from} and p.born_to <= ${until} then true end`,
  };
}

/** An age judged on a month-day counts from the day after the one before it was reached. */
function countsFrom(reached: Sql, on: string | undefined): Sql {
  return on === undefined ? reached : sql`(${monthDay(sql`(${reached} - 1)`, on, 'last')} + 1)`;
}

/** The last such day on or before a date, or the next one on or after it. */
export function monthDay(date: Sql, day: string, which: 'last' | 'next'): Sql {
  const [month, dayOfMonth] = day.split('-').map(Number);
  const inYear = (more: number) =>
    sql`make_date(extract(year from ${date})::int + ${number(more)}, ${number(month ?? Number.NaN)}, ${number(dayOfMonth ?? Number.NaN)})`;
  const isThis = which === 'last' ? sql`${inYear(0)} <= ${date}` : sql`${inYear(0)} >= ${date}`;
  return sql`(case when ${isThis} then ${inYear(0)} else ${inYear(which === 'last' ? -1 : 1)} end)`;
}

/** The first day on which the patient is surely old enough, where the age is all that the rule asks for. */
export function oldEnoughFrom({ age, register, medication }: EvaluatedRule): Sql {
  if (register || medication || age?.youngest === undefined) return sql`null::date`;
  return countsFrom(reaches(sql`p.born_to`, age.youngest), age.on);
}

/** The day on which an age is reached; born on 29 February, that is 1 March in a common year. */
function reaches(born: Sql, years: number): Sql {
  const anniversary = months(born, 12 * years);
  return sql`(${anniversary} + (extract(day from ${anniversary}) < extract(day from ${born}))::int)`;
}

function inSeason(season: EvaluatedSeason): Term {
  const [from, until] = [season.from, season.until].map((day) => number(Number(day.replace('-', ''))));
  const within = (day: Sql) =>
    season.from <= season.until
      ? sql`${day} between ${from} and ${until}`
      : sql`(${day} >= ${from} or ${day} <= ${until})`;
  return {
    changes: turnsOf(season),
    at: (date) => within(sql`(extract(month from ${date}) * 100 + extract(day from ${date}))`),
  };
}

/** The days around today on which a season begins or is over. */
export function turnsOf({ from, until }: EvaluatedSeason): readonly Sql[] {
  return [-1, 0, 1, 2].flatMap((more) => {
    const near = sql`(today.day + make_interval(years => ${number(more)}))::date`;
    return [inYearOf(near, from), sql`(${inYearOf(near, until)} + 1)`];
  });
}

function inYearOf(date: Sql, day: string): Sql {
  const [month, dayOfMonth] = day.split('-').map(Number);
  return sql`make_date(extract(year from ${date})::int, ${number(month ?? Number.NaN)}, ${number(dayOfMonth ?? Number.NaN)})`;
}

function onRegister(register: NonNullable<EvaluatedRule['register']>, slot: Slot): Term {
  const diagnosis = slot(register.valueSet);
  const [on, isOn] = [dated(diagnosis), has(diagnosis)];
  const absent = sql`when not ${isOn} then case when p.whole then false end`;
  if (register.resolved === undefined)
    return {
      changes: [on],
      at: (date) => sql`case ${absent} when ${date} < ${on} then null else true end`,
    };
  const [off, isOff] = [dated(slot(register.resolved)), has(slot(register.resolved))];
  return {
    changes: [on, off],
    at: (date) => sql`case ${absent}
      when not ${isOff} then case when ${date} < ${on} then null else true end
      when ${on} is null or ${off} is null or ${date} < greatest(${on}, ${off}) then null
      else ${on} > ${off} end`,
  };
}

function taking({ valueSet, months: most, supplyFactor }: EvaluatedMedication, slot: Slot): Term {
  const place = slot(valueSet);
  const issued = dated(place);
  const outermost = sql`(${months(issued, most)} + 1)`;
  const supplied =
    supplyFactor === undefined
      ? sql`null::date`
      : sql`case when ${supply(place)} > 0 then ${issued} + floor(${number(supplyFactor)}::float8 * ${supply(place)})::int + 1 end`;
  const ceases = sql`least(${supplied}, ${outermost})`;
  const isSupplyKnown = supplyFactor === undefined ? sql`true` : sql`${supply(place)} > 0`;
  return {
    changes: [issued, ceases],
    at: (date) => sql`case when not ${has(place)} then case when p.whole then false end
      when ${issued} is null or ${date} < ${issued} then null
      when ${date} >= ${ceases} then case when p.whole then false end
      when ${isSupplyKnown} then true end`,
  };
}

/** One that is true excludes. */
export function exclusionOf(exclusion: EvaluatedExclusion, slot: Slot): Term {
  const { valueSet, endedBy, bounds } = exclusion;
  const place = slot(valueSet);
  const since = dated(place);
  const lapses = lapseOf(exclusion, since);
  const isLapsing = exclusion.months !== undefined || exclusion.until !== undefined;
  const [ends, isEnding] =
    endedBy === undefined ? [sql`null::date`, sql`false`] : [dated(slot(endedBy)), has(slot(endedBy))];
  const undated = !isLapsing ? sql`case when not (${isEnding}) then true end` : sql`null`;
  return {
    changes: [since, ...(isLapsing ? [lapses] : []), ...(endedBy === undefined ? [] : [ends])],
    at: (date) => sql`case when not ${has(place)} then false
      ${bounds ? unlessWithin(bounds, [place], sql`false`) : sql``}
      when ${since} is null then ${undated}
      when ${date} < ${since} then null
      when ${date} >= ${lapses} then false
      when (${isEnding}) and ${ends} is null then null
      when ${ends} > ${since} and ${date} >= ${ends} then false
      else true end`,
  };
}

/** Of the latest entry among several value sets: whether its value is within; null without a value, or in another unit. */
export function within({ atLeast, atMost, unit }: EvaluatedBounds, places: readonly number[]): Sql {
  const latest = sql`greatest(${join(places.map(dated), ', ')})`;
  const judged = places.map((place) => {
    const value = raw(`p.v${place}`);
    const least = atLeast === undefined ? sql`true` : sql`${value} >= ${number(atLeast)}`;
    const most = atMost === undefined ? sql`true` : sql`${value} <= ${number(atMost)}`;
    const isLatest = places.length === 1 ? sql`true` : sql`${dated(place)} = ${latest}`;
    return sql`when ${isLatest} then case when ${value} is not null and ${raw(`p.u${place}`)} = ${unit} then ${least} and ${most} end`;
  });
  return sql`(case ${join(judged, ' ')} end)`;
}

function unlessWithin(bounds: EvaluatedBounds, places: readonly number[], otherwise: Sql): Sql {
  const judged = within(bounds, places);
  return sql`when ${judged} is false then ${otherwise} when ${judged} is null then null`;
}

function lapseOf({ months: most, until }: EvaluatedExclusion, since: Sql): Sql {
  if (most !== undefined) return months(since, most);
  return until === undefined ? sql`null::date` : sql`(${monthDay(since, until, 'next')} + 1)`;
}
