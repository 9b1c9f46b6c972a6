/** The schema: numbered files, applied once by whoever comes first; and the one table that nobody may change. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createDatabase } from '#store/create-database.ts';
import { openPool } from '#store/database.ts';
import { migrate } from '#store/migrate.ts';
import { sql } from '#store/sql.ts';
import { freshDatabase, freshPool } from '../support/database.ts';

const folder = join(import.meta.dirname, '..', '..', 'migrations');
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.sql'))
  .map((file) => file.replace('.sql', ''))
  .sort();

t.test('files are numbered one after the other and only go forward', async (t) => {
  names.forEach((name, index) => {
    t.match(name, new RegExp(`^${String(index + 1).padStart(4, '0')}_[a-z_]+$`));
  });
});

t.test('an empty database is brought up once, also by two processes at once, and then left alone', async (t) => {
  const url = await freshDatabase(t);
  const empty = `${new URL(url).pathname.slice(1)}_empty`;
  const address = await createDatabase((name) => url.replace(/[^/]+$/, name), empty);
  t.equal(await createDatabase((name) => url.replace(/[^/]+$/, name), empty), address, 'made once');
  const pools = [1, 2].map(() => openPool({ url: address, size: 2, definitions: new Map(), onError: () => undefined }));
  t.teardown(async () => {
    await Promise.all(pools.map((pool) => pool.close()));
    const admin = openPool({ url, size: 1, definitions: new Map(), onError: () => undefined });
    await admin.inner.query(`drop database "${empty}" with (force)`);
    await admin.close();
  });
  const applied = await Promise.all(pools.map((pool) => migrate(pool, folder, () => undefined)));
  t.same(applied.flat().sort(), names, 'each by one of the two');
  const [pool] = pools;
  if (pool) t.same(await migrate(pool, folder, () => t.fail('nothing is left to apply')), []);
});

t.test('an audit event is appended, and neither changed nor removed', async (t) => {
  const pool = await freshPool(t);
  await pool.query(
    sql`insert into audit_event (id, recorded, interaction, type, patients, organisations, client, outcome, source, digest)
      values (gen_random_uuid(), now(), 'read', 'Task', '{p1}', '{A81001}', 'c', 0, 'api', '')`,
  );
  await pool.query(
    sql`insert into audit_seal (number, upto_written, upto_id, row_count, content, hash, sealed_at)
      values (1, '1', gen_random_uuid(), 1, '', '', now())`,
  );
  for (const [table, change] of [
    [sql`audit_event`, sql`type = 'Flag'`],
    [sql`audit_seal`, sql`row_count = 2`],
  ] as const) {
    const refused = { message: /is append only/ };
    await t.rejects(pool.query(sql`update ${table} set ${change}`), refused);
    await t.rejects(pool.query(sql`delete from ${table}`), refused);
    await t.rejects(pool.query(sql`truncate ${table}`), refused);
  }
  const { rows } = await pool.query(sql`select type, patients, organisation from audit_event`);
  t.same(rows, [{ type: 'Task', patients: ['p1'], organisation: 'A81001' }]);
});
