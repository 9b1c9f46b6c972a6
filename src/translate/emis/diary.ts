/** CareRecord_Diary, the practice's recall list → ServiceRequest; CareRecord_Consultation → Encounter (facts: gp-extracts §1.5, §1.6). */
import type { Encounter, ServiceRequest } from '#fhir/types.ts';
import { gave, type Translated, uncarried } from '#translate/extract/account.ts';
import { given, linkTo, metaOf, note, recordId } from '#translate/extract/resource.ts';
import { type Cells, isTrue, type RawRowLike, textOf } from '#translate/extract/rows.ts';
import { dateTimeOf, emisDate } from '#translate/extract/when.ts';
import { clinicalConcept } from './code.ts';
import { codeRow, uncoded } from './entry.ts';
import { type EmisScope, encounterOf, entryId, handled, isRestricted, staffReference, subjectOf } from './scope.ts';

const common =
  'EffectiveDate EffectiveDatePrecision EnteredDate EnteredTime ClinicianUserInRoleGuid ConsultationGuid IsConfidential';
const carriedByDiary = new Set([
  ...handled,
  ...common.split(' '),
  ...'DiaryGuid CodeId OriginalTerm AssociatedText IsActive IsComplete'.split(' '),
]);
const carriedByConsultation = new Set([
  ...handled,
  ...common.split(' '),
  ...'ConsultationSourceTerm Complete'.split(' '),
]);

/** What is due, when: the effective date of a diary entry is its due date. */
export function translateDiary(row: RawRowLike, scope: EmisScope): Translated {
  const { cells } = row;
  const code = codeRow(row, scope);
  if (!code) return uncoded(row);
  const guid = cells['DiaryGuid'] ?? '';
  const text = textOf(cells, 'OriginalTerm');
  const request: ServiceRequest = {
    resourceType: 'ServiceRequest',
    id: entryId(scope, 'ServiceRequest', guid),
    ...metaOf('ServiceRequest', isRestricted(scope, cells)),
    ...recordId(guid),
    status: isTrue(cells, 'IsComplete') ? 'completed' : isTrue(cells, 'IsActive') ? 'active' : 'unknown',
    intent: 'plan',
    code: { ...clinicalConcept(code), ...(text ? { text } : {}) },
    ...subjectOf(scope),
    ...encounterOf(scope, cells),
    ...given({
      occurrenceDateTime: emisDate(cells['EffectiveDate'], cells['EffectiveDatePrecision']),
      authoredOn: enteredOn(cells),
      requester: staffReference(scope, textOf(cells, 'ClinicianUserInRoleGuid')),
    }),
    ...note(textOf(cells, 'AssociatedText')),
  };
  return gave(request, uncarried(row, carriedByDiary));
}

/** Where entries were made. How it was held is not coded; only what says itself to be by telephone is taken for that. */
export function translateConsultation(row: RawRowLike, scope: EmisScope): Translated {
  const { cells } = row;
  const guid = cells['ConsultationGuid'] ?? '';
  const text = textOf(cells, 'ConsultationSourceTerm');
  const start = emisDate(cells['EffectiveDate'], cells['EffectiveDatePrecision']);
  const individual = staffReference(scope, textOf(cells, 'ClinicianUserInRoleGuid'));
  const encounter: Encounter = {
    resourceType: 'Encounter',
    id: entryId(scope, 'Encounter', guid),
    ...metaOf('Encounter', isRestricted(scope, cells)),
    ...recordId(guid),
    status: isTrue(cells, 'Complete') ? 'finished' : 'unknown',
    class: {
      system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode',
      code: /telephone/i.test(text ?? '') ? 'VR' : 'AMB',
    },
    ...given({ type: text ? [{ text }] : [] }),
    ...subjectOf(scope),
    ...given({
      participant: individual ? [{ individual }] : [],
      period: start ? { start } : undefined,
    }),
    serviceProvider: linkTo('Organization', scope.organisation),
  };
  return gave(encounter, uncarried(row, carriedByConsultation));
}

function enteredOn(cells: Cells): string | undefined {
  return dateTimeOf({ date: cells['EnteredDate'] ?? '', time: cells['EnteredTime'] });
}
