/** Coded entries in a GP Connect structured record: observations, problems, immunisations, diary entries. facts: gp-connect §3.4 */
import { londonOffsetTime } from '#fhir/date.ts';
import type { CodedEntry, Practice, SimPatient } from '#sandbox/practice.ts';
import {
  careConnectExtension,
  coded,
  gpcProfile,
  HL7_UK_STU3,
  type Json,
  recordKey,
  refer,
  snomed,
} from './structured-terms.ts';

/** A problem is an observation too, which its Condition points back at. */
export function observationResource(practice: Practice, patient: SimPatient, entry: CodedEntry): Json {
  return {
    resourceType: 'Observation',
    id: entry.id,
    meta: gpcProfile('Observation'),
    identifier: recordKey(practice.ods, entry.id),
    status: 'final',
    code: snomed(entry.code, entry.term),
    subject: refer('Patient', patient.id),
    effectiveDateTime: entry.date,
    issued: londonOffsetTime(entry.enteredAt),
    performer: [refer('Practitioner', entry.staffId)],
    ...(entry.value === undefined ? {} : { valueQuantity: quantity(entry.value, entry.unit) }),
    ...(entry.parts
      ? {
          component: entry.parts.map((part) => ({
            code: snomed(part.code, part.term),
            valueQuantity: quantity(part.value, part.unit),
          })),
        }
      : {}),
  };
}

function quantity(value: number, unit: string | undefined): Json {
  return { value, ...(unit ? { unit } : {}) };
}

export function problemId(entry: CodedEntry): string {
  return `${entry.id}-PROB`;
}

export function problemResource(practice: Practice, patient: SimPatient, entry: CodedEntry): Json {
  return {
    resourceType: 'Condition',
    id: problemId(entry),
    meta: gpcProfile('ProblemHeader-Condition'),
    extension: [
      { url: careConnectExtension('ActualProblem'), valueReference: refer('Observation', entry.id) },
      { url: careConnectExtension('ProblemSignificance'), valueCode: 'major' },
    ],
    identifier: recordKey(practice.ods, problemId(entry)),
    clinicalStatus: 'active',
    category: [
      coded(`${HL7_UK_STU3}/CodeSystem/CareConnect-ConditionCategory-1`, 'problem-list-item', 'Problem List Item'),
    ],
    code: snomed(entry.code, entry.term),
    subject: refer('Patient', patient.id),
    onsetDateTime: entry.date,
    assertedDate: londonOffsetTime(entry.enteredAt),
    asserter: refer('Practitioner', entry.staffId),
  };
}

/** What was given stands in the extension: `vaccineCode` seldom says. */
export function immunizationResource(practice: Practice, patient: SimPatient, entry: CodedEntry): Json {
  return {
    resourceType: 'Immunization',
    id: entry.id,
    meta: gpcProfile('Immunization'),
    extension: [
      { url: careConnectExtension('DateRecorded'), valueDateTime: londonOffsetTime(entry.enteredAt) },
      { url: careConnectExtension('VaccinationProcedure'), valueCodeableConcept: snomed(entry.code, entry.term) },
    ],
    identifier: recordKey(practice.ods, entry.id),
    status: 'completed',
    notGiven: false,
    vaccineCode: coded('http://hl7.org/fhir/v3/NullFlavor', 'UNK', 'unknown'),
    patient: refer('Patient', patient.id),
    date: entry.date,
    primarySource: true,
    practitioner: [
      {
        role: coded('http://hl7.org/fhir/v2/0443', 'AP', 'Administering Provider'),
        actor: refer('Practitioner', entry.staffId),
      },
    ],
  };
}

/** A recall: `occurrenceDateTime` is the day it falls due. */
export function diaryResource(practice: Practice, patient: SimPatient, entry: CodedEntry): Json {
  return {
    resourceType: 'ProcedureRequest',
    id: entry.id,
    meta: gpcProfile('ProcedureRequest'),
    identifier: recordKey(practice.ods, entry.id),
    status: 'active',
    intent: 'plan',
    code: snomed(entry.code, entry.term),
    subject: refer('Patient', patient.id),
    occurrenceDateTime: entry.date,
    authoredOn: londonOffsetTime(entry.enteredAt),
    requester: { agent: refer('Practitioner', entry.staffId), onBehalfOf: refer('Organization', practice.ods) },
  };
}
