/** Fills a database: patients and Tasks through the store as they would be written, and the bare tables from them. */

import { join } from 'node:path';
import { readDefinitions } from '#main/definitions.ts';
import { inTransaction, openPool, type Pool } from '#store/database.ts';
import { migrate } from '#store/migrate.ts';
import { saveResources } from '#store/resources.ts';
import { openParameters } from '#store/search-parameter.ts';
import { sql } from '#store/sql.ts';
import { idOf, ORGANISATION, patientOf, taskOf } from './task.ts';

const root = join(import.meta.dirname, '..', '..');
const CHUNK = 1000;

/** A database that was filled before (`--keep`) is left as it is. */
export async function fill(url: string, size: number, say: (line: string) => void): Promise<void> {
  const pool = openPool({
    url,
    size: 4,
    definitions: readDefinitions().search,
    statementTimeoutMs: 600_000,
    onError: (error) => say(error.message),
  });
  await migrate(pool, join(root, 'migrations'), () => undefined);
  const { rows } = await pool.query<{ filled: boolean }>(sql`select to_regclass('bare_index') is not null as filled`);
  if (rows[0]?.filled) return pool.close();
  await openParameters(pool);
  const begun = performance.now();
  for (let first = 0; first < size; first += CHUNK) {
    const numbers = Array.from({ length: Math.min(CHUNK, size - first) }, (_, at) => first + at);
    const resources = numbers.flatMap((index) => [patientOf(index), { ...taskOf(index, size), id: idOf('t', index) }]);
    await inTransaction(pool, (tx) => saveResources(tx, { organisation: ORGANISATION, resources, source: 'client' }));
    if (first % 20_000 === 0)
      say(`  ${first} of ${size} patients and Tasks (${Math.round((performance.now() - begun) / 1000)} s)`);
  }
  await bare(pool);
  await pool.query(sql`vacuum analyze`);
  await pool.query(sql`checkpoint`);
  await pool.close();
}

async function bare(pool: Pool): Promise<void> {
  for (const statement of [
    sql`create table bare_patient as select id, content::json -> 'identifier' -> 0 ->> 'value' as nhs_number, content from resource where type = 'Patient'`,
    sql`create table bare_task as select id, version, content::json ->> 'status' as status, content::json -> 'owner' -> 'identifier' ->> 'value' as owner, last_updated, content from resource where type = 'Task'`,
    sql`alter table bare_patient add primary key (id)`,
    sql`alter table bare_task add primary key (id)`,
    sql`create index on bare_patient (nhs_number)`,
    sql`create index on bare_task (status, owner, id)`,
    sql`create index on bare_task (last_updated, id)`,
    sql`create table bare_history as select id, version, content from bare_task`,
    sql`alter table bare_history add primary key (id, version)`,
    sql`create table bare_index (kind int, value text, id text, primary key (kind, value, id))`,
    sql`create index on bare_index (id)`,
    sql`insert into bare_index select 0, status, id from bare_task union all select 4, owner, id from bare_task
      union all select 5, content::json -> 'for' ->> 'reference', id from bare_task union all select 6, content::json -> 'identifier' -> 0 ->> 'value', id from bare_task`,
  ])
    await pool.query(statement);
}
