/** The request of `$gpc.getstructuredrecord`: which areas it asks for, and what is wrong with it. facts: gp-connect §3.1 */

import { type Static, Type } from 'typebox';
import { isDate } from '#fhir/date.ts';
import { NHS_NUMBER } from '#fhir/systems.ts';
import type { Answer } from '#sandbox/stand-ins/serving.ts';
import { checker } from '#schema.ts';
import { refuse } from './outcome.ts';

const parametersSchema = Type.Object({
  resourceType: Type.Literal('Parameters'),
  parameter: Type.Array(
    Type.Object({
      name: Type.String(),
      valueIdentifier: Type.Optional(Type.Object({ system: Type.String(), value: Type.String() })),
      part: Type.Optional(
        Type.Array(Type.Intersect([Type.Object({ name: Type.String() }), Type.Record(Type.String(), Type.Unknown())])),
      ),
    }),
    { minItems: 1 },
  ),
});

type Parameter = Static<typeof parametersSchema>['parameter'][number];
type Part = { name: string } & Record<string, unknown>;

const checkParameters = checker('Parameters', parametersSchema);

type Area = {
  readonly lists: readonly string[];
  readonly parts: Readonly<Record<string, 'boolean' | 'date' | 'period' | 'code' | 'count'>>;
};

/** Each area's SNOMED list code (§3.2) and the parts it takes. */
const areas: Readonly<Record<string, Area>> = {
  includeAllergies: { lists: ['886921000000105'], parts: { includeResolvedAllergies: 'boolean' } },
  includeMedication: {
    lists: ['933361000000108'],
    parts: { includePrescriptionIssues: 'boolean', medicationSearchFromDate: 'date' },
  },
  includeConsultations: {
    lists: ['1149501000000101'],
    parts: { consultationSearchPeriod: 'period', includeNumberOfMostRecent: 'count' },
  },
  includeProblems: { lists: ['717711000000103'], parts: { filterStatus: 'code', filterSignificance: 'code' } },
  includeImmunisations: {
    lists: ['1102181000000102'],
    parts: { includeNotGiven: 'boolean', includeStatus: 'boolean' },
  },
  includeUncategorisedData: { lists: ['826501000000100'], parts: { uncategorisedDataSearchPeriod: 'period' } },
  includeInvestigations: { lists: ['887191000000108'], parts: { investigationSearchPeriod: 'period' } },
  includeReferrals: { lists: ['792931000000107'], parts: { referralSearchPeriod: 'period' } },
  includeDiaryEntries: { lists: ['714311000000108'], parts: { diaryEntriesSearchDate: 'date' } },
};

const OLD_AREAS: ReadonlySet<string> = new Set(['includeAllergies', 'includeMedication']);
const ENDED_ALLERGIES = '1103671000000101';

const forbiddenBeside: Readonly<Record<string, readonly string[]>> = {
  includeConsultations: [
    'medicationSearchFromDate',
    'uncategorisedDataSearchPeriod',
    'filterStatus',
    'referralSearchPeriod',
    'diaryEntriesSearchDate',
    'includeNotGiven',
    'includeStatus',
  ],
  includeProblems: [
    'medicationSearchFromDate',
    'uncategorisedDataSearchPeriod',
    'referralSearchPeriod',
    'diaryEntriesSearchDate',
    'includeNotGiven',
    'includeStatus',
  ],
};

export type RecordRequest = {
  readonly nhsNumber: string;
  /** SNOMED codes of the lists asked for. */
  readonly lists: readonly string[];
  /** Parameters and parts that this provider does not know: answered with a warning, never an error. */
  readonly unknown: readonly string[];
  /** What is wrong with the known ones; said only after the patient was found, for identity wins. */
  readonly fault: Answer | undefined;
};

/** `isOld`: of version 1.2, which knows two areas. */
export function parseRecordRequest(value: unknown, today: string, isOld = false): RecordRequest | Answer {
  const checked = checkParameters(value);
  if (!checked.ok) return refuse('INVALID_RESOURCE', checked.failure.message);
  const parameters = checked.value.parameter;
  const numbers = parameters.filter(({ name }) => name === 'patientNHSNumber');
  const identifier = numbers[0]?.valueIdentifier;
  if (numbers.length !== 1 || !identifier)
    return refuse('INVALID_PARAMETER', 'patientNHSNumber is needed exactly once');
  if (identifier.system !== NHS_NUMBER)
    return refuse('INVALID_IDENTIFIER_SYSTEM', 'patientNHSNumber has another system');
  const asked = parameters.filter(({ name }) => name !== 'patientNHSNumber');
  const isKnown = (name: string) => areas[name] !== undefined && (!isOld || OLD_AREAS.has(name));
  const known = asked.filter(({ name }) => isKnown(name));
  return {
    nhsNumber: identifier.value,
    lists: known.flatMap(listsOf),
    unknown: asked.flatMap((one) => (isKnown(one.name) ? unknownParts(one) : [one.name])),
    fault: faultIn(known, today),
  };
}

function listsOf(parameter: Parameter): string[] {
  const lists = areas[parameter.name]?.lists ?? [];
  const isResolved = parameter.part?.some(
    (part) => part.name === 'includeResolvedAllergies' && part['valueBoolean'] === true,
  );
  return isResolved ? [...lists, ENDED_ALLERGIES] : [...lists];
}

function unknownParts({ name, part = [] }: Parameter): string[] {
  return part.filter((one) => !areas[name]?.parts[one.name]).map((one) => one.name);
}

function faultIn(known: readonly Parameter[], today: string): Answer | undefined {
  if (known.length === 0) return refuse('INVALID_PARAMETER', 'at least one recognised include is needed');
  const names = new Set(known.map(({ name }) => name));
  if (names.size < known.length) return refuse('INVALID_PARAMETER', 'an include is there twice');
  const parts = new Set(known.flatMap(({ part = [] }) => part.map(({ name }) => name)));
  const clash = Object.entries(forbiddenBeside).find(
    ([area, list]) => names.has(area) && list.some((one) => parts.has(one)),
  );
  if (clash) return refuse('INVALID_PARAMETER', `a part is not allowed together with ${clash[0]}`);
  if (names.has('includeAllergies') && !parts.has('includeResolvedAllergies')) {
    return refuse('INVALID_PARAMETER', 'includeAllergies needs includeResolvedAllergies');
  }
  if (parts.has('consultationSearchPeriod') && parts.has('includeNumberOfMostRecent')) {
    return refuse('INVALID_RESOURCE', 'consultationSearchPeriod and includeNumberOfMostRecent exclude each other');
  }
  const wrong = known.flatMap(({ name, part = [] }) => part.filter((one) => !isRightPart(areas[name], one, today)));
  return wrong[0] && refuse('INVALID_PARAMETER', `${wrong[0].name} has no value of the kind that it needs`);
}

function isRightPart(area: Area | undefined, part: Part, today: string): boolean {
  switch (area?.parts[part.name]) {
    case 'boolean':
      return typeof part['valueBoolean'] === 'boolean';
    case 'code':
      return typeof part['valueCode'] === 'string';
    case 'count':
      return Number.isInteger(part['valuePositiveInt']) && Number(part['valuePositiveInt']) > 0;
    case 'date':
      return isRightDate(part.name, part['valueDate'], today);
    case 'period':
      return isRightPeriod(part['valuePeriod'], today);
    default:
      return true;
  }
}

function isRightDate(name: string, value: unknown, today: string): boolean {
  if (typeof value !== 'string' || !isDate(value)) return false;
  return name === 'diaryEntriesSearchDate' ? value >= today : value <= today;
}

function isRightPeriod(value: unknown, today: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { start, end } = value as { start?: unknown; end?: unknown };
  const bounds = [start, end].filter((bound) => bound !== undefined);
  const areDates =
    bounds.length > 0 && bounds.every((bound) => typeof bound === 'string' && isDate(bound) && bound <= today);
  return areDates && (start === undefined || end === undefined || String(start) <= String(end));
}
