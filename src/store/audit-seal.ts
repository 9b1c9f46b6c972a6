/**
 * The chain over the audit trail. Writers never wait for it: rows are sealed afterwards, in the order (transaction, id),
 * once no transaction that could still add one before them is running.
 */
import { contentDigest, sealHash } from './audit-digest.ts';
import { inTransaction, type Pool, type Transaction } from './database.ts';
import { sql } from './sql.ts';

const BEGINNING = { number: 0, written: '0', id: '00000000-0000-0000-0000-000000000000', hash: null };

/** Seals everything that can be sealed; answers with how many rows that was. 0 as well when another process is sealing. */
export async function sealAudit(pool: Pool, maxRows = 5_000): Promise<number> {
  let sealed = 0;
  for (;;) {
    const rows = await inTransaction(pool, (tx) => sealNext(tx, maxRows));
    sealed += rows;
    if (rows < maxRows) return sealed;
  }
}

async function sealNext(tx: Transaction, maxRows: number): Promise<number> {
  const { rows: locks } = await tx.query<{ taken: boolean }>(
    sql`select pg_try_advisory_xact_lock(hashtextextended('audit-seal', 0)) as taken`,
  );
  if (!locks[0]?.taken) return 0;
  const last = await lastSeal(tx);
  const { rows } = await tx.query<{ row_count: number }>(sql`
    with open as (
      select r.written, r.id, r.digest from audit_event r
      where (r.written, r.id) > (${last.written}::xid8, ${last.id}::uuid) and r.written < pg_snapshot_xmin(pg_current_snapshot())
      order by r.written, r.id limit ${maxRows}
    ), s as (
      select ${last.number}::bigint + 1 as number, last.written as upto_written, last.id as upto_id,
        (select count(*)::integer from open) as row_count, (select ${contentDigest} from open r) as content, now() as sealed_at
      from (select written, id from open order by written desc, id desc limit 1) as last
    )
    insert into audit_seal (number, upto_written, upto_id, row_count, content, hash, sealed_at)
    select s.number, s.upto_written, s.upto_id, s.row_count, s.content, ${sealHash(sql`${last.hash}::bytea`)}, s.sealed_at from s
    returning row_count`);
  return rows[0]?.row_count ?? 0;
}

/** The last seal. A database that counts its transactions anew would write rows into sealed ranges: that is refused. */
async function lastSeal(
  tx: Transaction,
): Promise<{ number: number; written: string; id: string; hash: Buffer | null }> {
  const { rows } = await tx.query<{
    number: number;
    written: string;
    id: string;
    hash: Buffer;
    is_behind: boolean;
  }>(sql`
    select number, upto_written::text as written, upto_id as id, hash, pg_snapshot_xmin(pg_current_snapshot()) <= upto_written as is_behind
    from audit_seal order by number desc limit 1`);
  const [last] = rows;
  if (last?.is_behind)
    // The log shows an error's code, never its message.
    throw Object.assign(
      new Error(
        'The audit trail cannot be sealed: the database counts transactions from below the last seal, as after a restore from a dump. See docs/operations/audit.md, "After a restore".',
      ),
      { code: 'audit-behind-last-seal' },
    );
  return last ?? BEGINNING;
}
