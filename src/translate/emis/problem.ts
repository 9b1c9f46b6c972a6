/** Conditions: from an entry whose code is a disorder, and from CareRecord_Problem (facts: gp-extracts §1.6). */
import { holdfastExtension, ukCoreExtension } from '#fhir/systems.ts';
import type { CodeableConcept, Condition, Extension } from '#fhir/types.ts';
import { gave, joined, parked, type Translated, uncarried } from '#translate/extract/account.ts';
import { concept, given, metaOf, note, recordId } from '#translate/extract/resource.ts';
import { type Cells, type RawRowLike, textOf } from '#translate/extract/rows.ts';
import { dateTimeOf, emisDate } from '#translate/extract/when.ts';
import { clinicalConcept } from './code.ts';
import { codeRow, entryKind, uncoded } from './entry.ts';
import { type EmisScope, encounterOf, entryId, handled, isRestricted, staffReference, subjectOf } from './scope.ts';

const carried = new Set([
  ...handled,
  ...'ObservationGuid EndDate EndDatePrecision ProblemStatusDescription SignificanceDescription Comment'.split(' '),
]);

/** A problem is a heading over an entry with the same GUID: a Condition of its own, unless the entry is one already. */
export function translateProblem(row: RawRowLike, scope: EmisScope): Translated {
  const entry = scope.observations.get(row.cells['ObservationGuid'] ?? '');
  if (!entry) return parked('the entry of this problem has not come', 'uncoded-rows');
  const code = codeRow(entry, scope);
  if (!code) return uncoded(entry);
  const condition = conditionOf(entry, code, scope);
  const losses = uncarried(row, carried);
  return entryKind(entry, code, scope) === 'Condition'
    ? joined(`Condition/${condition.id}`, losses)
    : gave(condition, losses);
}

/** The Condition of an entry: on the problem list when there is a problem row for it, else just something recorded. */
export function conditionOf(entry: RawRowLike, code: Cells, scope: EmisScope): Condition {
  const { cells } = entry;
  const guid = cells['ObservationGuid'] ?? '';
  const problem = scope.problems.get(guid)?.cells;
  const category = problem ? 'problem-list-item' : 'encounter-diagnosis';
  const entered = { date: cells['EnteredDate'] ?? '', time: cells['EnteredTime'] };
  const notes = [textOf(cells, 'AssociatedText'), problem && textOf(problem, 'Comment')].filter((text) => text);
  return {
    resourceType: 'Condition',
    id: entryId(scope, 'Condition', guid),
    ...metaOf('Condition', isRestricted(scope, cells)),
    ...given({ extension: extensionsOf(cells, problem) }),
    ...recordId(guid),
    ...given({ clinicalStatus: problem ? clinicalStatusOf(problem) : undefined }),
    category: [concept('http://terminology.hl7.org/CodeSystem/condition-category', category)],
    code: clinicalConcept(code),
    ...subjectOf(scope),
    ...encounterOf(scope, cells),
    ...given({
      onsetDateTime: emisDate(cells['EffectiveDate'], cells['EffectiveDatePrecision']),
      abatementDateTime: problem && emisDate(problem['EndDate'], problem['EndDatePrecision']),
      recordedDate: dateTimeOf(entered),
      recorder: staffReference(scope, textOf(cells, 'ClinicianUserInRoleGuid')),
    }),
    ...note(notes.join('\n')),
  };
}

/** Past Problem is over even without an end date; with one it is over whatever the status says. */
function clinicalStatusOf(problem: Cells): CodeableConcept {
  const isOver =
    /^past/i.test(textOf(problem, 'ProblemStatusDescription') ?? '') || Boolean(textOf(problem, 'EndDate'));
  return concept('http://terminology.hl7.org/CodeSystem/condition-clinical', isOver ? 'inactive' : 'active');
}

const significances: Readonly<Record<string, string>> = {
  'significant problem': 'major',
  'minor problem': 'minor',
};

function extensionsOf(cells: Cells, problem: Cells | undefined): Extension[] {
  const extensions: Extension[] = [];
  const episode = textOf(cells, 'Episode')?.toLowerCase() ?? '';
  if (['first', 'new', 'review', 'end'].includes(episode)) {
    const valueCodeableConcept = concept('https://fhir.hl7.org.uk/CodeSystem/UKCore-ConditionEpisodicity', episode);
    extensions.push({ url: ukCoreExtension('ConditionEpisode'), valueCodeableConcept });
  }
  const valueCode = significances[(problem && textOf(problem, 'SignificanceDescription')?.toLowerCase()) ?? ''];
  // UK Core has withdrawn its own extension for this and says that severity is something else.
  if (valueCode) extensions.push({ url: holdfastExtension('problem-significance'), valueCode });
  return extensions;
}
