/** The schema: numbered files, applied once by whoever comes first; and the one table that nobody may change. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { appendAudit } from '#store/audit.ts';
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
  const event = { resourceType: 'AuditEvent', recorded: '2026-11-22T09:00:00.000Z' } as const;
  await appendAudit(pool, event as never, { organisations: ['A81001'], patient: 'p1' });
  const refused = { message: /audit_event is append only/ };
  await t.rejects(pool.query(sql`update audit_event set content = '{}'`), refused);
  await t.rejects(pool.query(sql`delete from audit_event`), refused);
  await t.rejects(pool.query(sql`truncate audit_event`), refused);
  const { rows } = await pool.query(sql`select organisations, patient, content from audit_event`);
  t.same(rows, [{ organisations: ['A81001'], patient: 'p1', content: JSON.stringify(event) }]);
});
