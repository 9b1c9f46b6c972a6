/** Observations: values, findings, diagnoses that are no problems, results. facts: gp-connect §3.4, §6.7 */
import type { Annotation, Observation, ObservationComponent, ObservationReferenceRange } from '#fhir/types.ts';
import { codeableConcept, concept, concepts, DATA_ABSENT_REASON } from './coding.ts';
import { notes, period, sampledData } from './datatype.ts';
import { frame, identifiers } from './frame.ts';
import { child, children, drop, firstOf, has, lose, missing, type Part, present, some } from './node.ts';
import { boolean, code, dateTime, instant, text } from './primitive.ts';
import { quantity, range, ratio, simpleQuantity } from './quantity.ts';
import { ANYONE, landing, type Pointer, reference, references, subject } from './reference.ts';

const STATUSES = [
  'registered',
  'preliminary',
  'final',
  'amended',
  'corrected',
  'cancelled',
  'entered-in-error',
  'unknown',
] as const;
const MEMBERS = ['Observation', 'QuestionnaireResponse'];
const SOURCES = ['DocumentReference', 'QuestionnaireResponse', 'Observation'];

export function translateObservation(part: Part): Observation | undefined {
  const status = code(part, 'status', STATUSES);
  const words = concept(part, 'code');
  if (status === undefined || words === undefined) return missing(part, { status, code: words });
  const value = observedValue(part);
  return {
    resourceType: 'Observation',
    ...frame(part, 'Observation'),
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
      performer: references(part, 'performer', ANYONE),
      interpretation: concepts(part, 'interpretation'),
      note: comments(part),
      bodySite: concept(part, 'bodySite'),
      method: concept(part, 'method'),
      specimen: reference(part, 'specimen', ['Specimen']),
      referenceRange: some(children(part, 'referenceRange').map(referenceRangeIn)),
      component: some(children(part, 'component').map(componentIn)),
      ...related(part),
    }),
    ...value,
    status,
    code: words,
    subject: subject(part, 'subject'),
  };
}

/** The value, or why there is none. R4 has no attachments as values: the observation says so in place of one. */
function observedValue(part: Part) {
  const value = firstOf(part, {
    valueQuantity: quantity(part, 'valueQuantity'),
    valueCodeableConcept: concept(part, 'valueCodeableConcept'),
    valueString: text(part, 'valueString'),
    valueBoolean: boolean(part, 'valueBoolean'),
    valueRange: range(part, 'valueRange'),
    valueRatio: ratio(part, 'valueRatio'),
    valueSampledData: sampledData(part, 'valueSampledData'),
    valueTime: text(part, 'valueTime'),
    valueDateTime: dateTime(part, 'valueDateTime'),
    valuePeriod: period(part, 'valuePeriod'),
  });
  const reason = concept(part, 'dataAbsentReason');
  if (Object.keys(value).length > 0) {
    if (reason !== undefined) lose(part, 'dataAbsentReason-beside-value');
    return value;
  }
  if (reason !== undefined) return { dataAbsentReason: reason };
  if (!has(part, 'valueAttachment')) return {};
  for (const attachment of children(part, 'valueAttachment')) drop(attachment, 'valueAttachment');
  return { dataAbsentReason: codeableConcept(DATA_ABSENT_REASON, 'unsupported', 'Unsupported') };
}

/** STU3's one comment is R4's first note. */
function comments(part: Part): Annotation[] | undefined {
  const comment = text(part, 'comment');
  return some([comment === undefined ? undefined : { text: comment }, ...(notes(part) ?? [])]);
}

/** Observations that belong together: members of a panel, and what a value was derived from. Other relations are lost. */
function related(part: Part) {
  const members: (Pointer | undefined)[] = [];
  const sources: (Pointer | undefined)[] = [];
  for (const one of children(part, 'related')) {
    const kind = text(one, 'type');
    if (kind === 'has-member') members.push(targetOf(one, MEMBERS));
    else if (kind?.startsWith('derived')) sources.push(targetOf(one, SOURCES));
    else drop(one, 'related-of-other-type');
  }
  return { hasMember: some(members), derivedFrom: some(sources) };
}

function targetOf(part: Part, allowed: readonly string[]): Pointer | undefined {
  const target = child(part, 'target');
  return target && landing(target, allowed);
}

function componentIn(part: Part): ObservationComponent | undefined {
  const words = concept(part, 'code');
  if (words === undefined) return missing(part, { code: words });
  return {
    code: words,
    ...observedValue(part),
    ...present({
      interpretation: concepts(part, 'interpretation'),
      referenceRange: some(children(part, 'referenceRange').map(referenceRangeIn)),
    }),
  };
}

/** A reference range. R4 requires at least a bound or words. */
function referenceRangeIn(part: Part): ObservationReferenceRange | undefined {
  const found = present({
    low: simpleQuantity(part, 'low'),
    high: simpleQuantity(part, 'high'),
    text: text(part, 'text'),
    type: concept(part, 'type'),
    appliesTo: concepts(part, 'appliesTo'),
    age: range(part, 'age'),
  });
  if (found.low ?? found.high ?? found.text) return found;
  return void lose(part, 'without-bounds');
}
