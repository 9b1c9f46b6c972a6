/**
 * Rows of a batch on their way in: copied into a table of their own, outside any transaction and without a log, so that
 * a batch of any size costs no memory and holds up no reader. A stage that a crash left is dropped and filled anew.
 */
import { hash } from 'node:crypto';
import { once } from 'node:events';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { escaped } from './copy.ts';
import type { Pool } from './database.ts';
import type { FeedRow } from './feeds.ts';
import { type Sql, sql } from './sql.ts';

/** Rows of one COPY: each is a transaction, and a long one would keep the change feed waiting (docs/adr/0012). */
const ROWS_OF_A_COPY = 20_000;
/** Characters that are handed to the connection at once. */
const PIECE = 128 * 1024;

export type Stage = {
  /** The table, to be named in statements. */
  readonly table: Sql;
  add(row: FeedRow): Promise<void>;
  /** Everything that was added is there; answers with the number of rows. */
  finish(): Promise<number>;
  /** Lets the rows go; also after a failure. */
  drop(): Promise<void>;
};

/**
 * Opens an empty stage for a practice's feed; undefined while another process has one open: two would drop each other's
 * rows. Whoever has it is known by a lock that ends with their connection.
 */
export async function openStage(pool: Pool, of: { feed: string; organisation: string }): Promise<Stage | undefined> {
  const name = `feed_stage_${hash('sha256', JSON.stringify([of.feed, of.organisation])).slice(0, 16)}`;
  const client = await pool.inner.connect();
  const copy = copyInto(client, name);
  try {
    const { rows } = await client.query('select pg_try_advisory_lock(hashtextextended($1, 0)) as mine', [name]);
    if (rows[0]?.mine !== true) {
      client.release();
      return undefined;
    }
    await client.query(`drop table if exists ${name}`);
    await client.query(`create unlogged table ${name} (organisation text not null, table_name text not null, key text not null,
      patient_key text, ordering bigint not null, line integer not null, file text not null, deleted boolean not null, cells jsonb not null)`);
  } catch (error) {
    client.release(error as Error);
    throw error;
  }
  return {
    table: sql([name] as unknown as TemplateStringsArray),
    add: copy.add,
    async finish() {
      const rows = await copy.finish();
      await client.query(`analyze ${name}`);
      return rows;
    },
    async drop() {
      // A COPY that is not brought to its end is ended with its connection, and the lock too; the rows go at the next opening.
      if (copy.isOpen()) return client.release(new Error('the stage was given up'));
      try {
        await client.query(`drop table if exists ${name}`);
        await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', [name]);
        client.release();
      } catch (error) {
        client.release(error as Error);
      }
    },
  };
}

function copyInto(client: pg.PoolClient, table: string) {
  let stream: ReturnType<typeof copyFrom> | undefined;
  let failure: Error | undefined;
  let pending = '';
  let rows = 0;
  const send = async () => {
    if (failure) throw failure;
    if (pending === '') return;
    if (!stream) {
      const opened = client.query(copyFrom(`copy ${table} from stdin`));
      opened.on('error', (error: Error) => {
        failure = error;
      });
      stream = opened;
    }
    const isFull = !stream.write(pending);
    pending = '';
    if (isFull) await once(stream, 'drain');
  };
  const close = async () => {
    await send();
    if (!stream) return;
    const open = stream;
    stream = undefined;
    open.end();
    await once(open, 'finish');
  };
  return {
    async add(row: FeedRow) {
      pending += lineOf(row);
      rows += 1;
      if (pending.length >= PIECE) await send();
      if (rows % ROWS_OF_A_COPY === 0) await close();
    },
    async finish() {
      await close();
      return rows;
    },
    isOpen: () => stream !== undefined,
  };
}

/** A row as COPY's text format has it. https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS-TEXT */
function lineOf(row: FeedRow): string {
  const { organisation, table, key, patientKey, order, line, file, deleted, cells } = row;
  const patient = patientKey === undefined ? '\\N' : escaped(patientKey);
  return `${escaped(organisation)}\t${table}\t${escaped(key)}\t${patient}\t${order}\t${line}\t${escaped(file)}\t${deleted ? 't' : 'f'}\t${escaped(JSON.stringify(cells))}\n`;
}
