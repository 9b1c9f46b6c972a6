/** SRPatient, SRPatientContactDetails, SRPatientAddressHistory → Patient (facts: gp-extracts §2.4). */

import { validNhsNumber } from '#fhir/nhs-number.ts';
import { RECORD_ID } from '#fhir/systems.ts';
import type { Address, ContactPoint, HumanName, Patient } from '#fhir/types.ts';
import { excluded, joined, parked, type Translated, uncarried } from '#translate/extract/account.ts';
import { genderOf, given, linkTo, metaOf, nhsNumberIdentifier, postcodeOf } from '#translate/extract/resource.ts';
import { type Cells, isTrue, type RawRowLike, textOf } from '#translate/extract/rows.ts';
import { isOpen } from './registration.ts';
import { dayIn, handled, type Mapped, mapped, newestFirst, type TppScope } from './scope.ts';

const carried = new Set([
  ...handled,
  ...'Title FirstName MiddleNames Surname PreviousSurname NHSNumber DateBirth DateDeath Gender EmailAddress'.split(' '),
  ...'TestPatient SpineMatched'.split(' '),
]);

/** Why a patient is not taken at all; undefined when they are. */
export function reasonToLeave(row: RawRowLike | undefined): string | undefined {
  if (!row) return 'the patient is not in the extract: kept raw';
  if (row.deleted) return 'the patient was removed from the extract';
  return isTrue(row.cells, 'TestPatient') ? 'the patient is a test patient' : undefined;
}

export function translatePatient(row: RawRowLike, scope: TppScope): Translated {
  const { cells } = row;
  const nhsNumber = validNhsNumber(cells['NHSNumber'] ?? '');
  const birthDate = dayIn(cells, 'DateBirth');
  const email = textOf(cells, 'EmailAddress');
  const registrations = scope.rows.filter((one) => one.table === 'SRPatientRegistration');
  const patient: Patient = {
    resourceType: 'Patient',
    id: scope.patientId,
    ...metaOf('Patient', false),
    identifier: [
      ...(nhsNumber ? [nhsNumberIdentifier(nhsNumber, isTrue(cells, 'SpineMatched'))] : []),
      { system: `${RECORD_ID}/tpp-SRPatient`, value: row.key },
    ],
    active: registrations.some((one) => isOpen(one, scope)),
    name: namesOf(cells),
    ...given({
      telecom: [...contactsOf(scope), ...(email ? [{ system: 'email' as const, value: email }] : [])],
      gender: genderOf(textOf(cells, 'Gender')),
      birthDate,
      deceasedDateTime: dayIn(cells, 'DateDeath'),
      address: addressesOf(scope),
    }),
    managingOrganization: linkTo('Organization', scope.organisation),
  };
  const losses = [
    ...(cells['NHSNumber'] && !nhsNumber ? ['Patient.nhs-number-invalid'] : []),
    ...(cells['DateBirth'] && !birthDate ? ['Patient.birth-date-invalid'] : []),
    ...uncarried(row, carried),
  ];
  return { result: 'resource', reference: `Patient/${patient.id}`, resources: [patient], losses };
}

function namesOf(cells: Cells): HumanName[] {
  const title = textOf(cells, 'Title');
  const previous = textOf(cells, 'PreviousSurname');
  const names = [textOf(cells, 'FirstName'), ...(textOf(cells, 'MiddleNames')?.split(/\s+/) ?? [])];
  const official = given({
    family: textOf(cells, 'Surname'),
    given: names.filter((name) => name !== undefined),
    prefix: title ? [title] : [],
  });
  return [{ use: 'official', ...official }, ...(previous ? [{ use: 'old' as const, family: previous }] : [])];
}

const carriedByContact = new Set([...handled, ...'DateEventRecorded DateEvent ContactType ContactNumber'.split(' ')]);

export function translateContact(row: RawRowLike, scope: TppScope): Translated {
  const type = mapped(row.cells, 'ContactType', scope);
  if (!textOf(row.cells, 'ContactNumber')) return excluded('the contact has no number');
  if ('unknown' in type) return unmapped('ContactType', type.unknown);
  if (!contactOf(row, type)) return excluded('the number is not the patient’s own');
  return joined(`Patient/${scope.patientId}`, uncarried(row, carriedByContact));
}

/** An id whose text has not come yet (facts: gp-extracts §2.4). */
export function unmapped(column: string, id: string): Translated {
  return parked(`${column} ${id} is not in SRMapping yet`, 'unmapped-rows');
}

/** The newest first. */
function contactsOf(scope: TppScope): ContactPoint[] {
  const rows = scope.rows.filter((row) => row.table === 'SRPatientContactDetails');
  return newestFirst(rows, 'DateEvent').flatMap((row) => contactOf(row, mapped(row.cells, 'ContactType', scope)) ?? []);
}

function contactOf(row: RawRowLike, type: Mapped): ContactPoint | undefined {
  const value = textOf(row.cells, 'ContactNumber');
  if (!value || 'unknown' in type) return undefined;
  const base = { id: row.key, value };
  switch (type.text?.toLowerCase()) {
    case 'emergency contact':
      return undefined;
    case 'mobile':
      return { ...base, system: 'phone', use: 'mobile' };
    case 'work':
      return { ...base, system: 'phone', use: 'work' };
    case 'home':
    case 'answering machine':
      return { ...base, system: 'phone', use: 'home' };
    case 'temporary':
      return { ...base, system: 'phone', use: 'temp' };
    case 'pager':
      return { ...base, system: 'pager' };
    case 'skype':
      return { ...base, system: 'other' };
    default:
      return { ...base, system: 'phone' };
  }
}

const carriedByAddress = new Set([
  ...handled,
  ...'DateEventRecorded DateEvent NameOfBuilding NumberOfBuilding NameOfRoad NameOfLocality NameOfTown'.split(' '),
  ...'NameOfCounty FullPostCode DateTo AddressType'.split(' '),
]);

export function translateAddress(row: RawRowLike, scope: TppScope): Translated {
  const type = mapped(row.cells, 'AddressType', scope);
  if ('unknown' in type) return unmapped('AddressType', type.unknown);
  return joined(`Patient/${scope.patientId}`, uncarried(row, carriedByAddress));
}

function addressesOf(scope: TppScope): Address[] {
  const rows = scope.rows.filter((row) => row.table === 'SRPatientAddressHistory');
  return newestFirst(rows, 'DateEvent').flatMap((row): Address[] => {
    const type = mapped(row.cells, 'AddressType', scope);
    return 'unknown' in type ? [] : [addressOf(row, type.text, scope)];
  });
}

function addressOf(row: RawRowLike, type: string | undefined, scope: TppScope): Address {
  const { cells } = row;
  const road = [textOf(cells, 'NumberOfBuilding'), textOf(cells, 'NameOfRoad')].filter((part) => part).join(' ');
  const line = [textOf(cells, 'NameOfBuilding'), road, textOf(cells, 'NameOfLocality')];
  const start = dayIn(cells, 'DateEvent');
  const end = dayIn(cells, 'DateTo');
  const isOver = end !== undefined && end <= scope.today;
  return {
    id: row.key,
    use: isOver ? 'old' : /^temporary/i.test(type ?? '') ? 'temp' : 'home',
    ...given({
      line: line.flatMap((part) => part || []),
      city: textOf(cells, 'NameOfTown'),
      district: textOf(cells, 'NameOfCounty'),
      postalCode: postcodeOf(cells['FullPostCode']),
      period: start || end ? given({ start, end }) : undefined,
    }),
  };
}
