/** SRCode → Observation, a pair of them → one blood pressure; with SRProblem → Condition (facts: gp-extracts §2.4). */
import { ODS_CODE, ukCoreExtension } from '#fhir/systems.ts';
import type { CodeableConcept, Condition, Identifier, Observation, Quantity } from '#fhir/types.ts';
import { gave, joined, parked, type Translated, uncarried } from '#translate/extract/account.ts';
import { bloodPressure, bloodPressurePart } from '#translate/extract/blood-pressure.ts';
import { quantityOf } from '#translate/extract/quantity.ts';
import { concept, given, metaOf, recordId } from '#translate/extract/resource.ts';
import { type Cells, isTrue, type RawRowLike, textOf } from '#translate/extract/rows.ts';
import { codeColumns, conceptOf, hasSnomed } from './code.ts';
import {
  dayIn,
  eventOf,
  handled,
  idIn,
  instantIn,
  mappedText,
  rowId,
  staffReference,
  subjectOf,
  type TppScope,
  whenIn,
} from './scope.ts';

const common = 'DateEventRecorded DateEvent IDDoneBy IDOrganisationDoneAt CTV3Code';
const carriedByCode = new Set([
  ...handled,
  ...common.split(' '),
  ...'CTV3Text SNOMEDCode SNOMEDText NumericComparator IsNumeric NumericValue NumericUnit'.split(' '),
]);
const carriedByProblem = new Set([...handled, ...common.split(' '), 'DateEnd', 'IDCode']);

export function translateCode(row: RawRowLike, scope: TppScope): Translated {
  const code = conceptOf(row.cells, codeColumns, scope);
  if (!code) return parked('the entry has neither a CTV3 nor a SNOMED CT code', 'uncoded-rows');
  const losses = [...codeLosses(row, code, scope), ...uncarried(row, carriedByCode)];
  const pair = pairOf(row, scope);
  if (pair && pair.systolic !== row) return joined(`Observation/${observationId(pair.systolic, scope)}`, losses);
  if (pair) return gave(pressureOf(pair, scope), losses);
  const problem = scope.problems.get(row.key);
  if (problem && !quantity(row.cells)) return gave(conditionOf(problem, code, scope), losses);
  return gave(observationOf(row, code, scope), losses);
}

/**
 * A problem without an entry of its own, or with one that has a value, is a Condition beside it. An older problem row
 * of the same entry is accounted for by the newest one's Condition, and what it said is counted as lost.
 */
export function translateProblem(row: RawRowLike, scope: TppScope): Translated {
  const entry = scope.codes.get(idIn(row.cells, 'IDCode') ?? '');
  const code = conceptOf(entry?.cells ?? row.cells, codeColumns, scope);
  if (!code) return parked('the problem has no code', 'uncoded-rows');
  const condition = conditionOf(row, code, scope);
  const losses = uncarried(row, carriedByProblem);
  if (entry && scope.problems.get(entry.key) !== row)
    return joined(`Condition/${condition.id}`, ['SRProblem.superseded', ...losses]);
  const isGiven = entry && !quantity(entry.cells) && !pairOf(entry, scope);
  return isGiven ? joined(`Condition/${condition.id}`, losses) : gave(condition, losses);
}

type Pair = { readonly systolic: RawRowLike; readonly diastolic: RawRowLike };

/** The blood pressure that a row is half of: one systolic and one diastolic value in one event at one time. */
function pairOf(row: RawRowLike, scope: TppScope): Pair | undefined {
  const together = scope.events.get(eventOf(row) ?? '') ?? [];
  const halves = together.flatMap((one) => {
    const code = conceptOf(one.cells, codeColumns, scope);
    const part = code && quantity(one.cells) ? bloodPressurePart(code) : undefined;
    return part ? [{ part, one }] : [];
  });
  const [systolic, ...moreSystolic] = halves.filter(({ part }) => part === 'systolic');
  const [diastolic, ...moreDiastolic] = halves.filter(({ part }) => part === 'diastolic');
  if (!systolic || !diastolic || moreSystolic.length + moreDiastolic.length > 0) return undefined;
  const isHalf = row.key === systolic.one.key || row.key === diastolic.one.key;
  return isHalf ? { systolic: systolic.one, diastolic: diastolic.one } : undefined;
}

function pressureOf({ systolic, diastolic }: Pair, scope: TppScope): Observation {
  const heading = observationOf(systolic, bloodPressure, scope);
  const { valueQuantity: _, ...rest } = heading;
  return {
    ...rest,
    identifier: [...identifiers(systolic), ...identifiers(diastolic)],
    component: [systolic, diastolic].map((row) => ({
      code: conceptOf(row.cells, codeColumns, scope) ?? {},
      ...given({ valueQuantity: quantity(row.cells) }),
    })),
  };
}

function observationOf(row: RawRowLike, code: CodeableConcept, scope: TppScope): Observation {
  const { cells } = row;
  const done = staffReference(scope, idIn(cells, 'IDDoneBy'));
  return {
    resourceType: 'Observation',
    id: observationId(row, scope),
    ...metaOf('Observation', false),
    identifier: identifiers(row),
    status: 'final',
    code,
    ...subjectOf(scope),
    ...given({
      effectiveDateTime: whenIn(cells, 'DateEvent'),
      issued: instantIn(cells, 'DateEventRecorded'),
      performer: [...(done ? [done] : []), ...elsewhere(cells, scope)],
      valueQuantity: quantity(cells),
    }),
  };
}

function conditionOf(problem: RawRowLike, code: CodeableConcept, scope: TppScope): Condition {
  const { cells } = problem;
  const entry = scope.codes.get(idIn(cells, 'IDCode') ?? '');
  const episode = (entry && mappedText(entry.cells, 'EpisodeType', scope))?.toLowerCase() ?? '';
  const isOver = (dayIn(cells, 'DateEnd') ?? '9999') <= scope.today;
  const source = entry ?? problem;
  return {
    resourceType: 'Condition',
    id: rowId(scope.organisation, 'Condition', source.table, source.key),
    ...metaOf('Condition', false),
    ...given({
      extension: ['first', 'new', 'review', 'end'].includes(episode)
        ? [
            {
              url: ukCoreExtension('ConditionEpisode'),
              valueCodeableConcept: concept('https://fhir.hl7.org.uk/CodeSystem/UKCore-ConditionEpisodicity', episode),
            },
          ]
        : [],
    }),
    identifier: identifiers(source),
    clinicalStatus: concept('http://terminology.hl7.org/CodeSystem/condition-clinical', isOver ? 'inactive' : 'active'),
    category: [concept('http://terminology.hl7.org/CodeSystem/condition-category', 'problem-list-item')],
    code,
    ...subjectOf(scope),
    ...given({
      onsetDateTime: whenIn(source.cells, 'DateEvent') ?? whenIn(cells, 'DateEvent'),
      abatementDateTime: isOver ? whenIn(cells, 'DateEnd') : undefined,
      recordedDate: whenIn(cells, 'DateEventRecorded'),
      recorder: staffReference(scope, idIn(cells, 'IDDoneBy')),
    }),
  };
}

/** A number counts only where the row says that it is one; otherwise 0 and -1 fill the cell. */
function quantity(cells: Cells): Quantity | undefined {
  const value = textOf(cells, 'NumericValue');
  const isNumeric = 'IsNumeric' in cells ? isTrue(cells, 'IsNumeric') : !/^(0|-1)(\.0+)?$/.test(value ?? '');
  return isNumeric ? quantityOf(value, textOf(cells, 'NumericUnit'), textOf(cells, 'NumericComparator')) : undefined;
}

function codeLosses(row: RawRowLike, code: CodeableConcept, scope: TppScope): string[] {
  const isElsewhere = elsewhere(row.cells, scope).length > 0;
  return [
    ...(hasSnomed(code) ? [] : ['SRCode.without-snomed']),
    ...(isElsewhere && scope.problems.has(row.key) ? ['SRCode.recorded-elsewhere'] : []),
  ];
}

/** SystmOne is one record for many organisations: where an entry comes from another one, it says so. */
function elsewhere(cells: Cells, scope: TppScope): { type: 'Organization'; identifier: Identifier }[] {
  const value = textOf(cells, 'IDOrganisationDoneAt') ?? textOf(cells, 'IDOrganisation');
  if (!value || value === '-1' || value === scope.organisation) return [];
  return [{ type: 'Organization', identifier: { system: ODS_CODE, value } }];
}

function identifiers(row: RawRowLike): Identifier[] {
  return recordId(`${row.table}/${row.key}`).identifier;
}

function observationId(row: RawRowLike, scope: TppScope): string {
  return rowId(scope.organisation, 'Observation', row.table, row.key);
}
