/** SRPatientRegistration → EpisodeOfCare; SRRecordStatus says whether the notes have come (facts: gp-extracts §2.2, §2.4). */
import type { EpisodeOfCare } from '#fhir/types.ts';
import { excluded, gave, type Translated, uncarried } from '#translate/extract/account.ts';
import { given, linkTo, registrationType } from '#translate/extract/resource.ts';
import { type Cells, type RawRowLike, textOf } from '#translate/extract/rows.ts';
import { dayIn, handled, newestFirst, rowId, type TppScope } from './scope.ts';

const carried = new Set([
  ...handled,
  'DateRegistration',
  'DateDeRegistration',
  'RegistrationStatus',
  'DateEventRecorded',
]);

/** Registrations elsewhere are sent too; only those at this practice are its own. */
export function translateRegistration(row: RawRowLike, scope: TppScope): Translated {
  const { cells } = row;
  if (!isOwn(cells, scope)) return excluded('registered at another organisation');
  const name = typeOf(textOf(cells, 'RegistrationStatus') ?? '');
  const start = dayIn(cells, 'DateRegistration');
  const end = dayIn(cells, 'DateDeRegistration');
  const isAhead = name === 'Pre Registration' || (start !== undefined && start > scope.today);
  const episode: EpisodeOfCare = {
    resourceType: 'EpisodeOfCare',
    id: rowId(scope.organisation, 'EpisodeOfCare', row.table, row.key),
    status: end !== undefined && end <= scope.today ? 'finished' : isAhead ? 'planned' : 'active',
    type: [registrationType(name, textOf(cells, 'RegistrationStatus') ?? name)],
    patient: linkTo('Patient', scope.patientId),
    managingOrganization: linkTo('Organization', scope.organisation),
    ...given({ period: start || end ? given({ start, end }) : undefined }),
  };
  return gave(episode, uncarried(row, carried));
}

/** Whether a registration at this practice lasts. */
export function isOpen(row: RawRowLike, scope: TppScope): boolean {
  const end = dayIn(row.cells, 'DateDeRegistration');
  return isOwn(row.cells, scope) && (end === undefined || end > scope.today);
}

/** Registered, notes sent and not yet received: what is not recorded may be in them. */
const NOTES_UNDER_WAY = '1';

export function translateRecordStatus(row: RawRowLike, scope: TppScope): Translated {
  const kept = excluded('where the paper notes are: kept raw');
  if (!isOwn(row.cells, scope) || row !== latestStatus(scope)) return kept;
  return textOf(row.cells, 'MedicalRecordStatus') === NOTES_UNDER_WAY
    ? { ...kept, incomplete: 'data-in-transit' }
    : kept;
}

function latestStatus(scope: TppScope): RawRowLike | undefined {
  const own = scope.rows.filter((row) => row.table === 'SRRecordStatus' && isOwn(row.cells, scope));
  return newestFirst(own, 'DateEvent')[0];
}

function isOwn(cells: Cells, scope: TppScope): boolean {
  return (textOf(cells, 'IDOrganisation') ?? scope.organisation) === scope.organisation;
}

/** A registration can have several types at once, `GMS,Contraception`; the full one outweighs the others. */
function typeOf(list: string): string {
  const names = list.split(',').map((name) => name.trim());
  if (names.some((name) => /^(gms|standard)$/i.test(name))) return 'Regular';
  const [first = ''] = names;
  if (/^applied$/i.test(first)) return 'Pre Registration';
  if (/^temporary/i.test(first)) return 'Temporary';
  if (/^immediately necessary/i.test(first)) return 'Immediately Necessary';
  return /^(|other|patient|incomplete|remotely registered)$/i.test(first) ? 'Other' : first;
}
