/** Small questions that outreach asks of the store: capacity last counted, sends of a day, latest dates of codes. */
import { parameterOf } from '#fhir/search-definition.ts';
import { anySystem, ridOf } from '#fhir/search-hash.ts';
import type { Database, Transaction } from './database.ts';
import type { Searchable } from './search-index.ts';
import { sql } from './sql.ts';

export async function saveCapacity(
  tx: Transaction,
  organisation: string,
  counted: { skill: string; freeSlots: number; now: string },
): Promise<void> {
  await tx.query(sql`
    insert into capacity (organisation, skill, free_slots, as_of) values (${organisation}, ${counted.skill}, ${counted.freeSlots}, ${counted.now}::timestamptz)
    on conflict (organisation, skill) do update set free_slots = excluded.free_slots, as_of = excluded.as_of`);
}

export async function capacityOf(
  db: Database,
  organisation: string,
  skill: string,
): Promise<{ freeSlots: number; asOf: string } | undefined> {
  const { rows } = await db.query<{ freeSlots: number; asOf: string }>(sql`
    select free_slots as "freeSlots", to_char(as_of at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "asOf"
    from capacity where organisation = ${organisation} and skill = ${skill}`);
  return rows[0];
}

/** One slot of a skill fewer than was counted: it has been booked. Until the next count nobody is invited to it. */
export async function takeSlot(tx: Transaction, organisation: string, skill: string): Promise<void> {
  await tx.query(
    sql`update capacity set free_slots = greatest(0, free_slots - 1) where organisation = ${organisation} and skill = ${skill}`,
  );
}

/** Patient id → postcode of the first address, where there is one. */
export async function postcodesOf(
  db: Database,
  organisation: string,
  patients: readonly string[],
): Promise<Map<string, string>> {
  const { rows } = await db.query<{ id: string; postcode: string }>(sql`
    select id, content::jsonb #>> '{address,0,postalCode}' as postcode from resource
    where organisation = ${organisation} and type = 'Patient' and rid = any(${patients.map((id) => ridOf('Patient', id))}::bigint[])
      and not deleted and content::jsonb #>> '{address,0,postalCode}' is not null`);
  return new Map(rows.map((row) => [row.id, row.postcode]));
}

/** Messages that a practice has asked for since an instant: the guard against a runaway. */
export async function requestsSince(db: Database, organisation: string, since: string): Promise<number> {
  const { rows } = await db.query<{ n: number }>(sql`
    select count(*) as n from resource where organisation = ${organisation} and type = 'CommunicationRequest' and last_updated >= ${since}::timestamptz`);
  return rows[0]?.n ?? 0;
}

/** The latest clinical date of each of the given codes that a patient's record has; undefined where no entry of it has a date. */
export async function latestDates(
  db: Database,
  organisation: string,
  patient: string,
  codes: readonly string[],
): Promise<Map<string, string | undefined>> {
  const { rows } = await db.query<{ code: string; date: string | null }>(sql`
    select code, max(date)::text as date from clinical_fact
    where organisation = ${organisation} and patient = ${patient} and code = any(${[...codes]}::text[]) group by code`);
  return new Map(rows.map((row) => [row.code, row.date ?? undefined]));
}

/** Ids of resources that name another one in a search parameter of theirs (`Flag?subject=Organization/…`). */
export async function idsReferring(
  db: Searchable,
  organisation: string,
  where: { type: string; param: string; target: { type: string; id: string } },
): Promise<string[]> {
  const { param } = parameterOf(db.definitions, where.type, where.param);
  const { rows } = await db.query<{ id: string }>(sql`
    select r.id from search_reference s join resource r on r.organisation = s.organisation and r.type = ${where.type} and r.rid = s.rid
    where s.organisation = ${organisation} and s.param = ${param} and s.target = ${ridOf(where.target.type, where.target.id)} order by r.id`);
  return rows.map((row) => row.id);
}

/** Whether another patient of the practice has one of this patient's contact points. */
export async function sharesContactPoint(
  db: Searchable,
  organisation: string,
  { patient, points }: { patient: string; points: readonly string[] },
): Promise<boolean> {
  if (points.length === 0) return false;
  const { param } = parameterOf(db.definitions, 'Patient', 'telecom');
  const { rowCount } = await db.query(sql`
    select 1 from search_token where organisation = ${organisation} and param = ${param} and value = any(${points.map(anySystem)}::bigint[])
      and rid <> ${ridOf('Patient', patient)} limit 1`);
  return rowCount > 0;
}

/** The patients of a practice who have one of these contact points, as they are written in the record. */
export async function patientsWithContactPoint(
  db: Searchable,
  organisation: string,
  points: readonly string[],
): Promise<string[]> {
  const { param } = parameterOf(db.definitions, 'Patient', 'telecom');
  const { rows } = await db.query<{ id: string }>(sql`
    select distinct r.id from search_token s join resource r on r.organisation = s.organisation and r.type = 'Patient' and r.rid = s.rid
    where s.organisation = ${organisation} and s.param = ${param} and s.value = any(${points.map(anySystem)}::bigint[]) order by r.id`);
  return rows.map((row) => row.id);
}
