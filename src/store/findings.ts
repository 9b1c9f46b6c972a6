/** What need rules ask of the facts: the latest finding per patient and value set, one statement for one patient or for all. */

import { ridOf } from '#fhir/search-hash.ts';
import type { EpisodeOfCare, Patient } from '#fhir/types.ts';
import type { Database } from './database.ts';
import { sql } from './sql.ts';

export type Finding = {
  readonly valueSet: string;
  readonly code: string;
  /** `YYYY-MM-DD`; undefined = the record does not say when. */
  readonly date: string | undefined;
  readonly value?: number;
  readonly unit?: string;
  readonly supplyDays?: number;
  readonly reference: string;
};

/** The state of one patient's record as the rules see it. */
export type PatientRecord = {
  readonly patient: Patient;
  readonly episodes: readonly EpisodeOfCare[];
  /** Latest dated finding per value set; an undated one only where nothing is dated. */
  readonly latest: ReadonlyMap<string, Finding>;
  readonly incomplete: readonly string[];
  readonly feed: string;
  readonly asOf: string;
};

type FindingRow = {
  patient: string;
  valueSet: string;
  code: string;
  date: string | null;
  value: number | null;
  unit: string | null;
  supplyDays: number | null;
  reference: string;
};

/** The records of the given patients of one organisation; patients that no feed has brought are left out. */
export async function patientRecords(
  db: Database,
  organisation: string,
  patients: readonly string[],
  asked: { readonly valueSets: readonly string[]; readonly today: string },
): Promise<PatientRecord[]> {
  const people = await identities(db, organisation, patients);
  const findings = await latestFindings(db, organisation, patients, asked);
  return people.map((person) => ({
    patient: JSON.parse(person.content) as Patient,
    episodes: person.episodes.map((text) => JSON.parse(text) as EpisodeOfCare),
    latest: findings.get(person.id) ?? new Map(),
    incomplete: person.incomplete,
    feed: person.feed,
    asOf: person.asOf,
  }));
}

async function identities(db: Database, organisation: string, patients: readonly string[]) {
  const { rows } = await db.query<{
    id: string;
    content: string;
    episodes: string[];
    incomplete: string[];
    feed: string;
    asOf: string;
  }>(sql`
    select p.id, p.content, s.incomplete, s.feed, to_char(s.as_of at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "asOf",
      array(select e.content from resource e where e.organisation = p.organisation and e.patient = p.id and e.type = 'EpisodeOfCare' and not e.deleted order by e.id) as episodes
    from resource p join record_state s on s.organisation = p.organisation and s.patient = p.id
    where p.organisation = ${organisation} and p.type = 'Patient' and p.rid = any(${patients.map((id) => ridOf('Patient', id))}::bigint[]) and not p.deleted
    order by p.id`);
  return rows;
}

async function latestFindings(
  db: Database,
  organisation: string,
  patients: readonly string[],
  { valueSets, today }: { readonly valueSets: readonly string[]; readonly today: string },
) {
  // An entry dated in the future must not hide what has happened; of two supplies the one that lasts longer counts,
  // and of those the later one. The compiled rules (needs-statement.ts) order them likewise.
  const { rows } = await db.query<FindingRow>(sql`
    select distinct on (f.patient, m.value_set) f.patient, m.value_set as "valueSet", f.code, f.date::text as date, f.value, f.unit,
      f.supply_days as "supplyDays", f.resource_type || '/' || f.resource_id as reference
    from clinical_fact f join value_set_member m on m.code = f.code
    where f.organisation = ${organisation} and f.patient = any(${patients}::text[]) and m.value_set = any(${valueSets}::text[])
    order by f.patient, m.value_set, coalesce(f.date <= ${today}::date, false) desc, f.date + coalesce(f.supply_days, 0) desc nulls last, f.date desc nulls last, f.resource_type, f.resource_id, f.ordinal`);
  const byPatient = new Map<string, Map<string, Finding>>();
  for (const { patient, valueSet, code, date, value, unit, supplyDays, reference } of rows) {
    const findings = byPatient.get(patient) ?? new Map<string, Finding>();
    findings.set(valueSet, {
      valueSet,
      code,
      date: date ?? undefined,
      reference,
      ...(value === null ? {} : { value }),
      ...(unit === null ? {} : { unit }),
      ...(supplyDays === null ? {} : { supplyDays }),
    });
    byPatient.set(patient, findings);
  }
  return byPatient;
}

/**
 * Whether a code stands in a patient's record on a date, with the value where one is given, and where: the proof that an
 * entry was filed. Units are not compared: every system writes them in its own way.
 */
export async function findEntry(
  db: Database,
  organisation: string,
  entry: { patient: string; code: string; date: string; value?: number },
): Promise<string | undefined> {
  const { rows } = await db.query<{ reference: string }>(sql`
    select f.resource_type || '/' || f.resource_id as reference from clinical_fact f
    where f.organisation = ${organisation} and f.patient = ${entry.patient} and f.code = ${entry.code} and f.date = ${entry.date}::date
      and (${entry.value ?? null}::double precision is null or f.value = ${entry.value ?? null}::double precision)
    order by 1 limit 1`);
  return rows[0]?.reference;
}
