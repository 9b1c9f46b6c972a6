/** EMIS codes: what a CodeId stands for, and which resource an entry with it becomes (facts: gp-extracts §1.6, §1.7). */
import { DMD, HOLDFAST } from '#fhir/systems.ts';
import type { CodeableConcept, Coding } from '#fhir/types.ts';
import { snomedCoding } from '#translate/extract/resource.ts';
import { type Cells, textOf } from '#translate/extract/rows.ts';
import type { EmisLookups } from './scope.ts';

export const READ_V2 = 'http://read.info/readv2';
export const EGTON_CODES = 'https://fhir.hl7.org.uk/Id/egton-codes';
export const EMIS_DRUG_CODES = 'https://fhir.hl7.org.uk/Id/emis-drug-codes';
export const EMIS_CODE_ID = `${HOLDFAST}/Id/emis-code-id`;
const DESCRIPTION_ID = 'http://hl7.org/fhir/StructureDefinition/coding-sctdescid';

/** The concept of a row of Coding_ClinicalCode: SNOMED CT first, then Read or the supplier's own, in the supplier's words. */
export function clinicalConcept(code: Cells): CodeableConcept {
  const term = textOf(code, 'Term');
  const description = textOf(code, 'SnomedCTDescriptionId');
  const snomed = snomedCoding(textOf(code, 'SnomedCTConceptId'));
  const coding: Coding[] = [];
  if (snomed) {
    const extension = description ? { extension: [{ url: DESCRIPTION_ID, valueId: description }] } : {};
    coding.push({ ...extension, ...snomed });
  }
  const read = textOf(code, 'ReadTermId');
  if (read)
    coding.push(isLocal(read) ? { system: EGTON_CODES, code: read } : { system: READ_V2, code: readCode(read) });
  const codeId = textOf(code, 'CodeId');
  if (codeId) coding.push({ system: EMIS_CODE_ID, code: codeId });
  return { coding, ...(term ? { text: term } : {}) };
}

/** The concept of a row of Coding_DrugCode: dm+d where there is one. */
export function drugConcept(code: Cells): CodeableConcept {
  const term = textOf(code, 'Term');
  const dmd = snomedCoding(textOf(code, 'DmdProductCodeId'));
  const codeId = textOf(code, 'CodeId');
  return {
    coding: [...(dmd ? [{ ...dmd, system: DMD }] : []), ...(codeId ? [{ system: EMIS_DRUG_CODES, code: codeId }] : [])],
    ...(term ? { text: term } : {}),
  };
}

export type EntryKind = 'Observation' | 'Condition' | 'Procedure' | 'Immunization';

/**
 * What an entry with this code is. A value makes it an Observation whatever the code. Referrals, allergies, family
 * history and requests are Observations too: they must be seen by rules, and only their code says more.
 */
export function kindOf(code: Cells, hasValue: boolean, lookups: EmisLookups): EntryKind {
  if (hasValue) return 'Observation';
  switch (textOf(code, 'EmisCodeCategoryDescription')?.toLowerCase()) {
    case 'immunisations':
      return 'Immunization';
    case 'dental disorder':
      return 'Condition';
    case 'conditions, operations and procedures':
      return kindByChapter(code, lookups);
    default:
      return 'Observation';
  }
}

/** Read chapters: letters are disorders, 7 and 8 are procedures; a code without one takes its parent's. */
function kindByChapter(code: Cells, lookups: EmisLookups): EntryKind {
  let current: Cells | undefined = code;
  for (let depth = 0; current && depth < 20; depth++) {
    const read = textOf(current, 'ReadTermId');
    if (read && !isLocal(read)) {
      if (/^[A-Z]/.test(read)) return 'Condition';
      return /^[78]/.test(read) ? 'Procedure' : 'Observation';
    }
    const parent = textOf(current, 'ParentCodeId');
    current = parent ? lookups.clinicalCode(parent) : undefined;
  }
  return 'Observation';
}

/** Codes that are the supplier's own though they stand in the Read column. */
function isLocal(read: string): boolean {
  return /^(EMIS|ESCT|FUNDHC|JHCC|RAFME)/.test(read) || /(KC60|SHHAPT)$/.test(read);
}

/** `C10F-1` → `C10F.`: without the synonym's number, filled up to five. */
function readCode(read: string): string {
  return read.replace(/-\d+$/, '').padEnd(5, '.');
}
