/** The least that is valid of every type that is served, about one patient of one practice. */
import type { Resource } from '#fhir/types.ts';

const text = { text: 'x' };
const coded = { coding: [{ system: 'https://example.org/code', code: 'x' }] };

/** By type; ids are given by whoever saves them. */
export function sampleOf(type: string, about: { readonly patient: string; readonly organisation: string }): Resource {
  const subject = { reference: `Patient/${about.patient}` };
  const patient = subject;
  const schedule = { identifier: { system: 'https://example.org/schedule', value: 'x' } };
  const definition = { status: 'active', url: `https://example.org/${type}/x`, name: 'X' };
  const start = '2026-06-01T09:00:00Z';
  const more: Readonly<Record<string, object>> = {
    Organization: { name: 'The Example Surgery' },
    RelatedPerson: { patient },
    Location: { status: 'active' },
    Endpoint: { status: 'active', connectionType: { code: 'x' }, payloadType: [text], address: 'https://example.org' },
    Group: {
      type: 'person',
      actual: false,
      code: text,
      managingEntity: { reference: `Organization/${about.organisation}` },
    },
    PlanDefinition: definition,
    ActivityDefinition: definition,
    ValueSet: definition,
    CodeSystem: { ...definition, content: 'complete', concept: [{ code: 'x' }] },
    ConceptMap: definition,
    Measure: definition,
    StructureDefinition: { ...definition, kind: 'resource', abstract: false, type: 'Patient' },
    OperationDefinition: { ...definition, kind: 'operation', code: 'x', system: false, type: true, instance: false },
    SearchParameter: { ...definition, description: 'x', code: 'x', base: ['Patient'], type: 'token' },
    CapabilityStatement: {
      ...definition,
      date: '2026-06-01',
      kind: 'instance',
      fhirVersion: '4.0.1',
      format: ['json'],
    },
    ServiceRequest: { status: 'active', intent: 'order', subject },
    CarePlan: { status: 'active', intent: 'plan', subject },
    Task: { status: 'requested', intent: 'order', code: coded, for: patient },
    CommunicationRequest: { status: 'draft', subject },
    Communication: { status: 'completed', subject },
    Appointment: { status: 'proposed', participant: [{ actor: patient, status: 'accepted' }] },
    Schedule: { actor: [patient] },
    Slot: { schedule, status: 'free', start, end: '2026-06-01T09:10:00Z' },
    Encounter: { status: 'planned', class: { code: 'AMB' }, subject },
    EpisodeOfCare: { status: 'active', patient },
    Condition: { subject },
    Observation: { status: 'final', code: text, subject },
    Procedure: { status: 'completed', subject },
    Immunization: { status: 'completed', vaccineCode: text, patient, occurrenceDateTime: '2026-06-01' },
    MedicationRequest: {
      status: 'active',
      intent: 'order',
      medicationCodeableConcept: text,
      subject,
      substitution: { allowedBoolean: true },
    },
    MedicationStatement: { status: 'active', medicationCodeableConcept: text, subject },
    AllergyIntolerance: {
      patient,
      code: text,
      clinicalStatus: {
        coding: [{ system: 'http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical', code: 'active' }],
      },
    },
    DocumentReference: { status: 'current', subject, content: [{ attachment: { url: 'https://example.org/x' } }] },
    DiagnosticReport: { status: 'final', code: text, subject },
    Flag: { status: 'active', code: text, subject },
    Consent: { status: 'active', scope: text, category: [text], patient, policyRule: text },
    List: { status: 'current', mode: 'working', subject },
    MeasureReport: {
      status: 'complete',
      type: 'summary',
      measure: 'https://example.org/Measure/x',
      period: { start: '2026-06-01' },
    },
    Provenance: { target: [patient], recorded: start, agent: [{ who: { identifier: { value: 'x' } } }] },
    AuditEvent: {
      type: { code: 'rest' },
      recorded: start,
      agent: [{ requestor: true }],
      source: { observer: { display: 'x' } },
    },
    RequestGroup: { status: 'active', intent: 'order', subject },
    Subscription: {
      status: 'requested',
      reason: 'x',
      criteria: 'https://holdfast.example/fhir/SubscriptionTopic/task-status',
      channel: {
        type: 'rest-hook',
        endpoint: 'https://example.org/hook',
        payload: 'application/fhir+json',
        _payload: {
          extension: [
            {
              url: 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content',
              valueCode: 'id-only',
            },
          ],
        },
      },
    },
  };
  return { resourceType: type, ...more[type] } as Resource;
}
