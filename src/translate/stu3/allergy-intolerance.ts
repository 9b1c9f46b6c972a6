/** Allergies: STU3 AllergyIntolerance to UK Core. NHS England's own map exists for this type. facts: gp-connect §6.10 */
import { ukCoreExtension } from '#fhir/systems.ts';
import type { AllergyIntolerance, AllergyIntoleranceReaction, CodeableConcept, Extension } from '#fhir/types.ts';
import { codeableConcept, concept, concepts } from './coding.ts';
import { notes, period } from './datatype.ts';
import { extension, extensions } from './extension.ts';
import { frame, identifiers } from './frame.ts';
import { children, firstOf, missing, type Part, present, some } from './node.ts';
import { code, codes, dateTime, text } from './primitive.ts';
import { age, range } from './quantity.ts';
import { ANYTHING, landing, PEOPLE, reference, referenceIn, subject } from './reference.ts';

const CLINICAL = ['active', 'inactive', 'resolved'] as const;
const VERIFICATION = ['unconfirmed', 'confirmed', 'refuted', 'entered-in-error'] as const;
const CATEGORIES = ['food', 'medication', 'environment', 'biologic'] as const;

export function translateAllergyIntolerance(part: Part): AllergyIntolerance | undefined {
  const patient = subject(part, 'patient');
  const words = concept(part, 'code');
  const verification = code(part, 'verificationStatus', VERIFICATION);
  const clinical = clinicalStatus(part, verification);
  if (words === undefined) return missing(part, { code: words });
  if (clinical === undefined && verification !== 'entered-in-error') return missing(part, { clinicalStatus: clinical });
  return {
    resourceType: 'AllergyIntolerance',
    ...frame(part, 'AllergyIntolerance'),
    ...present({
      extension: evidence(part),
      identifier: identifiers(part),
      clinicalStatus: clinical,
      verificationStatus:
        verification &&
        codeableConcept('http://terminology.hl7.org/CodeSystem/allergyintolerance-verification', verification),
      type: code(part, 'type', ['allergy', 'intolerance']),
      category: codes(part, 'category', CATEGORIES),
      criticality: code(part, 'criticality', ['low', 'high', 'unable-to-assess']),
      code: words,
      encounter: encounter(part),
      ...firstOf(part, {
        onsetDateTime: dateTime(part, 'onsetDateTime'),
        onsetAge: age(part, 'onsetAge'),
        onsetPeriod: period(part, 'onsetPeriod'),
        onsetRange: range(part, 'onsetRange'),
        onsetString: text(part, 'onsetString'),
      }),
      recordedDate: dateTime(part, 'assertedDate'),
      recorder: reference(part, 'recorder', PEOPLE),
      asserter: reference(part, 'asserter', PEOPLE),
      lastOccurrence: dateTime(part, 'lastOccurrence'),
      note: notes(part),
      reaction: some(children(part, 'reaction').map(reactionIn)),
    }),
    patient,
  };
}

/** The status, with when and why the allergy ended upon it, where UK Core has them. */
function clinicalStatus(part: Part, verification: string | undefined): CodeableConcept | undefined {
  const status = code(part, 'clinicalStatus', CLINICAL);
  const ended = allergyEnd(part);
  if (status === undefined || verification === 'entered-in-error') return undefined;
  const found = codeableConcept('http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical', status);
  return ended === undefined ? found : { ...found, extension: [ended] };
}

function allergyEnd(part: Part): Extension | undefined {
  const end = extension(part, 'allergyintoleranceend');
  if (end === undefined) return undefined;
  const datePart = extension(end, 'enddate');
  const reasonPart = extension(end, 'reasonended');
  const endDate = datePart && dateTime(datePart, 'valueDateTime');
  const reasonEnded = reasonPart && text(reasonPart, 'valueString');
  const inner = some<Extension>([
    endDate === undefined ? undefined : { url: 'endDate', valueDateTime: endDate },
    reasonEnded === undefined ? undefined : { url: 'reasonEnded', valueString: reasonEnded },
  ]);
  return inner && { url: ukCoreExtension('AllergyIntoleranceEnd'), extension: inner };
}

function evidence(part: Part): Extension[] | undefined {
  return some(
    extensions(part, 'evidence').map((one) => {
      const [target] = children(one, 'valueReference');
      const found = target && landing(target, ANYTHING);
      return found && { url: ukCoreExtension('Evidence'), valueReference: found };
    }),
  );
}

function encounter(part: Part) {
  const link = extension(part, 'encounter-associatedencounter');
  const [target] = link ? children(link, 'valueReference') : [];
  return target && referenceIn(target, ['Encounter']);
}

/** A reaction. R4, like STU3, requires what it showed itself as. */
function reactionIn(part: Part): AllergyIntoleranceReaction | undefined {
  const manifestation = concepts(part, 'manifestation');
  if (manifestation === undefined) return missing(part, { manifestation });
  return {
    manifestation,
    ...present({
      substance: concept(part, 'substance'),
      description: text(part, 'description'),
      onset: dateTime(part, 'onset'),
      severity: code(part, 'severity', ['mild', 'moderate', 'severe']),
      exposureRoute: concept(part, 'exposureRoute'),
      note: notes(part),
    }),
  };
}
