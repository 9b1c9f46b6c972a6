/** After a restore into another cluster, transaction ids begin anew: rows that bear the old ones would seem to be not yet written. */
import { inTransaction, type Pool } from './database.ts';
import { sql } from './sql.ts';

/** Makes restored changes visible to followers again; answers whether that was needed. Cheap when it was not. */
export async function acceptRestored(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query<{ foreign: boolean }>(sql`
    select written > pg_snapshot_xmax(pg_current_snapshot()) as foreign
    from resource_version order by last_updated desc limit 1`);
  if (!rows[0]?.foreign) return false;
  await inTransaction(pool, async (tx) => {
    await tx.query(sql`update resource_version set written = '3'::xid8`);
    await tx.query(sql`update resource set written = '3'::xid8`);
  });
  return true;
}
