/** How each component of a rule stands: when it was last done, when it opens, falls due and is overdue. */
import { addDays, isDate } from '#fhir/date.ts';
import { oldEnoughFrom } from './eligibility.ts';
import type { PatientFacts } from './facts.ts';
import { lastMonthDay, type Season, turnsOfSeason } from './month-day.ts';
import { endOfInterval, type NeedComponent, type NeedRule } from './rule.ts';
import { isWithin } from './value-bounds.ts';
import { constant, type Dated, found, notWhole } from './verdict.ts';

/** London dates, in this order. */
export type Window = { readonly opens: string; readonly due: string; readonly overdue: string };

export type Standing = {
  readonly state: 'up-to-date' | 'approaching' | 'due' | 'overdue' | 'unknown';
  readonly why: string;
};

export type ComponentCourse = Dated<Standing> & {
  readonly component: NeedComponent;
  /** The date on which it was last done, where the record says. */
  readonly done?: string;
  readonly window?: Window;
};

type Course = Omit<ComponentCourse, 'component'>;
type Asked = { readonly rule: NeedRule; readonly facts: PatientFacts; readonly today: string };

/** The course of each component, in the rule's order; `today` says which seasons may matter. */
export function coursesOf(rule: NeedRule, facts: PatientFacts, today: string): readonly ComponentCourse[] {
  return rule.components.map((component) => ({ component, ...course(component, { rule, facts, today }) }));
}

function course(component: NeedComponent, asked: Asked): Course {
  const { title, bounds } = component;
  const { rule, facts } = asked;
  const entries = component.valueSets.map((valueSet) => found(facts, valueSet)).filter((one) => one !== undefined);
  const [first, ...rest] = entries;
  const latest = first && rest.reduce((best, one) => ((one.date ?? '') > (best.date ?? '') ? one : best), first);
  if (latest && latest.date === undefined)
    return constant<Standing>({ state: 'unknown', why: `The entry for ${title} has no date.` });
  const counts = latest && bounds ? isWithin(bounds, latest.finding) : 'yes';
  if (counts === 'unknown')
    return constant<Standing>({ state: 'unknown', why: `The value of the latest entry for ${title} is not known.` });
  const done = latest?.date;
  if (done !== undefined && counts === 'no') return outside(title, done, asked);
  if (rule.season) return inSeason(component, done, { ...asked, season: rule.season });
  return done === undefined ? neverDone(title, rule, facts) : doneOn(component, done, asked);
}

function doneOn({ title, interval }: NeedComponent, done: string, { rule, facts }: Asked): Course {
  const future: Standing = { state: 'unknown', why: `The entry for ${title} is dated in the future.` };
  if ('once' in interval) {
    const why = `${title} was recorded on ${done}; once is enough.`;
    return { done, changes: [done], at: (date) => (date < done ? future : { state: 'up-to-date', why }) };
  }
  const due = endOfInterval(done, interval);
  const window = windowAround(addDays(due, -rule.schedule.opensBefore), due, rule);
  const why = `${title} was last recorded on ${done}; due again on ${due}.`;
  return {
    done,
    window,
    changes: [done, window.opens, window.due, window.overdue],
    at: (date) => {
      if (date < done) return future;
      if (date < window.opens) return { state: 'up-to-date', why };
      if (facts.incomplete.length > 0) return { state: 'unknown', why: `${why} ${notWhole(facts)}` };
      return { state: stateWithin(window, date), why };
    },
  };
}

/** Recorded, but with a value that does not count: due since that day. */
function outside(title: string, measured: string, { rule, facts }: Asked): Course {
  const window = windowAround(measured, measured, rule);
  const why = `The latest entry for ${title}, of ${measured}, has a value outside the bounds.`;
  return {
    done: measured,
    window,
    changes: [measured, window.overdue],
    at: (date) => {
      if (date < measured) return { state: 'unknown', why: `The entry for ${title} is dated in the future.` };
      if (facts.incomplete.length > 0) return { state: 'unknown', why: `${why} ${notWhole(facts)}` };
      return { state: stateWithin(window, date), why };
    },
  };
}

/** What was done in an earlier season does not count: due from the first day, or from when the patient came to it. */
function inSeason(
  { title }: NeedComponent,
  done: string | undefined,
  { rule, facts, today, season }: Asked & { readonly season: Season },
): Course {
  const since = sinceWhen(rule, facts) ?? '';
  const windowOf = (first: string) => {
    const opens = since > first ? since : first;
    return windowAround(opens, opens, rule);
  };
  const turns = turnsOfSeason(season, today);
  const window = windowOf(lastMonthDay(today, season.from));
  return {
    ...(done === undefined ? {} : { done }),
    window,
    changes: [...turns, ...turns.map((turn) => windowOf(turn).overdue), ...(done === undefined ? [] : [done])],
    at: (date) => {
      const first = lastMonthDay(date, season.from);
      if (done !== undefined && date < done)
        return { state: 'unknown', why: `The entry for ${title} is dated in the future.` };
      if (done !== undefined && done >= first)
        return { state: 'up-to-date', why: `${title} was recorded on ${done}, in this season.` };
      const why = `${title} has not been recorded since ${first}.`;
      if (facts.incomplete.length > 0) return { state: 'unknown', why: `${why} ${notWhole(facts)}` };
      return { state: stateWithin(windowOf(first), date) === 'overdue' ? 'overdue' : 'due', why };
    },
  };
}

/**
 * Never done: due from the day since when it could have been (diagnosed, registered, old enough), as far as the record
 * says; without such a day it is overdue, for nobody knows how long. Taking a medicine is no such day: each issue would
 * put the due date off.
 */
function neverDone(title: string, rule: NeedRule, facts: PatientFacts): Course {
  const why = `${title} has never been recorded.`;
  if (facts.incomplete.length > 0)
    return constant<Standing>({ state: 'unknown', why: `There is no entry for ${title}. ${notWhole(facts)}` });
  const since = sinceWhen(rule, facts);
  if (since === undefined) return constant<Standing>({ state: 'overdue', why });
  const window = windowAround(since, since, rule);
  return {
    window,
    changes: [window.overdue],
    at: (date) => ({ state: date < window.overdue ? 'due' : 'overdue', why }),
  };
}

/** The latest of the days before which it could not have been done here: diagnosed, registered, old enough. */
function sinceWhen(rule: NeedRule, facts: PatientFacts): string | undefined {
  const days = [found(facts, rule.register?.valueSet)?.date, facts.registeredOn, oldEnoughFrom(rule, facts)];
  return days
    .filter((day) => day !== undefined)
    .filter(isDate)
    .sort()
    .at(-1);
}

function windowAround(opens: string, due: string, rule: NeedRule): Window {
  return { opens, due, overdue: addDays(due, rule.schedule.overdueAfter) };
}

function stateWithin(window: Window, date: string): 'approaching' | 'due' | 'overdue' {
  if (date >= window.overdue) return 'overdue';
  return date >= window.due ? 'due' : 'approaching';
}
