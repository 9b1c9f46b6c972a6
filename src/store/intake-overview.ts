/** What of extracts came in, what waits and what could not be read: counts, names and reasons, no cell of a row. */
import type { Database } from './database.ts';
import { sql } from './sql.ts';

export type AppliedBatch = {
  readonly organisation: string;
  readonly feed: string;
  readonly batch: string;
  readonly asOf: string;
  readonly appliedAt: string;
  readonly counts: Readonly<Record<string, unknown>>;
};

/** The newest batches of each practice, at most 20, the newest first. */
export async function appliedBatches(db: Database, organisations: readonly string[]): Promise<AppliedBatch[]> {
  const { rows } = await db.query<AppliedBatch>(sql`
    select b.organisation, b.feed, b.batch, b.counts, to_char(b.as_of at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "asOf",
      to_char(b.applied_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "appliedAt"
    from unnest(${[...organisations]}::text[]) as o (organisation)
    cross join lateral (select * from feed_batch f where f.organisation = o.organisation order by applied_at desc, batch desc limit 20) b
    order by b.organisation, b.applied_at desc, b.batch desc`);
  return rows;
}

export type RecordProgress = {
  readonly organisation: string;
  /** Patients of the extract as it was last applied. */
  readonly patients: number;
  /** Records made of them, and those among these that are not yet what the last batch says. */
  readonly records: number;
  readonly untranslated: number;
  /** Records from whose silence nothing follows. */
  readonly incomplete: number;
};

/** How far the records of each practice are. */
export async function recordProgress(db: Database, organisations: readonly string[]): Promise<RecordProgress[]> {
  const { rows } = await db.query<RecordProgress>(sql`
    select o.organisation, count(s.patient) as records, count(*) filter (where s.digest = '') as untranslated, count(*) filter (where s.incomplete <> '{}') as incomplete,
      (select count(*) from feed_row f where f.organisation = o.organisation and f.feed = any('{emis,tpp}') and f.table_name = any('{Admin_Patient,SRPatient}') and not f.deleted) as patients
    from unnest(${[...organisations]}::text[]) as o (organisation) left join record_state s on s.organisation = o.organisation
    group by o.organisation order by o.organisation`);
  return rows;
}

export type Rejection = { readonly file: string; readonly line: number; readonly reason: string };

/** Rows of a batch that could not be read, in the order of their files; `after` is the last one of the page before. */
export async function rejections(
  db: Database,
  of: { organisation: string; batch: string },
  after: { file: string; line: number },
): Promise<Rejection[]> {
  const { rows } = await db.query<Rejection>(sql`
    select file, line, reason from feed_rejection
    where organisation = ${of.organisation} and batch = ${of.batch} and (file, line) > (${after.file}, ${after.line})
    order by file, line limit 1000`);
  return rows;
}
