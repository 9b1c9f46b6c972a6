/** Many years, the same people for every policy: means, and paired differences to the baseline. */
import { type Assumptions, assumed, ranges } from './assumptions.ts';
import { ARMS, type Arm, baseline, evidence } from './policies.ts';
import { type Interval, intervalOf, SCORES, type ScoreId, type Scores, scoresOf } from './scores.ts';
import type { World } from './world.ts';
import { play } from './year.ts';

export type ArmScores = {
  readonly name: Arm['name'];
  readonly title: string;
  readonly scores: Readonly<Record<ScoreId, Interval>>;
  /** Less the baseline's, seed by seed. */
  readonly differences: Readonly<Record<ScoreId, Interval>>;
};

export type Comparison = {
  readonly arms: readonly ArmScores[];
  readonly needs: number;
  /** Channel by evidence less the shipped sequence, seed by seed: what the model alone brings. */
  readonly byEvidence: Readonly<Record<ScoreId, Interval>>;
  /** Mean of 1 / propensity over the decisions by evidence that took a channel other than by force: how far weights spread. */
  readonly propensity: { readonly decisions: number; readonly least: number; readonly weight: number };
};

export type Sensitivity = {
  readonly name: keyof Assumptions;
  readonly ends: readonly {
    readonly value: number;
    readonly attended: Interval;
    readonly contacts: Interval;
    readonly gap: Interval;
    readonly harms: number;
  }[];
};

/** Plays every policy for seeds 1 to n. `told` hears of every seed that is done. */
export function compare(assumptions: Assumptions, seeds: number, told: (seed: number) => void = () => {}): Comparison {
  const rows = new Map<Arm['name'], Scores[]>(ARMS.map((arm) => [arm.name, []]));
  const propensities: number[] = [];
  let needs = 0;
  for (let seed = 1; seed <= seeds; seed += 1) {
    for (const arm of ARMS) {
      const world = play(arm, assumptions, seed);
      rows.get(arm.name)?.push(scoresOf(world));
      if (arm === evidence) propensities.push(...world.propensities.map((one) => one.propensity));
      if (arm === baseline) needs += needsOf(world) / seeds;
    }
    told(seed);
  }
  const first = rows.get('baseline') ?? [];
  const arms = ARMS.map(({ name, title }) => {
    const own = rows.get(name) ?? [];
    return { name, title, scores: perScore(own), differences: perScore(lessThan(own, first)) };
  });
  const byEvidence = perScore(lessThan(rows.get('evidence') ?? [], rows.get('fixed') ?? []));
  return { arms, byEvidence, needs: Math.round(needs), propensity: weightsOf(propensities) };
}

/** Moves one assumption at a time to each end of its range; the model keeps the priors that it has. */
export function sensitivity(patients: number, seeds: number, told: (name: string) => void = () => {}): Sensitivity[] {
  return ranges.map(([name, ...values]) => {
    const ends = values.map((value) => {
      const assumptions = { ...assumed, patients, [name]: value };
      const years = Array.from({ length: seeds }, (_, index) => ({
        ours: scoresOf(play(evidence, assumptions, index + 1)),
        other: scoresOf(play(baseline, assumptions, index + 1)),
      }));
      const of = (id: ScoreId) => intervalOf(years.map(({ ours, other }) => ours[id] - other[id]));
      return {
        value,
        attended: of('attendedPer100Due'),
        contacts: of('contactsPerAttended'),
        gap: of('gap'),
        harms: years.reduce((sum, { ours }) => sum + ours.harms, 0),
      };
    });
    told(name);
    return { name, ends };
  });
}

function perScore(rows: readonly Scores[]): Record<ScoreId, Interval> {
  return Object.fromEntries(SCORES.map(({ id }) => [id, intervalOf(rows.map((row) => row[id]))])) as Record<
    ScoreId,
    Interval
  >;
}

function lessThan(rows: readonly Scores[], others: readonly Scores[]): Scores[] {
  return rows.map((row, index) => {
    const other = others[index] ?? row;
    return Object.fromEntries(SCORES.map(({ id }) => [id, row[id] - other[id]])) as Scores;
  });
}

function needsOf({ people }: World): number {
  return people.reduce((sum, person) => sum + person.needs.length, 0);
}

function weightsOf(propensities: readonly number[]): Comparison['propensity'] {
  const least = propensities.reduce((low, one) => Math.min(low, one), 1);
  const weight = propensities.reduce((sum, one) => sum + 1 / one, 0) / propensities.length;
  return { decisions: propensities.length, least, weight };
}
