/** People on methotrexate for rheumatoid arthritis, and the blood tests that keep it safe (every 84 days). facts: care-needs §2.7 */
import type { Chart } from './chart.ts';
import { DRUGS, FINDINGS, PROBLEMS } from './codes.ts';
import type { Random } from './random.ts';

/** Writes methotrexate into about 1.5 in 100 charts. */
export function addMethotrexate(chart: Chart): void {
  const random = chart.random('methotrexate');
  if (chart.age < 30 || chart.age > 88 || !random.chance(0.023)) return;
  const staffId = random.pick(chart.team.gps);
  const started = random.integer(300, 2500);
  chart.record({ kind: 'problem', concept: PROBLEMS.rheumatoidArthritis, daysAgo: started + 90, staffId });
  const latest = random.integer(1, 26);
  chart.prescribe({
    drug: DRUGS.methotrexate,
    dosage: 'SIX TABLETS ONCE A WEEK ON THE SAME DAY',
    quantity: 24,
    unit: 'tablet',
    daysSupply: 28,
    startedDaysAgo: started,
    issuedDaysAgo: Array.from({ length: 6 }, (_, i) => latest + (5 - i) * 28),
    staffId,
  });
  const tested = lastTest(random);
  addTests(chart, random, tested + random.integer(78, 98));
  addTests(chart, random, tested);
}

/** 40 % overdue, 15 % due within 14 days, the rest tested lately. */
function lastTest(random: Random): number {
  const u = random.next();
  if (u < 0.4) return random.integer(86, 150);
  return u < 0.55 ? random.integer(71, 83) : random.integer(4, 68);
}

/** Full blood count, liver and kidney function, each with its own result; now and then one of them was not done. */
function addTests(chart: Chart, random: Random, daysAgo: number): void {
  const results = [
    { concept: FINDINGS.haemoglobin, measure: { value: Math.round(random.around(134, 12, [88, 172])), unit: 'g/L' } },
    { concept: FINDINGS.alt, measure: { value: Math.round(random.around(27, 10, [8, 140])), unit: 'U/L' } },
    { concept: FINDINGS.creatinine, measure: { value: Math.round(random.around(78, 15, [45, 180])), unit: 'umol/L' } },
    { concept: FINDINGS.potassium, measure: { value: random.around(4.4, 0.4, [3.1, 6.2]), unit: 'mmol/L' } },
  ];
  for (const result of results) {
    if (random.chance(0.03)) continue;
    chart.record({ kind: 'observation', daysAgo, staffId: chart.team.assistant, ...result });
  }
}
