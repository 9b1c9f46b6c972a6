/** A database of its own for a test file: a copy of the migrated template, dropped when the file ends. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { SearchDefinitions } from '#fhir/search-definition.ts';
import { openPool, type Pool } from '#store/database.ts';

const note = join(import.meta.dirname, '..', '..', '.holdfast', 'test-postgres.json');

/** The address of a fresh copy of the template. Needs the server of `npm test` (or test/support/start-postgres.ts, run by hand). */
export async function freshDatabase(test: { teardown(end: () => unknown): unknown }): Promise<string> {
  if (!existsSync(note))
    throw new Error('No test PostgreSQL: run npm test, or node test/support/start-postgres.ts first');
  const { url } = JSON.parse(readFileSync(note, 'utf8')) as { url: string };
  const name = `holdfast_test_${process.pid}_${Math.random().toString(36).slice(2, 8)}`;
  await administer(url, `create database "${name}" template holdfast_test_template`);
  test.teardown(() => administer(url, `drop database "${name}" with (force)`));
  return `${url}${name}`;
}

export async function freshPool(
  test: { teardown(end: () => unknown): unknown },
  definitions: SearchDefinitions = new Map(),
): Promise<Pool> {
  const pool = openPool({ url: await freshDatabase(test), size: 6, definitions, onError: () => undefined });
  test.teardown(() => pool.close());
  return pool;
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client(`${url}postgres`);
  await client.connect();
  await client.query(statement);
  await client.end();
}
