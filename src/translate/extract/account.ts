/** The account of a translation from rows: every row has one outcome, because each is translated by one call. */
import type { Patient, Resource } from '#fhir/types.ts';
import type { Outcome, RecordTranslation } from '#translate/translation.ts';
import type { RawRowLike } from './rows.ts';

/** What one row gave. */
export type Translated = (
  | { readonly result: 'resource'; readonly reference: string }
  | { readonly result: 'excluded' | 'error'; readonly reason: string }
) & {
  readonly resources?: readonly Resource[];
  readonly shared?: readonly Resource[];
  /** Why the record is not whole without this row. */
  readonly incomplete?: string;
  readonly losses?: readonly string[];
};

/** A row that ended in a resource of its own. */
export function gave(resource: Resource & { id?: string }, losses: readonly string[] = []): Translated {
  return { result: 'resource', reference: `${resource.resourceType}/${resource.id}`, resources: [resource], losses };
}

/** A row that is part of a resource which another row gives. */
export function joined(reference: string, losses: readonly string[] = []): Translated {
  return { result: 'resource', reference, losses };
}

export function excluded(reason: string): Translated {
  return { result: 'excluded', reason };
}

/** A row that waits for another: a code, a mapping. Until then nobody may conclude that something is not recorded. */
export function parked(reason: string, incomplete: string): Translated {
  return { result: 'error', reason: `${reason}: parked`, incomplete };
}

/** Adds up what the rows gave; `patient` says which resource is the patient itself. */
export function assemble(
  rows: readonly RawRowLike[],
  patientId: string,
  translate: (row: RawRowLike) => Translated,
): RecordTranslation {
  const results = rows.map((row) => ({ row, translated: translate(row) }));
  const resources = unique(results.flatMap(({ translated }) => translated.resources ?? []));
  const isPatient = (one: Resource) => one.resourceType === 'Patient' && one.id === patientId;
  const patient = resources.find((one): one is Patient => isPatient(one));
  const losses = results.flatMap(({ translated }) => translated.losses ?? []);
  return {
    patient,
    resources: [...(patient ? [patient] : []), ...resources.filter((one) => one !== patient)],
    shared: unique(results.flatMap(({ translated }) => translated.shared ?? [])),
    outcomes: results.map(({ row, translated }) => outcomeOf(row, translated)),
    incomplete: [...new Set(results.flatMap(({ translated }) => translated.incomplete ?? []))].sort(),
    losses: tally(losses),
  };
}

function outcomeOf(row: RawRowLike, translated: Translated): Outcome {
  const common = {
    place: `${row.file}:${row.line}`,
    type: row.table,
    key: row.key,
    source: JSON.stringify(row.cells),
  };
  return translated.result === 'resource'
    ? { ...common, result: 'resource', reference: translated.reference }
    : { ...common, result: translated.result, reason: translated.reason };
}

/** One of each id, the last one given. */
function unique(resources: readonly Resource[]): Resource[] {
  return [...new Map(resources.map((one) => [`${one.resourceType}/${one.id}`, one])).values()];
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of [...names].sort()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** The cells of a row that say something and are carried nowhere, as losses: `SRCode.IDTemplate`. */
export function uncarried(row: RawRowLike, carried: ReadonlySet<string>): string[] {
  return Object.entries(row.cells)
    .filter(([column, value]) => !carried.has(column) && !/^(|-1|false|none)$/i.test(value.trim()))
    .map(([column]) => `${row.table}.${column}`);
}
