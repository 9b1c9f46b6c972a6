/** Consultations: STU3 Encounter to UK Core. facts: gp-connect §6.11 */
import type { Coding, Encounter } from '#fhir/types.ts';
import { codingIn, concept, concepts, DATA_ABSENT_EXTENSION } from './coding.ts';
import { period } from './datatype.ts';
import { frame, identifiers } from './frame.ts';
import { child, children, lose, missing, type Part, present, some } from './node.ts';
import { code, integer } from './primitive.ts';
import { duration } from './quantity.ts';
import { landing, reference, references, STAFF, subject } from './reference.ts';

const STATUSES = [
  'planned',
  'arrived',
  'triaged',
  'in-progress',
  'onleave',
  'finished',
  'cancelled',
  'entered-in-error',
  'unknown',
] as const;

export function translateEncounter(part: Part): Encounter | undefined {
  const status = code(part, 'status', STATUSES);
  if (status === undefined) return missing(part, { status });
  return {
    resourceType: 'Encounter',
    ...frame(part, 'Encounter'),
    ...present({
      identifier: identifiers(part),
      type: concepts(part, 'type'),
      priority: concept(part, 'priority'),
      basedOn: references(part, 'incomingReferral', ['ServiceRequest']),
      participant: some(children(part, 'participant').map(participantIn)),
      period: period(part, 'period'),
      length: duration(part, 'length'),
      reasonCode: concepts(part, 'reason'),
      diagnosis: some(children(part, 'diagnosis').map(diagnosisIn)),
      location: some(children(part, 'location').map(locationIn)),
      serviceProvider: reference(part, 'serviceProvider', ['Organization']),
      partOf: reference(part, 'partOf', ['Encounter']),
    }),
    status,
    class: encounterClass(part),
    subject: subject(part, 'subject'),
  };
}

/** GP Connect gives no class and R4 requires one: ambulatory, marked as not known. Whether it was face to face is not guessed. */
function encounterClass(part: Part): Coding {
  const given = child(part, 'class');
  const found = given && codingIn(given);
  if (found !== undefined) return found;
  lose(part, 'class-assumed');
  return {
    extension: [{ url: DATA_ABSENT_EXTENSION, valueCode: 'unknown' }],
    system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode',
    code: 'AMB',
    display: 'ambulatory',
  };
}

function participantIn(part: Part) {
  const found = present({
    type: concepts(part, 'type'),
    period: period(part, 'period'),
    individual: reference(part, 'individual', STAFF),
  });
  return (found.type ?? found.individual) ? found : undefined;
}

function diagnosisIn(part: Part) {
  const conditionPart = child(part, 'condition');
  const condition = conditionPart && landing(conditionPart, ['Condition']);
  const rest = present({ use: concept(part, 'role'), rank: integer(part, 'rank', 1) });
  return condition && { condition, ...rest };
}

function locationIn(part: Part) {
  const locationPart = child(part, 'location');
  const location = locationPart && landing(locationPart, ['Location']);
  const rest = present({
    status: code(part, 'status', ['planned', 'active', 'reserved', 'completed']),
    period: period(part, 'period'),
  });
  return location && { location, ...rest };
}
