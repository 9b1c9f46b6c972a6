/** Batches that wait for a person, what was decided about them, and the files that they are made of. */
import type { Database, Transaction } from './database.ts';
import { sql } from './sql.ts';

export type Hold = {
  readonly organisation: string;
  readonly feed: string;
  /** The folder. */
  readonly batch: string;
  /** The fingerprint of its files; undefined when they could not be read as a batch. */
  readonly seal: string | undefined;
  readonly code: string;
  readonly reason: string;
};

export type Decision = 'apply' | 'skip';
export type HeldBatch = Hold & {
  readonly heldAt: string;
  readonly decision: Decision | undefined;
  readonly decidedBy: string | undefined;
};

type BatchKey = Pick<Hold, 'organisation' | 'feed' | 'batch'>;

/** Notes why a batch waits. An earlier decision stands only for what it was made about. */
export async function keepHold(tx: Transaction, hold: Hold, now: string): Promise<void> {
  const { organisation, feed, batch, seal, code, reason } = hold;
  await tx.query(sql`
    insert into feed_hold as h (organisation, feed, batch, seal, code, reason, held_at)
    values (${organisation}, ${feed}, ${batch}, ${seal ?? null}, ${code}, ${reason}, ${now}::timestamptz)
    on conflict (organisation, feed, batch) do update set seal = excluded.seal, code = excluded.code, reason = excluded.reason,
      held_at = case when h.reason = excluded.reason then h.held_at else excluded.held_at end,
      decision = case when h.seal is not distinct from excluded.seal and h.code = excluded.code then h.decision end,
      decided_by = case when h.seal is not distinct from excluded.seal and h.code = excluded.code then h.decided_by end`);
}

export async function dropHold(tx: Transaction, { organisation, feed, batch }: BatchKey): Promise<void> {
  await tx.query(
    sql`delete from feed_hold where organisation = ${organisation} and feed = ${feed} and batch = ${batch}`,
  );
}

const columns = sql`organisation, feed, batch, seal, code, reason, decision, decided_by as "decidedBy",
  to_char(held_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "heldAt"`;

type Row = { [K in keyof HeldBatch]: NonNullable<HeldBatch[K]> | null } & Record<string, unknown>;
const heldBatch = (row: Row): HeldBatch => ({
  ...(row as unknown as HeldBatch),
  seal: row.seal ?? undefined,
  decision: row.decision ?? undefined,
  decidedBy: row.decidedBy ?? undefined,
});

export async function readHold(db: Database, { organisation, feed, batch }: BatchKey): Promise<HeldBatch | undefined> {
  const { rows } = await db.query<Row>(
    sql`select ${columns} from feed_hold where organisation = ${organisation} and feed = ${feed} and batch = ${batch}`,
  );
  return rows[0] && heldBatch(rows[0]);
}

/** Batches of a practice that wait and that nobody has decided about, or decided to leave out. */
export async function heldBatches(db: Database, organisation: string): Promise<HeldBatch[]> {
  const { rows } = await db.query<Row>(
    sql`select ${columns} from feed_hold where organisation = ${organisation} order by held_at, batch`,
  );
  return rows.map(heldBatch);
}

/** Writes what a person decided; false when nothing of that name waits with that content. */
export async function decideHold(
  tx: Transaction,
  { organisation, feed, batch, seal }: BatchKey & { seal: string | undefined },
  decided: { decision: Decision; by: string; now: string },
): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    update feed_hold set decision = ${decided.decision}, decided_by = ${decided.by}, decided_at = ${decided.now}::timestamptz
    where organisation = ${organisation} and feed = ${feed} and batch = ${batch} and seal is not distinct from ${seal ?? null}`);
  return rowCount === 1;
}

export type ArrivedFile = { readonly name: string; readonly sha256: string; readonly size: number };

/**
 * Notes the files of a batch as they arrived; answers with the names that came before under the same batch with another
 * content. They stay as they were first noted.
 */
export async function landFiles(
  tx: Transaction,
  { organisation, feed, batch }: BatchKey,
  { files, now }: { files: readonly ArrivedFile[]; now: string },
): Promise<string[]> {
  await tx.query(sql`
    insert into feed_file (organisation, feed, batch, name, sha256, size, first_seen)
    select ${organisation}, ${feed}, ${batch}, name, sha256, size, ${now}::timestamptz
    from unnest(${files.map((one) => one.name)}::text[], ${files.map((one) => one.sha256)}::text[], ${files.map((one) => one.size)}::bigint[]) as one (name, sha256, size)
    on conflict do nothing`);
  const { rows } = await tx.query<{ name: string }>(sql`
    select f.name from feed_file f join unnest(${files.map((one) => one.name)}::text[], ${files.map((one) => one.sha256)}::text[]) as one (name, sha256) on one.name = f.name
    where f.organisation = ${organisation} and f.feed = ${feed} and f.batch = ${batch} and f.sha256 <> one.sha256 order by f.name`);
  return rows.map((row) => row.name);
}
