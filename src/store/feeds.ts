/** Rows of extracts as landed (feed-apply.ts): the last one of each key, and which batches were applied. */
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

/** Where the last applied batch stands among those of its feed; undefined before the first. */
export async function lastSequence(db: Database, feed: string, organisation: string): Promise<string | undefined> {
  const { rows } = await db.query<{ sequence: string | null }>(
    sql`select max(sequence collate "C") as sequence from feed_batch where organisation = ${organisation} and feed = ${feed}`,
  );
  return rows[0]?.sequence ?? undefined;
}

/** The batch under which the same content was applied before, if it was. */
export async function appliedAs(
  db: Database,
  { feed, organisation }: { feed: string; organisation: string },
  seal: string,
): Promise<string | undefined> {
  const { rows } = await db.query<{ batch: string }>(
    sql`select batch from feed_batch where organisation = ${organisation} and feed = ${feed} and seal = ${seal} order by applied_at limit 1`,
  );
  return rows[0]?.batch;
}

export type Applied = {
  readonly organisation: string;
  readonly asOf: string;
  readonly now: string;
  readonly counts: object;
  readonly sequence?: string;
  readonly seal?: string;
};

/** The row that makes applying a batch again a no-op: written in the transaction that applied it. */
export async function markApplied(tx: Transaction, { feed, batch }: Batch, applied: Applied): Promise<void> {
  const { organisation, asOf, now, counts, sequence, seal } = applied;
  await tx.query(sql`
    insert into feed_batch (organisation, feed, batch, as_of, applied_at, counts, sequence, seal)
    values (${organisation}, ${feed}, ${batch}, ${asOf}::timestamptz, ${now}::timestamptz, ${JSON.stringify(counts)}::jsonb, ${sequence ?? null}, ${seal ?? null})`);
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
