/** Before the tests: one embedded PostgreSQL for all test files, with a migrated template to copy from. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '#sandbox/postgres.ts';
import { openPool } from '#store/database.ts';
import { migrate } from '#store/migrate.ts';

const root = join(import.meta.dirname, '..', '..');
const server = await startPostgres(join(root, '.holdfast', 'test'), () => undefined);
const admin = new pg.Client(server.url('postgres'));
await admin.connect();
const { rows } = await admin.query("select datname from pg_database where datname like 'holdfast_test%'");
for (const { datname } of rows) await admin.query(`drop database "${datname}" with (force)`);
await admin.query('create database holdfast_test_template');
await admin.end();
const pool = openPool({
  url: server.url('holdfast_test_template'),
  size: 2,
  definitions: new Map(),
  onError: () => undefined,
});
await migrate(pool, join(root, 'migrations'), () => undefined);
await pool.close();
mkdirSync(join(root, '.holdfast'), { recursive: true });
writeFileSync(join(root, '.holdfast', 'test-postgres.json'), JSON.stringify({ url: server.url('') }), { mode: 0o600 });
