/** What the patients of an EMIS practice share: organisations, places, staff, sessions (facts: gp-extracts §1.5). */
import { londonDate } from '#fhir/date.ts';
import { ODS_CODE, ukCoreExtension } from '#fhir/systems.ts';
import type { ContactPoint, Location, Organization } from '#fhir/types.ts';
import { assemble, excluded, joined, type Translated, uncarried } from '#translate/extract/account.ts';
import { given, linkTo, metaOf, postcodeOf, recordId } from '#translate/extract/resource.ts';
import { type Cells, groupRows, indexRows, type RawRowLike, textOf } from '#translate/extract/rows.ts';
import { emisDate } from '#translate/extract/when.ts';
import type { RecordTranslation } from '#translate/translation.ts';
import { handled, sharedId } from './scope.ts';
import { translateSession, translateSessionUser, translateUser } from './staff.ts';

export type PracticeScope = {
  /** The practice's ODS code. */
  readonly organisation: string;
  readonly asOf: string;
  readonly organisations: ReadonlyMap<string, RawRowLike>;
  readonly links: ReadonlyMap<string, RawRowLike>;
  readonly sessions: ReadonlyMap<string, RawRowLike>;
  readonly sessionUsers: ReadonlyMap<string, readonly RawRowLike[]>;
};

const translators: Readonly<Record<string, (row: RawRowLike, scope: PracticeScope) => Translated>> = {
  Admin_Organisation: translateOrganisation,
  Admin_OrganisationLocation: translateLink,
  Admin_Location: translateLocation,
  Admin_UserInRole: translateUser,
  Appointment_Session: translateSession,
  Appointment_SessionUser: translateSessionUser,
};

/** Translates one practice's reference rows; everything is in `shared`, and `patient` and `resources` are empty. */
export function translateEmisReference(
  rows: readonly RawRowLike[],
  context: { readonly organisation: string; readonly asOf: string },
): RecordTranslation {
  const users = rows.filter((row) => row.table === 'Appointment_SessionUser' && !row.deleted);
  const scope: PracticeScope = {
    ...context,
    organisations: indexRows(rows, 'Admin_Organisation', 'OrganisationGuid'),
    links: indexRows(rows, 'Admin_OrganisationLocation', 'LocationGuid'),
    sessions: indexRows(rows, 'Appointment_Session', 'AppointmentSessionGuid'),
    sessionUsers: groupRows(users, (row) => row.cells['SessionGuid']),
  };
  return assemble(rows, '', (row) => {
    // A link row is deleted when the place goes too, or is linked anew (facts: gp-extracts §1.5).
    if (row.deleted) return excluded('deleted in the practice');
    const translate = translators[row.table];
    return translate ? translate(row, scope) : excluded(`${row.table} is not shared by patients`);
  });
}

const carriedByOrganisation = new Set([
  ...handled,
  ...'OrganisationName ODSCode ParentOrganisationGuid CCGOrganisationGuid OrganisationType CloseDate MainLocationGuid'.split(
    ' ',
  ),
]);

function translateOrganisation(row: RawRowLike, scope: PracticeScope): Translated {
  const { cells } = row;
  const ods = textOf(cells, 'ODSCode');
  if (!ods) return excluded('the organisation has no ODS code');
  const type = textOf(cells, 'OrganisationType');
  const main = textOf(cells, 'MainLocationGuid');
  const parent = parentOf(cells, scope);
  const organization: Organization = {
    resourceType: 'Organization',
    id: ods,
    ...metaOf('Organization', false),
    ...given({
      extension: main
        ? [
            {
              url: ukCoreExtension('MainLocation'),
              valueReference: linkTo('Location', sharedId(scope.organisation, 'Location', main)),
            },
          ]
        : [],
    }),
    identifier: [{ system: ODS_CODE, value: ods }],
    active: isOpen(cells, scope),
    ...given({
      type: type ? [{ text: type }] : [],
      name: textOf(cells, 'OrganisationName'),
      partOf: parent ? linkTo('Organization', parent) : undefined,
    }),
  };
  const losses = uncarried(row, carriedByOrganisation);
  return { result: 'resource', reference: `Organization/${ods}`, shared: [organization], losses };
}

/** The ODS code of the commissioner or else the parent; some name themselves. */
function parentOf(cells: Cells, scope: PracticeScope): string | undefined {
  const guid = textOf(cells, 'CCGOrganisationGuid') ?? textOf(cells, 'ParentOrganisationGuid') ?? '';
  const parent = scope.organisations.get(guid);
  const ods = parent && textOf(parent.cells, 'ODSCode');
  return ods === textOf(cells, 'ODSCode') ? undefined : ods;
}

const carriedByLocation = new Set([
  ...handled,
  ...'LocationGuid LocationName LocationTypeDescription ParentLocationGuid CloseDate EmailAddress PhoneNumber'.split(
    ' ',
  ),
  ...'HouseNameFlatNumber NumberAndStreet Village Town County Postcode'.split(' '),
]);

function translateLocation(row: RawRowLike, scope: PracticeScope): Translated {
  const { cells } = row;
  const guid = cells['LocationGuid'] ?? '';
  if (!scope.links.has(guid)) return excluded('the place belongs to another organisation');
  const parent = textOf(cells, 'ParentLocationGuid');
  const type = textOf(cells, 'LocationTypeDescription');
  const line = ['HouseNameFlatNumber', 'NumberAndStreet', 'Village'].flatMap((column) => textOf(cells, column) ?? []);
  const address = given({
    line,
    city: textOf(cells, 'Town'),
    district: textOf(cells, 'County'),
    postalCode: postcodeOf(cells['Postcode']),
  });
  const location: Location = {
    resourceType: 'Location',
    id: sharedId(scope.organisation, 'Location', guid),
    ...metaOf('Location', false),
    ...recordId(guid),
    status: isOpen(cells, scope) ? 'active' : 'inactive',
    ...given({
      name: textOf(cells, 'LocationName'),
      type: type ? [{ text: type }] : [],
      telecom: telecomOf(cells),
      address: Object.keys(address).length > 0 ? address : undefined,
      partOf: parent ? linkTo('Location', sharedId(scope.organisation, 'Location', parent)) : undefined,
    }),
    managingOrganization: linkTo('Organization', scope.organisation),
  };
  const losses = uncarried(row, carriedByLocation);
  return { result: 'resource', reference: `Location/${location.id}`, shared: [location], losses };
}

function translateLink(row: RawRowLike, scope: PracticeScope): Translated {
  return joined(`Location/${sharedId(scope.organisation, 'Location', row.cells['LocationGuid'] ?? '')}`);
}

function telecomOf(cells: Cells): ContactPoint[] {
  const phone = textOf(cells, 'PhoneNumber');
  const email = textOf(cells, 'EmailAddress');
  return [
    ...(phone ? [{ system: 'phone' as const, value: phone }] : []),
    ...(email ? [{ system: 'email' as const, value: email }] : []),
  ];
}

function isOpen(cells: Cells, scope: PracticeScope): boolean {
  const closed = emisDate(cells['CloseDate'], 'YMD');
  return !closed || closed > londonDate(scope.asOf);
}
