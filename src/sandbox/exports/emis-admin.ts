/** The EMIS tables about the practice and its people. facts: gp-extracts §1.4 to §1.6 */
import type { SimPatient, StaffMember } from '#sandbox/practice.ts';
import type { Row } from './csv.ts';
import { braced, guidOf } from './emis-text.ts';
import { type Scope, splitAddress, usualGp } from './scope.ts';

const SEX = { male: 'M', female: 'F', other: 'I', unknown: 'U' } as const;
const OPENED = '1999-04-01';

/** The agreement's row of a practice, in every batch: active, not paused, not ended. */
export function agreementRow({ practice }: Scope): Row {
  return {
    OrganisationGuid: braced(practice.guid),
    IsActivated: 'true',
    LastModifiedDate: '2020-04-01 09:00:00',
    Disabled: 'false',
    Deleted: 'false',
  };
}

export function organisationRow({ practice }: Scope): Row {
  return {
    OrganisationGuid: braced(practice.guid),
    OrganisationName: practice.name,
    ODSCode: practice.ods,
    OrganisationType: 'General Practice',
    OpenDate: OPENED,
    MainLocationGuid: locationGuid(practice.ods),
  };
}

export function locationGuid(ods: string): string {
  return guidOf('location', ods);
}

export function locationRow({ practice }: Scope): Row {
  return {
    LocationGuid: locationGuid(practice.ods),
    LocationName: practice.name,
    LocationTypeDescription: 'Main Surgery',
    OpenDate: OPENED,
    PhoneNumber: practice.phone,
    NumberAndStreet: practice.address.lines.join(', '),
    Town: practice.address.town,
    Postcode: practice.address.postcode,
    Deleted: 'false',
  };
}

export function organisationLocationRow({ practice }: Scope): Row {
  return {
    OrganisationGuid: braced(practice.guid),
    LocationGuid: locationGuid(practice.ods),
    IsMainLocation: 'true',
    Deleted: 'false',
  };
}

export function userInRoleRow({ practice }: Scope, member: StaffMember): Row {
  return {
    UserInRoleGuid: braced(member.id),
    OrganisationGuid: braced(practice.guid),
    Title: member.title,
    GivenName: member.given,
    Surname: member.family,
    JobCategoryCode: member.jobRole,
    JobCategoryName: member.jobTitle,
    ContractStartDate: '2018-04-02',
  };
}

/** `number` is the patient's number within the practice, counting from 1. */
export function patientRow({ practice }: Scope, patient: SimPatient, number: number): Row {
  const gp = usualGp(practice, patient);
  const { building, number: house, road } = splitAddress(patient.address.lines);
  return {
    PatientGuid: braced(patient.id),
    OrganisationGuid: braced(practice.guid),
    UsualGpUserInRoleGuid: gp ? braced(gp.id) : '',
    Sex: SEX[patient.gender],
    DateOfBirth: patient.birthDate,
    DateOfDeath: patient.deathDate ?? '',
    Title: patient.title,
    GivenName: patient.given,
    Surname: patient.family,
    DateOfRegistration: patient.registeredOn,
    NhsNumber: patient.nhsNumber,
    PatientNumber: String(1000 + number),
    PatientTypeDescription: 'Regular',
    DummyType: 'false',
    HouseNameFlatNumber: building,
    NumberAndStreet: `${house} ${road}`.trim(),
    Town: patient.address.town,
    Postcode: patient.address.postcode,
    PersonGuid: guidOf('person', patient.id),
    DateOfDeactivation: patient.deregisteredOn ?? '',
    Deleted: 'false',
    SpineSensitive: String(patient.sensitive),
    IsConfidential: 'false',
    EmailAddress: patient.email ?? '',
    HomePhone: patient.homePhone ?? '',
    MobilePhone: patient.mobile ?? '',
  };
}
