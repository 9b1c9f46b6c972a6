/**
 * The SRExtract tables that Holdfast reads, with their columns (facts: gp-extracts §2.3, version 93), lookups first.
 * `!`: the table cannot be used without it. Other tables are counted and left.
 */
import { type TableSpec, tableOf } from '#adapters/csv/table.ts';

const row = 'RowIdentifier! IDOrganisationVisibleTo! RemovedData';
const event =
  'DateEventRecorded DateEvent! IDProfileEnteredBy IDDoneBy TextualEventDoneBy IDOrganisationDoneAt IDEvent IDPatient! IDOrganisation';
const patient = `${row} ${event} IDOrganisationRegisteredAt`;
const medicine = `${patient} IDMultiLexProduct IDMultiLexPack IDMultiLexDMD! NameOfMedication! MedicationDosage MedicationQuantity IDReferralIn`;

export const tppTables: readonly TableSpec[] = [
  tableOf('SRMapping', 'RowIdentifier! IdMappingGroup Mapping! RemovedData'),
  tableOf('SRCtv3ToSnomed', `${row} Ctv3Code! SnomedCode!`),
  tableOf('SRImmunisationContent', 'RowIdentifier! Name! Content! DateDeleted RemovedData'),
  tableOf(
    'SROrganisation',
    'RowIdentifier! Name! ID! HouseName HouseNumber NameOfRoad NameOfLocality NameOfTown NameOfCounty FullPostCode Telephone SecondaryTelephone Fax MadeObsolete IDTrust IDCcg RemovedData',
  ),
  tableOf(
    'SRStaffMember',
    'RowIdentifier! StaffName! StaffUserName NationalIdType IDNational IDSmartCard Obsolete RemovedData',
  ),
  tableOf(
    'SRStaffMemberProfile',
    'RowIdentifier! DateProfileCreated IdProfileCreatedBy IDStaffMemberProfileRole StaffRole! DateEmploymentStart DateEmploymentEnd PPAID GPLocalCode IDStaffMember! IDOrganisation! GmpID RemovedData',
  ),
  tableOf(
    'SRRota',
    `${row} DateCreation IDProfileCreatedBy Name RotaType Location Code IDProfileOwner DateStart AllowOverBooking BookingContactNumber IDAppointmentRoom IDBranch`,
  ),
  tableOf(
    'SRPatient',
    `${row} Title FirstName! MiddleNames Surname! PreviousSurname NHSNumber! DateBirth! DateDeath! BirthPlace Gender! SpeaksEnglish EmailAddress TestPatient! SSRef SpineMatched!`,
  ),
  tableOf(
    'SRPatientRegistration',
    `${row} DateEventRecorded IDProfileEnteredBy DateRegistration! DateDeRegistration! RegistrationStatus! PreferredPharmacy IDPatient! IDOrganisation! IDOrganisationRegisteredAt`,
  ),
  tableOf('SRRecordStatus', `${patient} MedicalRecordStatus!`),
  tableOf(
    'SRPatientAddressHistory',
    `${row} ${event} NameOfBuilding NumberOfBuilding NameOfRoad NameOfLocality NameOfTown NameOfCounty FullPostCode! DateTo! AddressType CcgOfResidence`,
  ),
  tableOf('SRPatientContactDetails', `${patient} ContactType! ContactNumber!`),
  tableOf('SRSmsConsent', `${row} ${event} SmsConsent!`),
  tableOf(
    'SRCode',
    `${patient} CTV3Code! CTV3Text SNOMEDCode SNOMEDText NumericComparator IsNumeric NumericValue! NumericUnit EpisodeType IDTemplate IDQuestionnaire IDReferralIn IDAppointment IDVisit`,
  ),
  tableOf('SRProblem', `${patient} CTV3Code! DateEnd! Severity IDCode! IDReferralIn`),
  tableOf(
    'SRImmunisation',
    `${patient} IDVaccination IDImmunisationContent! Dose Location Method DateExpiry ImmsReadCode! ImmsSNOMEDCode VaccPart VaccBatchNumber VaccAreaCode VaccinationStatus`,
  ),
  tableOf(
    'SRRecall',
    `${patient} DateRecall! RecallType! RecallInitialStatus RecallStatus! RecallStatusDate IDReferralIn`,
  ),
  tableOf(
    'SRRepeatTemplate',
    `${medicine} DateMedicationTemplateStart! DateMedicationTemplateEnd! DateMedicationTemplateReview MaxIssues CourseLengthPerIssue DrugStatus`,
  ),
  tableOf(
    'SRPrimaryCareMedication',
    `${medicine} DateMedicationStart! DateMedicationEnd! IsSupervised SupervisedDose UnsupervisedDose IsRepeatMedication! IsOtherMedication IsDentalMedication IsHospitalMedication IDRepeatTemplate!`,
  ),
  tableOf(
    'SRAppointment',
    `${row} DateStart! DateEnd! AppointmentStatus! DateAppointmentBooked DatePatientArrival DatePatientSeen FollowUpAppointment TelephoneAppointment IDClinician IDProfileClinician RotaName RotaType RotaLocation RotaCode IDRotaOwner IDProfileRotaOwner AllowsOverbooking BookingContactNumber DateAppointmentCancelled IDRota IDReferralIn IDPatient! IDOrganisation IDOrganisationRegisteredAt`,
  ),
];

/** Tables of the whole group of practices: their rows belong to none of them (facts: gp-extracts §2.2). */
export const sharedTppTables: readonly string[] = [
  'SRMapping',
  'SRCtv3ToSnomed',
  'SRImmunisationContent',
  'SROrganisation',
  'SRStaffMember',
  'SRStaffMemberProfile',
];

/** Tables that every batch must hold. */
export const requiredTppTables: readonly string[] = [
  'SRMapping',
  'SRPatient',
  'SRPatientRegistration',
  'SRPatientContactDetails',
  'SRCode',
  'SRPrimaryCareMedication',
  'SRAppointment',
];
