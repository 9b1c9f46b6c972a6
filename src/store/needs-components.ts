/**
 * The components of a need rule as SQL: when each was last done, falls due, and how it stands on a date that is an
 * expression itself. The counterpart in words is domain/needs/components.ts; a property test holds the two together.
 */
import type { EvaluatedBounds, EvaluatedComponent, EvaluatedRule, EvaluatedSeason } from './needs-rule.ts';
import {
  dated,
  has,
  monthDay,
  months,
  number,
  oldEnoughFrom,
  raw,
  type Slot,
  type Term,
  turnsOf,
  within,
} from './needs-terms.ts';
import { join, type Sql, sql } from './sql.ts';

/** How a component stands: 0 up to date, 1 approaching, 2 unknown, 3 due, 4 overdue. The greatest decides for the rule. */
export type ComponentTerm = Term & {
  /** The day on which it was last done, with its name; computed once for the row `c`. */
  readonly done: Sql;
  /** The day on which it falls due, where it has one. */
  readonly due: Sql;
  /** Whether it is overdue for nobody knows how long. */
  readonly isEndless: Sql;
};

/** `index`: its place in the rule, by which its dates are named in the rows `c` and `w`. */
export function componentOf(
  component: EvaluatedComponent,
  rule: EvaluatedRule,
  { slot, index }: { slot: Slot; index: number },
): ComponentTerm {
  const places = component.valueSets.map(slot);
  const isNever = join(
    places.map((place) => sql`not ${has(place)}`),
    ' and ',
  );
  const [done, due] = [raw(`c.done${index}`), raw(`w.due${index}`)];
  const { opensBefore, overdueAfter } = rule.schedule;
  const { interval } = component;
  const again = dueAgain(done, interval);
  const [opens, overdue] = [sql`${due} - ${number(opensBefore)}`, sql`${due} + ${number(overdueAfter)}`];
  const since = sql`greatest(${rule.register ? dated(slot(rule.register.valueSet)) : sql`null::date`}, p.since, ${oldEnoughFrom(rule)})`;
  const never = sql`case when not p.whole then 2 when ${due} is null then 4`;
  const standing = { isNever, done, due, since, places, overdueAfter };
  const plain: ComponentTerm = rule.season
    ? inItsSeason(rule.season, standing)
    : {
        done: sql`greatest(${join(places.map(dated), ', ')})`,
        due: sql`case when ${isNever} then case when p.whole then ${since} end else ${again} end`,
        isEndless: sql`(${isNever} and p.whole and ${due} is null)`,
        changes: [done, opens, due, overdue],
        at: (date) => sql`case when ${isNever} then ${never} when ${date} < ${overdue} then 3 else 4 end
          when ${done} is null or ${date} < ${done} then 2
          when ${'once' in interval ? sql`true` : sql`${date} < ${opens}`} then 0
          when not p.whole then 2
          when ${date} >= ${overdue} then 4 when ${date} >= ${due} then 3 else 1 end`,
      };
  return component.bounds ? withValue(plain, component.bounds, standing) : plain;
}

/** Recorded, but with a value that does not count: due since that day. A value that is not known is unknown. */
function withValue(plain: ComponentTerm, bounds: EvaluatedBounds, of: Standing): ComponentTerm {
  const { isNever, done, places, overdueAfter } = of;
  const counts = within(bounds, places);
  const overdue = sql`${done} + ${number(overdueAfter)}`;
  const isDone = sql`not (${isNever}) and ${done} is not null`;
  return {
    ...plain,
    due: sql`case when ${isDone} and ${counts} is null then null when ${isDone} and not ${counts} then ${done} else ${plain.due} end`,
    changes: [...plain.changes, overdue],
    at: (date) => sql`case when ${isDone} and ${counts} is null then 2
      when ${isDone} and not ${counts} then case when ${date} < ${done} or not p.whole then 2 when ${date} >= ${overdue} then 4 else 3 end
      else ${plain.at(date)} end`,
  };
}

type Standing = {
  readonly isNever: Sql;
  readonly done: Sql;
  readonly due: Sql;
  readonly since: Sql;
  readonly places: readonly number[];
  readonly overdueAfter: number;
};

/** What was done in an earlier season does not count: due from its first day, or from when the patient came to it. */
function inItsSeason(season: EvaluatedSeason, of: Standing): ComponentTerm {
  const { isNever, done, since, places, overdueAfter } = of;
  const first = (date: Sql) => monthDay(date, season.from, 'last');
  const opens = (date: Sql) => sql`greatest(${since}, ${first(date)})`;
  const overdue = (date: Sql) => sql`(${opens(date)} + ${number(overdueAfter)})`;
  const turns = turnsOf(season);
  return {
    done: sql`greatest(${join(places.map(dated), ', ')})`,
    due: opens(sql`today.day`),
    isEndless: sql`false`,
    changes: [...turns, ...turns.map(overdue), done],
    at: (date) => sql`case when not (${isNever}) and ${done} is null then 2
      when ${date} < ${done} then 2
      when ${done} >= ${first(date)} then 0
      when not p.whole then 2
      when ${date} >= ${overdue(date)} then 4 else 3 end`,
  };
}

/** Null where once is enough. */
function dueAgain(done: Sql, interval: EvaluatedComponent['interval']): Sql {
  if ('once' in interval) return sql`null::date`;
  return 'months' in interval ? months(done, interval.months) : sql`(${done} + ${number(interval.days)})`;
}
