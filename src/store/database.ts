/** The connection pool, transactions and the locks that put one patient's events in order. The only file that opens pg. */
import pg from 'pg';
import type { SearchDefinitions } from '#fhir/search-definition.ts';
import { type Sql, sql } from './sql.ts';

/** Anything that can run one statement: the pool or a transaction. */
export type Database = {
  query<Row extends Record<string, unknown> = Record<string, unknown>>(
    statement: Sql,
  ): Promise<{ rows: Row[]; rowCount: number }>;
};

/** A running transaction. `executeSql` is the shape in which pg-boss queues a job inside it. */
export type Transaction = Database & {
  /** What to index when a resource is written. */
  readonly definitions: SearchDefinitions;
  executeSql(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
};

export type Pool = Database & {
  readonly inner: pg.Pool;
  readonly definitions: SearchDefinitions;
  close(): Promise<void>;
};

// Dates stay text, as FHIR writes them; counts are small enough for numbers.
pg.types.setTypeParser(pg.types.builtins.DATE, (text) => text);
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/**
 * Opens a pool. Every connection carries a statement timeout, so that no query can hold the service.
 * `onError` hears of connections lost while idle; they are replaced.
 */
export function openPool(options: {
  url: string;
  size: number;
  definitions: SearchDefinitions;
  statementTimeoutMs?: number;
  onError: (error: Error) => void;
}): Pool {
  const inner = new pg.Pool({
    connectionString: options.url,
    max: options.size,
    statement_timeout: options.statementTimeoutMs ?? 60_000,
    idle_in_transaction_session_timeout: 180_000,
    application_name: 'holdfast',
  });
  inner.on('error', options.onError);
  return { inner, definitions: options.definitions, ...databaseOn(inner), close: () => inner.end() };
}

function databaseOn(target: pg.Pool | pg.PoolClient): Database {
  return {
    async query<Row extends Record<string, unknown>>(statement: Sql) {
      const result = await target.query<Row>(statement);
      return { rows: result.rows, rowCount: result.rowCount ?? 0 };
    },
  };
}

const RETRIED = new Set(['40001', '40P01']);

/** Two writers made the same resource first (a doctor named in two records): the one who came second reads it at the next try. */
function isLostRace(error: unknown): boolean {
  const { code, constraint } = error as { code?: string; constraint?: string };
  return RETRIED.has(code ?? '') || (code === '23505' && constraint === 'resource_version_pkey');
}

/**
 * Runs `work` in one transaction: committed when it resolves, rolled back when it throws. Serialisation failures,
 * deadlocks and lost races are tried again (at most 3 times), so `work` must do nothing outside the database that may
 * not happen twice.
 */
export async function inTransaction<T>(pool: Pool, work: (tx: Transaction) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once(pool, work);
    } catch (error) {
      if (attempt >= 3 || !isLostRace(error)) throw error;
    }
  }
}

async function once<T>(pool: Pool, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const client = await pool.inner.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const value = await work({
      ...databaseOn(client),
      definitions: pool.definitions,
      executeSql: (text, values) => client.query(text, values as unknown[]),
    });
    await client.query('commit');
    return value;
  } catch (error) {
    await client.query('rollback').catch((lost: Error) => {
      broken = lost;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

/**
 * Takes the locks of the given patients until the transaction ends, in one order, so that two events about one person
 * (a death and a send, an opt-out and a booking) happen one after the other and never deadlock.
 */
export async function lockPatients(tx: Transaction, organisation: string, patients: readonly string[]): Promise<void> {
  await lockKeys(
    tx,
    patients.map((patient) => `patient|${organisation}|${patient}`),
  );
}

/** The lock of a practice's sending: shared by its sends, taken alone by its emergency stop. */
export function sendingKey(organisation: string): string {
  return `sending|${organisation}`;
}

/** The lock of a practice's feed: taken alone by a batch that lands, shared by those who translate its rows. */
export function feedKey(feed: string, organisation: string): string {
  return `feed|${feed}|${organisation}`;
}

/** Lets work go on beside other such work, but not beside whoever holds the key alone. */
export async function shareKey(tx: Transaction, key: string): Promise<void> {
  await tx.query(sql`select pg_advisory_xact_lock_shared(hashtextextended(${key}, 0))`);
}

/** The same for any other thing that must be done by one at a time: a cohort, a feed of a practice. */
export async function lockKeys(tx: Transaction, keys: readonly string[]): Promise<void> {
  const unique = [...new Set(keys)];
  if (unique.length === 0) return;
  await tx.query(sql`
    select pg_advisory_xact_lock(key) from (
      select distinct hashtextextended(name, 0) as key from unnest(${unique}::text[]) as name order by 1
    ) as keys`);
}
