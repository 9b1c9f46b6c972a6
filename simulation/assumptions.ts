/**
 * What the simulated people are like. "E" is anchored in published numbers, "A" is assumed; the ranges are those of the
 * sensitivity analysis. Nothing here is measured on patients of any practice. facts: care-needs §5.1, §5.2
 */

export type Assumptions = {
  readonly patients: number;
  /** A: share of the list with at least one need in the year. */
  readonly withNeeds: number;
  /** E: chance of booking after a first delivered message. */
  readonly sms: number;
  readonly appPush: number;
  readonly appSilent: number;
  readonly letter: number;
  /** E: of those who answer a call. */
  readonly phone: number;
  /** A: chance that a call is answered. */
  readonly phoneAnswered: number;
  /** A: log-odds for each message ignored on the same channel, for a changed one, for two in 14 days. */
  readonly ignored: number;
  readonly changed: number;
  readonly crowded: number;
  /** A: log-odds per unit of a person's lasting readiness, and spread of the motive for one need. */
  readonly readiness: number;
  readonly motive: number;
  /** A: log-odds lost from one deprivation quintile to the next more deprived one. */
  readonly deprivation: number;
  /** A: slots as a share of the needs that come due. */
  readonly capacity: number;
  /** A: share of wrong numbers and old addresses. */
  readonly wrongContact: number;
  /** E: share of appointments missed, at a week's notice. */
  readonly missed: number;
  /** A: share that dies, and that opts out, in the year. */
  readonly dies: number;
  readonly optsOut: number;
  /** A: share of those who wait for a slot that give up in a week. */
  readonly givesUp: number;
};

export const assumed: Assumptions = {
  patients: 10_000,
  withNeeds: 0.3,
  sms: 0.3,
  appPush: 0.33,
  appSilent: 0.2,
  letter: 0.25,
  phone: 0.45,
  phoneAnswered: 0.45,
  ignored: -0.55,
  changed: 0.35,
  crowded: -0.4,
  readiness: 0.6,
  motive: 0.5,
  deprivation: 0.12,
  capacity: 0.7,
  wrongContact: 0.045,
  missed: 0.07,
  dies: 0.01,
  optsOut: 0.015,
  givesUp: 0.15,
};

/** The ends between which the main assumptions are moved, one at a time. */
export const ranges: readonly (readonly [keyof Assumptions, low: number, high: number])[] = [
  ['sms', 0.18, 0.45],
  ['letter', 0.05, 0.3],
  ['phone', 0.36, 0.55],
  ['phoneAnswered', 0.25, 0.65],
  ['ignored', -1, -0.1],
  ['changed', 0, 0.7],
  ['crowded', -0.8, 0],
  ['readiness', 0.2, 1.2],
  ['deprivation', 0, 0.3],
  ['capacity', 0.4, 1],
  ['missed', 0.02, 0.12],
];
