/** The connection pool, transactions and the locks that put one patient's events in order. The only file that opens pg. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { SearchDefinitions } from '#fhir/search-definition.ts';
import { type Sql, sql } from './sql.ts';
import { isReadOnly, stampsOf } from './stamp.ts';

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
  /** Sends a write whose answer nobody needs: the transaction ends only when it has succeeded. */
  later(statement: Sql): void;
  /** Copies rows, in COPY's text format (copy.ts), into a table: for writes of thousands of rows. */
  copyIn(statement: string, rows: readonly string[]): Promise<void>;
  /** Times for `count` changes of this transaction. src/store/stamp.ts */
  stamps(count: number): Promise<readonly number[]>;
};

/** Another clock than the database server's for the times of changes: the simulated one of the sandbox. */
type Clock = () => string;

export type Pool = Database & {
  readonly inner: pg.Pool;
  readonly definitions: SearchDefinitions;
  readonly clock: Clock | undefined;
  close(): Promise<void>;
};

// Dates stay text, as FHIR writes them; counts are small enough for numbers.
pg.types.setTypeParser(pg.types.builtins.DATE, (text) => text);
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/**
 * Statements are written so that one plan serves all values (the fences in them leave no other): planning each anew cost
 * a look-up more than running it. What is compiled for a long query is no use to short ones.
 */
const SESSION = '-c plan_cache_mode=force_generic_plan -c jit=off';

/**
 * Opens a pool. Every connection carries a statement timeout, so that no query can hold the service.
 * `onError` hears of connections lost while idle; they are replaced.
 */
export function openPool(options: {
  url: string;
  size: number;
  definitions: SearchDefinitions;
  clock?: Clock;
  statementTimeoutMs?: number;
  onError: (error: Error) => void;
}): Pool {
  const inner = new pg.Pool({
    connectionString: options.url,
    max: options.size,
    statement_timeout: options.statementTimeoutMs ?? 60_000,
    idle_in_transaction_session_timeout: 180_000,
    application_name: 'holdfast',
    options: SESSION,
  });
  inner.on('error', options.onError);
  // Between being handed out and being used nobody else listens, and a connection cut off then would end the process. Its
  // next statement fails, which tells whoever asked.
  inner.on('connect', (client) => client.on('error', () => undefined));
  const { definitions, clock } = options;
  return { inner, definitions, clock, ...databaseOn(anyOf(inner)), close: () => inner.end() };
}

/** Whichever connection of the pool is free. */
function anyOf(inner: pg.Pool): Line {
  return {
    query: <Row extends pg.QueryResultRow>(statement: string | Sql, values?: unknown[]) =>
      inner.query<Row>(statement as string, values),
  };
}

function databaseOn(target: Line): Database {
  return {
    async query<Row extends Record<string, unknown>>(statement: Sql) {
      const result = await target.query<Row>(statement);
      return { rows: result.rows, rowCount: result.rowCount ?? 0 };
    },
  };
}

const RETRIED = new Set(['40001', '40P01']);

/** Thrown where another transaction has changed a resource after this one took its stamps: it is tried again, later. */
export class Overtaken extends Error {
  readonly code = '40001';
}

/** Whether the database said no: nothing of the transaction is kept. Any other error leaves open whether it was committed. */
export function isUndone(error: unknown): boolean {
  return error instanceof Overtaken || (error instanceof pg.DatabaseError && error.severity === 'ERROR');
}

/** What a second writer of a new resource meets: its version, or the search values that go with it. */
const FIRST_OF = /^(?:resource_version|search_[a-z]+)_pkey$/;

/** Two writers made the same resource first (a doctor named in two records): the one who came second reads it at the next try. */
function isLostRace(error: unknown): boolean {
  const { code, constraint } = error as { code?: string; constraint?: string };
  return RETRIED.has(code ?? '') || (code === '23505' && FIRST_OF.test(constraint ?? ''));
}

export type TransactionOptions = {
  /** How long one lock may be waited for before the transaction fails (55P03); without it, as long as a statement may last. */
  readonly lockTimeoutMs?: number;
};

/**
 * Runs `work` in one transaction: committed when it resolves, rolled back when it throws. Serialisation failures,
 * deadlocks and lost races are tried again (at most 5 times), so `work` must do nothing outside the database that may
 * not happen twice.
 */
export async function inTransaction<T>(
  pool: Pool,
  work: (tx: Transaction) => Promise<T>,
  { lockTimeoutMs }: TransactionOptions = {},
): Promise<T> {
  const begin = lockTimeoutMs === undefined ? 'begin' : `begin; set local lock_timeout = ${Math.round(lockTimeoutMs)}`;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once(pool, begin, work);
    } catch (error) {
      if (attempt >= 5 || !isLostRace(error)) throw error;
    }
  }
}

async function once<T>(pool: Pool, begin: string, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const client = await pool.inner.connect();
  const line = inTurn(client);
  let broken: Error | undefined;
  const onLost = (lost: Error) => {
    broken = lost;
  };
  // A connection that breaks between two statements tells nobody else; unheard, it would end the process.
  client.on('error', onLost);
  try {
    const sent: Promise<pg.QueryResult>[] = [];
    const later = (statement: Promise<pg.QueryResult>) => {
      // Heard of below, with the end of the transaction.
      statement.catch(() => undefined);
      sent.push(statement);
    };
    later(line.query(begin));
    const value = await work(transactionOn(line, pool, later));
    later(line.query('commit'));
    const answers = await Promise.all(sent);
    // A failure that somebody caught inside has undone everything all the same.
    if (answers.at(-1)?.command !== 'COMMIT') throw new Error('A statement of the transaction failed: it was undone');
    return value;
  } catch (error) {
    // A statement that was stopped within begin_write may have kept its lock.
    await line.query('rollback; select pg_advisory_unlock_all()').catch(onLost);
    throw error;
  } finally {
    client.off('error', onLost);
    client.release(broken);
  }
}

/** Anything that takes a statement as pg does. */
type Line = {
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(
    statement: string | Sql,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>>;
};

/** One connection whose statements go one after the other, in the order in which they were asked for. */
type Connection = Line & { copyIn(statement: string, rows: readonly string[]): Promise<void> };

function inTurn(client: pg.PoolClient): Connection {
  let last: Promise<unknown> = Promise.resolve();
  return {
    query<Row extends pg.QueryResultRow>(statement: string | Sql, values?: unknown[]) {
      const next = last.then(() => client.query<Row>(statement as string, values));
      last = next.catch(() => undefined);
      return next;
    },
    copyIn(statement: string, rows: readonly string[]) {
      const next = last.then(() => copyOn(client, statement, rows));
      last = next.catch(() => undefined);
      return next;
    },
  };
}

function copyOn(client: pg.PoolClient, statement: string, rows: readonly string[]): Promise<void> {
  return pipeline(Readable.from(piecesOf(rows)), client.query(copyFrom(statement)));
}

/** Rows of a COPY in pieces that fit a socket's buffer: what waits to be sent is memory. */
function* piecesOf(rows: readonly string[]): Generator<string> {
  let piece = '';
  for (const row of rows) {
    piece += `${row}\n`;
    if (piece.length < 65_536) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

/** The stamps are taken before the first statement that may write: earlier, a wait for a lock would make them old. */
function transactionOn(
  client: Connection,
  pool: Pool,
  later: (statement: Promise<pg.QueryResult>) => void,
): Transaction {
  const database = databaseOn(client);
  const stamps = stampsOf(database, pool.clock);
  return {
    definitions: pool.definitions,
    stamps: stamps.take,
    async query<Row extends Record<string, unknown>>(statement: Sql) {
      if (isReadOnly(statement.text)) return database.query<Row>(statement);
      const [, answer] = await Promise.all([stamps.begin(), database.query<Row>(statement)]);
      return answer;
    },
    async executeSql(text, values) {
      const [, answer] = await Promise.all([stamps.begin(), client.query(text, values as unknown[])]);
      return answer;
    },
    async copyIn(statement, rows) {
      await Promise.all([stamps.begin(), client.copyIn(statement, rows)]);
    },
    later(statement) {
      // Sent at once, so that it stands before the end; when the stamps fail, so does this.
      stamps.begin().catch(() => undefined);
      later(client.query(statement));
    },
  };
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
