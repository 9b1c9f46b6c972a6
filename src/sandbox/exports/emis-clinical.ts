/** The EMIS tables of coded entries and prescriptions. facts: gp-extracts §1.5, §1.6 */
import type { CodedEntry, DrugCourse, SimPatient } from '#sandbox/practice.ts';
import type { Row } from './csv.ts';
import { braced, codeId, unitText } from './emis-text.ts';
import type { Scope } from './scope.ts';

/** What every clinical row says of whose it is, when it was and who wrote it. */
function stamp(
  { practice, clock }: Scope,
  patient: SimPatient,
  entry: { readonly date: string; readonly staffId: string; readonly enteredAt?: string },
): Row {
  const entered = entry.enteredAt ? clock(entry.enteredAt) : { date: entry.date, time: '08:30:00' };
  return {
    PatientGuid: braced(patient.id),
    OrganisationGuid: braced(practice.guid),
    EffectiveDate: entry.date,
    EffectiveDatePrecision: 'YMD',
    EnteredDate: entered.date,
    EnteredTime: entered.time,
    ClinicianUserInRoleGuid: braced(entry.staffId),
    EnteredByUserInRoleGuid: braced(entry.staffId),
    IsConfidential: 'false',
    Deleted: 'false',
  };
}

const OBSERVATION_TYPE = { problem: 'Observation', observation: 'Observation', immunisation: 'Immunisation' } as const;

/** An entry and the parts entered with it, each part naming its parent (blood pressure: three rows). */
export function observationRows(scope: Scope, patient: SimPatient, entry: CodedEntry): readonly Row[] {
  if (entry.kind === 'recall') return [];
  const shared = { ...stamp(scope, patient, entry), Abnormal: 'false' };
  const problem = entry.kind === 'problem';
  const parent: Row = {
    ...shared,
    ObservationGuid: braced(entry.id),
    CodeId: codeId('clinical', entry.code),
    ProblemGuid: problem ? braced(entry.id) : '',
    Value: entry.value === undefined ? '' : String(entry.value),
    NumericUnit: unitText(entry.unit),
    ObservationType: entry.value === undefined ? OBSERVATION_TYPE[entry.kind] : 'Value',
    Episode: problem ? 'First' : 'None',
  };
  const parts = (entry.parts ?? []).map((part) => ({
    ...shared,
    ObservationGuid: braced(part.id),
    ParentObservationGuid: braced(entry.id),
    CodeId: codeId('clinical', part.code),
    Value: String(part.value),
    NumericUnit: unitText(part.unit),
    ObservationType: 'Value',
    Episode: 'None',
  }));
  return [parent, ...parts];
}

/** Has the GUID of the observation that it makes a problem. */
export function problemRow({ practice }: Scope, patient: SimPatient, entry: CodedEntry): Row {
  return {
    ObservationGuid: braced(entry.id),
    PatientGuid: braced(patient.id),
    OrganisationGuid: braced(practice.guid),
    Deleted: 'false',
    ProblemStatusDescription: 'Active Problem',
    SignificanceDescription: 'Significant Problem',
  };
}

/** A recall: EffectiveDate is the day it falls due. */
export function diaryRow(scope: Scope, patient: SimPatient, entry: CodedEntry): Row {
  return {
    ...stamp(scope, patient, entry),
    DiaryGuid: braced(entry.id),
    CodeId: codeId('clinical', entry.code),
    OriginalTerm: entry.term,
    IsActive: 'true',
    IsComplete: 'false',
  };
}

export function drugRow(scope: Scope, patient: SimPatient, course: DrugCourse): Row {
  return {
    ...stamp(scope, patient, { date: course.startDate, staffId: course.staffId }),
    DrugRecordGuid: braced(course.id),
    CodeId: codeId('drug', course.code),
    Dosage: course.dosage,
    Quantity: String(course.quantity),
    QuantityUnit: course.unit,
    PrescriptionType: course.repeat ? 'Repeat' : 'Acute',
    IsActive: String(course.endDate === undefined),
    CancellationDate: course.endDate ?? '',
    NumberOfIssues: String(course.issues.length),
    NumberOfIssuesAuthorised: course.repeat ? '12' : '1',
  };
}

export function issueRow(
  scope: Scope,
  patient: SimPatient,
  course: DrugCourse,
  issue: { id: string; date: string },
): Row {
  return {
    ...stamp(scope, patient, { date: issue.date, staffId: course.staffId }),
    IssueRecordGuid: braced(issue.id),
    DrugRecordGuid: braced(course.id),
    CodeId: codeId('drug', course.code),
    Dosage: course.dosage,
    Quantity: String(course.quantity),
    QuantityUnit: course.unit,
    CourseDurationInDays: String(course.daysSupply),
    IsPrescribedAsContraceptive: 'false',
    IsPrivatelyPrescribed: 'false',
    IssueMethodDescription: 'Electronic',
  };
}
