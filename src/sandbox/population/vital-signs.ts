/** What is measured or asked at almost any visit. */
import type { Chart } from './chart.ts';
import { FINDINGS } from './codes.ts';
import type { Random } from './random.ts';

const UNIT = 'mm[Hg]';

/** One blood pressure with its two parts. */
export function addBloodPressure(chart: Chart, random: Random, daysAgo: number): void {
  const systolic = Math.round(random.around(128 + chart.age / 8, 13, [92, 196]));
  const diastolic = Math.round(Math.min(systolic - 25, random.around(78, 9, [48, 112])));
  chart.record({
    kind: 'observation',
    concept: FINDINGS.bloodPressure,
    daysAgo,
    staffId: chart.team.assistant,
    parts: [
      { concept: FINDINGS.systolic, value: systolic, unit: UNIT },
      { concept: FINDINGS.diastolic, value: diastolic, unit: UNIT },
    ],
  });
}

/** Smoking status, once per chart. */
export function addSmokingStatus(chart: Chart, random: Random, daysAgo: number): void {
  const statuses = [FINDINGS.neverSmoked, FINDINGS.exSmoker, FINDINGS.smoker];
  if (statuses.some((status) => chart.has(status))) return;
  const u = random.next();
  const concept = u < 0.6 ? FINDINGS.neverSmoked : u < 0.86 ? FINDINGS.exSmoker : FINDINGS.smoker;
  chart.record({ kind: 'observation', concept, daysAgo, staffId: chart.team.assistant });
}
