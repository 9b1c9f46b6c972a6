/** Admin_UserInRole → Practitioner and PractitionerRole; Appointment_Session with its users → Schedule (facts: gp-extracts §1.5). */
import { londonDate } from '#fhir/date.ts';
import type { CodeableConcept, Practitioner, PractitionerRole, Schedule } from '#fhir/types.ts';
import { excluded, joined, type Translated, uncarried } from '#translate/extract/account.ts';
import { given, linkTo, metaOf, recordId } from '#translate/extract/resource.ts';
import { type Cells, isTrue, type RawRowLike, textOf } from '#translate/extract/rows.ts';
import { emisDate, instantOf } from '#translate/extract/when.ts';
import type { PracticeScope } from './reference.ts';
import { handled, sharedId } from './scope.ts';

const JOB_ROLE = 'https://fhir.nhs.uk/CodeSystem/NHSDigital-SDS-JobRoleCode';

const carriedByUser = new Set([
  ...handled,
  ...'UserInRoleGuid Title GivenName Surname JobCategoryCode JobCategoryName ContractStartDate ContractEndDate'.split(
    ' ',
  ),
]);
const carriedBySession = new Set([
  ...handled,
  ...'AppointmentSessionGuid Description LocationGuid SessionTypeDescription StartDate StartTime EndDate EndTime'.split(
    ' ',
  ),
]);

export function translateUser(row: RawRowLike, scope: PracticeScope): Translated {
  const { cells } = row;
  const guid = cells['UserInRoleGuid'] ?? '';
  const title = textOf(cells, 'Title');
  const name = textOf(cells, 'GivenName');
  const practitioner: Practitioner = {
    resourceType: 'Practitioner',
    id: sharedId(scope.organisation, 'Practitioner', guid),
    ...metaOf('Practitioner', false),
    ...recordId(guid),
    name: [given({ family: textOf(cells, 'Surname'), given: name ? [name] : [], prefix: title ? [title] : [] })],
  };
  const start = emisDate(cells['ContractStartDate'], 'YMD');
  const end = emisDate(cells['ContractEndDate'], 'YMD');
  const role: PractitionerRole = {
    resourceType: 'PractitionerRole',
    id: sharedId(scope.organisation, 'PractitionerRole', guid),
    ...metaOf('PractitionerRole', false),
    ...recordId(guid),
    active: !end || end > londonDate(scope.asOf),
    ...given({ period: start || end ? given({ start, end }) : undefined, code: jobOf(cells) }),
    practitioner: linkTo('Practitioner', practitioner.id ?? ''),
    organization: linkTo('Organization', scope.organisation),
  };
  const losses = uncarried(row, carriedByUser);
  return { result: 'resource', reference: `PractitionerRole/${role.id}`, shared: [practitioner, role], losses };
}

export function translateSession(row: RawRowLike, scope: PracticeScope): Translated {
  const { cells } = row;
  const guid = cells['AppointmentSessionGuid'] ?? '';
  const location = textOf(cells, 'LocationGuid');
  const users = (scope.sessionUsers.get(guid) ?? []).map((one) => one.cells['UserInRoleGuid'] ?? '');
  const actor = [
    ...[...new Set(users)]
      .sort()
      .map((user) => linkTo('PractitionerRole', sharedId(scope.organisation, 'PractitionerRole', user))),
    ...(location ? [linkTo('Location', sharedId(scope.organisation, 'Location', location))] : []),
  ];
  if (actor.length === 0) return excluded('the session has neither a place nor a person');
  const start = instantOf(textOf(cells, 'StartDate'), textOf(cells, 'StartTime'));
  const end = instantOf(textOf(cells, 'EndDate'), textOf(cells, 'EndTime'));
  const type = textOf(cells, 'SessionTypeDescription');
  const schedule: Schedule = {
    resourceType: 'Schedule',
    id: sharedId(scope.organisation, 'Schedule', guid),
    ...metaOf('Schedule', false),
    ...recordId(guid),
    active: true,
    ...given({ serviceType: type ? [{ text: type }] : [] }),
    actor,
    ...given({
      planningHorizon: start || end ? given({ start, end }) : undefined,
      comment: textOf(cells, 'Description'),
    }),
  };
  const losses = [...uncarried(row, carriedBySession), ...(isTrue(cells, 'Private') ? ['Schedule.private'] : [])];
  return { result: 'resource', reference: `Schedule/${schedule.id}`, shared: [schedule], losses };
}

export function translateSessionUser(row: RawRowLike, scope: PracticeScope): Translated {
  const guid = row.cells['SessionGuid'] ?? '';
  if (!scope.sessions.has(guid)) return excluded('the session of this user is not here');
  return joined(`Schedule/${sharedId(scope.organisation, 'Schedule', guid)}`);
}

function jobOf(cells: Cells): CodeableConcept[] {
  const code = textOf(cells, 'JobCategoryCode');
  const text = textOf(cells, 'JobCategoryName');
  if (!code && !text) return [];
  return [given({ coding: code ? [{ system: JOB_ROLE, code, ...given({ display: text }) }] : [], text })];
}
