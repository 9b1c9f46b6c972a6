/** Which codes are the two halves of a blood pressure (UK Core value sets BloodPressure-Systolic and -Diastolic; facts: uk-core §6). */
import { SNOMED } from '#fhir/systems.ts';
import type { CodeableConcept } from '#fhir/types.ts';

const systolic = ['163030003', '271649006', '407556006', '1162737008', '407554009', '400974009', '72313002'];
const diastolic = ['163031004', '271650006', '1091811000000102', '407557002', '1162735000', '407555005', '400975005'];

/** The concept for a pair whose parts were entered without a heading. */
export const bloodPressure: CodeableConcept = {
  coding: [{ system: SNOMED, code: '75367002', display: 'Blood pressure' }],
  text: 'Blood pressure',
};

export function bloodPressurePart(concept: CodeableConcept): 'systolic' | 'diastolic' | undefined {
  const codes = (concept.coding ?? []).filter((one) => one.system === SNOMED).map((one) => one.code ?? '');
  if (codes.some((code) => systolic.includes(code))) return 'systolic';
  return codes.some((code) => diastolic.includes(code)) ? 'diastolic' : undefined;
}
