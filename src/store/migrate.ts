/** Brings the database to this version's schema: plain SQL files, forward only, each in its own transaction. */
import { runner } from 'node-pg-migrate';
import type { Pool } from './database.ts';

/** Applies every migration not yet applied, one process at a time, and answers with their names. */
export async function migrate(pool: Pool, folder: string, log: (line: string) => void): Promise<readonly string[]> {
  const client = await pool.inner.connect();
  try {
    const applied = await runner({
      dbClient: client,
      dir: folder,
      direction: 'up',
      migrationsTable: 'applied_migration',
      singleTransaction: false,
      checkOrder: true,
      advisoryLockMode: 'wait',
      log: () => undefined,
    });
    for (const { name } of applied) log(name);
    return applied.map(({ name }) => name);
  } finally {
    client.release();
  }
}
