/** SRRepeatTemplate → MedicationStatement; SRPrimaryCareMedication → MedicationRequest (facts: gp-extracts §2.4). */
import { daysBetween } from '#fhir/date.ts';
import { DMD, holdfastExtension, ukCoreExtension } from '#fhir/systems.ts';
import type { CodeableConcept, Extension, MedicationRequest, MedicationStatement } from '#fhir/types.ts';
import { gave, type Translated, uncarried } from '#translate/extract/account.ts';
import { daysOf } from '#translate/extract/quantity.ts';
import { concept, given, linkTo, metaOf, recordId, snomedCoding } from '#translate/extract/resource.ts';
import { type Cells, isTrue, type RawRowLike, textOf } from '#translate/extract/rows.ts';
import { isReversed } from '#translate/extract/when.ts';
import { dayIn, handled, idIn, rowId, staffReference, subjectOf, type TppScope, whenIn } from './scope.ts';

const common = 'DateEventRecorded DateEvent IDDoneBy IDMultiLexDMD NameOfMedication MedicationDosage';
const carriedByTemplate = new Set([
  ...handled,
  ...common.split(' '),
  ...'DateMedicationTemplateStart DateMedicationTemplateEnd DateMedicationTemplateReview'.split(' '),
]);
const carriedByIssue = new Set([
  ...handled,
  ...common.split(' '),
  ...'DateMedicationStart DateMedicationEnd IsRepeatMedication IsOtherMedication IsDentalMedication'.split(' '),
  ...'IsHospitalMedication IDRepeatTemplate MedicationQuantity IDOrganisationDoneAt'.split(' '),
]);

/** What may be issued again and again. A template that has ended is kept with its end. */
export function translateTemplate(row: RawRowLike, scope: TppScope): Translated {
  const { cells } = row;
  const medicine = medicineOf(cells);
  if (!medicine) return nameless;
  const { losses, ...period } = periodIn(cells, 'DateMedicationTemplateStart', 'DateMedicationTemplateEnd');
  const statement = statementOf(row, medicine, scope, {
    ...period,
    withoutEnd: 'active',
    issues: scope.issues.get(row.key) ?? [],
  });
  const review = dayIn(cells, 'DateMedicationTemplateReview');
  const extension: Extension[] = review ? [{ url: holdfastExtension('medication-review-due'), valueDate: review }] : [];
  return gave({ ...statement, ...given({ extension: [...(statement.extension ?? []), ...extension] }) }, [
    ...uncarried(row, carriedByTemplate),
    ...losses,
  ]);
}

/** An issue of a template; an acute item, which is statement and issue in one; or a note of what others prescribed. */
export function translateMedication(row: RawRowLike, scope: TppScope): Translated {
  const { cells } = row;
  const medicine = medicineOf(cells);
  if (!medicine) return nameless;
  const { losses: cut, ...period } = periodIn(cells, 'DateMedicationStart', 'DateMedicationEnd');
  const losses = [...uncarried(row, carriedByIssue), ...cut];
  if (isTrue(cells, 'IsRepeatMedication')) return gave(requestOf(row, medicine, scope), losses);
  const isOthers = ['IsOtherMedication', 'IsDentalMedication', 'IsHospitalMedication'].some((one) =>
    isTrue(cells, one),
  );
  const statement = statementOf(row, medicine, scope, {
    ...period,
    withoutEnd: 'unknown',
    issues: isOthers ? [] : [row],
  });
  if (isOthers) return gave(statement, losses);
  const request = requestOf(row, medicine, scope);
  return { result: 'resource', reference: `MedicationRequest/${request.id}`, resources: [request, statement], losses };
}

/** Without an end that comes before the start, and counted. */
function periodIn(cells: Cells, first: string, last: string) {
  const start = dayIn(cells, first);
  const end = dayIn(cells, last);
  if (!isReversed(start, end)) return { start, end, losses: [] };
  return { start, end: undefined, losses: [`${last} before ${first}`] };
}

type Course = {
  readonly start: string | undefined;
  readonly end: string | undefined;
  readonly withoutEnd: 'active' | 'unknown';
  readonly issues: readonly RawRowLike[];
};

/** No update comes when a course ends: whether it has is read from its dates. */
function statementOf(row: RawRowLike, medicine: CodeableConcept, scope: TppScope, course: Course): MedicationStatement {
  const { start, end } = course;
  const text = textOf(row.cells, 'MedicationDosage');
  const lastIssue = course.issues
    .flatMap((issue) => dayIn(issue.cells, 'DateEvent') ?? [])
    .sort()
    .at(-1);
  const isOver = end !== undefined && end <= scope.today;
  return {
    resourceType: 'MedicationStatement',
    id: rowId(scope.organisation, 'MedicationStatement', row.table, row.key),
    ...metaOf('MedicationStatement', false),
    ...given({
      extension: lastIssue
        ? [{ url: ukCoreExtension('MedicationStatementLastIssueDate'), valueDateTime: lastIssue }]
        : [],
    }),
    ...recordId(`${row.table}/${row.key}`),
    status: isOver ? 'completed' : end === undefined ? course.withoutEnd : 'active',
    medicationCodeableConcept: medicine,
    ...subjectOf(scope),
    ...given({
      effectivePeriod: start || end ? given({ start, end }) : undefined,
      dateAsserted: whenIn(row.cells, 'DateEventRecorded'),
      informationSource: staffReference(scope, idIn(row.cells, 'IDDoneBy')),
      dosage: text ? [{ text }] : [],
    }),
  };
}

function requestOf(row: RawRowLike, medicine: CodeableConcept, scope: TppScope): MedicationRequest {
  const { cells } = row;
  const text = textOf(cells, 'MedicationDosage');
  const template = idIn(cells, 'IDRepeatTemplate');
  const { start, end } = periodIn(cells, 'DateMedicationStart', 'DateMedicationEnd');
  const days = start && end ? daysOf(String(daysBetween(start, end))) : undefined;
  const hl7 = 'http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy';
  return {
    resourceType: 'MedicationRequest',
    id: rowId(scope.organisation, 'MedicationRequest', row.table, row.key),
    ...metaOf('MedicationRequest', false),
    ...recordId(`${row.table}/${row.key}`),
    status: 'completed',
    intent: 'order',
    medicationCodeableConcept: medicine,
    ...subjectOf(scope),
    ...given({
      supportingInformation:
        template && scope.templates.has(template)
          ? [
              linkTo(
                'MedicationStatement',
                rowId(scope.organisation, 'MedicationStatement', 'SRRepeatTemplate', template),
              ),
            ]
          : [],
      authoredOn: whenIn(cells, 'DateEvent') ?? start,
      requester: staffReference(scope, idIn(cells, 'IDDoneBy')),
      dosageInstruction: text ? [{ text }] : [],
      dispenseRequest: given({
        validityPeriod: start || end ? given({ start, end }) : undefined,
        quantity: quantityIn(textOf(cells, 'MedicationQuantity')),
        expectedSupplyDuration: days,
      }),
    }),
    courseOfTherapyType: concept(hl7, isTrue(cells, 'IsRepeatMedication') ? 'continuous' : 'acute'),
    substitution: { allowedBoolean: false },
  };
}

const nameless: Translated = {
  result: 'error',
  reason: 'the medicine has neither a dm+d id nor a name',
  incomplete: 'uncoded-rows',
};

function medicineOf(cells: Cells): CodeableConcept | undefined {
  const dmd = snomedCoding(textOf(cells, 'IDMultiLexDMD'));
  const text = textOf(cells, 'NameOfMedication');
  if (!dmd && !text) return undefined;
  return given({ coding: dmd ? [{ ...dmd, system: DMD }] : [], text });
}

/** `28 tablets` */
function quantityIn(text: string | undefined) {
  const [, value, unit] = /^(\d+(?:\.\d+)?)\s*(\S.*)$/.exec(text ?? '') ?? [];
  return value && unit ? { value: Number(value), unit } : undefined;
}
