/** Prescriptions: authorisations (intent plan) and issues (intent order). facts: gp-connect §3.4, §6.8 */
import { holdfastExtension, ukCoreExtension } from '#fhir/systems.ts';
import type { CodeableConcept, Extension, MedicationRequest } from '#fhir/types.ts';
import { concept, concepts } from './coding.ts';
import { identifierIn, notes, period } from './datatype.ts';
import { dosages } from './dosage.ts';
import { extension } from './extension.ts';
import { frame, identifiers } from './frame.ts';
import { medicationOf } from './medication.ts';
import { child, lose, missing, type Part, present, some } from './node.ts';
import { boolean, code, dateTime, integer, text } from './primitive.ts';
import { duration, simpleQuantity } from './quantity.ts';
import { ANYTHING, reference, references, STAFF, subject } from './reference.ts';
import { requester } from './requester.ts';

const STATUSES = [
  'active',
  'on-hold',
  'cancelled',
  'completed',
  'entered-in-error',
  'stopped',
  'draft',
  'unknown',
] as const;
const INTENTS = ['proposal', 'plan', 'order', 'instance-order'] as const;
const COURSE = 'http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy';
const UK_COURSE = 'https://fhir.hl7.org.uk/CodeSystem/UKCore-MedicationRequestCourseOfTherapy';

export function translateMedicationRequest(part: Part): MedicationRequest | undefined {
  const status = code(part, 'status', STATUSES);
  const intent = code(part, 'intent', INTENTS);
  const medication = medicationOf(part);
  if (status === undefined || intent === undefined || medication === undefined) {
    return missing(part, { status, intent, 'medication[x]': medication });
  }
  const reason = statusReason(part);
  const repeats = repeatInformation(part);
  return {
    resourceType: 'MedicationRequest',
    ...frame(part, 'MedicationRequest'),
    ...medication,
    ...present({
      extension: some([...repeats.extension, ...reason.extension]),
      identifier: identifiers(part),
      statusReason: reason.concept,
      category: concepts(part, 'category'),
      priority: code(part, 'priority', ['routine', 'urgent', 'asap', 'stat']),
      encounter: reference(part, 'context', ['Encounter']),
      supportingInformation: references(part, 'supportingInformation', ANYTHING),
      authoredOn: dateTime(part, 'authoredOn'),
      requester: requester(part),
      recorder: reference(part, 'recorder', STAFF),
      reasonCode: concepts(part, 'reasonCode'),
      reasonReference: references(part, 'reasonReference', ['Condition', 'Observation']),
      basedOn: references(part, 'basedOn', ['MedicationRequest', 'ServiceRequest']),
      groupIdentifier: groupIdentifier(part),
      courseOfTherapyType: courseOfTherapy(part),
      note: notes(part),
      dosageInstruction: dosages(part, 'dosageInstruction'),
      dispenseRequest: dispenseRequest(part, repeats.allowed),
      priorPrescription: reference(part, 'priorPrescription', ['MedicationRequest']),
    }),
    status,
    intent,
    subject: subject(part, 'subject'),
    substitution: substitution(part),
  };
}

function groupIdentifier(part: Part) {
  const found = child(part, 'groupIdentifier');
  return found && identifierIn(found);
}

/** UK Core requires it. GP systems do not say; no substitution is what the NHS in primary care means by silence. */
function substitution(part: Part): NonNullable<MedicationRequest['substitution']> {
  const found = child(part, 'substitution');
  if (found === undefined) return { allowedBoolean: false };
  const allowed = boolean(found, 'allowed') ?? boolean(found, 'allowedBoolean') ?? false;
  return { allowedBoolean: allowed, ...present({ reason: concept(found, 'reason') }) };
}

/** STU3's prescription type. Delayed and handwritten ones have no R4 code and keep their own. */
function courseOfTherapy(part: Part): CodeableConcept | undefined {
  const typePart = extension(part, 'prescriptiontype');
  const type = (typePart && concept(typePart, 'valueCodeableConcept')) ?? concept(part, 'courseOfTherapyType');
  const own = type?.coding?.find(({ system }) => system?.includes('PrescriptionType'));
  const added = {
    acute: { system: COURSE, code: 'acute', display: 'Short course (acute) therapy' },
    repeat: { system: COURSE, code: 'continuous', display: 'Continuous long term therapy' },
    'repeat-dispensing': {
      system: UK_COURSE,
      code: 'continuous-repeating-dispensing',
      display: 'Continuous long term (repeat dispensing)',
    },
  };
  const found = Object.entries(added).find(([name]) => name === own?.code)?.[1];
  if (own !== undefined && found === undefined) lose(part, 'prescription-type-without-course');
  return type && found ? { ...type, coding: [found, ...(type.coding ?? [])] } : type;
}

function statusReason(part: Part): { concept: CodeableConcept | undefined; extension: Extension[] } {
  const found = extension(part, 'medicationstatusreason');
  const reasonPart = found && extension(found, 'statusreason');
  const changedPart = found && extension(found, 'statuschangedate');
  const changed = changedPart && dateTime(changedPart, 'valueDateTime');
  return {
    concept: reasonPart && concept(reasonPart, 'valueCodeableConcept'),
    extension: changed === undefined ? [] : [{ url: holdfastExtension('status-change-date'), valueDateTime: changed }],
  };
}

/** How often a repeat may be and was issued. Suppliers write the counts as positive or unsigned; UK Core's own form is accepted. */
function repeatInformation(part: Part): { allowed: number | undefined; extension: Extension[] } {
  const found = extension(part, 'medicationrepeatinformation');
  if (found === undefined) return { allowed: undefined, extension: [] };
  const issued = count(extension(found, 'numberofrepeatprescriptionsissued', 'numberofprescriptionsissued'));
  const expiryPart = extension(found, 'authorisationexpirydate');
  const expiry = expiryPart && dateTime(expiryPart, 'valueDateTime');
  const inner = some<Extension>([
    issued === undefined ? undefined : { url: 'numberOfPrescriptionsIssued', valueUnsignedInt: issued },
    expiry === undefined ? undefined : { url: 'authorisationExpiryDate', valueDateTime: expiry },
  ]);
  return {
    allowed: count(extension(found, 'numberofrepeatprescriptionsallowed')),
    extension: inner ? [{ url: ukCoreExtension('MedicationRepeatInformation'), extension: inner }] : [],
  };
}

function count(part: Part | undefined): number | undefined {
  return part && (integer(part, 'valueUnsignedInt', 0) ?? integer(part, 'valuePositiveInt', 0));
}

function dispenseRequest(part: Part, allowed: number | undefined): MedicationRequest['dispenseRequest'] {
  const found = child(part, 'dispenseRequest');
  const repeats = allowed ?? (found && integer(found, 'numberOfRepeatsAllowed', 0));
  const made = present({
    ...(found && {
      validityPeriod: period(found, 'validityPeriod'),
      quantity: dispensedQuantity(found),
      expectedSupplyDuration: duration(found, 'expectedSupplyDuration'),
      performer: reference(found, 'performer', ['Organization']),
    }),
    numberOfRepeatsAllowed: repeats,
  });
  return Object.keys(made).length > 0 ? made : undefined;
}

/** The quantity; its unit is often only in the text that STU3 has as an extension. */
function dispensedQuantity(part: Part) {
  const found = simpleQuantity(part, 'quantity');
  const holder = part.work.parts.find((one) => one.path === `${part.path}.quantity`);
  const wordsPart = holder && extension(holder, 'medicationquantitytext');
  const words = wordsPart && text(wordsPart, 'valueString');
  if (words === undefined) return found;
  if (found?.unit === undefined) return { ...found, unit: words };
  return { ...found, extension: [{ url: holdfastExtension('medication-quantity-text'), valueString: words }] };
}
