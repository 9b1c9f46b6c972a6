/** One drug in a GP Connect structured record: what it is, the authorisation, its issues, the statement. facts: gp-connect §3.4 */
import { addDays } from '#fhir/date.ts';
import { idFrom } from '#fhir/id.ts';
import type { DrugCourse, Practice, SimPatient } from '#sandbox/practice.ts';
import { coded, gpcExtension, gpcProfile, type Json, NHS_STU3, recordKey, refer, snomed } from './structured-terms.ts';

export function statementId(course: DrugCourse): string {
  return `${course.id}-MS`;
}

/** The same drug is the same Medication throughout a bundle. */
function medicationId(code: string): string {
  return idFrom('medication', code);
}

export function medicationResource({ code, term }: DrugCourse): Json {
  return {
    resourceType: 'Medication',
    id: medicationId(code),
    meta: gpcProfile('Medication'),
    code: snomed(code, term),
  };
}

/** The authorisation (intent plan) and an order for each issue, based on it. */
export function requestResources(practice: Practice, patient: SimPatient, course: DrugCourse): readonly Json[] {
  const repeats = {
    url: gpcExtension('MedicationRepeatInformation'),
    extension: [
      { url: 'numberOfRepeatPrescriptionsAllowed', valueUnsignedInt: 12 },
      { url: 'numberOfRepeatPrescriptionsIssued', valueUnsignedInt: course.issues.length },
    ],
  };
  const plan: Json = {
    ...request(practice, patient, course, { id: course.id, date: course.startDate, end: course.endDate }),
    extension: [prescriptionType(course), ...(course.repeat ? [repeats] : [])],
    status: course.endDate === undefined ? 'active' : 'completed',
    intent: 'plan',
  };
  const orders = course.issues.map((issue) => ({
    ...request(practice, patient, course, { ...issue, end: addDays(issue.date, course.daysSupply) }),
    extension: [prescriptionType(course)],
    basedOn: [refer('MedicationRequest', course.id)],
    status: 'completed',
    intent: 'order',
  }));
  return [plan, ...orders];
}

function request(
  practice: Practice,
  patient: SimPatient,
  course: DrugCourse,
  when: { readonly id: string; readonly date: string; readonly end: string | undefined },
): Json {
  return {
    resourceType: 'MedicationRequest',
    id: when.id,
    meta: gpcProfile('MedicationRequest'),
    identifier: recordKey(practice.ods, when.id),
    medicationReference: refer('Medication', medicationId(course.code)),
    subject: refer('Patient', patient.id),
    authoredOn: when.date,
    requester: { agent: refer('Practitioner', course.staffId), onBehalfOf: refer('Organization', practice.ods) },
    recorder: refer('Practitioner', course.staffId),
    dosageInstruction: [{ text: course.dosage }],
    dispenseRequest: {
      validityPeriod: { start: when.date, ...(when.end ? { end: when.end } : {}) },
      quantity: { value: course.quantity, unit: course.unit },
      expectedSupplyDuration: {
        value: course.daysSupply,
        unit: 'day',
        system: 'http://unitsofmeasure.org',
        code: 'd',
      },
    },
  };
}

function prescriptionType({ repeat }: DrugCourse): Json {
  const system = `${NHS_STU3}/CodeSystem/CareConnect-PrescriptionType-1`;
  return {
    url: gpcExtension('PrescriptionType'),
    valueCodeableConcept: repeat ? coded(system, 'repeat', 'Repeat') : coded(system, 'acute', 'Acute'),
  };
}

export function statementResource(practice: Practice, patient: SimPatient, course: DrugCourse): Json {
  const last = course.issues.at(-1);
  const agency = `${NHS_STU3}/CodeSystem/CareConnect-PrescribingAgency-1`;
  return {
    resourceType: 'MedicationStatement',
    id: statementId(course),
    meta: gpcProfile('MedicationStatement'),
    extension: [
      ...(last ? [{ url: gpcExtension('MedicationStatementLastIssueDate'), valueDateTime: last.date }] : []),
      {
        url: gpcExtension('PrescribingAgency'),
        valueCodeableConcept: coded(agency, 'prescribed-at-gp-practice', 'Prescribed at GP practice'),
      },
    ],
    identifier: recordKey(practice.ods, statementId(course)),
    basedOn: [refer('MedicationRequest', course.id)],
    status: course.endDate === undefined ? 'active' : 'completed',
    medicationReference: refer('Medication', medicationId(course.code)),
    effectivePeriod: { start: course.startDate, ...(course.endDate ? { end: course.endDate } : {}) },
    dateAsserted: course.startDate,
    subject: refer('Patient', patient.id),
    taken: 'unk',
    dosage: [{ text: course.dosage }],
  };
}
