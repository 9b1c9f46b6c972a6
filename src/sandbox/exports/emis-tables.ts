/** Each EMIS table with its columns and the rows that go into it, in an order that is safe to apply. facts: gp-extracts §1.3 */
import type { Row } from './csv.ts';
import {
  agreementRow,
  locationRow,
  organisationLocationRow,
  organisationRow,
  patientRow,
  userInRoleRow,
} from './emis-admin.ts';
import { sessionRow, sessionUserRow, slotRow } from './emis-appointments.ts';
import { diaryRow, drugRow, issueRow, observationRows, problemRow } from './emis-clinical.ts';
import { clinicalCodeRows, drugCodeRows } from './emis-codes.ts';
import { EMIS_COLUMNS } from './emis-columns.ts';
import type { Scope } from './scope.ts';
import { none, perDrug, perEntry, type RowsOf, standing } from './table-rows.ts';

export type EmisTable = {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: (scopes: readonly Scope[]) => readonly Row[];
};

const PER_PRACTICE: Record<Exclude<keyof typeof EMIS_COLUMNS, 'Coding_ClinicalCode' | 'Coding_DrugCode'>, RowsOf> = {
  Agreements_SharingOrganisation: (scope) => [agreementRow(scope)],
  Admin_OrganisationLocation: standing((scope) => [organisationLocationRow(scope)]),
  Admin_Location: standing((scope) => [locationRow(scope)]),
  Admin_Organisation: standing((scope) => [organisationRow(scope)]),
  Admin_UserInRole: standing((scope) => scope.practice.staff.map((member) => userInRoleRow(scope, member))),
  Appointment_SessionUser: standing((scope) => scope.practice.sessions.map(sessionUserRow)),
  Appointment_Session: standing((scope) => scope.practice.sessions.map((session) => sessionRow(scope, session))),
  Admin_Patient: (scope) =>
    scope.practice.patients.flatMap((patient, index) =>
      scope.has('patients', patient.id) ? [patientRow(scope, patient, index + 1)] : [],
    ),
  Admin_PatientHistory: none,
  Appointment_Slot: slotRows,
  CareRecord_Consultation: none,
  Prescribing_IssueRecord: perDrug((scope, patient, course) =>
    course.issues
      .filter((issue) => scope.has('issues', issue.id))
      .map((issue) => issueRow(scope, patient, course, issue)),
  ),
  Prescribing_DrugRecord: perDrug((scope, patient, course) =>
    scope.has('drugs', course.id) ? [drugRow(scope, patient, course)] : [],
  ),
  CareRecord_Diary: perEntry((scope, patient, entry) =>
    entry.kind === 'recall' ? [diaryRow(scope, patient, entry)] : [],
  ),
  CareRecord_ObservationReferral: none,
  CareRecord_Problem: perEntry((scope, patient, entry) =>
    entry.kind === 'problem' ? [problemRow(scope, patient, entry)] : [],
  ),
  CareRecord_Observation: perEntry(observationRows),
};

/** The coding tables are EMIS's own, the same for every practice. */
const SHARED: Record<'Coding_ClinicalCode' | 'Coding_DrugCode', EmisTable['rows']> = {
  Coding_ClinicalCode: clinicalCodeRows,
  Coding_DrugCode: drugCodeRows,
};

export const EMIS_TABLES: readonly EmisTable[] = Object.entries(EMIS_COLUMNS).map(([table, columns]) => {
  const shared = new Map(Object.entries(SHARED)).get(table);
  const own = new Map(Object.entries(PER_PRACTICE)).get(table) ?? none;
  return { table, columns, rows: shared ?? ((scopes) => scopes.flatMap(own)) };
});

function slotRows(scope: Scope): readonly Row[] {
  const { practice, changes } = scope;
  const slots = practice.sessions.flatMap((session) => session.slots);
  if (!changes) return slots.map((slot) => slotRow(scope, slot));
  const changed = new Set(
    practice.appointments.filter(({ id }) => changes.appointments.has(id)).map(({ slotId }) => slotId),
  );
  return slots.filter(({ id }) => changed.has(id)).map((slot) => slotRow(scope, slot));
}
