/** Prescribing_DrugRecord → MedicationStatement; Prescribing_IssueRecord → MedicationRequest (facts: gp-extracts §1.6). */
import { addDays, isDate } from '#fhir/date.ts';
import { ukCoreExtension } from '#fhir/systems.ts';
import type { CodeableConcept, MedicationRequest, MedicationStatement } from '#fhir/types.ts';
import { gave, parked, type Translated, uncarried } from '#translate/extract/account.ts';
import { daysOf, quantityOf } from '#translate/extract/quantity.ts';
import { concept, given, linkTo, metaOf, recordId } from '#translate/extract/resource.ts';
import { type Cells, isTrue, type RawRowLike, textOf } from '#translate/extract/rows.ts';
import { dateTimeOf, emisDate, isReversed } from '#translate/extract/when.ts';
import { drugConcept } from './code.ts';
import { type EmisScope, encounterOf, entryId, handled, isRestricted, staffReference, subjectOf } from './scope.ts';

const common =
  'EffectiveDate EffectiveDatePrecision ClinicianUserInRoleGuid CodeId Dosage IsConfidential EnteredDate EnteredTime';
const carriedByDrug = new Set([
  ...handled,
  ...common.split(' '),
  ...'DrugRecordGuid PrescriptionType IsActive CancellationDate'.split(' '),
]);
const carriedByIssue = new Set([
  ...handled,
  ...common.split(' '),
  ...'IssueRecordGuid DrugRecordGuid Quantity QuantityUnit CourseDurationInDays ConsultationGuid'.split(' '),
]);

/** What the patient is on. Whether still, the practice says in IsActive, whatever the dates. */
export function translateDrug(row: RawRowLike, scope: EmisScope): Translated {
  const { cells } = row;
  const medicine = medicineOf(cells, scope);
  if (!medicine) return unknownDrug(cells);
  const guid = cells['DrugRecordGuid'] ?? '';
  const lastIssue = lastIssueOf(guid, scope);
  const clinician = staffReference(scope, textOf(cells, 'ClinicianUserInRoleGuid'));
  const text = textOf(cells, 'Dosage');
  const statement: MedicationStatement = {
    resourceType: 'MedicationStatement',
    id: entryId(scope, 'MedicationStatement', guid),
    ...metaOf('MedicationStatement', isRestricted(scope, cells)),
    ...given({
      extension: lastIssue
        ? [{ url: ukCoreExtension('MedicationStatementLastIssueDate'), valueDateTime: lastIssue.date }]
        : [],
    }),
    ...recordId(guid),
    status: statusOf(cells),
    medicationCodeableConcept: medicine,
    ...subjectOf(scope),
    ...given({
      effectivePeriod: periodOf(cells, lastIssue),
      dateAsserted: dateTimeOf({ date: cells['EnteredDate'] ?? '', time: cells['EnteredTime'] }),
      informationSource: clinician,
      dosage: text ? [{ text }] : [],
    }),
  };
  const isCut = isReversed(dateOf(cells), endOf(cells, lastIssue));
  return gave(statement, [...uncarried(row, carriedByDrug), ...(isCut ? ['MedicationStatement.endsBeforeStart'] : [])]);
}

/** One issue: the proof that the patient was given it, and for how long. */
export function translateIssue(row: RawRowLike, scope: EmisScope): Translated {
  const { cells } = row;
  const medicine = medicineOf(cells, scope);
  if (!medicine) return unknownDrug(cells);
  const guid = cells['IssueRecordGuid'] ?? '';
  const drug = scope.drugs.get(cells['DrugRecordGuid'] ?? '');
  const text = textOf(cells, 'Dosage');
  const authoredOn = dateOf(cells);
  const request: MedicationRequest = {
    resourceType: 'MedicationRequest',
    id: entryId(scope, 'MedicationRequest', guid),
    ...metaOf('MedicationRequest', isRestricted(scope, cells)),
    ...recordId(guid),
    status: 'completed',
    intent: 'order',
    medicationCodeableConcept: medicine,
    ...subjectOf(scope),
    ...encounterOf(scope, cells),
    ...given({
      supportingInformation: drug
        ? [linkTo('MedicationStatement', entryId(scope, 'MedicationStatement', cells['DrugRecordGuid'] ?? ''))]
        : [],
      authoredOn,
      requester: staffReference(scope, textOf(cells, 'ClinicianUserInRoleGuid')),
      courseOfTherapyType: drug && courseOf(drug.cells),
      dosageInstruction: text ? [{ text }] : [],
      dispenseRequest: given({
        validityPeriod: authoredOn ? { start: authoredOn } : undefined,
        quantity: quantityOf(textOf(cells, 'Quantity'), textOf(cells, 'QuantityUnit')),
        expectedSupplyDuration: daysOf(textOf(cells, 'CourseDurationInDays')),
      }),
    }),
    substitution: { allowedBoolean: false },
  };
  return gave(request, [...uncarried(row, carriedByIssue), ...(authoredOn ? [] : ['MedicationRequest.undated'])]);
}

function medicineOf(cells: Cells, scope: EmisScope): CodeableConcept | undefined {
  const codeId = textOf(cells, 'CodeId');
  const code = codeId ? scope.lookups.drugCode(codeId) : undefined;
  return code && drugConcept(code);
}

function unknownDrug(cells: Cells): Translated {
  const codeId = textOf(cells, 'CodeId');
  const reason = codeId ? `code ${codeId} is not in Coding_DrugCode yet` : 'the medicine has no CodeId';
  return parked(reason, 'uncoded-rows');
}

function statusOf(cells: Cells): MedicationStatement['status'] {
  if (isTrue(cells, 'IsActive')) return 'active';
  return textOf(cells, 'CancellationDate') ? 'stopped' : 'completed';
}

type LastIssue = { readonly date: string; readonly days: number };

function lastIssueOf(drugGuid: string, scope: EmisScope): LastIssue | undefined {
  const issues = (scope.issues.get(drugGuid) ?? []).flatMap((row): LastIssue[] => {
    const date = dateOf(row.cells);
    return date ? [{ date, days: daysOf(textOf(row.cells, 'CourseDurationInDays'))?.value ?? 0 }] : [];
  });
  return issues.sort((a, b) => (a.date < b.date ? 1 : -1))[0];
}

/** An inactive drug without a cancellation date ended when its last issue ran out. */
function endOf(cells: Cells, lastIssue: LastIssue | undefined): string | undefined {
  if (isTrue(cells, 'IsActive')) return undefined;
  const ranOut = lastIssue && isDate(lastIssue.date) ? addDays(lastIssue.date, Math.round(lastIssue.days)) : undefined;
  return emisDate(cells['CancellationDate'], 'YMD') ?? ranOut;
}

/** Without its end where that comes before its start: FHIR has no such period, and the row's start is its own date. */
function periodOf(cells: Cells, lastIssue: LastIssue | undefined) {
  const start = dateOf(cells);
  const end = endOf(cells, lastIssue);
  const period = given({ start, end: isReversed(start, end) ? undefined : end });
  return Object.keys(period).length > 0 ? period : undefined;
}

function courseOf(drug: Cells): CodeableConcept | undefined {
  const hl7 = 'http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy';
  switch (textOf(drug, 'PrescriptionType')?.toLowerCase()) {
    case 'acute':
      return concept(hl7, 'acute');
    case 'repeat':
      return concept(hl7, 'continuous');
    case 'repeat dispensing':
      return concept(
        'https://fhir.hl7.org.uk/CodeSystem/UKCore-MedicationRequestCourseOfTherapy',
        'continuous-repeating-dispensing',
      );
    default:
      return undefined;
  }
}

function dateOf(cells: Cells): string | undefined {
  return emisDate(cells['EffectiveDate'], cells['EffectiveDatePrecision']);
}
