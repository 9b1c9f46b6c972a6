/** How each component of a rule stands: when it was last done, when it opens, falls due and is overdue. */
import { addDays, isDate } from '#fhir/date.ts';
import { oldEnoughFrom } from './eligibility.ts';
import type { PatientFacts } from './facts.ts';
import { endOfInterval, type NeedComponent, type NeedRule } from './rule.ts';
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

export function coursesOf(rule: NeedRule, facts: PatientFacts): readonly ComponentCourse[] {
  return rule.components.map((component) => ({ component, ...course(component, rule, facts) }));
}

function course(component: NeedComponent, rule: NeedRule, facts: PatientFacts): Omit<ComponentCourse, 'component'> {
  const { title } = component;
  const entries = component.valueSets.map((valueSet) => found(facts, valueSet)).filter((one) => one !== undefined);
  if (entries.length === 0) return neverDone(title, rule, facts);
  const done = entries
    .map((entry) => entry.date ?? '')
    .sort()
    .at(-1);
  if (!done) return constant<Standing>({ state: 'unknown', why: `The entry for ${title} has no date.` });
  const due = endOfInterval(done, component.interval);
  const window = windowAround(addDays(due, -rule.schedule.opensBefore), due, rule);
  const why = `${title} was last recorded on ${done}; due again on ${due}.`;
  return {
    done,
    window,
    changes: [done, window.opens, window.due, window.overdue],
    at: (date) => {
      if (date < done) return { state: 'unknown', why: `The entry for ${title} is dated in the future.` };
      if (date < window.opens) return { state: 'up-to-date', why };
      if (facts.incomplete.length > 0) return { state: 'unknown', why: `${why} ${notWhole(facts)}` };
      return { state: stateWithin(window, date), why };
    },
  };
}

/**
 * Never done: due from the day since when it could have been (diagnosed, registered, old enough), as far as the record
 * says; without such a day it is overdue, for nobody knows how long. Taking a medicine is no such day: each issue would
 * put the due date off.
 */
function neverDone(title: string, rule: NeedRule, facts: PatientFacts): Omit<ComponentCourse, 'component'> {
  const why = `${title} has never been recorded.`;
  if (facts.incomplete.length > 0)
    return constant<Standing>({ state: 'unknown', why: `There is no entry for ${title}. ${notWhole(facts)}` });
  const since = [
    found(facts, rule.register?.valueSet)?.date ?? '',
    facts.registeredOn ?? '',
    oldEnoughFrom(rule, facts) ?? '',
  ]
    .filter(isDate)
    .sort()
    .at(-1);
  if (since === undefined) return constant<Standing>({ state: 'overdue', why });
  const window = windowAround(since, since, rule);
  return {
    window,
    changes: [window.overdue],
    at: (date) => ({ state: date < window.overdue ? 'due' : 'overdue', why }),
  };
}

function windowAround(opens: string, due: string, rule: NeedRule): Window {
  return { opens, due, overdue: addDays(due, rule.schedule.overdueAfter) };
}

function stateWithin(window: Window, date: string): 'approaching' | 'due' | 'overdue' {
  if (date >= window.overdue) return 'overdue';
  return date >= window.due ? 'due' : 'approaching';
}
