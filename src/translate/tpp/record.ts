/** One TPP patient: all current raw rows in, R4 UK Core resources and an account of every row out. */
import { assemble, excluded, type Translated } from '#translate/extract/account.ts';
import type { RawRowLike } from '#translate/extract/rows.ts';
import type { RecordTranslation } from '#translate/translation.ts';
import { translateAppointment } from './appointment.ts';
import { translateImmunisation, translateRecall, translateSmsConsent } from './care.ts';
import { translateMedication, translateTemplate } from './medication.ts';
import { translateCode, translateProblem } from './observation.ts';
import { reasonToLeave, translateAddress, translateContact, translatePatient } from './patient.ts';
import { translateRecordStatus, translateRegistration } from './registration.ts';
import { rowId, scopeOf, type TppContext, type TppLookups, type TppScope } from './scope.ts';

export type { TppContext, TppLookups } from './scope.ts';

/** `Patient.id` of an SRPatient RowIdentifier in the view of a practice (ODS code). */
export function tppPatientId(organisation: string, patientKey: string): string {
  return rowId(organisation, 'Patient', 'SRPatient', patientKey);
}

const translators: Readonly<Record<string, (row: RawRowLike, scope: TppScope) => Translated>> = {
  SRPatient: translatePatient,
  SRPatientRegistration: translateRegistration,
  SRRecordStatus: translateRecordStatus,
  SRPatientAddressHistory: translateAddress,
  SRPatientContactDetails: translateContact,
  SRSmsConsent: translateSmsConsent,
  SRCode: translateCode,
  SRProblem: translateProblem,
  SRImmunisation: translateImmunisation,
  SRRecall: translateRecall,
  SRRepeatTemplate: translateTemplate,
  SRPrimaryCareMedication: translateMedication,
  SRAppointment: translateAppointment,
};

/**
 * Translates a patient anew from all of their current rows. A test patient, a removed one and one who is not in the
 * extract give nothing, with the reason on every row. A mapping that has not come yet parks its row and makes the
 * record incomplete. The same rows in any order give the same resources.
 */
export function translateTppPatient(
  rows: readonly RawRowLike[],
  lookups: TppLookups,
  context: TppContext,
): RecordTranslation {
  const reason = reasonToLeave(rows.findLast((row) => row.table === 'SRPatient'));
  const scope = scopeOf(rows, lookups, context);
  return assemble(rows, context.patientId, (row) => {
    if (reason) return excluded(reason);
    if (row.deleted) return excluded('removed in the practice');
    const translate = translators[row.table];
    return translate ? translate(row, scope) : excluded(`${row.table} is not part of a patient's record`);
  });
}
