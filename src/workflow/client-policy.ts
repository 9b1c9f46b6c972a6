/**
 * Who may write what over the API: one row per resource type. The capability statement is generated from this table
 * (`npm run capability`), so what it does not allow has no route. https://hl7.org/fhir/R4/capabilitystatement.html
 */

/**
 * - `record`: what the GP record says. Comes in by record intake; over the API only from a system with the role
 *   `record-intake`, and only what such a system brought itself.
 * - `client`: written by clients, within what `client-rules.ts` says of the type.
 * - `made`: made by the workflow or the server itself. Read only.
 * - `definition`: ships with the server, shared by all organisations. Read only.
 */
export type PolicyKind = 'record' | 'client' | 'made' | 'definition';

export type TypePolicy = {
  readonly kind: PolicyKind;
  /** What the capability statement and every refusal say: how this type comes to be written. */
  readonly documentation: string;
};

/** The value of the token's `role` claim that lets a system write what is of the record. */
export const RECORD_INTAKE = 'record-intake';

const record: TypePolicy = {
  kind: 'record',
  documentation:
    'Comes in with the GP record: change it in the GP system. Over the API it is written only by a system whose token has the role "record-intake".',
};
const link: TypePolicy = {
  kind: 'record',
  documentation:
    'Of linked practices they are made by the server: what is configured, and what the practice\'s own systems say when they are asked (HealthcareService/gp-connect-[ODS code]/$check). Others come in with the GP record, written only by a system whose token has the role "record-intake".',
};
const definition: TypePolicy = {
  kind: 'definition',
  documentation:
    'A definition, shared by all organisations. It changes with a release of the server, not through the API.',
};
const made = (documentation: string): TypePolicy => ({ kind: 'made', documentation });
const client = (documentation: string): TypePolicy => ({ kind: 'client', documentation });

/** Resource type → policy, for every type that is served. */
export const clientPolicy: Readonly<Record<string, TypePolicy>> = {
  Patient: record,
  RelatedPerson: record,
  Practitioner: record,
  PractitionerRole: record,
  Organization: record,
  Location: record,
  HealthcareService: link,
  Endpoint: link,
  Group: client(
    'Cohorts (actual members) are kept by the workflow; POST /fhir/R4/Group/[id]/$release invites their members. Clients write definitions: actual false, with characteristics and without members.',
  ),
  PlanDefinition: definition,
  ActivityDefinition: definition,
  ValueSet: definition,
  CodeSystem: definition,
  ConceptMap: definition,
  ServiceRequest: made('A need: found by the rules, never written by clients.'),
  CarePlan: record,
  Task: client(
    "Holdfast's own Tasks are changed by PUT or PATCH of owner, note and priority, calls by their end and outcome, and writebacks of route manual by saying that they are filed (in-progress) or not (requested); all else moves by what happens. Tasks with a code of another system are created by clients and move along the R4 state machine.",
  ),
  CommunicationRequest: client(
    "Holdfast's own are made before a message is sent and stay as they are. One that a client creates is kept and shown, and sends nothing.",
  ),
  Communication: made('What was sent and received; never written by clients.'),
  Appointment: client(
    "POST on a Slot of a practice books it there, in the name of the token's person; PUT of one that the practice's system holds amends its description and comment or cancels it there. One that a client creates without such a Slot records an appointment made elsewhere.",
  ),
  Schedule: record,
  Slot: {
    ...record,
    documentation:
      'A search with status=free and both bounds of start asks the practices\' systems live, in the name of the token\'s person; what was booked is kept. Over the API it is written only by a system whose token has the role "record-intake".',
  },
  Encounter: record,
  EpisodeOfCare: record,
  Condition: record,
  Observation: record,
  Procedure: record,
  Immunization: record,
  MedicationRequest: record,
  MedicationStatement: record,
  AllergyIntolerance: record,
  DocumentReference: record,
  DiagnosticReport: record,
  Flag: client(
    'A hold on contact, a preference, an alert; on a practice, its emergency stop. It stays with its subject: end it by status "inactive".',
  ),
  Consent: client('What a patient agreed to or refused. It stays with its patient: end it by status "inactive".'),
  List: client("Holdfast's own are snapshots of the record and stay as they are; clients keep lists of their own."),
  Measure: definition,
  MeasureReport: made('Counted by the server; never written by clients.'),
  Provenance: made('Written by the server with every change of a Task.'),
  AuditEvent: made('Written by the server with every request; never changed.'),
  RequestGroup: made('Made by POST /fhir/R4/Group/[id]/$release, never by POST.'),
  Basic: { ...definition, documentation: 'A topic to subscribe to: what is watched, and how it is filtered.' },
  Subscription: client('A client subscribes for itself, within what its token lets it read.'),
  OperationDefinition: definition,
  StructureDefinition: definition,
  SearchParameter: definition,
  CapabilityStatement: definition,
};

/** Whether a policy lets anybody write over the API at all. */
export function isWritable({ kind }: TypePolicy): boolean {
  return kind === 'record' || kind === 'client';
}

/** Whether the writer may choose the id by PUT: ids of the record are the record's own; all others are given here. */
export function mayChooseId(type: string): boolean {
  return clientPolicy[type]?.kind === 'record';
}
