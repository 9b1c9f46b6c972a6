/** The part of a need rule that SQL evaluates, and what of a rule it does not know. The language itself: #domain/needs/rule.ts */

type Interval = { readonly months: number } | { readonly days: number } | { readonly once: true };

export type EvaluatedAge = {
  readonly youngest?: number;
  readonly oldest?: number;
  /** `MM-DD` */
  readonly on?: string;
  readonly bornFrom?: string;
  readonly bornUntil?: string;
};

/** Inclusive, in the unit that the record has. */
export type EvaluatedBounds = { readonly atLeast?: number; readonly atMost?: number; readonly unit: string };

export type EvaluatedComponent = {
  readonly valueSets: readonly string[];
  readonly interval: Interval;
  readonly bounds?: EvaluatedBounds;
};

export type EvaluatedExclusion = {
  readonly valueSet: string;
  readonly months?: number;
  /** `MM-DD` */
  readonly until?: string;
  readonly endedBy?: string;
  readonly bounds?: EvaluatedBounds;
};

export type EvaluatedMedication = {
  readonly valueSet: string;
  readonly months: number;
  readonly supplyFactor?: number;
};

export type EvaluatedSeason = { readonly from: string; readonly until: string };

export type EvaluatedRule = {
  readonly url: string;
  readonly version: string;
  readonly register?: { readonly valueSet: string; readonly resolved?: string };
  readonly age?: EvaluatedAge;
  readonly medication?: EvaluatedMedication;
  /** `MM-DD` */
  readonly season?: EvaluatedSeason;
  readonly components: readonly EvaluatedComponent[];
  readonly schedule: { readonly opensBefore: number; readonly overdueAfter: number };
  readonly exclusions: readonly EvaluatedExclusion[];
};

/** Every part of the language that is compiled, or that has no bearing on the state. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  rule: 'url version title topic effective approvalDate register age medication season components schedule exclusions work invitation guard'.split(
    ' ',
  ),
  register: ['title', 'valueSet', 'resolved'],
  age: ['youngest', 'oldest', 'on', 'bornFrom', 'bornUntil'],
  medication: ['title', 'valueSet', 'months', 'supplyFactor'],
  season: ['from', 'until'],
  component: ['id', 'title', 'valueSets', 'interval', 'bounds'],
  bounds: ['atLeast', 'atMost', 'unit'],
  interval: ['months', 'days', 'once'],
  schedule: ['opensBefore', 'overdueAfter', 'earlyLimit', 'maxDefer'],
  exclusion: ['title', 'valueSet', 'months', 'until', 'endedBy', 'bounds'],
};

/**
 * The parts of a rule that SQL does not evaluate; empty = the rule can be compiled. A part that nobody knows is never
 * left out silently: its rule would count the wrong people.
 */
export function notCompiled(rule: EvaluatedRule): readonly string[] {
  const unknown = (kind: string, part: object | undefined) =>
    Object.keys(part ?? {})
      .filter((key) => !KNOWN[kind]?.includes(key))
      .map((key) => (kind === 'rule' ? key : `${kind}.${key}`));
  const found = [
    ...unknown('rule', rule),
    ...unknown('register', rule.register),
    ...unknown('age', rule.age),
    ...unknown('medication', rule.medication),
    ...unknown('season', rule.season),
    ...unknown('schedule', rule.schedule),
    ...rule.components.flatMap((one) => [...unknown('component', one), ...unknown('interval', one.interval)]),
    ...rule.exclusions.flatMap((one) => unknown('exclusion', one)),
    ...[...rule.components, ...rule.exclusions].flatMap((one) => unknown('bounds', one.bounds)),
  ];
  return [...new Set(found)];
}

/** The value sets that rules ask for, once each: their places are the columns of the statement. */
export function slotsOf(rules: readonly EvaluatedRule[]): readonly string[] {
  const named = rules.flatMap((rule) => [
    rule.register?.valueSet,
    rule.register?.resolved,
    rule.medication?.valueSet,
    ...rule.components.flatMap((component) => component.valueSets),
    ...rule.exclusions.flatMap((exclusion) => [exclusion.valueSet, exclusion.endedBy]),
  ]);
  return [...new Set(named.filter((one) => one !== undefined))];
}

/** Those of the value sets whose latest entry is asked for its value. */
export function boundedOf(rules: readonly EvaluatedRule[]): ReadonlySet<string> {
  const components = rules.flatMap((rule) => rule.components.filter(({ bounds }) => bounds));
  const exclusions = rules.flatMap((rule) => rule.exclusions.filter(({ bounds }) => bounds));
  return new Set([...components.flatMap(({ valueSets }) => valueSets), ...exclusions.map(({ valueSet }) => valueSet)]);
}
