/** The GP Connect calls made here: the interaction id says what is asked, more than method and path do. facts: gp-connect §1.4 */

export type Interaction = {
  readonly id: string;
  /** The one scope the token asks for. */
  readonly scope: string;
};

const PREFIX = 'urn:nhs:names:services:gpconnect:';

const of = (id: string, scope: string): Interaction => ({ id: `${PREFIX}${id}`, scope });

export const findPatientCall = of('fhir:rest:search:patient-1', 'patient/*.read');
export const searchSlotsCall = of('fhir:rest:search:slot-1', 'organization/*.read');
export const bookCall = of('fhir:rest:create:appointment-1', 'patient/*.write');
export const readAppointmentCall = of('fhir:rest:read:appointment-1', 'patient/*.read');
export const patientAppointmentsCall = of('fhir:rest:search:patient_appointments-1', 'patient/*.read');
export const amendCall = of('fhir:rest:update:appointment-1', 'patient/*.write');
/** Same method and path as an amendment: only this id makes it a cancellation. */
export const cancelCall = of('fhir:rest:cancel:appointment-1', 'patient/*.write');
/** `conf/N`: normal confidentiality, which providers from 1.6 on expect to be said. */
export const structuredRecordCall = of('fhir:operation:gpc.getstructuredrecord-1', 'patient/*.read conf/N');
/** What each of the three capabilities says of itself; each has a base address of its own. */
export const metadataCalls = {
  appointments: of('fhir:rest:read:metadata-1', 'organization/*.read'),
  structured: of('structured:fhir:rest:read:metadata-1', 'organization/*.read'),
  documents: of('documents:fhir:rest:read:metadata-1', 'organization/*.read'),
} as const;
export const findDocumentsPatientCall = of('documents:fhir:rest:search:patient-1', 'patient/*.read');
export const searchDocumentsCall = of('documents:fhir:rest:search:documentreference-1', 'patient/*.read');
export const readDocumentCall = of('documents:fhir:rest:read:binary-1', 'patient/*.read');
