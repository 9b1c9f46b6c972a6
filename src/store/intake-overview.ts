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

/** Records of each practice, and how many of them are not yet what the last batch says. */
export async function recordProgress(
  db: Database,
  organisations: readonly string[],
): Promise<{ organisation: string; records: number; untranslated: number; incomplete: number }[]> {
  const { rows } = await db.query<{
    organisation: string;
    records: number;
    untranslated: number;
    incomplete: number;
  }>(sql`
    select organisation, count(*) as records, count(*) filter (where digest = '') as untranslated, count(*) filter (where incomplete <> '{}') as incomplete
    from record_state where organisation = any(${[...organisations]}::text[]) group by organisation order by organisation`);
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
