/** The coded entries of care that was given: what a clinician records for what the patient was due. facts: care-needs §2.5, §2.7 */
import { addDays, ageOn } from '#fhir/date.ts';
import { type Concept, DRUGS, FINDINGS, PROBLEMS } from '#sandbox/population/codes.ts';
import { type Random, randomFrom } from '#sandbox/population/random.ts';
import { supplierId } from '#sandbox/population/supplier-id.ts';
import type { CodedEntry, SimPatient, Supplier } from '#sandbox/practice.ts';

export type Visit = {
  readonly seed: string;
  readonly supplier: Supplier;
  /** What makes the entries' ids: the appointment, or what stood in its place. */
  readonly key: string;
  /** The clinical date. */
  readonly date: string;
  readonly enteredAt: string;
  readonly staffId: string;
  /** What the clinic does; a clinic that only takes blood reviews nobody. */
  readonly does: readonly ('review' | 'bloods')[];
};

type Finding = {
  concept: Concept;
  value?: number;
  unit?: string;
  parts?: readonly { concept: Concept; value: number; unit: string }[];
};

/** Everything that the patient's own conditions make due on the date, as entries. Sometimes a diabetes check is only partly done. */
export function careGiven(patient: SimPatient, visit: Visit): readonly CodedEntry[] {
  const random = randomFrom(visit.seed, patient.nhsNumber, 'visit', visit.date);
  const findings = [
    ...(visit.does.includes('review') ? asthmaReview(patient, visit.date, random) : []),
    ...diabetesCheck(patient, visit, random),
    ...(visit.does.includes('bloods') ? monitoring(patient, visit.date, random) : []),
  ];
  const once = new Map(findings.map((finding) => [finding.concept.code, finding]));
  return [...once.values()].map((finding) => entryOf(finding, visit));
}

/** The last date of any of the codes in a record. */
export function lastDate(patient: SimPatient, ...concepts: readonly Concept[]): string | undefined {
  const codes = new Set(concepts.map(({ code }) => code));
  const dates = patient.entries
    .filter(({ kind, code }) => kind !== 'recall' && codes.has(code))
    .map(({ date }) => date);
  return dates.sort().at(-1);
}

function isDue(patient: SimPatient, date: string, days: number, ...concepts: readonly Concept[]): boolean {
  const last = lastDate(patient, ...concepts);
  return last === undefined || last < addDays(date, -days);
}

export function hasAsthma(patient: SimPatient): boolean {
  const diagnosed = lastDate(patient, PROBLEMS.asthma);
  return diagnosed !== undefined && (lastDate(patient, FINDINGS.asthmaResolved) ?? '') <= diagnosed;
}

export function hasDiabetes(patient: SimPatient): boolean {
  return lastDate(patient, PROBLEMS.diabetesType1, PROBLEMS.diabetesType2) !== undefined;
}

export function takesMethotrexate(patient: SimPatient): boolean {
  return patient.drugs.some(({ code, repeat, endDate }) => code === DRUGS.methotrexate.code && repeat && !endDate);
}

function asthmaReview(patient: SimPatient, date: string, random: Random): Finding[] {
  if (!hasAsthma(patient) || !isDue(patient, date, 270, FINDINGS.asthmaReview)) return [];
  const control = ageOn(patient.birthDate, date) < 12 ? FINDINGS.childAsthmaControlTest : FINDINGS.asthmaControlTest;
  return [
    { concept: FINDINGS.asthmaReview },
    { concept: control, value: random.integer(12, 25) },
    { concept: FINDINGS.asthmaExacerbations, value: random.pick([0, 0, 0, 1, 1, 2]) },
    { concept: FINDINGS.asthmaPlan },
  ];
}

/** The eight processes that are due; three visits in ten leave some of them out. */
function diabetesCheck(patient: SimPatient, { date, does }: Visit, random: Random): Finding[] {
  if (!hasDiabetes(patient)) return [];
  const processes = does.includes('review')
    ? [...bloodProcesses(random), ...roomProcesses(random)]
    : bloodProcesses(random);
  const isPartial = random.chance(0.3);
  return processes
    .filter(([first]) => first !== undefined && isDue(patient, date, 270, first.concept))
    .filter(() => !isPartial || random.chance(0.6))
    .flat();
}

function bloodProcesses(random: Random): Finding[][] {
  return [
    [{ concept: FINDINGS.hba1c, value: Math.round(random.around(54, 12, [38, 110])), unit: 'mmol/mol' }],
    [{ concept: FINDINGS.cholesterol, value: random.around(4.4, 0.9, [2.5, 8]), unit: 'mmol/L' }],
    [{ concept: FINDINGS.creatinine, value: Math.round(random.around(82, 18, [45, 190])), unit: 'umol/L' }],
    [{ concept: FINDINGS.egfr, value: Math.round(random.around(76, 16, [22, 90])), unit: 'mL/min/1.73m2' }],
    [{ concept: FINDINGS.urineAcr, value: random.around(2.4, 2, [0.4, 30]), unit: 'mg/mmol' }],
  ];
}

function roomProcesses(random: Random): Finding[][] {
  const unit = 'mm[Hg]';
  const systolic = { concept: FINDINGS.systolic, value: Math.round(random.around(134, 14, [98, 190])), unit };
  const diastolic = { concept: FINDINGS.diastolic, value: Math.round(random.around(78, 9, [52, 110])), unit };
  return [
    [{ concept: FINDINGS.bloodPressure, parts: [systolic, diastolic] }],
    [{ concept: FINDINGS.bodyMassIndex, value: random.around(30, 5, [18, 48]), unit: 'kg/m2' }],
    [{ concept: random.pick([FINDINGS.neverSmoked, FINDINGS.exSmoker, FINDINGS.smoker]) }],
    [{ concept: FINDINGS.leftFootLowRisk }, { concept: FINDINGS.rightFootLowRisk }],
  ];
}

/** Blood count, liver and kidney function, each by its own result. */
function monitoring(patient: SimPatient, date: string, random: Random): Finding[] {
  if (!takesMethotrexate(patient)) return [];
  const results: Finding[] = [
    { concept: FINDINGS.haemoglobin, value: Math.round(random.around(134, 12, [88, 172])), unit: 'g/L' },
    { concept: FINDINGS.alt, value: Math.round(random.around(27, 10, [8, 140])), unit: 'U/L' },
    { concept: FINDINGS.creatinine, value: Math.round(random.around(78, 15, [45, 180])), unit: 'umol/L' },
    { concept: FINDINGS.potassium, value: random.around(4.4, 0.4, [3.1, 6.2]), unit: 'mmol/L' },
  ];
  return results.filter(({ concept }) => isDue(patient, date, 60, concept));
}

function entryOf(
  { concept, parts, value, unit }: Finding,
  { supplier, key, date, enteredAt, staffId }: Visit,
): CodedEntry {
  const id = supplierId(supplier, 'sandbox visit', key, concept.code);
  const inside = parts?.map((part) => ({
    id: supplierId(supplier, 'sandbox visit', key, part.concept.code),
    ...part.concept,
    value: part.value,
    unit: part.unit,
  }));
  return {
    id,
    kind: 'observation',
    date,
    ...concept,
    ...(value === undefined ? {} : { value }),
    ...(unit === undefined ? {} : { unit }),
    ...(inside ? { parts: inside } : {}),
    enteredAt,
    staffId,
  };
}
