/** What the patients of a TPP practice share: organisations and staff (facts: gp-extracts §2.3). */
import { londonDate } from '#fhir/date.ts';
import { ODS_CODE } from '#fhir/systems.ts';
import type { Identifier, Organization, Practitioner, PractitionerRole } from '#fhir/types.ts';
import { assemble, excluded, type Translated, uncarried } from '#translate/extract/account.ts';
import { given, linkTo, metaOf, postcodeOf, recordId } from '#translate/extract/resource.ts';
import { type Cells, isTrue, type RawRowLike, textOf } from '#translate/extract/rows.ts';
import type { RecordTranslation } from '#translate/translation.ts';
import { dayIn, handled, idIn, rowId } from './scope.ts';

type Practice = { readonly organisation: string; readonly asOf: string };

const translators: Readonly<Record<string, (row: RawRowLike, practice: Practice) => Translated>> = {
  SROrganisation: translateOrganisation,
  SRStaffMember: translateStaff,
  SRStaffMemberProfile: translateProfile,
  SRRota: () => excluded('who holds a rota is known from its appointments alone: kept raw'),
};

/** Translates the reference rows that one practice needs; everything is in `shared`. */
export function translateTppReference(rows: readonly RawRowLike[], practice: Practice): RecordTranslation {
  return assemble(rows, '', (row) => {
    if (row.deleted) return excluded('removed');
    const translate = translators[row.table];
    return translate ? translate(row, practice) : excluded(`${row.table} is not shared by patients`);
  });
}

const carriedByOrganisation = new Set([
  ...handled,
  ...'Name ID HouseName HouseNumber NameOfRoad NameOfLocality NameOfTown NameOfCounty FullPostCode'.split(' '),
  ...'Telephone MadeObsolete'.split(' '),
]);

function translateOrganisation(row: RawRowLike, practice: Practice): Translated {
  const { cells } = row;
  const ods = textOf(cells, 'ID');
  if (!ods) return excluded('the organisation has no ODS code');
  if (ods !== practice.organisation) return excluded('another organisation');
  const phone = textOf(cells, 'Telephone');
  const road = [textOf(cells, 'HouseNumber'), textOf(cells, 'NameOfRoad')].filter((part) => part).join(' ');
  const line = [textOf(cells, 'HouseName'), road, textOf(cells, 'NameOfLocality')];
  const address = given({
    line: line.flatMap((part) => part || []),
    city: textOf(cells, 'NameOfTown'),
    district: textOf(cells, 'NameOfCounty'),
    postalCode: postcodeOf(cells['FullPostCode']),
  });
  const organization: Organization = {
    resourceType: 'Organization',
    id: ods,
    ...metaOf('Organization', false),
    identifier: [{ system: ODS_CODE, value: ods }],
    active: !isTrue(cells, 'MadeObsolete'),
    ...given({
      name: textOf(cells, 'Name'),
      telecom: phone ? [{ system: 'phone' as const, value: phone }] : [],
      address: Object.keys(address).length > 0 ? [address] : [],
    }),
  };
  const losses = uncarried(row, carriedByOrganisation);
  return { result: 'resource', reference: `Organization/${ods}`, shared: [organization], losses };
}

const carriedByStaff = new Set([...handled, ...'StaffName NationalIdType IDNational Obsolete'.split(' ')]);

function translateStaff(row: RawRowLike, practice: Practice): Translated {
  const text = textOf(row.cells, 'StaffName');
  const practitioner: Practitioner = {
    resourceType: 'Practitioner',
    id: rowId(practice.organisation, 'Practitioner', row.table, row.key),
    ...metaOf('Practitioner', false),
    identifier: [...recordId(`${row.table}/${row.key}`).identifier, ...nationalId(row.cells)],
    active: !isTrue(row.cells, 'Obsolete'),
    ...given({ name: text ? [{ text }] : [] }),
  };
  const losses = uncarried(row, carriedByStaff);
  return { result: 'resource', reference: `Practitioner/${practitioner.id}`, shared: [practitioner], losses };
}

function nationalId(cells: Cells): Identifier[] {
  const value = textOf(cells, 'IDNational');
  const body = textOf(cells, 'NationalIdType')?.toLowerCase() ?? '';
  if (!value || !['gmc', 'nmc', 'gphc', 'hcpc'].includes(body)) return [];
  return [{ system: `https://fhir.hl7.org.uk/Id/${body}-number`, value }];
}

const carriedByProfile = new Set([
  ...handled,
  ...'StaffRole DateEmploymentStart DateEmploymentEnd IDStaffMember'.split(' '),
]);

function translateProfile(row: RawRowLike, practice: Practice): Translated {
  const { cells } = row;
  if (textOf(cells, 'IDOrganisation') !== practice.organisation) return excluded('staff of another organisation');
  const member = idIn(cells, 'IDStaffMember');
  const text = textOf(cells, 'StaffRole');
  const start = dayIn(cells, 'DateEmploymentStart');
  const end = dayIn(cells, 'DateEmploymentEnd');
  const role: PractitionerRole = {
    resourceType: 'PractitionerRole',
    id: rowId(practice.organisation, 'PractitionerRole', row.table, row.key),
    ...metaOf('PractitionerRole', false),
    ...recordId(`${row.table}/${row.key}`),
    active: !end || end > londonDate(practice.asOf),
    ...given({
      period: start || end ? given({ start, end }) : undefined,
      practitioner: member
        ? linkTo('Practitioner', rowId(practice.organisation, 'Practitioner', 'SRStaffMember', member))
        : undefined,
      code: text ? [{ text }] : [],
    }),
    organization: linkTo('Organization', practice.organisation),
  };
  const losses = uncarried(row, carriedByProfile);
  return { result: 'resource', reference: `PractitionerRole/${role.id}`, shared: [role], losses };
}
