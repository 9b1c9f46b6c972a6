/**
 * The EMIS extract's tables in an order that is safe to apply, with their columns: version 8.2, with the free text
 * columns that sample packs have (Observation 28, Problem 16, Diary 20). facts: gp-extracts §1.3, §1.5
 */

const columns = (text: string): readonly string[] => text.trim().split(/\s+/);

export const EMIS_COLUMNS = {
  Agreements_SharingOrganisation: columns(`OrganisationGuid IsActivated LastModifiedDate Disabled Deleted`),
  Coding_ClinicalCode: columns(`
    CodeId Term ReadTermId SnomedCTConceptId SnomedCTDescriptionId NationalCode NationalCodeCategory
    NationalDescription EmisCodeCategoryDescription ParentCodeID ProcessingId
  `),
  Coding_DrugCode: columns(`CodeId Term DmdProductCodeId BNFChapterRef ProcessingId`),
  Admin_OrganisationLocation: columns(`OrganisationGuid LocationGuid IsMainLocation Deleted ProcessingId`),
  Admin_Location: columns(`
    LocationGuid LocationName LocationTypeDescription ParentLocationGuid OpenDate CloseDate MainContactName
    FaxNumber EmailAddress PhoneNumber HouseNameFlatNumber NumberAndStreet Village Town County Postcode
    Deleted ProcessingId
  `),
  Admin_Organisation: columns(`
    OrganisationGuid CDB OrganisationName ODSCode ParentOrganisationGuid CCGOrganisationGuid OrganisationType
    OpenDate CloseDate MainLocationGuid ProcessingId
  `),
  Admin_UserInRole: columns(`
    UserInRoleGuid OrganisationGuid Title GivenName Surname JobCategoryCode JobCategoryName ContractStartDate
    ContractEndDate RegistrationNumber ProcessingId
  `),
  Appointment_SessionUser: columns(`SessionGuid UserInRoleGuid Deleted ProcessingId`),
  Appointment_Session: columns(`
    AppointmentSessionGuid Description LocationGuid SessionTypeDescription SessionCategoryDisplayName
    StartDate StartTime EndDate EndTime Private OrganisationGuid Deleted ProcessingId
  `),
  Admin_Patient: columns(`
    PatientGuid OrganisationGuid UsualGpUserInRoleGuid Sex DateOfBirth DateOfDeath Title GivenName
    MiddleNames Surname DateOfRegistration NhsNumber PatientNumber PatientTypeDescription DummyType
    HouseNameFlatNumber NumberAndStreet Village Town County Postcode ResidentialInstituteCode NHSNumberStatus
    CarerName CarerRelation PersonGuid DateOfDeactivation Deleted SpineSensitive IsConfidential EmailAddress
    HomePhone MobilePhone ExternalUsualGPGuid ExternalUsualGP ExternalUsualGPOrganisation ContactComments
    ProcessingId
  `),
  Admin_PatientHistory: columns(`PatientGuid OrganisationGuid HistoryDate HistoryTime StatusDescription ProcessingId`),
  Appointment_Slot: columns(`
    SlotGuid AppointmentDate AppointmentStartTime PlannedDurationInMinutes PatientGuid SendInTime LeftTime
    DidNotAttend PatientWaitInMin AppointmentDelayInMin ActualDurationInMinutes OrganisationGuid SessionGuid
    DnaReasonCodeId BookedDate BookedTime SlotStatus SlotType IsBookableOnline BookingMethod
    ExternalPatientGuid ExternalPatientOrganisation ModeOfContact IsBlocked ContextType ServiceSetting
    NationalSlotCategoryName NationalSlotCategoryDescription Deleted ProcessingId
  `),
  CareRecord_Consultation: columns(`
    ConsultationGuid PatientGuid OrganisationGuid EffectiveDate EffectiveDatePrecision EnteredDate
    EnteredTime ClinicianUserInRoleGuid EnteredByUserInRoleGuid AppointmentSlotGuid ConsultationSourceTerm
    ConsultationSourceCodeId Complete ConsultationType Deleted IsConfidential ProcessingId
  `),
  Prescribing_IssueRecord: columns(`
    IssueRecordGuid PatientGuid OrganisationGuid DrugRecordGuid EffectiveDate EffectiveDatePrecision
    EnteredDate EnteredTime ClinicianUserInRoleGuid EnteredByUserInRoleGuid CodeId Dosage Quantity
    QuantityUnit ProblemObservationGuid CourseDurationInDays EstimatedNhsCost IsConfidential EmisCode
    PatientMessage ScriptPharmacyStamp Compliance AverageCompliance IsPrescribedAsContraceptive
    IsPrivatelyPrescribed PharmacyMessage PharmacyText ConsultationGuid ExpiryDate ReviewDate
    IssueMethodDescription Deleted ProcessingId
  `),
  Prescribing_DrugRecord: columns(`
    DrugRecordGuid PatientGuid OrganisationGuid EffectiveDate EffectiveDatePrecision EnteredDate EnteredTime
    ClinicianUserInRoleGuid EnteredByUserInRoleGuid CodeId Dosage Quantity QuantityUnit
    ProblemObservationGuid PrescriptionType IsActive CancellationDate NumberOfIssues NumberOfIssuesAuthorised
    IsConfidential Deleted ExpiryDate ProcessingId
  `),
  CareRecord_Diary: columns(`
    DiaryGuid PatientGuid OrganisationGuid EffectiveDate EffectiveDatePrecision EnteredDate EnteredTime
    ClinicianUserInRoleGuid EnteredByUserInRoleGuid CodeId OriginalTerm AssociatedText DurationTerm
    LocationTypeDescription Deleted IsConfidential IsActive IsComplete ConsultationGuid ProcessingId
  `),
  CareRecord_ObservationReferral: columns(`
    ObservationGuid PatientGuid OrganisationGuid ReferralTargetOrganisationGuid ReferralUrgency
    ReferralServiceType ReferralMode ReferralReceivedDate ReferralReceivedTime ReferralEndDate
    ReferralSourceId ReferralSourceOrganisationGuid ReferralUBRN ReferralReasonCodeId
    ReferringCareProfessionalStaffGroupCodeId ReferralEpisodeRTTMeasurementTypeId ReferralEpisodeClosureDate
    ReferralEpisodeDischargeLetterIssuedDate ReferralClosureReasonCodeId TransportRequired ProcessingId
  `),
  CareRecord_Problem: columns(`
    ObservationGuid PatientGuid OrganisationGuid ParentProblemObservationGuid Deleted Comment EndDate
    EndDatePrecision ExpectedDuration LastReviewDate LastReviewDatePrecision LastReviewUserInRoleGuid
    ParentProblemRelationship ProblemStatusDescription SignificanceDescription ProcessingId
  `),
  CareRecord_Observation: columns(`
    ObservationGuid PatientGuid OrganisationGuid EffectiveDate EffectiveDatePrecision EnteredDate EnteredTime
    ClinicianUserInRoleGuid EnteredByUserInRoleGuid ParentObservationGuid CodeId ProblemGuid ConsultationGuid
    AssociatedText Value NumericUnit ObservationType NumericRangeLow NumericRangeHigh DocumentGuid Qualifiers
    Abnormal AbnormalReason Episode Deleted IsConfidential NumericOperator ProcessingId
  `),
} as const satisfies Record<string, readonly string[]>;
