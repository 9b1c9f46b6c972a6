/**
 * Applies staged rows of a practice's batch in the caller's transaction, in a handful of set-based statements: the last
 * row of each key, removals, rows that a full batch no longer has, and everything of patients who were deleted.
 */
import type { Transaction } from './database.ts';
import { type Sql, sql } from './sql.ts';

export type Staged = {
  readonly organisation: string;
  readonly feed: string;
  readonly batch: string;
  /** The stage's table. */
  readonly table: Sql;
  /** The table whose rows are the patients: their deletion takes everything else. */
  readonly patients: string;
  /** Tables that came whole: what they do not repeat is gone. */
  readonly whole: readonly string[];
  /** Tables that others wait for. */
  readonly lookups: readonly string[];
};

/** What a batch takes away: patients, and rows of patients. */
export type Leaving = { readonly patients: number; readonly rows: number };

/** A big batch takes longer than any query of the service may. */
export async function withoutTimeout(tx: Transaction): Promise<void> {
  await tx.query(sql`select set_config('statement_timeout', '0', true), set_config('work_mem', '64MB', true)`);
}

/** How many rows are staged; fewer than were added when another run has taken the stage. */
export async function countStaged(tx: Transaction, table: Sql): Promise<number> {
  const { rows } = await tx.query<{ n: number }>(sql`select count(*) as n from ${table}`);
  return rows[0]?.n ?? 0;
}

/** Of rows with one key only the last stays: the highest by the supplier's order, then the later line. */
export async function keepLast(tx: Transaction, table: Sql): Promise<void> {
  await tx.query(sql`
    delete from ${table} s using (
      select ctid as place, row_number() over (partition by organisation, table_name, key order by ordering desc, line desc) as n from ${table}
    ) d where s.ctid = d.place and d.n > 1`);
}

/** Rows (`f`) of the practice's patients as they are. */
function live({ organisation, feed }: Staged): Sql {
  return sql`f.organisation = ${organisation} and f.feed = ${feed} and f.patient_key is not null and not f.deleted`;
}

/** What the batch would take away, before it does. */
export async function countLeaving(tx: Transaction, staged: Staged): Promise<Leaving> {
  const { feed, patients, table } = staged;
  const { rows } = await tx.query<Leaving>(sql`
    with leaving as (
      select f.table_name from ${table} s join feed_row f on f.organisation = s.organisation and f.feed = ${feed} and f.table_name = s.table_name and f.key = s.key
        where s.deleted and ${live(staged)}
      union all
      select f.table_name from feed_row f where ${live(staged)} and ${absent(staged)}
    )
    select count(*) filter (where table_name = ${patients}) as patients, count(*) filter (where table_name <> ${patients}) as rows from leaving`);
  return rows[0] ?? { patients: 0, rows: 0 };
}

/** What there is to be taken away: reads all rows of the practice. */
export async function countLive(tx: Transaction, staged: Staged): Promise<Leaving> {
  const { rows } = await tx.query<Leaving>(sql`
    select count(*) filter (where table_name = ${staged.patients}) as patients, count(*) filter (where table_name <> ${staged.patients}) as rows
    from feed_row f where ${live(staged)}`);
  return rows[0] ?? { patients: 0, rows: 0 };
}

/** A row of the practice (`f`) that a table which came whole does not have. A table without a single row says nothing. */
function absent({ organisation, table, whole }: Staged): Sql {
  if (whole.length === 0) return sql`false`;
  return sql`f.table_name = any(${[...whole]}::text[])
    and f.table_name in (select distinct a.table_name from ${table} a where a.organisation = ${organisation})
    and not exists (select 1 from ${table} a where a.organisation = f.organisation and a.table_name = f.table_name and a.key = f.key)`;
}

/**
 * Lands the staged rows; answers with the keys of the patients whose rows really changed, or who waited for a code that
 * came. A slot that changes hands touches both patients; a removal that names no patient finds it here.
 */
export async function landStage(tx: Transaction, staged: Staged): Promise<string[]> {
  await tx.query(sql`create temporary table feed_touched (patient_key text not null) on commit drop`);
  await tx.query(
    sql`create temporary table feed_lookup_changed (table_name text not null, key text not null) on commit drop`,
  );
  await land(tx, staged);
  if (staged.whole.length > 0) await removeAbsent(tx, staged);
  await cascade(tx, staged);
  await callWaiting(tx, staged);
  const { rows } = await tx.query<{ patientKey: string }>(
    sql`select distinct patient_key collate "C" as "patientKey" from feed_touched order by 1`,
  );
  return rows.map((row) => row.patientKey);
}

async function land(tx: Transaction, staged: Staged): Promise<void> {
  const { organisation, feed, batch, table } = staged;
  // In the order of patients, so that all of one person lies together when it is read to be translated.
  await tx.query(sql`
    with before as (
      select f.organisation, f.table_name, f.key, f.patient_key from feed_row f join ${table} s on f.organisation = s.organisation and f.table_name = s.table_name and f.key = s.key
      where f.feed = ${feed} and f.patient_key is distinct from s.patient_key
    ), landed as (
      insert into feed_row as f (organisation, feed, table_name, key, patient_key, ordering, batch, file, line, deleted, cells)
      select organisation, ${feed}, table_name, key, patient_key, ordering, ${batch}, file, line, deleted, cells
      from ${table} order by patient_key, table_name, key
      on conflict (organisation, feed, table_name, key) do update set
        patient_key = case when excluded.deleted then coalesce(excluded.patient_key, f.patient_key) else excluded.patient_key end,
        ordering = excluded.ordering, batch = excluded.batch, file = excluded.file, line = excluded.line, deleted = excluded.deleted,
        cells = case when excluded.deleted then f.cells else excluded.cells end
      where excluded.deleted <> f.deleted or (not excluded.deleted and (excluded.cells <> f.cells or excluded.patient_key is distinct from f.patient_key))
      returning f.organisation, f.table_name, f.key, f.patient_key
    ), lookups as (
      insert into feed_lookup_changed select table_name, key from landed where table_name = any(${[...staged.lookups]}::text[])
    )
    insert into feed_touched select distinct patient_key from (
      select organisation, patient_key from landed
      union all select b.organisation, b.patient_key from before b join landed using (organisation, table_name, key)
    ) as touched where patient_key is not null and organisation = ${organisation}`);
}

async function removeAbsent(tx: Transaction, staged: Staged): Promise<void> {
  const { organisation, feed, batch } = staged;
  await tx.query(sql`
    with gone as (
      update feed_row f set deleted = true, batch = ${batch}
      where f.organisation = ${organisation} and f.feed = ${feed} and not f.deleted and ${absent(staged)}
      returning patient_key
    ) insert into feed_touched select distinct patient_key from gone where patient_key is not null`);
}

/** Of a patient who was deleted nothing is kept but that the rows were there. */
async function cascade(tx: Transaction, { organisation, feed, patients }: Staged): Promise<void> {
  await tx.query(sql`
    update feed_row f set deleted = true, cells = '{}'
    from feed_row p join (select distinct patient_key from feed_touched) t on t.patient_key = p.patient_key
    where p.organisation = ${organisation} and p.feed = ${feed} and p.table_name = ${patients} and p.deleted
      and f.organisation = ${organisation} and f.feed = ${feed} and f.patient_key = p.patient_key and (not f.deleted or f.cells <> '{}')`);
}

/** Patients whose last translation met an id before the table that explains it did. */
async function callWaiting(tx: Transaction, { organisation, feed }: Staged): Promise<void> {
  const { rows } = await tx.query<{ waiting: boolean; changed: boolean }>(sql`
    select exists (select 1 from record_state where organisation = ${organisation} and feed = ${feed} and incomplete && array['uncoded-rows', 'unmapped-rows']) as waiting,
      exists (select 1 from feed_lookup_changed) as changed`);
  if (!rows[0]?.waiting || !rows[0].changed) return;
  const isAbout = feed === 'emis' ? sql`f.cells ->> 'CodeId' in (select key from feed_lookup_changed)` : sql`true`;
  await tx.query(sql`
    insert into feed_touched select distinct f.patient_key from record_state s
    join feed_row f on f.organisation = s.organisation and f.feed = s.feed and f.patient_key = s.patient_key
    where s.organisation = ${organisation} and s.feed = ${feed} and s.incomplete && array['uncoded-rows', 'unmapped-rows'] and not f.deleted and ${isAbout}`);
}
