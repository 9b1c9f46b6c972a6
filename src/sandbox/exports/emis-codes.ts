/** EMIS's own tables of clinical and drug codes, which the other tables point into. facts: gp-extracts §1.2, §1.6 */
import { CLINICAL_CATALOGUE, type Concept, DRUG_CATALOGUE, FINDINGS, PROBLEMS } from '#sandbox/population/codes.ts';
import type { CodedEntry } from '#sandbox/practice.ts';
import type { Row } from './csv.ts';
import { codeId } from './emis-text.ts';
import { changedEntries, type Scope } from './scope.ts';

/** The catalogue with the first extract; later, and for what was filed since, only codes that the catalogue lacks. */
export function clinicalCodeRows(scopes: readonly Scope[]): readonly Row[] {
  const concepts = new Map<string, Concept>(scopes.some((scope) => scope.changes) ? [] : byCode(CLINICAL_CATALOGUE));
  const known = new Set(CLINICAL_CATALOGUE.map(({ code }) => code));
  for (const [, entry] of scopes.flatMap(changedEntries)) {
    for (const concept of conceptsOf(entry)) if (!known.has(concept.code)) concepts.set(concept.code, concept);
  }
  return [...concepts.values()].map(({ code, term }) => ({
    CodeId: codeId('clinical', code),
    Term: term,
    ReadTermId: READ.get(code) ?? '',
    SnomedCTConceptId: code,
    EmisCodeCategoryDescription: categoryOf(code),
  }));
}

export function drugCodeRows(scopes: readonly Scope[]): readonly Row[] {
  if (scopes.some((scope) => scope.changes)) return [];
  return DRUG_CATALOGUE.map(({ code, term }) => ({ CodeId: codeId('drug', code), Term: term, DmdProductCodeId: code }));
}

function byCode(concepts: readonly Concept[]): readonly (readonly [string, Concept])[] {
  return concepts.map((concept) => [concept.code, concept]);
}

function conceptsOf(entry: CodedEntry): readonly Concept[] {
  return [entry, ...(entry.parts ?? [])];
}

/** Read v2 codes, for the concepts where a practice's own record would still show one. */
const READ: ReadonlyMap<string, string> = new Map([
  [PROBLEMS.asthma.code, 'H33'],
  [PROBLEMS.diabetesType2.code, 'C10F'],
  [PROBLEMS.diabetesType1.code, 'C10E'],
  [PROBLEMS.hypertension.code, 'G2'],
  [PROBLEMS.hypothyroidism.code, 'C04'],
  [PROBLEMS.rheumatoidArthritis.code, 'N040'],
  [FINDINGS.bloodPressure.code, '246'],
  [FINDINGS.systolic.code, '2469'],
  [FINDINGS.diastolic.code, '246A'],
]);

const CATEGORIES: readonly (readonly [category: string, concepts: readonly Concept[]])[] = [
  ['Conditions, operations and procedures', Object.values(PROBLEMS)],
  ['Immunisations', [FINDINGS.fluVaccination, FINDINGS.childFluVaccination]],
  ['Haematology', [FINDINGS.haemoglobin]],
  ['Biochemistry', [FINDINGS.hba1c, FINDINGS.cholesterol, FINDINGS.urineAcr, FINDINGS.creatinine, FINDINGS.egfr]],
  ['Biochemistry', [FINDINGS.alt, FINDINGS.potassium]],
  ['Biological values', [FINDINGS.bodyMassIndex, FINDINGS.bloodPressure, FINDINGS.systolic, FINDINGS.diastolic]],
  ['Personal Health and Social', [FINDINGS.neverSmoked, FINDINGS.smoker, FINDINGS.exSmoker]],
  ['Health management, screening and monitoring', [FINDINGS.asthmaReview, FINDINGS.asthmaPlan]],
];

const CATEGORY_BY_CODE = new Map(
  CATEGORIES.flatMap(([category, concepts]) => concepts.map(({ code }) => [code, category] as const)),
);

function categoryOf(code: string): string {
  return CATEGORY_BY_CODE.get(code) ?? 'Administration';
}
