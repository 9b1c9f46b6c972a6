/**
 * Evaluates a need rule for one patient on one day. Three-valued: an error or missing data gives `unknown`, never "not
 * due" (hazard H6); a component that was not done keeps the need open (hazard H13).
 */
import { londonDate } from '#fhir/date.ts';
import { type ComponentCourse, coursesOf, type Standing, type Window } from './components.ts';
import { eligibilityOf, isPointedTo } from './eligibility.ts';
import { exclusionsOf } from './exclusions.ts';
import type { Finding, PatientFacts } from './facts.ts';
import { lastMonthDay } from './month-day.ts';
import { type NeedRule, pinnedCanonical, valueSetsOf } from './rule.ts';
import type { Dated, Verdict } from './verdict.ts';

export type NeedState = 'not-eligible' | 'excluded' | 'up-to-date' | 'approaching' | 'due' | 'overdue' | 'unknown';

export type Missing = { readonly id: string; readonly title: string };

export type Evaluation = {
  /** `canonical|version` of the rule. */
  readonly rule: string;
  readonly patient: string;
  readonly state: NeedState;
  /** The entry that puts the patient on the register is there: an `unknown` is then held for a person, not dropped. */
  readonly isPointedTo: boolean;
  /**
   * What tells one need of a rule from the next: the day of the oldest component when all were done, or `never`; in a
   * rule with a season its first day.
   */
  readonly cycle: string;
  /** Known only where the state is neither `unknown`, `excluded` nor `not-eligible`. */
  readonly window?: Window;
  /** Every finding that the answer rests on, in the rule's order. */
  readonly evidence: readonly Finding[];
  /** The components that are not up to date. */
  readonly missing: readonly Missing[];
  /** Sentences for people. Dates of entries, never who the patient is. */
  readonly why: readonly string[];
  /** What would meet the need. */
  readonly resets: readonly string[];
  /** The London date on which the state or the missing components next change by time alone. */
  readonly nextChange: string | undefined;
};

type Answer = Pick<Evaluation, 'state' | 'missing' | 'why'>;
type Course = {
  readonly conditions: readonly Dated<Verdict>[];
  readonly exclusions: readonly Dated<Verdict>[];
  readonly components: readonly ComponentCourse[];
};

/** The state of a patient's need on the London date of `now` (an instant). Never throws for what a record may hold. */
export function evaluateNeed(rule: NeedRule, facts: PatientFacts, now: string): Evaluation {
  const evidence = valueSetsOf(rule)
    .map((valueSet) => facts.latest.get(valueSet))
    .filter((finding) => finding !== undefined);
  const common = {
    rule: pinnedCanonical(rule),
    patient: facts.patient,
    isPointedTo: isPointedTo(rule, facts),
    evidence,
  };
  const today = londonDate(now);
  try {
    return { ...common, ...evaluateOn(today, rule, facts) };
  } catch {
    // A fault of the record must not hide the patient: a person looks.
    const why = ['The record could not be evaluated: an entry is not as it should be.'];
    return { ...common, state: 'unknown', cycle: 'never', missing: [], why, resets: [], nextChange: undefined };
  }
}

function evaluateOn(today: string, rule: NeedRule, facts: PatientFacts) {
  const course: Course = {
    conditions: eligibilityOf(rule, facts, today),
    exclusions: exclusionsOf(rule, facts),
    components: coursesOf(rule, facts, today),
  };
  const answer = answerOn(today, course);
  const window = hasWindow(answer.state) ? earliest(course.components, today) : undefined;
  const isRested = answer.state === 'up-to-date' || answer.missing.length === 0;
  const open = isRested ? rule.components : answer.missing;
  return {
    ...answer,
    cycle: rule.season ? lastMonthDay(today, rule.season.from) : cycleOf(course.components, today),
    ...(window ? { window } : {}),
    resets: open.map(({ title }) => `An entry for ${title}.`),
    nextChange: nextChangeAfter(today, answer, course),
  };
}

function answerOn(date: string, course: Course): Answer {
  const conditions = course.conditions.map((one) => one.at(date));
  const against = conditions.filter((one) => one.truth === 'no');
  if (against.length > 0) return answer('not-eligible', against);
  const exclusions = course.exclusions.map((one) => one.at(date));
  const excluding = exclusions.filter((one) => one.truth === 'yes');
  if (excluding.length > 0) return answer('excluded', excluding);

  const standings = course.components.map((one) => ({ ...one.at(date), component: one.component }));
  const missing = standings
    .filter((one) => one.state !== 'up-to-date')
    .map(({ component: { id, title } }) => ({ id, title }));
  const doubts = conditions.filter((one) => one.truth === 'unknown');
  if (doubts.length > 0) return answer('unknown', doubts, missing);
  if (missing.length === 0) return answer('up-to-date', standings);
  const open = standings.filter((one) => one.state !== 'up-to-date');
  const unsure = exclusions.filter((one) => one.truth === 'unknown');
  if (unsure.length > 0) return answer('unknown', unsure, missing);
  return answer(worstOf(open), [...conditions, ...open], missing);
}

function answer(
  state: NeedState,
  reasons: readonly { readonly why: string }[],
  missing: readonly Missing[] = [],
): Answer {
  return { state, missing, why: reasons.map((reason) => reason.why).filter((why) => why !== '') };
}

/** What is known to be due decides; short of that, one unknown makes the whole unknown: it may be overdue. */
function worstOf(open: readonly Standing[]): 'approaching' | 'due' | 'overdue' | 'unknown' {
  const has = (state: Standing['state']) => open.some((one) => one.state === state);
  if (has('overdue')) return 'overdue';
  if (has('due')) return 'due';
  return has('unknown') ? 'unknown' : 'approaching';
}

function hasWindow(state: NeedState): boolean {
  return state !== 'unknown' && state !== 'excluded' && state !== 'not-eligible';
}

/** The need falls due with its oldest component; overdue for nobody knows how long, it has no window. */
function earliest(components: readonly ComponentCourse[], today: string): Window | undefined {
  if (components.some((one) => !one.window && one.at(today).state === 'overdue')) return undefined;
  const [first, ...rest] = components.map((one) => one.window).filter((window) => window !== undefined);
  if (!first) return undefined;
  return rest.reduce(
    (least, one) => ({
      opens: one.opens < least.opens ? one.opens : least.opens,
      due: one.due < least.due ? one.due : least.due,
      overdue: one.overdue < least.overdue ? one.overdue : least.overdue,
    }),
    first,
  );
}

function cycleOf(components: readonly ComponentCourse[], today: string): string {
  const done = components.map((one) => one.done);
  return done.every((date) => date !== undefined && date <= today) ? (done.sort()[0] ?? 'never') : 'never';
}

/** The first of the dates on which anything could change at which the answer really differs. */
function nextChangeAfter(today: string, now: Answer, course: Course): string | undefined {
  const all = [...course.conditions, ...course.exclusions, ...course.components].flatMap((one) => one.changes);
  const later = [...new Set(all)].filter((date) => date > today).sort();
  return later.find((date) => !isSame(answerOn(date, course), now));
}

function isSame(one: Answer, other: Answer): boolean {
  const ids = (answer: Answer) => answer.missing.map((component) => component.id).join();
  return one.state === other.state && ids(one) === ids(other);
}
