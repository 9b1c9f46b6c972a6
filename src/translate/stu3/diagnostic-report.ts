/** Pathology reports and their specimens. facts: gp-connect §3.4 */
import type { DiagnosticReport, Specimen } from '#fhir/types.ts';
import { concept, concepts } from './coding.ts';
import { attachmentIn, identifierIn, notes, period } from './datatype.ts';
import { extension } from './extension.ts';
import { frame, identifiers } from './frame.ts';
import { child, children, firstOf, lose, missing, type Part, present, some } from './node.ts';
import { code, dateTime, instant, text } from './primitive.ts';
import { simpleQuantity } from './quantity.ts';
import { landing, reference, references, STAFF, STAFF_OR_ORGANISATION, subject } from './reference.ts';

const STATUSES = [
  'registered',
  'partial',
  'preliminary',
  'final',
  'amended',
  'corrected',
  'appended',
  'cancelled',
  'entered-in-error',
  'unknown',
] as const;

export function translateDiagnosticReport(part: Part): DiagnosticReport | undefined {
  const status = code(part, 'status', STATUSES);
  const words = concept(part, 'code');
  if (status === undefined || words === undefined) return missing(part, { status, code: words });
  return {
    resourceType: 'DiagnosticReport',
    ...frame(part, 'DiagnosticReport'),
    ...present({
      identifier: identifiers(part),
      basedOn: references(part, 'basedOn', ['ServiceRequest', 'MedicationRequest']),
      category: concepts(part, 'category'),
      encounter: reference(part, 'context', ['Encounter']),
      ...firstOf(part, {
        effectiveDateTime: dateTime(part, 'effectiveDateTime'),
        effectivePeriod: period(part, 'effectivePeriod'),
      }),
      issued: instant(part, 'issued'),
      performer: some(children(part, 'performer').map(performerIn)),
      specimen: references(part, 'specimen', ['Specimen']),
      result: references(part, 'result', ['Observation']),
      conclusion: text(part, 'conclusion'),
      conclusionCode: concepts(part, 'codedDiagnosis'),
      presentedForm: some(
        children(part, 'presentedForm').map((one) => {
          const found = attachmentIn(one);
          return Object.keys(found).length > 0 ? found : undefined;
        }),
      ),
    }),
    status,
    code: words,
    subject: subject(part, 'subject'),
  };
}

/** Who made the report. R4 has the actor alone: a role is counted as lost. */
function performerIn(part: Part) {
  if (concept(part, 'role') !== undefined) lose(part, 'role');
  return reference(part, 'actor', STAFF_OR_ORGANISATION);
}

export function translateSpecimen(part: Part): Specimen | undefined {
  const accession = child(part, 'accessionIdentifier');
  return {
    resourceType: 'Specimen',
    ...frame(part, 'Specimen'),
    ...present({
      identifier: identifiers(part),
      accessionIdentifier: accession && identifierIn(accession),
      status: code(part, 'status', ['available', 'unavailable', 'unsatisfactory', 'entered-in-error']),
      type: concept(part, 'type'),
      receivedTime: dateTime(part, 'receivedTime'),
      parent: references(part, 'parent', ['Specimen']),
      request: references(part, 'request', ['ServiceRequest']),
      collection: collectionOf(part),
      note: notes(part),
    }),
    subject: subject(part, 'subject'),
  };
}

function collectionOf(part: Part): Specimen['collection'] {
  const found = child(part, 'collection');
  if (found === undefined) return undefined;
  const collectorPart = child(found, 'collector');
  const fasting = extension(found, 'fastingstatus');
  const made = present({
    collector: collectorPart && landing(collectorPart, STAFF),
    ...firstOf(found, {
      collectedDateTime: dateTime(found, 'collectedDateTime'),
      collectedPeriod: period(found, 'collectedPeriod'),
    }),
    quantity: simpleQuantity(found, 'quantity'),
    method: concept(found, 'method'),
    bodySite: concept(found, 'bodySite'),
    fastingStatusCodeableConcept: fasting && concept(fasting, 'valueCodeableConcept'),
  });
  return Object.keys(made).length > 0 ? made : undefined;
}
