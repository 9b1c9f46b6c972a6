/** Rows of extracts as landed: the last one of each key, by the supplier's own order, and which batches were applied. */
import type { Database, Transaction } from './database.ts';
import { sql } from './sql.ts';

export type FeedRow = {
  readonly organisation: string;
  readonly table: string;
  readonly key: string;
  readonly patientKey: string | undefined;
  readonly order: number;
  readonly deleted: boolean;
  readonly file: string;
  readonly line: number;
  readonly cells: Readonly<Record<string, string>>;
};

export type Batch = { readonly feed: string; readonly batch: string };

/**
 * Lands rows: an older one never overwrites a newer, the same content again changes nothing. Answers with the patients
 * touched, before and after (a slot that changes hands touches both). A removal that names no patient finds it here.
 */
export async function landRows(
  tx: Transaction,
  { feed, batch }: Batch,
  rows: readonly FeedRow[],
): Promise<{ organisation: string; patientKey: string }[]> {
  if (rows.length === 0) return [];
  const last = new Map<string, FeedRow>();
  for (const row of rows) {
    const place = JSON.stringify([row.organisation, row.table, row.key]);
    const before = last.get(place);
    if (!before || row.order >= before.order) last.set(place, row);
  }
  const kept = [...last.values()];
  const column = <T>(pick: (row: FeedRow) => T) => kept.map(pick);
  const { rows: touched } = await tx.query<{ organisation: string; patientKey: string }>(sql`
    with incoming as (
      select * from unnest(${column((row) => row.organisation)}::text[], ${column((row) => row.table)}::text[], ${column((row) => row.key)}::text[],
        ${column((row) => row.patientKey ?? null)}::text[], ${column((row) => row.order)}::bigint[], ${column((row) => row.deleted)}::boolean[],
        ${column((row) => row.file)}::text[], ${column((row) => row.line)}::int[], ${column((row) => JSON.stringify(row.cells))}::jsonb[])
        as one (organisation, table_name, key, patient_key, ordering, deleted, file, line, cells)
    ), before as (
      select f.organisation, f.table_name, f.key, f.patient_key from feed_row f join incoming using (organisation, table_name, key) where f.feed = ${feed}
    ), landed as (
      insert into feed_row as f (organisation, feed, table_name, key, patient_key, ordering, batch, file, line, deleted, cells)
      select organisation, ${feed}, table_name, key, patient_key, ordering, ${batch}, file, line, deleted, cells from incoming
      on conflict (organisation, feed, table_name, key) do update set
        patient_key = case when excluded.deleted then coalesce(excluded.patient_key, f.patient_key) else excluded.patient_key end,
        ordering = excluded.ordering, batch = excluded.batch, file = excluded.file, line = excluded.line, deleted = excluded.deleted,
        cells = case when excluded.deleted then f.cells else excluded.cells end
      where (f.batch <> excluded.batch or excluded.ordering >= f.ordering)
        and (excluded.deleted <> f.deleted or (not excluded.deleted and (excluded.cells <> f.cells or excluded.patient_key is distinct from f.patient_key)))
      returning f.organisation, f.table_name, f.key, f.patient_key
    )
    select distinct organisation, patient_key as "patientKey" from (
      select organisation, patient_key from landed
      union all select b.organisation, b.patient_key from before b join landed using (organisation, table_name, key)
    ) as touched where patient_key is not null`);
  return touched;
}

/** All current rows of patients, by patient key. */
export async function rowsOfPatients(
  db: Database,
  organisation: string,
  feed: string,
  patientKeys: readonly string[],
): Promise<Map<string, FeedRow[]>> {
  const { rows } = await db.query<FeedRow & { patientKey: string }>(sql`
    select ${feedColumns} from feed_row
    where organisation = ${organisation} and feed = ${feed} and patient_key = any(${[...patientKeys]}::text[])
    order by patient_key, table_name, key`);
  return Map.groupBy(rows, (row) => row.patientKey);
}

/** Reference rows (codes, sessions, staff) by table and key; of the practice or shared by all ('*'). */
export async function referenceRows(
  db: Database,
  organisation: string,
  feed: string,
  wanted: { table: string; keys?: readonly string[] },
): Promise<FeedRow[]> {
  const keys = wanted.keys ? sql`and key = any(${[...wanted.keys]}::text[])` : sql``;
  const { rows } = await db.query<FeedRow>(sql`
    select ${feedColumns} from feed_row
    where organisation = any(${[organisation, '*']}::text[]) and feed = ${feed} and table_name = ${wanted.table} and not deleted ${keys} order by key`);
  return rows;
}

const feedColumns = sql`organisation, table_name as "table", key, patient_key as "patientKey", ordering as "order", deleted, file, line, cells`;

/** Patients who wait for one of these codes: their last translation met it before the dictionary did. */
export async function patientsWithCodes(
  db: Database,
  organisation: string,
  feed: string,
  codeIds: readonly string[],
): Promise<string[]> {
  if (codeIds.length === 0) return [];
  const { rows } = await db.query<{ patientKey: string }>(sql`
    select distinct f.patient_key as "patientKey" from record_state s
    join feed_row f on f.organisation = s.organisation and f.feed = s.feed and f.patient_key = s.patient_key
    where s.organisation = ${organisation} and s.feed = ${feed} and 'uncoded-rows' = any(s.incomplete) and f.cells ->> 'CodeId' = any(${[...codeIds]}::text[])`);
  return rows.map((row) => row.patientKey);
}

export async function isApplied(db: Database, { feed, batch }: Batch, organisation: string): Promise<boolean> {
  const { rowCount } = await db.query(
    sql`select 1 from feed_batch where organisation = ${organisation} and feed = ${feed} and batch = ${batch}`,
  );
  return rowCount > 0;
}

/** The point up to which a feed's last applied batch of a practice was complete. */
export async function lastApplied(db: Database, feed: string, organisation: string): Promise<string | undefined> {
  const { rows } = await db.query<{ asOf: string | null }>(sql`
    select to_char(max(as_of) at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "asOf" from feed_batch where organisation = ${organisation} and feed = ${feed}`);
  return rows[0]?.asOf ?? undefined;
}

/** The row that makes applying a batch again a no-op: written in the transaction that applied it. */
export async function markApplied(
  tx: Transaction,
  { feed, batch }: Batch,
  applied: { organisation: string; asOf: string; now: string; counts: object },
): Promise<void> {
  await tx.query(sql`
    insert into feed_batch (organisation, feed, batch, as_of, applied_at, counts)
    values (${applied.organisation}, ${feed}, ${batch}, ${applied.asOf}::timestamptz, ${applied.now}::timestamptz, ${JSON.stringify(applied.counts)}::jsonb)`);
}

export async function keepRejections(
  tx: Transaction,
  { feed, batch }: Batch,
  organisation: string,
  rejected: readonly { file: string; line: number; reason: string }[],
): Promise<void> {
  if (rejected.length === 0) return;
  await tx.query(sql`
    insert into feed_rejection (organisation, feed, batch, file, line, reason)
    select ${organisation}, ${feed}, ${batch}, * from unnest(${rejected.map((one) => one.file)}::text[], ${rejected.map((one) => one.line)}::int[], ${rejected.map((one) => one.reason)}::text[])
    on conflict do nothing`);
}

export type ListedPatient = {
  readonly patient: string;
  readonly nhsNumber: string;
  readonly birthDate: string;
  readonly contact: object;
};

/** Keeps the patients a practice listed for GP Connect; answers with those new or changed. */
export async function saveListed(
  tx: Transaction,
  organisation: string,
  listed: readonly ListedPatient[],
  now: string,
): Promise<string[]> {
  const { rows } = await tx.query<{ patient: string }>(sql`
    insert into listed_patient as l (organisation, patient, nhs_number, birth_date, contact, listed_at)
    select ${organisation}, patient, nhs_number, birth_date, contact, ${now}::timestamptz
    from unnest(${listed.map((one) => one.patient)}::text[], ${listed.map((one) => one.nhsNumber)}::text[], ${listed.map((one) => one.birthDate)}::date[],
      ${listed.map((one) => JSON.stringify(one.contact))}::jsonb[]) as one (patient, nhs_number, birth_date, contact)
    on conflict (organisation, patient) do update set nhs_number = excluded.nhs_number, contact = excluded.contact,
      birth_date = excluded.birth_date, listed_at = excluded.listed_at
    where l.contact <> excluded.contact or l.birth_date <> excluded.birth_date or l.nhs_number <> excluded.nhs_number
    returning patient`);
  return rows.map((row) => row.patient);
}

/** The listed patients among the given ids, in the order of their ids. */
export async function listedPatients(
  db: Database,
  organisation: string,
  patients: readonly string[],
): Promise<ListedPatient[]> {
  const { rows } = await db.query<ListedPatient>(sql`
    select patient, nhs_number as "nhsNumber", birth_date::text as "birthDate", contact from listed_patient
    where organisation = ${organisation} and patient = any(${[...patients]}::text[]) order by patient`);
  return rows;
}
