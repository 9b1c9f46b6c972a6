/** The audit trail on a real PostgreSQL: nothing acknowledged is lost, nothing altered goes unseen, nobody reads another's. */
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import pg from 'pg';
import t from 'tap';
import type { AuditRow } from '#fhir/audit-row.ts';
import { uuidV7 } from '#main/audit.ts';
import { appendAudit, insertAudit } from '#store/audit.ts';
import { rowDigest } from '#store/audit-digest.ts';
import { sealAudit } from '#store/audit-seal.ts';
import { verifyAudit } from '#store/audit-verify.ts';
import { createAuditWriter } from '#store/audit-writer.ts';
import { inTransaction, openPool, type Pool } from '#store/database.ts';
import { type Sql, sql } from '#store/sql.ts';
import { freshDatabase, freshPool } from '../support/database.ts';

const START = Date.parse('2026-11-20T09:00:00.000Z');
let made = 0;

/** A read of p1's Task by one coordinator of A81001, a millisecond after the one before. */
function aRow(over: Partial<AuditRow> = {}): AuditRow {
  made += 1;
  return {
    id: uuidV7(START + made),
    recorded: new Date(START + made).toISOString(),
    interaction: 'read',
    type: 'Task',
    resourceId: 't1',
    patients: ['p1'],
    organisations: ['A81001'],
    client: 'caseload-app',
    subject: 'staff-7',
    role: 'coordinator',
    name: 'Zoë Okafor',
    address: '192.0.2.7',
    outcome: '0',
    requestId: '0f8fad5b-d9cb-469f-a165-70867728950e',
    source: 'api',
    ...over,
  };
}

const rowsOf = (length: number) => Array.from({ length }, () => aRow());
const kinds = async (pool: Pool) => (await verifyAudit(pool)).breaches.map(({ kind, seal }) => [kind, seal]);

/** What a database administrator could do: the triggers are off while it is done. */
async function tamper(pool: Pool, ...statements: Sql[]): Promise<void> {
  await inTransaction(pool, async (tx) => {
    await tx.query(sql`set local session_replication_role = replica`);
    for (const statement of statements) await tx.query(statement);
  });
}

/** Three seals of three rows each, made one after the other. */
async function sealedTrail(pool: Pool): Promise<AuditRow[]> {
  const all: AuditRow[] = [];
  for (let seal = 0; seal < 3; seal += 1) {
    const rows = rowsOf(3);
    await insertAudit(pool, rows);
    await sealAudit(pool);
    all.push(...rows);
  }
  return all;
}

t.test('what is appended reads back as itself, whatever callers put into it, and verifies', async (t) => {
  const pool = await freshPool(t);
  const odd = [
    aRow({ resourceId: 'a\0b\x1fc', query: 'name=O%27Neil&x="\\{},NULL' }),
    aRow({ patients: ['NULL', 'p,2', 'p"3', 'p\\4'], organisations: [] }),
    aRow({ query: `lone \ud800 ${'x'.repeat(50_000)}` }),
    aRow({
      query: '',
      name: undefined,
      subject: undefined,
      role: undefined,
      resourceId: undefined,
      requestId: undefined,
    }),
  ];
  await insertAudit(pool, odd);
  await inTransaction(pool, (tx) => appendAudit(tx, [aRow({ version: 3, found: 0, operation: 'Group/$release' })]));
  await inTransaction(pool, (tx) => appendAudit(tx, []));
  const { rows } = await pool.query<{ resource_id: string; patients: string[]; query: string; organisation: string }>(
    sql`select resource_id, patients, query, organisation from audit_event order by id`,
  );
  t.equal(rows[0]?.resource_id, 'a\ufffdb\ufffdc', 'control characters are replaced');
  t.equal(rows[0]?.query, odd[0]?.query);
  t.same(rows[1]?.patients, ['NULL', 'p"3', 'p,2', 'p\\4']);
  t.match(rows[2]?.query, /^lone \ufffd x+… \(50007 characters\)$/);
  t.same(
    rows.map(({ organisation }) => organisation),
    ['A81001', '', 'A81001', 'A81001', 'A81001'],
  );
  t.match(await verifyAudit(pool), { breaches: [], rows: 0, unsealed: 5 });
  t.equal(await sealAudit(pool), 5);
  t.equal(await sealAudit(pool), 0, 'nothing is sealed twice');
  t.match(await verifyAudit(pool), { breaches: [], seals: 1, rows: 5, unsealed: 0, last: { number: 1 } });
});

t.test('a change that is rolled back leaves no event', async (t) => {
  const pool = await freshPool(t);
  const failing = inTransaction(pool, async (tx) => {
    await appendAudit(tx, [aRow()]);
    throw new Error('the change failed');
  });
  await t.rejects(failing, /the change failed/);
  t.match(await verifyAudit(pool), { breaches: [], rows: 0, unsealed: 0 });
});

t.test('every way of tampering is found, and its place named', async (t) => {
  const pool = await freshPool(t);
  const trail = await sealedTrail(pool);
  // The middle one of the second seal, and one of the same millisecond beside it.
  const altered = trail[4]?.id ?? '';
  const added = uuidV7(Date.parse(trail[4]?.recorded ?? ''));
  await pool.query(sql`create table backup_event as select * from audit_event`);
  await pool.query(sql`create table backup_seal as select * from audit_seal`);
  const withoutId = sql`recorded, interaction, operation, type, resource_id, version, patients, organisations, client, subject, role, name, address, outcome, found, query, request_id, source, digest, written`;
  const columns = sql`id, ${withoutId}`;
  const restore = () =>
    tamper(
      pool,
      sql`delete from audit_event`,
      sql`insert into audit_event (${columns}) select ${columns} from backup_event`,
      sql`delete from audit_seal`,
      sql`insert into audit_seal select * from backup_seal`,
    );
  const copied = sql`insert into audit_event (${columns})
    select ${added}::uuid, ${withoutId} from backup_event where id = ${altered}::uuid`;
  const digestAnew = (id: string) => sql`update audit_event r set digest = ${rowDigest} where r.id = ${id}::uuid`;
  const anyColumn = [
    sql`recorded = recorded + interval '1 microsecond'`,
    sql`interaction = 'search'`,
    sql`operation = ''`,
    sql`type = 'Flag'`,
    sql`resource_id = null`,
    sql`version = 1`,
    sql`patients = '{}'`,
    sql`patients = '{p1,p2}'`,
    sql`patients = '{p1,NULL}'`,
    sql`organisations = '{B82002}'`,
    sql`client = 'other-app'`,
    sql`subject = 'staff-8'`,
    sql`role = name, name = role`,
    sql`address = null`,
    sql`outcome = 4`,
    sql`found = 0`,
    sql`query = ''`,
    sql`request_id = null`,
    sql`source = 'outreach'`,
    sql`digest = sha256('')`,
  ];
  for (const change of anyColumn) {
    await tamper(pool, sql`update audit_event set ${change} where id = ${altered}::uuid`);
    const verdict = await verifyAudit(pool);
    t.match(verdict.breaches, [{ kind: 'row-altered', seal: 2, rows: [altered] }], change.text);
    t.equal(verdict.breaches.length, 1);
    await restore();
  }
  const cases: [string, Sql[], [string, number][]][] = [
    ['a row removed', [sql`delete from audit_event where id = ${altered}::uuid`], [['rows-missing', 2]]],
    ['a row added among sealed ones', [copied, digestAnew(added)], [['rows-added', 2]]],
    ['a row added with the digest of another', [copied], [['row-altered', 2]]],
    [
      'a row altered with its digest made anew',
      [sql`update audit_event set type = 'Flag' where id = ${altered}::uuid`, digestAnew(altered)],
      [['rows-replaced', 2]],
    ],
    [
      'a row moved to another transaction, in the same order',
      [
        sql`update audit_event set written = (select max(written::text::bigint) + 1 from backup_event)::text::xid8 where id = ${trail[8]?.id}::uuid`,
        sql`update audit_seal set upto_written = (select max(written::text::bigint) + 1 from backup_event)::text::xid8 where number = 3`,
      ],
      [
        ['seal-altered', 3],
        ['rows-replaced', 3],
      ],
    ],
    [
      'a seal altered',
      [sql`update audit_seal set sealed_at = sealed_at - interval '1 day' where number = 2`],
      [['seal-altered', 2]],
    ],
    [
      'a seal whose hash was altered',
      [sql`update audit_seal set hash = sha256('') where number = 1`],
      [
        ['seal-altered', 1],
        ['seal-altered', 2],
      ],
    ],
    ['a seal removed', [sql`delete from audit_seal where number = 2`], [['seal-missing', 3]]],
    ['the first seal removed', [sql`delete from audit_seal where number = 1`], [['seal-missing', 2]]],
  ];
  for (const [name, statements, expected] of cases) {
    await tamper(pool, ...statements);
    t.same(await kinds(pool), expected, name);
    await restore();
  }
  t.match(await verifyAudit(pool), { breaches: [], seals: 3, rows: 9, unsealed: 0 }, 'restored, all is well');
});

t.test('a chain cut off or made anew fits itself; the anchor noted outside does not fit it', async (t) => {
  const pool = await freshPool(t);
  await sealedTrail(pool);
  const { last } = await verifyAudit(pool);
  if (!last) throw new Error('no seal was made');
  t.match(await verifyAudit(pool, { anchor: last }), { breaches: [] });
  await insertAudit(pool, rowsOf(2));
  await sealAudit(pool);
  t.match(await verifyAudit(pool, { anchor: last }), { breaches: [], seals: 4 }, 'an older anchor holds');
  await tamper(pool, sql`delete from audit_seal where number >= 3`);
  const cutOff = await verifyAudit(pool, { anchor: last });
  t.match(cutOff.breaches, [{ kind: 'anchor-differs', seal: 3 }]);
  await tamper(
    pool,
    sql`delete from audit_event where id = (select id from audit_event order by written desc limit 1)`,
  );
  await sealAudit(pool);
  t.match(await verifyAudit(pool), { breaches: [], seals: 3 }, 'made anew, it fits itself');
  t.match((await verifyAudit(pool, { anchor: last })).breaches, [{ kind: 'anchor-differs', seal: 3 }]);
});

t.test('rows given up after their time leave a chain that still verifies', async (t) => {
  const pool = await freshPool(t);
  const trail = await sealedTrail(pool);
  await tamper(pool, sql`delete from audit_event where id = any(${trail.slice(0, 3).map(({ id }) => id)}::uuid[])`);
  t.same(await kinds(pool), [['rows-missing', 1]]);
  t.match(await verifyAudit(pool, { rowsFrom: 2 }), { breaches: [], seals: 3, rows: 6 });
  await tamper(pool, sql`update audit_seal set row_count = 2 where number = 1`);
  t.match((await verifyAudit(pool, { rowsFrom: 2 })).breaches, [{ kind: 'seal-altered', seal: 1 }]);
});

t.test('a database that counts its transactions anew is not sealed over', async (t) => {
  const pool = await freshPool(t);
  await sealedTrail(pool);
  await tamper(pool, sql`update audit_seal set upto_written = '9000000000' where number = 3`);
  await t.rejects(sealAudit(pool), { code: 'audit-behind-last-seal' });
});

t.test('any interleaving of writers, roll-backs and sealers verifies, and seals every row once', async (t) => {
  const pool = await freshPool(t);
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('write' as const),
        rows: fc.integer({ min: 1, max: 4 }),
        pauses: fc.integer({ min: 0, max: 6 }),
        fails: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('seal' as const), size: fc.integer({ min: 1, max: 5 }) }) },
  );
  let expected = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
      await Promise.all(
        steps.map(async (one) => {
          if (one.kind === 'seal') return sealAudit(pool, one.size);
          const writing = inTransaction(pool, async (tx) => {
            await appendAudit(tx, rowsOf(one.rows));
            await pause(one.pauses);
            await appendAudit(tx, rowsOf(1));
            if (one.fails) throw new Error('rolled back');
          });
          await writing.then(
            () => {
              expected += one.rows + 1;
            },
            () => undefined,
          );
          return undefined;
        }),
      );
      const { breaches, rows, unsealed } = await verifyAudit(pool);
      t.same({ breaches, kept: rows + unsealed }, { breaches: [], kept: expected });
    }),
    { numRuns: 40, seed: 20_261_120 },
  );
  await sealAudit(pool);
  t.match(await verifyAudit(pool), { breaches: [], rows: expected, unsealed: 0 });
  t.ok(expected > 100, `${expected} rows`);
});

t.test('reads are committed in groups', async (t) => {
  const pool = await freshPool(t);

  await t.test('each resolves when its row is there for others to see, and few commits serve many', async (t) => {
    const writer = createAuditWriter(pool);
    const seen = await Promise.all(
      rowsOf(200).map(async (row) => {
        const kept = await writer.append(row);
        const { rowCount } = await pool.query(sql`select 1 from audit_event where id = ${row.id}::uuid`);
        return kept.ok && rowCount === 1;
      }),
    );
    t.equal(seen.filter((isSeen) => isSeen).length, 200);
    const { rows } = await pool.query(sql`select distinct written from audit_event`);
    t.ok(rows.length <= 3, `${rows.length} commits for 200 rows`);
    await writer.close();
  });

  await t.test('too many at once are refused, and close settles those that wait and takes no more', async (t) => {
    const writer = createAuditWriter(pool, { maxWaiting: 3, maxGroup: 2 });
    const answers = Promise.all(rowsOf(5).map((row) => writer.append(row)));
    const closing = writer.close();
    const kept = (await answers).map((answer) => (answer.ok ? 'kept' : answer.failure.kind));
    t.same(kept, ['kept', 'kept', 'kept', 'busy', 'busy']);
    await closing;
    t.match(await writer.append(aRow()), { ok: false, failure: { kind: 'unavailable' } });
  });
  t.match(await verifyAudit(pool), { breaches: [], unsealed: 203 });
});

t.test('with connections killed all the while, callers hear of it and nothing acknowledged is lost', async (t) => {
  const url = await freshDatabase(t);
  const pool = openPool({ url, size: 4, definitions: new Map(), onError: () => undefined });
  t.teardown(() => pool.close());
  const killer = new pg.Client(url);
  await killer.connect();
  t.teardown(() => killer.end());
  const writer = createAuditWriter(pool, { maxGroup: 8 });
  const acknowledged: string[] = [];
  let rejected = 0;
  let isOver = false;
  const callers = Array.from({ length: 16 }, async () => {
    while (!isOver) {
      const row = aRow();
      await writer.append(row).then(
        () => acknowledged.push(row.id),
        () => {
          rejected += 1;
        },
      );
    }
  });
  // A lock makes sure that an insert is in flight when its connection dies.
  for (let round = 0; round < 8; round += 1) {
    const before = acknowledged.length;
    while (acknowledged.length < before + 20) await pause(1);
    await killer.query('begin; lock table audit_event in exclusive mode');
    const known = rejected;
    while (rejected === known) {
      await killer.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and wait_event_type = 'Lock'`,
      );
      await pause(1);
    }
    await killer.query('commit');
  }
  isOver = true;
  await Promise.all(callers);
  await writer.close();
  const { rows } = await pool.query<{ missing: number }>(
    sql`select count(*) as missing from unnest(${acknowledged}::uuid[]) as a(id) where not exists (select from audit_event e where e.id = a.id)`,
  );
  t.equal(rows[0]?.missing, 0);
  t.ok(rejected >= 8, `${acknowledged.length} acknowledged, ${rejected} rejected`);
  await sealAudit(pool);
  t.match(await verifyAudit(pool), { breaches: [], unsealed: 0 });
});
