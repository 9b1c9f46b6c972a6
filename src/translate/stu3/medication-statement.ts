/** Courses of medication: one for each authorisation. facts: gp-connect §3.4, §6.8 */
import { holdfastExtension, ukCoreExtension } from '#fhir/systems.ts';
import type { Extension, MedicationStatement } from '#fhir/types.ts';
import { concept, concepts } from './coding.ts';
import { notes, period } from './datatype.ts';
import { dosages } from './dosage.ts';
import { extension } from './extension.ts';
import { frame, wholeIdentifiers } from './frame.ts';
import { medicationOf } from './medication.ts';
import { firstOf, lose, missing, type Part, present, some } from './node.ts';
import { code, dateTime } from './primitive.ts';
import { ANYONE, ANYTHING, reference, references, subject } from './reference.ts';

const STATUSES = ['active', 'completed', 'entered-in-error', 'intended', 'stopped', 'on-hold'] as const;

export function translateMedicationStatement(part: Part): MedicationStatement | undefined {
  const taken = code(part, 'taken', ['y', 'n', 'unk', 'na']);
  const given = code(part, 'status', STATUSES);
  const medication = medicationOf(part);
  if (given === undefined || medication === undefined) {
    return missing(part, { status: given, 'medication[x]': medication });
  }
  if (taken !== undefined && taken !== 'n') lose(part, 'taken');
  return {
    resourceType: 'MedicationStatement',
    ...frame(part, 'MedicationStatement'),
    ...medication,
    ...present({
      extension: statementExtensions(part),
      identifier: wholeIdentifiers(part),
      basedOn: references(part, 'basedOn', ['MedicationRequest', 'ServiceRequest']),
      partOf: references(part, 'partOf', ['MedicationStatement', 'Observation']),
      statusReason: concepts(part, 'reasonNotTaken'),
      category: concept(part, 'category'),
      context: reference(part, 'context', ['Encounter']),
      ...firstOf(part, {
        effectiveDateTime: dateTime(part, 'effectiveDateTime'),
        effectivePeriod: period(part, 'effectivePeriod'),
      }),
      dateAsserted: dateTime(part, 'dateAsserted'),
      informationSource: reference(part, 'informationSource', ANYONE),
      derivedFrom: references(part, 'derivedFrom', ANYTHING),
      reasonCode: concepts(part, 'reasonCode'),
      reasonReference: references(part, 'reasonReference', ['Condition', 'Observation']),
      note: notes(part),
      dosage: dosages(part, 'dosage'),
    }),
    status: taken === 'n' ? 'not-taken' : given,
    subject: subject(part, 'subject'),
  };
}

function statementExtensions(part: Part): Extension[] | undefined {
  const issuedPart = extension(part, 'medicationstatementlastissuedate');
  const issued = issuedPart && dateTime(issuedPart, 'valueDateTime');
  const changedPart = extension(
    part,
    'medicationdosagelastchanged',
    'medicationstatementdosagelastchanged',
    'dosagelastchanged',
  );
  const changed = changedPart && dateTime(changedPart, 'valueDateTime');
  return some<Extension>([
    issued === undefined
      ? undefined
      : { url: ukCoreExtension('MedicationStatementLastIssueDate'), valueDateTime: issued },
    prescriber(part),
    changed === undefined ? undefined : { url: holdfastExtension('dosage-last-changed'), valueDateTime: changed },
  ]);
}

/** Who prescribes. R4 does not know the previous practice: its code stays under the STU3 system it is from. */
function prescriber(part: Part): Extension | undefined {
  const found = extension(part, 'prescribingagency', 'medicationprescribingorganizationtype');
  const words = found && concept(found, 'valueCodeableConcept');
  if (words === undefined) return undefined;
  const coding = words.coding?.map((one) => {
    if (one.code !== 'prescribed-by-previous-practice') return one;
    lose(part, 'prescribed-by-previous-practice');
    return { ...one, system: 'https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-PrescribingAgency-1' };
  });
  return {
    url: ukCoreExtension('MedicationPrescribingOrganizationType'),
    valueCodeableConcept: { ...words, ...present({ coding }) },
  };
}
