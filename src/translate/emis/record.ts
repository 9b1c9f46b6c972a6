/** One EMIS patient: all current raw rows in, R4 UK Core resources and an account of every row out. */
import { assemble, excluded, type Translated } from '#translate/extract/account.ts';
import type { RawRowLike } from '#translate/extract/rows.ts';
import type { RecordTranslation } from '#translate/translation.ts';
import { translateConsultation, translateDiary } from './diary.ts';
import { translateDrug, translateIssue } from './medication.ts';
import { translateObservation } from './observation.ts';
import { reasonToLeave, translatePatient } from './patient.ts';
import { translateProblem } from './problem.ts';
import { type EmisContext, type EmisLookups, type EmisScope, scopeOf } from './scope.ts';
import { translateSlot } from './slot.ts';

export { emisAppointmentId, emisPatientId } from './identity.ts';
export type { EmisContext, EmisLookups } from './scope.ts';

const translators: Readonly<Record<string, (row: RawRowLike, scope: EmisScope) => Translated>> = {
  Admin_Patient: translatePatient,
  Admin_PatientHistory: () => excluded('registration history is text: kept raw'),
  Appointment_Slot: translateSlot,
  CareRecord_Consultation: translateConsultation,
  CareRecord_Diary: translateDiary,
  CareRecord_Observation: translateObservation,
  CareRecord_ObservationReferral: () => excluded('details of a referral: kept raw'),
  CareRecord_Problem: translateProblem,
  Prescribing_DrugRecord: translateDrug,
  Prescribing_IssueRecord: translateIssue,
};

/**
 * Translates a patient anew from all of their current rows. A dummy, a deleted patient and one who is not in the
 * extract give nothing, with the reason on every row. A code that has not come yet parks its row and makes the record
 * incomplete. The same rows in any order give the same resources.
 */
export function translateEmisPatient(
  rows: readonly RawRowLike[],
  lookups: EmisLookups,
  context: EmisContext,
): RecordTranslation {
  const reason = reasonToLeave(rows.findLast((row) => row.table === 'Admin_Patient'));
  const scope = scopeOf(rows, lookups, context);
  return assemble(rows, context.patientId, (row) => {
    if (reason) return excluded(reason);
    if (row.deleted) return excluded('deleted in the practice');
    const translate = translators[row.table];
    return translate ? translate(row, scope) : excluded(`${row.table} is not part of a patient's record`);
  });
}
