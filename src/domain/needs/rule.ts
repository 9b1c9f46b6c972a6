/** A need rule: who needs which care, how often, and what shows that it was given. facts: care-needs §2.1 */
import { addDays, addMonths } from '#fhir/date.ts';
import type { Season } from './month-day.ts';
import type { ValueBounds } from './value-bounds.ts';

/** How long something holds: calendar months or days. */
export type Interval = { readonly months: number } | { readonly days: number };

/** Done once it holds for ever, in a rule with a season for that season. */
export type Once = { readonly once: true };

/** One thing that has to be done. Any entry of any of its value sets shows that it was. */
export type NeedComponent = {
  readonly id: string;
  readonly title: string;
  readonly valueSets: readonly string[];
  readonly interval: Interval | Once;
  /** The latest entry counts only with such a value. */
  readonly bounds?: ValueBounds;
};

export type NeedExclusion = {
  readonly title: string;
  readonly valueSet: string;
  /** Lapses after so many months; absent = it does not lapse. */
  readonly months?: number;
  /** Lapses the day after the next such month-day. */
  readonly until?: string;
  /** The latest entry excludes only with such a value. */
  readonly bounds?: ValueBounds;
  /** Ended by a later entry from this value set. */
  readonly endedBy?: string;
};

export type NeedAge = {
  /** Completed years, inclusive. */
  readonly youngest?: number;
  readonly oldest?: number;
  /** A month-day: the age reached by the next such day counts. */
  readonly on?: string;
  /** Dates, inclusive. */
  readonly bornFrom?: string;
  readonly bornUntil?: string;
};

export type NeedPriority = 'routine' | 'urgent' | 'asap' | 'stat';

export type NeedRule = {
  readonly url: string;
  readonly version: string;
  readonly title: string;
  /** What the need is about (`asthma`, `diabetes`, `dmard-monitoring`): writeback chooses its codes by it. */
  readonly topic: { readonly system: string; readonly code: string; readonly display?: string };
  /** London dates, inclusive. */
  readonly effective: { readonly start: string; readonly end?: string };
  readonly approvalDate: string;
  readonly register?: { readonly title: string; readonly valueSet: string; readonly resolved?: string };
  readonly age?: NeedAge;
  /** The days of each year between which the need exists; what was done in an earlier season does not count. */
  readonly season?: Season;
  /** Being taken: issued at most `months` ago and, with a factor, at most that many times its days of supply ago. */
  readonly medication?: {
    readonly title: string;
    readonly valueSet: string;
    readonly months: number;
    readonly supplyFactor?: number;
  };
  /** All of them are needed; one alone is a plain reset. */
  readonly components: readonly NeedComponent[];
  /** Days around the due date. `maxDefer` 0 = never put off. */
  readonly schedule: {
    readonly opensBefore: number;
    readonly overdueAfter: number;
    readonly earlyLimit: number;
    readonly maxDefer: number;
  };
  readonly exclusions: readonly NeedExclusion[];
  readonly work: {
    readonly skill: string;
    readonly minutes: number;
    /** Rank among needs: the higher goes first. */
    readonly severity: number;
    readonly priority: NeedPriority;
    readonly overduePriority: NeedPriority;
  };
  /** A national programme invites by itself: the need is shown to people, and nobody is written to. */
  readonly guard?: 'prompt';
  /** The codes that count as an invitation for this need, where there are any. */
  readonly invitation?: string;
};

/** `canonical|version`, as a need pins it. */
export function pinnedCanonical(rule: NeedRule): string {
  return `${rule.url}|${rule.version}`;
}

/** Every value set that the evaluation asks for, once each. (Invitations are not evaluated.) */
export function valueSetsOf(rule: NeedRule): readonly string[] {
  const named = [
    rule.register?.valueSet,
    rule.register?.resolved,
    rule.medication?.valueSet,
    ...rule.components.flatMap((component) => component.valueSets),
    ...rule.exclusions.flatMap((exclusion) => [exclusion.valueSet, exclusion.endedBy]),
  ];
  return [...new Set(named.filter((one) => one !== undefined))];
}

/** Whether the rule is in force on a London date. Several contract years may be loaded side by side. */
export function isInForce(rule: NeedRule, date: string): boolean {
  return rule.effective.start <= date && (rule.effective.end === undefined || date <= rule.effective.end);
}

/** The date an interval after a date. */
export function endOfInterval(date: string, interval: Interval): string {
  return 'months' in interval ? addMonths(date, interval.months) : addDays(date, interval.days);
}
