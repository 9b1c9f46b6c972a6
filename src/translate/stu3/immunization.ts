/** Immunisations. The code that says which one is in an extension, not in vaccineCode. facts: gp-connect §3.4, §6.9, trap 26 */
import { ukCoreExtension } from '#fhir/systems.ts';
import type { CodeableConcept, Extension, Immunization, ImmunizationProtocolApplied } from '#fhir/types.ts';
import { codeableConcept, concept, concepts, DATA_ABSENT_EXTENSION, DATA_ABSENT_REASON } from './coding.ts';
import { notes } from './datatype.ts';
import { extension } from './extension.ts';
import { frame, identifiers } from './frame.ts';
import { child, children, lose, missing, type Part, present, some } from './node.ts';
import { boolean, code, date, dateTime, integer, text } from './primitive.ts';
import { simpleQuantity } from './quantity.ts';
import { landing, reference, STAFF_OR_ORGANISATION, subject } from './reference.ts';

export function translateImmunization(part: Part): Immunization | undefined {
  const given = code(part, 'status', ['completed', 'entered-in-error']);
  const vaccineCode = concept(part, 'vaccineCode');
  const notGiven = boolean(part, 'notGiven') === true && given !== 'entered-in-error';
  if (given === undefined || vaccineCode === undefined) return missing(part, { status: given, vaccineCode });
  const explanation = child(part, 'explanation');
  const refused = explanation && concepts(explanation, 'reasonNotGiven');
  return {
    resourceType: 'Immunization',
    ...frame(part, 'Immunization'),
    ...present({
      extension: immunisationExtensions(part),
      identifier: identifiers(part),
      statusReason: notGiven ? statusReason(part, refused) : undefined,
      encounter: reference(part, 'encounter', ['Encounter']),
      recorded: recorded(part),
      primarySource: boolean(part, 'primarySource'),
      reportOrigin: concept(part, 'reportOrigin'),
      location: reference(part, 'location', ['Location']),
      manufacturer: reference(part, 'manufacturer', ['Organization']),
      lotNumber: text(part, 'lotNumber'),
      expirationDate: date(part, 'expirationDate'),
      site: concept(part, 'site'),
      route: concept(part, 'route'),
      doseQuantity: simpleQuantity(part, 'doseQuantity'),
      performer: some(children(part, 'practitioner').map(performerIn)),
      note: notes(part),
      reasonCode: explanation && concepts(explanation, 'reason'),
      reaction: some(children(part, 'reaction').map(reactionIn)),
      protocolApplied: some(children(part, 'vaccinationProtocol').map(protocolIn)),
    }),
    ...occurrence(part),
    status: notGiven ? 'not-done' : given,
    vaccineCode,
    patient: subject(part, 'patient'),
  };
}

/** UK Core requires a reason for what was not done; where none was recorded, that is said. */
function statusReason(part: Part, reasons: CodeableConcept[] | undefined): CodeableConcept {
  const [first, ...others] = reasons ?? [];
  for (const _other of others) lose(part, 'second-reason-not-given');
  return first ?? { ...codeableConcept(DATA_ABSENT_REASON, 'unknown', 'Unknown'), text: 'Reason not recorded' };
}

/** When. R4 requires it; a date that was not recorded is called unknown, with the marker that it is absent. */
function occurrence(part: Part) {
  const when = dateTime(part, 'date');
  if (when !== undefined) return { occurrenceDateTime: when };
  return {
    occurrenceString: 'unknown',
    _occurrenceString: { extension: [{ url: DATA_ABSENT_EXTENSION, valueCode: 'unknown' }] },
  };
}

function recorded(part: Part): string | undefined {
  const found = extension(part, 'daterecorded');
  return found && dateTime(found, 'valueDateTime');
}

function immunisationExtensions(part: Part): Extension[] | undefined {
  const procedurePart = extension(part, 'vaccinationprocedure');
  const procedure = procedurePart && concept(procedurePart, 'valueCodeableConcept');
  const parentPart = extension(part, 'parentpresent');
  const parent = parentPart && boolean(parentPart, 'valueBoolean');
  return some<Extension>([
    procedure && { url: ukCoreExtension('VaccinationProcedure'), valueCodeableConcept: procedure },
    parent === undefined ? undefined : { url: ukCoreExtension('ParentPresent'), valueBoolean: parent },
  ]);
}

/** Who took part. R4 requires the person; a role without one says nothing. */
function performerIn(part: Part) {
  const actorPart = child(part, 'actor');
  const actor = actorPart && landing(actorPart, STAFF_OR_ORGANISATION);
  const role = concept(part, 'role');
  if (actor === undefined) return void lose(part, 'without-actor');
  return { actor, ...present({ function: role }) };
}

function reactionIn(part: Part) {
  const found = present({
    date: dateTime(part, 'date'),
    detail: reference(part, 'detail', ['Observation']),
    reported: boolean(part, 'reported'),
  });
  return Object.keys(found).length > 0 ? found : undefined;
}

function protocolIn(part: Part): ImmunizationProtocolApplied {
  const dose = integer(part, 'doseSequence', 1);
  const doses = integer(part, 'seriesDoses', 1);
  return {
    ...present({
      series: text(part, 'series'),
      authority: reference(part, 'authority', ['Organization']),
      targetDisease: concepts(part, 'targetDisease'),
      seriesDosesPositiveInt: doses,
    }),
    ...(dose === undefined ? { doseNumberString: 'unknown' } : { doseNumberPositiveInt: dose }),
  };
}
