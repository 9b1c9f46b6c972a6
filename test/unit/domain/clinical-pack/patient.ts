/** A patient of the clinical test pack, and the same patient as the evaluator, SQL and FHIRPath want to be given. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NeedState } from '#domain/needs/evaluation.ts';
import type { Finding, PatientFacts } from '#domain/needs/facts.ts';
import { HOLDFAST, SNOMED } from '#fhir/systems.ts';
import type { Bundle, Resource, ValueSet } from '#fhir/types.ts';

/** One entry of a record: a date (`''` = the record does not say), or more than that. */
export type Entry =
  | string
  | { readonly date?: string; readonly value?: number; readonly unit?: string; readonly supplyDays?: number };

/** One patient on one day, and what the published rules say about them on that day. Written from the facts, never from a run. */
export type Case = {
  /** The patient in a sentence. */
  readonly says: string;
  /** London date of the evaluation. */
  readonly on: string;
  /** A FHIR date, which may be partial; null = not known. */
  readonly born?: string | null;
  readonly gender?: string;
  readonly deceased?: boolean | 'unknown';
  readonly registered?: boolean | 'unknown';
  readonly registeredOn?: string;
  /** Why absence proves nothing. */
  readonly incomplete?: readonly string[];
  /** Entries by the id of a value set; each is coded with the first code of that set. */
  readonly has: Readonly<Record<string, Entry | readonly Entry[]>>;
  readonly want: NeedState;
  /** The date on which the need falls due, where there is one to check. */
  readonly due?: string;
  /** The components that are missing, where they are what is tested. */
  readonly missing?: readonly string[];
};

export type RulePack = {
  /** The file of the rule, without `PlanDefinition-` and `.json`. */
  readonly file: string;
  readonly cases: readonly Case[];
  /**
   * Whether care is owed on `%today`, in FHIRPath over a Bundle of the patient's resources, written by itself from the
   * facts. Absent where FHIRPath cannot say it (and the table of docs/rules-shipped.md says why).
   */
  readonly owed?: string;
};

/** One entry as a record holds it. */
type Coded = {
  readonly code: string;
  readonly kind: Kind;
  readonly entry: Exclude<Entry, string>;
  readonly at: number;
};
type Kind = 'Condition' | 'Observation' | 'MedicationRequest' | 'Immunization';

const profiles = join(import.meta.dirname, '..', '..', '..', '..', 'profiles');

/** Codes by id of the value set, as they ship. */
export const codes: ReadonlyMap<string, readonly string[]> = new Map(
  readdirSync(profiles)
    .filter((file) => file.startsWith('ValueSet-'))
    .map((file): [string, readonly string[]] => {
      const set = JSON.parse(readFileSync(join(profiles, file), 'utf8')) as ValueSet;
      const concepts = (set.compose?.include ?? []).flatMap((include) => include.concept ?? []);
      return [set.id ?? '', concepts.map(({ code }) => code ?? '')];
    }),
);

/** What the store would tell the evaluator: an entry counts for every value set that holds its code. */
export function factsOf(one: Case, valueSets: readonly string[]): PatientFacts {
  const entries = codedOf(one);
  const latest = valueSets.flatMap((valueSet): [string, Finding][] => {
    const members = codes.get(valueSet.slice(`${HOLDFAST}/ValueSet/`.length)) ?? [];
    const found = entries
      .filter(({ code }) => members.includes(code))
      .map((coded) => findingOf(coded, valueSet))
      .sort(latestFirst(one.on))[0];
    return found ? [[valueSet, found]] : [];
  });
  return {
    organisation: 'A83001',
    patient: 'p1',
    birthDate: bornOf(one),
    ...(one.gender === undefined ? {} : { gender: one.gender }),
    deceased: one.deceased ?? false,
    registered: one.registered ?? true,
    registeredOn: one.registeredOn ?? '2015-01-01',
    latest: new Map(latest),
    incomplete: one.incomplete ?? [],
    asOf: `${one.on}T00:00:00.000Z`,
  };
}

/** The patient's record as resources: what SQL loads, and what FHIRPath reads as a collection. */
export function bundleOf(one: Case): Bundle {
  const birthDate = bornOf(one);
  const patient = {
    resourceType: 'Patient',
    id: 'p1',
    active: true,
    ...(birthDate === undefined ? {} : { birthDate }),
    ...(one.gender === undefined ? {} : { gender: one.gender }),
    ...(typeof one.deceased === 'boolean' ? { deceasedBoolean: one.deceased } : {}),
  };
  const status = (one.registered ?? true) === true ? 'active' : 'finished';
  const registration = { resourceType: 'EpisodeOfCare', id: 'r1', status, patient: { reference: 'Patient/p1' } };
  const resources = [patient, registration, ...codedOf(one).map(resourceOf)];
  return {
    resourceType: 'Bundle',
    type: 'collection',
    entry: resources.map((resource) => ({ resource: resource as unknown as Resource })),
  };
}

function bornOf({ born }: Case): string | undefined {
  return born === null ? undefined : (born ?? '1960-05-05');
}

function codedOf({ has }: Case): readonly Coded[] {
  return Object.entries(has)
    .flatMap(([id, given]) => {
      const code = codes.get(id)?.[0];
      if (code === undefined) throw new Error(`The pack names the value set ${id}, which is not here or empty`);
      const entries = Array.isArray(given) ? (given as readonly Entry[]) : [given as Entry];
      return entries.map((entry) => ({
        code,
        kind: kindOf(id),
        entry: typeof entry === 'string' ? dated(entry) : entry,
      }));
    })
    .map((coded, at) => ({ ...coded, at }));
}

function dated(date: string): Exclude<Entry, string> {
  return date === '' ? {} : { date };
}

function kindOf(id: string): Kind {
  if (id.endsWith('-medication')) return 'MedicationRequest';
  if (id.endsWith('-vaccination')) return 'Immunization';
  return id.endsWith('-register') ? 'Condition' : 'Observation';
}

function findingOf({ code, kind, entry, at }: Coded, valueSet: string): Finding {
  const { date, value, unit, supplyDays } = entry;
  return {
    valueSet,
    code,
    date,
    reference: `${kind}/${at}`,
    ...(value === undefined ? {} : { value }),
    ...(unit === undefined ? {} : { unit }),
    ...(supplyDays === undefined ? {} : { supplyDays }),
  };
}

/** As the store puts it: what has happened before what is dated in the future, the later first, undated last. */
function latestFirst(today: string): (one: Finding, other: Finding) => number {
  const rank = ({ date }: Finding) => (date === undefined ? '0' : `${date <= today ? 2 : 1}${date}`);
  return (one, other) => (rank(one) < rank(other) ? 1 : -1);
}

function resourceOf({ code, kind, entry, at }: Coded): object {
  const concept = { coding: [{ system: SNOMED, code }] };
  const subject = { reference: 'Patient/p1' };
  const { date, value, unit, supplyDays } = entry;
  const when = (name: string) => (date === undefined ? {} : { [name]: date });
  const id = `e${at}`;
  if (kind === 'Condition') return { resourceType: kind, id, code: concept, subject, ...when('onsetDateTime') };
  if (kind === 'Immunization')
    return {
      resourceType: kind,
      id,
      status: 'completed',
      vaccineCode: concept,
      patient: subject,
      ...when('occurrenceDateTime'),
    };
  if (kind === 'MedicationRequest') {
    const supply = supplyDays === undefined ? {} : { expectedSupplyDuration: { value: supplyDays, unit: 'day' } };
    return {
      resourceType: kind,
      id,
      status: 'active',
      intent: 'order',
      medicationCodeableConcept: concept,
      subject,
      ...when('authoredOn'),
      dispenseRequest: supply,
    };
  }
  return {
    resourceType: kind,
    id,
    status: 'final',
    code: concept,
    subject,
    ...when('effectiveDateTime'),
    ...(value === undefined ? {} : { valueQuantity: { value, ...(unit === undefined ? {} : { unit }) } }),
  };
}
