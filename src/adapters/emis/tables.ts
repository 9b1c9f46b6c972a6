/**
 * The EMIS extract's tables in the order in which they may be read (facts: gp-extracts §1.3), with their columns
 * (§1.5, version 8.2). `!`: the table cannot be used without it.
 */
import { type TableSpec, tableOf } from '#adapters/csv/table.ts';

export type EmisTable = TableSpec & {
  /** The columns that make the key; for clinical rows the patient too, since their GUIDs are unique only within one. */
  readonly key: readonly string[];
};

const clinical =
  'PatientGuid! OrganisationGuid! EffectiveDate! EffectiveDatePrecision! EnteredDate EnteredTime ClinicianUserInRoleGuid EnteredByUserInRoleGuid Deleted! IsConfidential ProcessingId!';

export const emisTables: readonly EmisTable[] = [
  table(
    'Agreements_SharingOrganisation',
    'OrganisationGuid! IsActivated! LastModifiedDate Disabled! Deleted!',
    'OrganisationGuid',
  ),
  table(
    'Coding_ClinicalCode',
    'CodeId! Term! ReadTermId SnomedCTConceptId! SnomedCTDescriptionId NationalCode NationalCodeCategory NationalDescription EmisCodeCategoryDescription ParentCodeId ProcessingId!',
    'CodeId',
  ),
  table('Coding_DrugCode', 'CodeId! Term! DmdProductCodeId! BNFChapterRef ProcessingId!', 'CodeId'),
  table(
    'Admin_OrganisationLocation',
    'OrganisationGuid! LocationGuid! IsMainLocation Deleted ProcessingId!',
    'LocationGuid',
  ),
  table(
    'Admin_Location',
    'LocationGuid! LocationName! LocationTypeDescription ParentLocationGuid OpenDate CloseDate MainContactName FaxNumber EmailAddress PhoneNumber HouseNameFlatNumber NumberAndStreet Village Town County Postcode Deleted ProcessingId!',
    'LocationGuid',
  ),
  table(
    'Admin_Organisation',
    'OrganisationGuid! CDB OrganisationName! ODSCode! ParentOrganisationGuid CCGOrganisationGuid OrganisationType OpenDate CloseDate MainLocationGuid ProcessingId!',
    'OrganisationGuid',
  ),
  table(
    'Admin_UserInRole',
    'UserInRoleGuid! OrganisationGuid! Title GivenName Surname! JobCategoryCode JobCategoryName ContractStartDate ContractEndDate RegistrationNumber ProcessingId!',
    'UserInRoleGuid',
  ),
  table('Appointment_SessionUser', 'SessionGuid! UserInRoleGuid! Deleted! ProcessingId!', 'SessionGuid UserInRoleGuid'),
  table(
    'Appointment_Session',
    'AppointmentSessionGuid! Description LocationGuid! SessionTypeDescription SessionCategoryDisplayName StartDate! StartTime! EndDate EndTime Private OrganisationGuid! Deleted! ProcessingId!',
    'AppointmentSessionGuid',
  ),
  table(
    'Admin_Patient',
    'PatientGuid! OrganisationGuid! UsualGpUserInRoleGuid Sex! DateOfBirth! DateOfDeath! Title GivenName! MiddleNames Surname! DateOfRegistration! NhsNumber! PatientNumber PatientTypeDescription! DummyType! HouseNameFlatNumber NumberAndStreet Village Town County Postcode ResidentialInstituteCode NHSNumberStatus CarerName CarerRelation PersonGuid DateOfDeactivation! Deleted! SpineSensitive! IsConfidential! EmailAddress HomePhone MobilePhone ExternalUsualGPGuid ExternalUsualGP ExternalUsualGPOrganisation ContactComments ProcessingId!',
    'PatientGuid',
  ),
  table(
    'Admin_PatientHistory',
    'PatientGuid! OrganisationGuid! HistoryDate! HistoryTime! StatusDescription! ProcessingId!',
    'PatientGuid HistoryDate HistoryTime StatusDescription',
  ),
  table(
    'Appointment_Slot',
    'SlotGuid! AppointmentDate! AppointmentStartTime! PlannedDurationInMinutes! PatientGuid! SendInTime! LeftTime! DidNotAttend! PatientWaitInMin AppointmentDelayInMin ActualDurationInMinutes OrganisationGuid! SessionGuid! DnaReasonCodeId BookedDate BookedTime SlotStatus SlotType IsBookableOnline BookingMethod ExternalPatientGuid ExternalPatientOrganisation ModeOfContact IsBlocked ContextType ServiceSetting NationalSlotCategoryName NationalSlotCategoryDescription Deleted! ProcessingId!',
    'SlotGuid',
  ),
  table(
    'CareRecord_Consultation',
    `ConsultationGuid! ${clinical} AppointmentSlotGuid ConsultationSourceTerm ConsultationSourceCodeId Complete ConsultationType`,
    'PatientGuid ConsultationGuid',
  ),
  table(
    'Prescribing_IssueRecord',
    `IssueRecordGuid! ${clinical} DrugRecordGuid! CodeId! Dosage Quantity QuantityUnit ProblemObservationGuid CourseDurationInDays! EstimatedNhsCost EmisCode PatientMessage ScriptPharmacyStamp Compliance AverageCompliance IsPrescribedAsContraceptive IsPrivatelyPrescribed PharmacyMessage PharmacyText ConsultationGuid ExpiryDate ReviewDate IssueMethodDescription`,
    'PatientGuid IssueRecordGuid',
  ),
  table(
    'Prescribing_DrugRecord',
    `DrugRecordGuid! ${clinical} CodeId! Dosage Quantity QuantityUnit ProblemObservationGuid PrescriptionType! IsActive! CancellationDate NumberOfIssues NumberOfIssuesAuthorised ExpiryDate`,
    'PatientGuid DrugRecordGuid',
  ),
  table(
    'CareRecord_Diary',
    `DiaryGuid! ${clinical} CodeId! OriginalTerm AssociatedText DurationTerm LocationTypeDescription IsActive! IsComplete! ConsultationGuid`,
    'PatientGuid DiaryGuid',
  ),
  table(
    'CareRecord_ObservationReferral',
    'ObservationGuid! PatientGuid! OrganisationGuid! ReferralTargetOrganisationGuid ReferralUrgency ReferralServiceType ReferralMode ReferralReceivedDate ReferralReceivedTime ReferralEndDate ReferralSourceId ReferralSourceOrganisationGuid ReferralUBRN ReferralReasonCodeId ReferringCareProfessionalStaffGroupCodeId ReferralEpisodeRTTMeasurementTypeId ReferralEpisodeClosureDate ReferralEpisodeDischargeLetterIssuedDate ReferralClosureReasonCodeId TransportRequired ProcessingId!',
    'PatientGuid ObservationGuid',
  ),
  table(
    'CareRecord_Problem',
    'ObservationGuid! PatientGuid! OrganisationGuid! ParentProblemObservationGuid Deleted! Comment EndDate! EndDatePrecision ExpectedDuration LastReviewDate LastReviewDatePrecision LastReviewUserInRoleGuid ParentProblemRelationship ProblemStatusDescription! SignificanceDescription ProcessingId!',
    'PatientGuid ObservationGuid',
  ),
  table(
    'CareRecord_Observation',
    `ObservationGuid! ${clinical} ParentObservationGuid! CodeId! ProblemGuid ConsultationGuid AssociatedText Value! NumericUnit ObservationType NumericRangeLow NumericRangeHigh DocumentGuid Qualifiers Abnormal AbnormalReason Episode NumericOperator`,
    'PatientGuid ObservationGuid',
  ),
];

/** Tables whose rows are one patient's; slots without a patient are in one of them. A full batch has all that there are. */
export const emisTablesOfPatients: readonly string[] = emisTables
  .filter((spec) => spec.columns.includes('PatientGuid'))
  .map((spec) => spec.table);

/** Tables that every batch must hold, be it with a header alone: without one of them a day could pass for a day without news. */
export const requiredEmisTables: readonly string[] = [
  'Agreements_SharingOrganisation',
  'Coding_ClinicalCode',
  'Coding_DrugCode',
  'Admin_Organisation',
  'Admin_UserInRole',
  'Appointment_SessionUser',
  'Appointment_Session',
  'Admin_Patient',
  'Appointment_Slot',
  'Prescribing_IssueRecord',
  'Prescribing_DrugRecord',
  'CareRecord_Diary',
  'CareRecord_Problem',
  'CareRecord_Observation',
];

/** Known and not read: who touched what. */
export const skippedEmisTables: readonly string[] = ['Audit_PatientAudit', 'Audit_RegistrationAudit'];

/** Misspellings met in supplier packs, in lower case (facts: gp-extracts §1.5). */
export const emisAliases: Readonly<Record<string, string>> = {
  clinicanuserinroleguid: 'clinicianuserinroleguid',
  externalususalgpguid: 'externalusualgpguid',
  externalususalgp: 'externalusualgp',
  externalususalgporganisation: 'externalusualgporganisation',
};

function table(name: string, columns: string, key: string): EmisTable {
  return { ...tableOf(name, columns), key: key.split(' ') };
}
