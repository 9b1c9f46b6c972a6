/** What was received for a patient, what it became, and how fresh it is: the loss report and the record's state. */
import type { Database, Transaction } from './database.ts';
import { sql } from './sql.ts';

export type SourceRow = {
  readonly patient: string;
  readonly type: string;
  readonly key: string;
  readonly place: string;
  readonly result: 'resource' | 'excluded' | 'error';
  readonly reference?: string;
  readonly reason?: string;
  /** The input as received; undefined where it is kept elsewhere (extract rows). */
  readonly content?: string;
};

/** Replaces what is known of the inputs of the given patients from one feed. */
export async function replaceSources(
  tx: Transaction,
  where: { organisation: string; feed: string; patients: readonly string[]; now: string },
  rows: readonly SourceRow[],
): Promise<void> {
  const { organisation, feed, patients, now } = where;
  await tx.query(
    sql`delete from source_record where organisation = ${organisation} and feed = ${feed} and patient = any(${[...patients]}::text[])`,
  );
  if (rows.length === 0) return;
  const column = <T>(pick: (row: SourceRow) => T) => rows.map(pick);
  await tx.query(sql`
    insert into source_record (organisation, feed, patient, type, key, place, result, reference, reason, content, received_at)
    select ${organisation}, ${feed}, patient, type, key, place, result, reference, reason, content, ${now}::timestamptz
    from unnest(${column((row) => row.patient)}::text[], ${column((row) => row.type)}::text[], ${column((row) => row.key)}::text[], ${column((row) => row.place)}::text[],
      ${column((row) => row.result)}::text[], ${column((row) => row.reference ?? null)}::text[], ${column((row) => row.reason ?? null)}::text[], ${column((row) => row.content ?? null)}::text[])
      as one (patient, type, key, place, result, reference, reason, content)
    on conflict (organisation, feed, patient, type, key) do update set place = excluded.place, result = excluded.result,
      reference = excluded.reference, reason = excluded.reason, content = excluded.content`);
}

/** How many inputs of a feed ended how. */
export async function lossReport(
  db: Database,
  organisation: string,
): Promise<{ feed: string; type: string; result: string; inputs: number }[]> {
  const { rows } = await db.query<{ feed: string; type: string; result: string; inputs: number }>(sql`
    select feed, type, result, count(*) as inputs from source_record where organisation = ${organisation} group by feed, type, result order by feed, type, result`);
  return rows;
}

export type RecordState = {
  readonly patient: string;
  readonly feed: string;
  readonly asOf: string;
  readonly incomplete: readonly string[];
  readonly digest: string;
  /** The supplier's own key of the patient, for feeds that have one. */
  readonly patientKey?: string;
};

export async function recordStates(
  db: Database,
  organisation: string,
  patients: readonly string[],
): Promise<Map<string, RecordState>> {
  const { rows } = await db.query<RecordState>(sql`
    select patient, feed, to_char(as_of at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "asOf", incomplete, digest
    from record_state where organisation = ${organisation} and patient = any(${[...patients]}::text[])`);
  return new Map(rows.map((row) => [row.patient, row]));
}

export async function saveRecordStates(
  tx: Transaction,
  organisation: string,
  states: readonly RecordState[],
): Promise<void> {
  if (states.length === 0) return;
  await tx.query(sql`
    insert into record_state (organisation, patient, feed, as_of, incomplete, digest, patient_key)
    select ${organisation}, patient, feed, as_of, array(select jsonb_array_elements_text(incomplete)), digest, patient_key
    from unnest(${states.map((one) => one.patient)}::text[], ${states.map((one) => one.feed)}::text[], ${states.map((one) => one.asOf)}::timestamptz[],
      ${states.map((one) => JSON.stringify(one.incomplete))}::jsonb[], ${states.map((one) => one.digest)}::text[], ${states.map((one) => one.patientKey ?? null)}::text[]) as one (patient, feed, as_of, incomplete, digest, patient_key)
    on conflict (organisation, patient) do update set feed = excluded.feed, as_of = greatest(record_state.as_of, excluded.as_of),
      incomplete = excluded.incomplete, digest = excluded.digest, patient_key = excluded.patient_key`);
}

/** Rows of these patients have changed: until they are translated, their record is not what the feed says. */
export async function markUntranslated(
  tx: Transaction,
  of: { organisation: string; feed: string; patientKeys: readonly string[] },
): Promise<void> {
  const { organisation, feed, patientKeys } = of;
  await tx.query(sql`
    update record_state set digest = '' where organisation = ${organisation} and feed = ${feed} and patient_key = any(${[...patientKeys]}::text[])`);
}

/**
 * A feed was applied for a practice: every record it feeds is as fresh as the feed, except those still to be translated,
 * of whichever batch: a translation that failed must not look fresh the day after.
 */
export async function freshen(
  tx: Transaction,
  of: { organisation: string; feed: string; asOf: string },
): Promise<void> {
  const { organisation, feed, asOf } = of;
  await tx.query(sql`
    update record_state set as_of = ${asOf}::timestamptz
    where organisation = ${organisation} and feed = ${feed} and as_of < ${asOf}::timestamptz and digest <> ''`);
}

/** A record could not be had: whatever is known of the patient may be out of date, and its absence proves nothing. */
export async function markUnavailable(
  tx: Transaction,
  organisation: string,
  of: { patient: string; feed: string; reason: string },
): Promise<void> {
  await tx.query(sql`
    update record_state set incomplete = array[${of.reason}], digest = '' where organisation = ${organisation} and patient = ${of.patient} and feed = ${of.feed}`);
}

/** Keys of the current resources that a feed brought for patients: what a new translation replaces. */
export async function fedResources(
  tx: Transaction,
  organisation: string,
  feed: string,
  patients: readonly string[],
): Promise<{ type: string; id: string; patient: string }[]> {
  const { rows } = await tx.query<{ type: string; id: string; patient: string }>(sql`
    select type, id, patient from resource
    where organisation = ${organisation} and patient = any(${[...patients]}::text[]) and source = ${feed} and not deleted`);
  return rows;
}

/** How many patients' records each organisation has, and how many are still asked for one by one. */
export async function recordCounts(db: Database): Promise<{ organisation: string; records: number; listed: number }[]> {
  const { rows } = await db.query<{ organisation: string; records: number; listed: number }>(sql`
    select organisation, count(*) as records, (select count(*) from listed_patient l where l.organisation = s.organisation) as listed
    from record_state s group by organisation order by organisation`);
  return rows;
}
