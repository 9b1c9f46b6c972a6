/** What else stands in a record: other conditions, readings, vaccinations, wishes about text messages. */
import type { Chart } from './chart.ts';
import { FINDINGS, PROBLEMS } from './codes.ts';
import type { Random } from './random.ts';
import { addBloodPressure, addSmokingStatus } from './vital-signs.ts';

export function addBackground(chart: Chart): void {
  const random = chart.random('background');
  addConditions(chart, random);
  addReadings(chart, random);
  addVaccination(chart, random);
  addMessagingWishes(chart, random);
}

function addConditions(chart: Chart, random: Random): void {
  const staffId = random.pick(chart.team.gps);
  const problem = (concept: (typeof PROBLEMS)[keyof typeof PROBLEMS]) =>
    chart.record({ kind: 'problem', concept, daysAgo: random.integer(200, 5000), staffId });
  if (chart.age >= 40 && random.chance(chart.age / 260)) problem(PROBLEMS.hypertension);
  if (chart.age >= 30 && random.chance(0.035)) problem(PROBLEMS.hypothyroidism);
  if (chart.age >= 65 && random.chance(0.02)) {
    const daysAgo = random.integer(5, 300);
    chart.record({ kind: 'observation', concept: FINDINGS.palliativeCare, daysAgo, staffId });
  }
}

function addReadings(chart: Chart, random: Random): void {
  if (chart.age < 16) return;
  if (chart.has(PROBLEMS.hypertension) || (chart.age >= 40 && random.chance(0.5))) {
    addBloodPressure(chart, random, random.integer(5, 700));
  }
  if (random.chance(0.75)) addSmokingStatus(chart, random, random.integer(20, 1500));
  if (!chart.has(FINDINGS.bodyMassIndex) && random.chance(0.3)) {
    chart.record({
      kind: 'observation',
      concept: FINDINGS.bodyMassIndex,
      daysAgo: random.integer(20, 1500),
      staffId: chart.team.assistant,
      measure: { value: random.around(27, 5, [16, 46]), unit: 'kg/m2' },
    });
  }
}

function addVaccination(chart: Chart, random: Random): void {
  const child = chart.age >= 2 && chart.age < 16;
  const offered = child || chart.age >= 65 || chart.has(PROBLEMS.asthma) || chart.has(PROBLEMS.diabetesType2);
  if (!offered || !random.chance(chart.age >= 65 ? 0.75 : 0.4)) return;
  chart.record({
    kind: 'immunisation',
    concept: child ? FINDINGS.childFluVaccination : FINDINGS.fluVaccination,
    daysAgo: random.integer(60, 400),
    staffId: random.pick(chart.team.nurses),
  });
}

/** About 30 % agreed to text messages and 4 % declined; some did first the one, then the other. */
function addMessagingWishes(chart: Chart, random: Random): void {
  if (chart.age < 16) return;
  const write = (concept: (typeof FINDINGS)['smsConsent' | 'smsDeclined'], from: number, to: number) =>
    chart.record({
      kind: 'observation',
      concept,
      daysAgo: random.integer(from, to),
      staffId: chart.team.assistant,
    });
  const declined = random.chance(0.049);
  if (random.chance(declined ? 0.25 : 0.365)) write(FINDINGS.smsConsent, 700, 2000);
  if (declined) write(FINDINGS.smsDeclined, 10, 600);
}
