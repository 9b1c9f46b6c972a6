/**
 * The tables of a TPP SystmOne Strategic Reporting extract that this network fills or sends empty, with their columns:
 * the newest known, "93". facts: gp-extracts §2.1, §2.3
 */

const columns = (text: string): readonly string[] => text.trim().split(/\s+/);

export const TPP_COLUMNS = {
  SROrganisation: columns(`
    RowIdentifier Name ID HouseName HouseNumber NameOfRoad NameOfLocality NameOfTown NameOfCounty
    FullPostCode Telephone SecondaryTelephone Fax MadeObsolete IDTrust IDCcg RemovedData
  `),
  SRStaffMember: columns(
    `RowIdentifier StaffName StaffUserName NationalIdType IDNational IDSmartCard Obsolete RemovedData`,
  ),
  SRStaffMemberProfile: columns(`
    RowIdentifier DateProfileCreated IdProfileCreatedBy IDStaffMemberProfileRole StaffRole
    DateEmploymentStart DateEmploymentEnd PPAID GPLocalCode IDStaffMember IDOrganisation GmpID RemovedData
  `),
  SRCtv3ToSnomed: columns(`RowIdentifier IDOrganisationVisibleTo Ctv3Code SnomedCode RemovedData`),
  SRImmunisationContent: columns(`RowIdentifier Name Content DateDeleted RemovedData`),
  SRPatient: columns(`
    RowIdentifier IDOrganisationVisibleTo Title FirstName MiddleNames Surname PreviousSurname NHSNumber
    DateBirth DateDeath BirthPlace Gender SpeaksEnglish EmailAddress TestPatient SSRef SpineMatched
    RemovedData
  `),
  SRPatientRegistration: columns(`
    RowIdentifier IDOrganisationVisibleTo DateEventRecorded IDProfileEnteredBy DateRegistration
    DateDeRegistration RegistrationStatus PreferredPharmacy IDPatient IDOrganisation
    IDOrganisationRegisteredAt RemovedData
  `),
  SRPatientAddressHistory: columns(`
    RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
    TextualEventDoneBy IDOrganisationDoneAt NameOfBuilding NumberOfBuilding NameOfRoad NameOfLocality
    NameOfTown NameOfCounty FullPostCode DateTo AddressType IDEvent IDPatient IDOrganisation CcgOfResidence
    RemovedData
  `),
  SRPatientContactDetails: columns(`
    RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
    TextualEventDoneBy IDOrganisationDoneAt ContactType ContactNumber IDEvent IDPatient IDOrganisation
    IDOrganisationRegisteredAt RemovedData
  `),
  SRSmsConsent: columns(`
    RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
    TextualEventDoneBy IDOrganisationDoneAt SmsConsent IDEvent IDPatient IDOrganisation RemovedData
  `),
  SRCode: columns(`
    RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
    TextualEventDoneBy IDOrganisationDoneAt CTV3Code CTV3Text SNOMEDCode SNOMEDText NumericComparator
    IsNumeric NumericValue NumericUnit EpisodeType IDTemplate IDQuestionnaire IDEvent IDPatient IDReferralIn
    IDAppointment IDVisit IDOrganisation IDOrganisationRegisteredAt RemovedData
  `),
  SRProblem: columns(`
    RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
    TextualEventDoneBy IDOrganisationDoneAt CTV3Code DateEnd Severity IDCode IDEvent IDPatient IDReferralIn
    IDOrganisation IDOrganisationRegisteredAt RemovedData
  `),
  SRImmunisation: columns(`
    RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
    TextualEventDoneBy IDOrganisationDoneAt IDVaccination IDImmunisationContent Dose Location Method
    DateExpiry ImmsReadCode ImmsSNOMEDCode VaccPart VaccBatchNumber VaccAreaCode VaccinationStatus IDEvent
    IDPatient IDOrganisation IDOrganisationRegisteredAt RemovedData
  `),
  SRRecall: columns(`
    RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
    TextualEventDoneBy IDOrganisationDoneAt DateRecall RecallType RecallInitialStatus RecallStatus
    RecallStatusDate IDReferralIn IDEvent IDPatient IDOrganisation IDOrganisationRegisteredAt RemovedData
  `),
  SRRepeatTemplate: columns(`
    RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
    TextualEventDoneBy IDOrganisationDoneAt IDMultiLexProduct IDMultiLexPack IDMultiLexDMD NameOfMedication
    DateMedicationTemplateStart DateMedicationTemplateEnd DateMedicationTemplateReview MedicationDosage
    MedicationQuantity MaxIssues CourseLengthPerIssue DrugStatus IDReferralIn IDEvent IDPatient
    IDOrganisation IDOrganisationRegisteredAt RemovedData
  `),
  SRPrimaryCareMedication: columns(`
    RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
    TextualEventDoneBy IDOrganisationDoneAt IDMultiLexProduct IDMultiLexPack IDMultiLexDMD NameOfMedication
    DateMedicationStart DateMedicationEnd MedicationDosage MedicationQuantity IsSupervised SupervisedDose
    UnsupervisedDose IsRepeatMedication IsOtherMedication IsDentalMedication IsHospitalMedication
    IDRepeatTemplate IDReferralIn IDEvent IDPatient IDOrganisation IDOrganisationRegisteredAt RemovedData
  `),
  SRRota: columns(`
    RowIdentifier IDOrganisationVisibleTo DateCreation IDProfileCreatedBy Name RotaType Location Code
    IDProfileOwner DateStart AllowOverBooking BookingContactNumber IDAppointmentRoom IDBranch RemovedData
  `),
  SRAppointment: columns(`
    RowIdentifier IDOrganisationVisibleTo DateStart DateEnd AppointmentStatus DateAppointmentBooked
    DatePatientArrival DatePatientSeen FollowUpAppointment TelephoneAppointment IDClinician
    IDProfileClinician RotaName RotaType RotaLocation RotaCode IDRotaOwner IDProfileRotaOwner
    AllowsOverbooking BookingContactNumber DateAppointmentCancelled IDRota IDReferralIn IDPatient
    IDOrganisation IDOrganisationRegisteredAt RemovedData
  `),
  SRMapping: columns(`RowIdentifier IdMappingGroup Mapping`),
  SRManifest: columns(`FileName IsDelta IsReference DateExtractFrom DateExtractTo`),
} as const satisfies Record<string, readonly string[]>;
