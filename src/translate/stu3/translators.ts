/** Which STU3 type is translated by what. A type that is not here is excluded with that said. */
import type { Resource } from '#fhir/types.ts';
import {
  translateHealthcareService,
  translateLocation,
  translateOrganization,
  translatePractitioner,
  translatePractitionerRole,
} from './administrative.ts';
import { translateAllergyIntolerance } from './allergy-intolerance.ts';
import { translateCondition } from './condition.ts';
import { translateDiagnosticReport, translateSpecimen } from './diagnostic-report.ts';
import { translateDocumentReference } from './document-reference.ts';
import { translateEncounter } from './encounter.ts';
import { translateImmunization } from './immunization.ts';
import { translateList } from './list.ts';
import { translateMedicationRequest } from './medication-request.ts';
import { translateMedicationStatement } from './medication-statement.ts';
import type { Part } from './node.ts';
import { translateObservation } from './observation.ts';
import { translatePatient } from './patient.ts';
import { translateQuestionnaireResponse } from './questionnaire-response.ts';
import { translateProcedureRequest, translateReferralRequest } from './service-request.ts';

/** Answers undefined, or notes a problem, when the resource cannot be had. */
export type Translator = (part: Part) => Resource | undefined;

/** Medication is not among them: it is read where it is used. */
export const TRANSLATORS: ReadonlyMap<string, Translator> = new Map<string, Translator>([
  ['AllergyIntolerance', translateAllergyIntolerance],
  ['Condition', translateCondition],
  ['DiagnosticReport', translateDiagnosticReport],
  ['DocumentReference', translateDocumentReference],
  ['Encounter', translateEncounter],
  ['HealthcareService', translateHealthcareService],
  ['Immunization', translateImmunization],
  ['List', translateList],
  ['Location', translateLocation],
  ['MedicationRequest', translateMedicationRequest],
  ['MedicationStatement', translateMedicationStatement],
  ['Observation', translateObservation],
  ['Organization', translateOrganization],
  ['Patient', translatePatient],
  ['Practitioner', translatePractitioner],
  ['PractitionerRole', translatePractitionerRole],
  ['ProcedureRequest', translateProcedureRequest],
  ['QuestionnaireResponse', translateQuestionnaireResponse],
  ['ReferralRequest', translateReferralRequest],
  ['Specimen', translateSpecimen],
]);
