/** The TPP tables about the practice, its staff and its patients. facts: gp-extracts §2.3 */
import { rowIdentifier } from '#sandbox/population/supplier-id.ts';
import type { SimPatient } from '#sandbox/practice.ts';
import type { Row } from './csv.ts';
import { type Scope, splitAddress } from './scope.ts';
import { MAPPING, NO_ID, tppTime, yesNo } from './tpp-text.ts';

const GENDER = { male: 'M', female: 'F', other: 'I', unknown: 'U' } as const;

/** What every row of a patient's or an event's says of the practice that it belongs to. */
export function ownedBy({ practice }: Scope): Row {
  return {
    IDOrganisationVisibleTo: practice.ods,
    IDOrganisation: practice.ods,
    IDOrganisationRegisteredAt: practice.ods,
    IDOrganisationDoneAt: practice.ods,
    RemovedData: '0',
  };
}

/** The id of the person, where the id of a member of staff is that of their profile at the practice. */
export function staffMemberId(profileId: string): string {
  return rowIdentifier('staff member', profileId);
}

export function organisationRow({ practice }: Scope): Row {
  const { number, road } = splitAddress(practice.address.lines);
  return {
    RowIdentifier: rowIdentifier('organisation', practice.ods),
    Name: practice.name,
    ID: practice.ods,
    HouseNumber: number,
    NameOfRoad: road,
    NameOfTown: practice.address.town,
    FullPostCode: practice.address.postcode,
    Telephone: practice.phone,
    MadeObsolete: 'FALSE',
    IDTrust: NO_ID,
    IDCcg: NO_ID,
    RemovedData: '0',
  };
}

export function staffMemberRows({ practice }: Scope): readonly Row[] {
  return practice.staff.map((member) => ({
    RowIdentifier: staffMemberId(member.id),
    StaffName: `${member.title} ${member.given} ${member.family}`,
    IDSmartCard: member.sdsUserId,
    Obsolete: 'FALSE',
    RemovedData: '0',
  }));
}

export function staffProfileRows({ practice }: Scope): readonly Row[] {
  return practice.staff.map((member) => ({
    RowIdentifier: member.id,
    DateProfileCreated: tppTime('2018-04-02', '09:00:00'),
    StaffRole: member.jobTitle,
    DateEmploymentStart: tppTime('2018-04-02'),
    IDStaffMember: staffMemberId(member.id),
    IDOrganisation: practice.ods,
    RemovedData: '0',
  }));
}

export function patientRow(scope: Scope, patient: SimPatient): Row {
  return {
    ...ownedBy(scope),
    RowIdentifier: patient.id,
    Title: patient.title,
    FirstName: patient.given,
    Surname: patient.family,
    NHSNumber: patient.nhsNumber,
    DateBirth: tppTime(patient.birthDate, '00:00'),
    DateDeath: tppTime(patient.deathDate, '00:00'),
    Gender: GENDER[patient.gender],
    SpeaksEnglish: MAPPING.speaksEnglish[0],
    EmailAddress: patient.email ?? '',
    TestPatient: 'FALSE',
    SpineMatched: yesNo(true),
  };
}

export function registrationRow(scope: Scope, patient: SimPatient): Row {
  return {
    ...ownedBy(scope),
    RowIdentifier: rowIdentifier('registration', patient.id),
    DateEventRecorded: tppTime(patient.registeredOn, '09:00:00'),
    IDProfileEnteredBy: NO_ID,
    DateRegistration: tppTime(patient.registeredOn),
    DateDeRegistration: tppTime(patient.deregisteredOn),
    RegistrationStatus: 'GMS',
    IDPatient: patient.id,
  };
}

/** What was entered on joining: no event of its own is sent for it. */
function onJoining(scope: Scope, patient: SimPatient): Row {
  return {
    ...ownedBy(scope),
    DateEventRecorded: tppTime(patient.registeredOn),
    DateEvent: tppTime(patient.registeredOn),
    IDProfileEnteredBy: NO_ID,
    IDDoneBy: NO_ID,
    IDEvent: NO_ID,
    IDPatient: patient.id,
  };
}

export function addressRow(scope: Scope, patient: SimPatient): Row {
  const { building, number, road } = splitAddress(patient.address.lines);
  return {
    ...onJoining(scope, patient),
    RowIdentifier: rowIdentifier('address', patient.id),
    NameOfBuilding: building,
    NumberOfBuilding: number,
    NameOfRoad: road,
    NameOfTown: patient.address.town,
    FullPostCode: patient.address.postcode,
    AddressType: MAPPING.homeAddress[0],
  };
}

/** One row per number. */
export function contactRows(scope: Scope, patient: SimPatient): readonly Row[] {
  const numbers = [
    ['home', patient.homePhone],
    ['mobile', patient.mobile],
  ] as const;
  return numbers.flatMap(([type, number]) =>
    number === undefined
      ? []
      : [
          {
            ...onJoining(scope, patient),
            RowIdentifier: rowIdentifier('contact', type, patient.id),
            ContactType: MAPPING[type][0],
            ContactNumber: number,
          },
        ],
  );
}
