/** Recalls and test requests (ProcedureRequest) and referrals (ReferralRequest) to ServiceRequest. facts: gp-connect §3.4, §6.11 */
import { SNOMED } from '#fhir/systems.ts';
import type { Annotation, CodeableConcept, ServiceRequest } from '#fhir/types.ts';
import { codeableConcept, concept, concepts } from './coding.ts';
import { identifierIn, notes, period } from './datatype.ts';
import { timing } from './dosage.ts';
import { frame, identifiers } from './frame.ts';
import { child, firstOf, missing, type Part, present, some } from './node.ts';
import { boolean, code, dateTime, text } from './primitive.ts';
import { ANYTHING, reference, references, subject } from './reference.ts';
import { requester } from './requester.ts';

const STATUSES = ['draft', 'active', 'suspended', 'cancelled', 'completed', 'entered-in-error', 'unknown'] as const;
const INTENTS = [
  'proposal',
  'plan',
  'order',
  'original-order',
  'reflex-order',
  'filler-order',
  'instance-order',
  'option',
] as const;
const R4_STATUS = { suspended: 'on-hold', cancelled: 'revoked' } as const;
const PRIORITIES = ['routine', 'urgent', 'asap', 'stat'] as const;
const PERFORMERS = ['Practitioner', 'PractitionerRole', 'Organization', 'HealthcareService', 'Patient'];
const REASONS = ['Condition', 'Observation', 'DiagnosticReport', 'DocumentReference'];
const REQUESTS = ['ServiceRequest', 'MedicationRequest'];

/** A diary entry (what is due, and when) or a requested test. One that stands in a diary list is tagged as a recall. */
export function translateProcedureRequest(part: Part): ServiceRequest | undefined {
  const status = r4Status(part);
  const words = concept(part, 'code');
  if (status === undefined) return missing(part, { status });
  return {
    resourceType: 'ServiceRequest',
    ...frame(part, 'ServiceRequest'),
    ...present({
      ...shared(part),
      category: some([...(concepts(part, 'category') ?? []), recallTag(part)]),
      doNotPerform: boolean(part, 'doNotPerform'),
      code: words,
      ...firstOf(part, {
        asNeededBoolean: boolean(part, 'asNeededBoolean'),
        asNeededCodeableConcept: concept(part, 'asNeededCodeableConcept'),
      }),
      performerType: concept(part, 'performerType'),
      performer: references(part, 'performer', PERFORMERS),
      specimen: references(part, 'specimen', ['Specimen']),
      bodySite: concepts(part, 'bodySite'),
      note: notes(part),
    }),
    status,
    intent: code(part, 'intent', INTENTS) ?? 'plan',
    subject: subject(part, 'subject'),
  };
}

/** A referral out of the practice. What it was written in words comes before its other notes. */
export function translateReferralRequest(part: Part): ServiceRequest | undefined {
  const status = r4Status(part);
  if (status === undefined) return missing(part, { status });
  const [service, ...details] = concepts(part, 'serviceRequested') ?? [];
  const description = text(part, 'description');
  const described: Annotation | undefined = description === undefined ? undefined : { text: description };
  return {
    resourceType: 'ServiceRequest',
    ...frame(part, 'ServiceRequest'),
    ...present({
      ...shared(part),
      category: concepts(part, 'type'),
      code: service,
      orderDetail: some(details),
      performerType: concept(part, 'specialty'),
      performer: references(part, 'recipient', PERFORMERS),
      note: some([described, ...(notes(part) ?? [])]),
    }),
    status,
    intent: code(part, 'intent', INTENTS) ?? 'order',
    subject: subject(part, 'subject'),
  };
}

function shared(part: Part) {
  const group = child(part, part.work.type === 'ReferralRequest' ? 'groupIdentifier' : 'requisition');
  return {
    identifier: identifiers(part),
    basedOn: references(part, 'basedOn', REQUESTS),
    replaces: references(part, 'replaces', ['ServiceRequest']),
    requisition: group && identifierIn(group),
    priority: code(part, 'priority', PRIORITIES),
    encounter: reference(part, 'context', ['Encounter']),
    ...firstOf(part, {
      occurrenceDateTime: dateTime(part, 'occurrenceDateTime'),
      occurrencePeriod: period(part, 'occurrencePeriod'),
      occurrenceTiming: timing(part, 'occurrenceTiming'),
    }),
    authoredOn: dateTime(part, 'authoredOn'),
    requester: requester(part),
    reasonCode: concepts(part, 'reasonCode'),
    reasonReference: references(part, 'reasonReference', REASONS),
    supportingInfo: references(part, 'supportingInfo', ANYTHING),
  };
}

function r4Status(part: Part): ServiceRequest['status'] | undefined {
  const status = code(part, 'status', STATUSES);
  if (status === 'suspended' || status === 'cancelled') return R4_STATUS[status];
  return status;
}

function recallTag(part: Part): CodeableConcept | undefined {
  if (!part.work.resolver.isRecall(part.node)) return undefined;
  return codeableConcept(SNOMED, '714311000000108', 'Patient recall administration');
}
