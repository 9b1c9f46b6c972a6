/** People with diabetes and how much of their eight care processes was done, and when. facts: care-needs §2.5 */
import type { Chart, Measure } from './chart.ts';
import { type Concept, FINDINGS, PROBLEMS } from './codes.ts';
import type { Random } from './random.ts';
import { addBloodPressure, addSmokingStatus } from './vital-signs.ts';

/** Writes diabetes into about 8 in 100 charts, mostly of older people. */
export function addDiabetes(chart: Chart): void {
  const random = chart.random('diabetes');
  if (!random.chance(prevalence(chart.age))) return;
  const type1 = chart.age < 18 || random.chance(chart.age < 40 ? 0.25 : 0.03);
  chart.record({
    kind: 'problem',
    concept: type1 ? PROBLEMS.diabetesType1 : PROBLEMS.diabetesType2,
    daysAgo: random.integer(400, Math.max(800, Math.min(chart.age, 25) * 250)),
    staffId: random.pick(chart.team.gps),
  });
  addProcesses(chart, random);
}

function prevalence(age: number): number {
  if (age < 4) return 0;
  if (age < 18) return 0.003;
  if (age < 40) return 0.03;
  return age < 65 ? 0.1 : 0.185;
}

/** Each process was done at the yearly check, or (for some) only at one long before it, or never. */
function addProcesses(chart: Chart, random: Random): void {
  const bloods = random.integer(15, 520);
  const review = Math.max(1, bloods - 14);
  const done = (): 'lately' | 'before' | 'never' => {
    const u = random.next();
    if (u < 0.82) return 'lately';
    return u < 0.94 ? 'before' : 'never';
  };
  const when = (day: number, write: (daysAgo: number) => void) => {
    const state = done();
    if (state !== 'never') write(state === 'lately' ? day : day + random.integer(330, 420));
  };
  const result = (concept: Concept, measure: Measure) =>
    when(bloods, (daysAgo) =>
      chart.record({ kind: 'observation', concept, daysAgo, measure, staffId: chart.team.assistant }),
    );
  result(FINDINGS.hba1c, { value: Math.round(random.around(56, 13, [38, 120])), unit: 'mmol/mol' });
  result(FINDINGS.cholesterol, { value: random.around(4.5, 0.9, [2.5, 8.5]), unit: 'mmol/L' });
  result(FINDINGS.creatinine, { value: Math.round(random.around(82, 18, [45, 190])), unit: 'umol/L' });
  result(FINDINGS.egfr, { value: Math.round(random.around(76, 16, [22, 90])), unit: 'mL/min/1.73m2' });
  result(FINDINGS.urineAcr, { value: random.around(2.4, 2, [0.4, 30]), unit: 'mg/mmol' });
  result(FINDINGS.bodyMassIndex, { value: random.around(30, 5, [18, 48]), unit: 'kg/m2' });
  const nurse = random.pick(chart.team.nurses);
  when(review, (daysAgo) => addBloodPressure(chart, random, daysAgo));
  when(review, (daysAgo) => addSmokingStatus(chart, random, daysAgo));
  when(review, (daysAgo) => {
    for (const concept of [FINDINGS.leftFootLowRisk, FINDINGS.rightFootLowRisk]) {
      chart.record({ kind: 'observation', concept, daysAgo, staffId: nurse });
    }
  });
}
