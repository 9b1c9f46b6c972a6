/** Admin_Patient → Patient and its registration (facts: gp-extracts §1.6). */
import { isDate, londonDate } from '#fhir/date.ts';
import { validNhsNumber } from '#fhir/nhs-number.ts';
import { holdfastExtension, RECORD_ID } from '#fhir/systems.ts';
import type { Address, ContactPoint, EpisodeOfCare, HumanName, Identifier, Patient } from '#fhir/types.ts';
import { type Translated, uncarried } from '#translate/extract/account.ts';
import {
  genderOf,
  given,
  linkTo,
  metaOf,
  nhsNumberIdentifier,
  postcodeOf,
  registrationType,
} from '#translate/extract/resource.ts';
import { type Cells, isTrue, type RawRowLike, textOf } from '#translate/extract/rows.ts';
import { emisDate } from '#translate/extract/when.ts';
import { type EmisScope, entryId, handled, isRestricted, staffReference } from './scope.ts';

const carried = new Set([
  ...handled,
  ...'UsualGpUserInRoleGuid Sex DateOfBirth DateOfDeath Title GivenName MiddleNames Surname DateOfRegistration'.split(
    ' ',
  ),
  ...'NhsNumber PatientNumber PatientTypeDescription DummyType HouseNameFlatNumber NumberAndStreet Village Town'.split(
    ' ',
  ),
  ...'County Postcode PersonGuid DateOfDeactivation SpineSensitive IsConfidential EmailAddress HomePhone'.split(' '),
  ...'MobilePhone ContactComments'.split(' '),
]);

/** Why a patient is not taken at all; undefined when they are. */
export function reasonToLeave(row: RawRowLike | undefined): string | undefined {
  if (!row) return 'the patient is not in the extract: kept raw';
  if (row.deleted) return 'the patient was deleted from the extract';
  const isDummy = isTrue(row.cells, 'DummyType') || /^dummy$/i.test(textOf(row.cells, 'PatientTypeDescription') ?? '');
  return isDummy ? 'the patient is a dummy' : undefined;
}

export function translatePatient(row: RawRowLike, scope: EmisScope): Translated {
  const { cells } = row;
  const nhsNumber = validNhsNumber(cells['NhsNumber'] ?? '');
  const birthDate = emisDate(cells['DateOfBirth'], 'YMD');
  const deactivated = emisDate(cells['DateOfDeactivation'], 'YMD');
  const gp = staffReference(scope, textOf(cells, 'UsualGpUserInRoleGuid'));
  const patient: Patient = {
    resourceType: 'Patient',
    id: scope.patientId,
    ...metaOf('Patient', isRestricted(scope, cells)),
    ...given({ extension: comments(cells) }),
    identifier: identifiers(cells, nhsNumber),
    active: !deactivated || deactivated > londonDate(scope.asOf),
    name: [nameOf(cells)],
    ...given({
      telecom: telecomOf(cells),
      gender: genderOf(cells['Sex']),
      birthDate,
      deceasedDateTime: emisDate(cells['DateOfDeath'], 'YMD'),
      address: addressOf(cells),
      generalPractitioner: gp ? [gp] : [],
    }),
    managingOrganization: linkTo('Organization', scope.organisation),
  };
  const losses = [
    ...(cells['NhsNumber'] && !nhsNumber ? ['Patient.nhs-number-invalid'] : []),
    ...(cells['DateOfBirth'] && !birthDate ? ['Patient.birth-date-invalid'] : []),
    ...uncarried(row, carried),
  ];
  const resources = [patient, ...registrationOf(cells, scope)];
  return { result: 'resource', reference: `Patient/${patient.id}`, resources, losses };
}

function identifiers(cells: Cells, nhsNumber: string | undefined): Identifier[] {
  const local = ['PatientGuid', 'PatientNumber', 'PersonGuid'].flatMap((column): Identifier[] => {
    const value = textOf(cells, column);
    return value ? [{ system: `${RECORD_ID}/emis-${column}`, value }] : [];
  });
  // The extract does not say whether the number was traced.
  return [...(nhsNumber ? [nhsNumberIdentifier(nhsNumber, false)] : []), ...local];
}

function nameOf(cells: Cells): HumanName {
  const title = textOf(cells, 'Title');
  const names = [textOf(cells, 'GivenName'), ...(textOf(cells, 'MiddleNames')?.split(/\s+/) ?? [])];
  return {
    use: 'official',
    ...given({
      family: textOf(cells, 'Surname'),
      given: names.filter((name) => name !== undefined),
      prefix: title ? [title] : [],
    }),
  };
}

function telecomOf(cells: Cells): ContactPoint[] {
  const points: ContactPoint[] = [];
  const home = textOf(cells, 'HomePhone');
  const mobile = textOf(cells, 'MobilePhone');
  const email = textOf(cells, 'EmailAddress');
  if (home) points.push({ system: 'phone', value: home, use: 'home' });
  if (mobile) points.push({ system: 'phone', value: mobile, use: 'mobile' });
  if (email) points.push({ system: 'email', value: email });
  return points;
}

/** "Mother's mobile": to be read by a person before anything is sent to the numbers beside it. */
function comments(cells: Cells) {
  const valueString = textOf(cells, 'ContactComments');
  return valueString ? [{ url: holdfastExtension('contact-comments'), valueString }] : [];
}

function addressOf(cells: Cells): Address[] {
  const line = ['HouseNameFlatNumber', 'NumberAndStreet', 'Village'].flatMap((column) => textOf(cells, column) ?? []);
  const parts = given({
    line,
    city: textOf(cells, 'Town'),
    district: textOf(cells, 'County'),
    postalCode: postcodeOf(cells['Postcode']),
  });
  const isTemporary = /^temporary$/i.test(textOf(cells, 'PatientTypeDescription') ?? '');
  return Object.keys(parts).length > 0 ? [{ use: isTemporary ? 'temp' : 'home', ...parts }] : [];
}

/** EMIS gives the one registration there is now; it is over when the patient left or died. */
function registrationOf(cells: Cells, scope: EmisScope): EpisodeOfCare[] {
  const start = textOf(cells, 'DateOfRegistration');
  const type = textOf(cells, 'PatientTypeDescription');
  if (!start || !isDate(start) || !type) return [];
  const today = londonDate(scope.asOf);
  const end = [emisDate(cells['DateOfDeactivation'], 'YMD'), emisDate(cells['DateOfDeath'], 'YMD')].filter(
    (date) => date !== undefined,
  );
  const isOver = end.some((date) => date <= today);
  const isAhead = start > today || /^pre.?registration$/i.test(type);
  return [
    {
      resourceType: 'EpisodeOfCare',
      id: entryId(scope, 'EpisodeOfCare', start),
      ...metaOf(undefined, scope.isRestricted),
      status: isOver ? 'finished' : isAhead ? 'planned' : 'active',
      type: [registrationType(type)],
      patient: linkTo('Patient', scope.patientId),
      managingOrganization: linkTo('Organization', scope.organisation),
      period: { start, ...given({ end: end.sort()[0] }) },
    },
  ];
}
