/** Each TPP table with its columns and the rows that go into it, lookups first. facts: gp-extracts §2.3 */
import type { SimPatient } from '#sandbox/practice.ts';
import type { Scope } from './scope.ts';
import { none, perDrug, perEntry, type RowsOf, standing } from './table-rows.ts';
import {
  addressRow,
  contactRows,
  organisationRow,
  patientRow,
  registrationRow,
  staffMemberRows,
  staffProfileRows,
} from './tpp-admin.ts';
import { appointmentRows, rotaRow } from './tpp-appointments.ts';
import {
  codeRows,
  immunisationContentRows,
  immunisationRows,
  issueRow,
  problemRows,
  recallRows,
  templateRow,
} from './tpp-clinical.ts';
import type { TPP_COLUMNS } from './tpp-columns.ts';
import { mappingRows } from './tpp-text.ts';

export type TppTableName = Exclude<keyof typeof TPP_COLUMNS, 'SRManifest'>;

/** Tables that the manifest marks as reference tables. */
export const TPP_REFERENCE: readonly TppTableName[] = [
  'SROrganisation',
  'SRStaffMember',
  'SRStaffMemberProfile',
  'SRCtv3ToSnomed',
  'SRImmunisationContent',
];

export const TPP_ROWS: Record<TppTableName, RowsOf> = {
  SROrganisation: standing((scope) => [organisationRow(scope)]),
  SRStaffMember: standing(staffMemberRows),
  SRStaffMemberProfile: standing(staffProfileRows),
  SRCtv3ToSnomed: none,
  SRImmunisationContent: standing(immunisationContentRows),
  SRPatient: (scope) => patientsWith(scope, ['deaths', 'contacts']).map((patient) => patientRow(scope, patient)),
  SRPatientRegistration: (scope) =>
    patientsWith(scope, ['registrations']).map((patient) => registrationRow(scope, patient)),
  SRPatientAddressHistory: standing((scope) => scope.practice.patients.map((patient) => addressRow(scope, patient))),
  SRPatientContactDetails: (scope) =>
    patientsWith(scope, ['contacts']).flatMap((patient) => contactRows(scope, patient)),
  SRSmsConsent: none,
  SRCode: perEntry(codeRows),
  SRProblem: perEntry(problemRows),
  SRImmunisation: perEntry(immunisationRows),
  SRRecall: perEntry(recallRows),
  SRRepeatTemplate: standing(
    perDrug((scope, patient, course) => (course.repeat ? [templateRow(scope, patient, course)] : [])),
  ),
  SRPrimaryCareMedication: perDrug((scope, patient, course) =>
    course.issues
      .filter((issue) => scope.has('issues', issue.id))
      .map((issue) => issueRow(scope, patient, course, issue)),
  ),
  SRRota: standing((scope) => scope.practice.sessions.map((session) => rotaRow(scope, session))),
  SRAppointment: appointmentRows,
  // The lookups of all practices: whole in every batch, and not in the manifest.
  SRMapping: mappingRows,
};

function patientsWith(
  scope: Scope,
  kinds: readonly ('deaths' | 'registrations' | 'contacts')[],
): readonly SimPatient[] {
  return scope.practice.patients.filter((patient) => kinds.some((kind) => scope.has(kind, patient.id)));
}
