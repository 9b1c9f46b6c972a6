/** People with asthma: the problem, their inhalers, and a last review at every distance from the start date. facts: care-needs §2.5 */
import type { Chart, NewEntry } from './chart.ts';
import { DRUGS, FINDINGS, PROBLEMS } from './codes.ts';
import type { Random } from './random.ts';

/** Of those with asthma: never reviewed, overdue (12 to 30 months), due within 56 days; the rest were reviewed lately. */
const NEVER = 0.08;
const OVERDUE = 0.37;
const APPROACHING = 0.12;

/** Writes asthma into about 8 in 100 charts. */
export function addAsthma(chart: Chart): void {
  const random = chart.random('asthma');
  if (chart.age < 5 || !random.chance(chart.age < 18 ? 0.1 : 0.083)) return;
  const diagnosed = random.integer(Math.min(900, chart.age * 200), Math.max(1000, Math.min(chart.age, 30) * 300));
  const gp = random.pick(chart.team.gps);
  chart.record({ kind: 'problem', concept: PROBLEMS.asthma, daysAgo: diagnosed, staffId: gp });
  if (random.chance(0.92)) addInhalers(chart, random, gp);
  const reviewed = lastReview(random);
  if (reviewed !== undefined) addReview(chart, random, reviewed);
  addExceptions(chart, random);
}

function lastReview(random: Random): number | undefined {
  const u = random.next();
  if (u < NEVER) return undefined;
  if (u < NEVER + OVERDUE) return random.integer(367, 913);
  return u < NEVER + OVERDUE + APPROACHING ? random.integer(311, 363) : random.integer(30, 306);
}

function addInhalers(chart: Chart, random: Random, staffId: string): void {
  const latest = random.integer(2, 80);
  const issues = (every: number, count: number) =>
    Array.from({ length: count }, (_, i) => latest + (count - 1 - i) * every);
  const shared = { quantity: 200, unit: 'dose', startedDaysAgo: random.integer(400, 800), staffId };
  chart.prescribe({
    ...shared,
    drug: DRUGS.salbutamol,
    dosage: 'TWO PUFFS WHEN NEEDED',
    daysSupply: 56,
    issuedDaysAgo: issues(random.integer(50, 90), random.integer(1, 4)),
  });
  if (!random.chance(0.6)) return;
  chart.prescribe({
    ...shared,
    drug: DRUGS.beclometasone,
    dosage: 'TWO PUFFS TWICE A DAY',
    daysSupply: 50,
    issuedDaysAgo: issues(random.integer(48, 70), random.integer(2, 4)),
  });
}

function addReview(chart: Chart, random: Random, daysAgo: number): void {
  const staffId = random.pick(chart.team.nurses);
  const write = (entry: Pick<NewEntry, 'concept' | 'measure'>) =>
    chart.record({ kind: 'observation', daysAgo, staffId, ...entry });
  const control = chart.age < 12 ? FINDINGS.childAsthmaControlTest : FINDINGS.asthmaControlTest;
  write({ concept: FINDINGS.asthmaReview });
  if (random.chance(0.97)) write({ concept: control, measure: { value: random.integer(9, 25) } });
  if (random.chance(0.97)) {
    write({ concept: FINDINGS.asthmaExacerbations, measure: { value: random.pick([0, 0, 0, 0, 1, 1, 2, 3]) } });
  }
  if (random.chance(0.97)) write({ concept: FINDINGS.asthmaPlan });
  if (!random.chance(0.3)) return;
  chart.record({
    kind: 'recall',
    concept: FINDINGS.asthmaReview,
    daysAgo: daysAgo - 365,
    enteredDaysAgo: daysAgo,
    staffId,
  });
}

function addExceptions(chart: Chart, random: Random): void {
  const staffId = random.pick(chart.team.gps);
  const u = random.next();
  if (u > 0.08) return;
  const concept = u < 0.04 ? FINDINGS.asthmaDissent : FINDINGS.asthmaResolved;
  chart.record({ kind: 'observation', concept, daysAgo: random.integer(10, 420), staffId });
}
