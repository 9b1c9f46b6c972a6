/** The TPP tables of coded entries and medicines. A blood pressure is two rows that share their event and time. facts: gp-extracts §2.3, §2.4 */
import { addDays, addMonths } from '#fhir/date.ts';
import { FINDINGS, PROBLEMS } from '#sandbox/population/codes.ts';
import { rowIdentifier } from '#sandbox/population/supplier-id.ts';
import type { CodedEntry, DrugCourse, SimPatient } from '#sandbox/practice.ts';
import type { Row } from './csv.ts';
import type { Scope } from './scope.ts';
import { ownedBy, staffMemberId } from './tpp-admin.ts';
import { MAPPING, NO_ID, tppTime, unitText, yesNo } from './tpp-text.ts';

/** CTV3 codes, for the concepts whose code is certain. */
const CTV3: ReadonlyMap<string, string> = new Map([
  [PROBLEMS.asthma.code, 'H33..'],
  [PROBLEMS.diabetesType2.code, 'X40J5'],
  [PROBLEMS.diabetesType1.code, 'X40J4'],
  [PROBLEMS.hypertension.code, 'XE0Uc'],
  [FINDINGS.hba1c.code, 'XaPbt'],
  [FINDINGS.systolic.code, '2469.'],
  [FINDINGS.diastolic.code, '246A.'],
]);

type Done = { readonly date: string; readonly staffId: string; readonly enteredAt?: string };

/** What every event row says of when, who and whose. Entries of one patient and day are one event. */
function event(scope: Scope, patient: SimPatient, { date, staffId, enteredAt }: Done): Row {
  const entered = enteredAt ? scope.clock(enteredAt) : { date, time: '08:30:00' };
  return {
    ...ownedBy(scope),
    DateEventRecorded: tppTime(entered.date, entered.time),
    DateEvent: tppTime(date, entered.date === date ? entered.time : undefined),
    IDProfileEnteredBy: staffId,
    IDDoneBy: staffMemberId(staffId),
    IDEvent: rowIdentifier('event', patient.id, date),
    IDPatient: patient.id,
    IDReferralIn: NO_ID,
  };
}

type Coded = Pick<CodedEntry, 'id' | 'code' | 'term' | 'value' | 'unit'>;

export function codeRows(scope: Scope, patient: SimPatient, entry: CodedEntry): readonly Row[] {
  if (entry.kind === 'recall' || entry.kind === 'immunisation') return [];
  const shared = event(scope, patient, entry);
  const rows: readonly Coded[] = entry.parts ?? [entry];
  return rows.map((row) => ({
    ...shared,
    RowIdentifier: row.id,
    CTV3Code: CTV3.get(row.code) ?? '',
    CTV3Text: row.term,
    SNOMEDCode: row.code,
    SNOMEDText: row.term,
    IsNumeric: yesNo(row.value !== undefined),
    NumericValue: row.value === undefined ? '0.0' : String(row.value),
    NumericUnit: unitText(row.unit),
    EpisodeType: NO_ID,
    IDTemplate: NO_ID,
    IDQuestionnaire: NO_ID,
    IDAppointment: NO_ID,
    IDVisit: NO_ID,
  }));
}

/** Points at the SRCode row that it makes a problem. */
export function problemRows(scope: Scope, patient: SimPatient, entry: CodedEntry): readonly Row[] {
  if (entry.kind !== 'problem') return [];
  return [
    {
      ...event(scope, patient, entry),
      RowIdentifier: rowIdentifier('problem', entry.id),
      CTV3Code: CTV3.get(entry.code) ?? '',
      Severity: NO_ID,
      IDCode: entry.id,
    },
  ];
}

const CONTENTS: readonly (readonly [code: string, id: string, name: string])[] = [
  [FINDINGS.fluVaccination.code, '901', 'Inactivated influenza vaccine'],
  [FINDINGS.childFluVaccination.code, '902', 'Intranasal influenza vaccine'],
];

export function immunisationContentRows(): readonly Row[] {
  return CONTENTS.map(([, id, name]) => ({ RowIdentifier: id, Name: name, Content: 'Influenza', RemovedData: '0' }));
}

export function immunisationRows(scope: Scope, patient: SimPatient, entry: CodedEntry): readonly Row[] {
  if (entry.kind !== 'immunisation') return [];
  const content = CONTENTS.find(([code]) => code === entry.code);
  return [
    {
      ...event(scope, patient, entry),
      RowIdentifier: entry.id,
      IDVaccination: '1',
      IDImmunisationContent: content?.[1] ?? NO_ID,
      Location: NO_ID,
      Method: NO_ID,
      ImmsSNOMEDCode: entry.code,
      VaccPart: NO_ID,
    },
  ];
}

/** A recall has a text and no code. */
export function recallRows(scope: Scope, patient: SimPatient, entry: CodedEntry): readonly Row[] {
  if (entry.kind !== 'recall') return [];
  const { date } = scope.clock(entry.enteredAt);
  return [
    {
      ...event(scope, patient, { ...entry, date }),
      RowIdentifier: entry.id,
      DateRecall: tppTime(entry.date),
      RecallType: entry.term,
      RecallInitialStatus: MAPPING.pending[0],
      RecallStatus: MAPPING.pending[0],
      RecallStatusDate: tppTime(date),
    },
  ];
}

function medicine(course: DrugCourse): Row {
  return {
    IDMultiLexDMD: course.code,
    NameOfMedication: course.term,
    MedicationDosage: course.dosage,
    MedicationQuantity: `${course.quantity} ${course.unit}s`,
  };
}

export function templateRow(scope: Scope, patient: SimPatient, course: DrugCourse): Row {
  return {
    ...event(scope, patient, { date: course.startDate, staffId: course.staffId }),
    ...medicine(course),
    RowIdentifier: course.id,
    DateMedicationTemplateStart: tppTime(course.startDate),
    DateMedicationTemplateEnd: tppTime(course.endDate),
    DateMedicationTemplateReview: tppTime(addMonths(course.startDate, 12)),
    MaxIssues: '12',
    CourseLengthPerIssue: String(course.daysSupply),
    DrugStatus: NO_ID,
  };
}

export function issueRow(
  scope: Scope,
  patient: SimPatient,
  course: DrugCourse,
  issue: { id: string; date: string },
): Row {
  return {
    ...event(scope, patient, { date: issue.date, staffId: course.staffId }),
    ...medicine(course),
    RowIdentifier: issue.id,
    DateMedicationStart: tppTime(issue.date),
    DateMedicationEnd: tppTime(addDays(issue.date, course.daysSupply)),
    IsRepeatMedication: yesNo(course.repeat),
    IsOtherMedication: 'FALSE',
    IsDentalMedication: 'FALSE',
    IsHospitalMedication: 'FALSE',
    IDRepeatTemplate: course.repeat ? course.id : NO_ID,
  };
}
