/** The ids of what an EMIS extract holds. GUIDs are unique only within the practice (facts: gp-extracts §1.1). */
import { idFrom } from '#fhir/id.ts';

/** `Patient.id` of a PatientGuid (upper case, no braces) at a practice (ODS code). */
export function emisPatientId(organisation: string, patientKey: string): string {
  return idFrom(organisation, 'emis', 'Patient', patientKey);
}

/** `Appointment.id` of a slot while this patient has it. */
export function emisAppointmentId(organisation: string, slotGuid: string, patientGuid: string): string {
  return idFrom(organisation, 'emis', 'Appointment', slotGuid, patientGuid);
}
