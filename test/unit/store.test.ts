/** The store on a real PostgreSQL: what is written once, found again, kept apart, and never half done. */
import t from 'tap';
import { compileSearch } from '#fhir/search-definition.ts';
import { parseSearch } from '#fhir/search-request.ts';
import type { CapabilityStatement, Observation, Patient, Resource, Task } from '#fhir/types.ts';
import type { Access } from '#store/access.ts';
import { inTransaction, lockPatients, type Pool } from '#store/database.ts';
import { countLeaving, keepLast, landStage, type Staged } from '#store/feed-apply.ts';
import { openStage } from '#store/feed-stage.ts';
import { type FeedRow, rowsOfPatients } from '#store/feeds.ts';
import { patientRecords } from '#store/findings.ts';
import { readHistory } from '#store/history.ts';
import { keepInbound } from '#store/inbound.ts';
import { saveRecordStates } from '#store/record-state.ts';
import { deleteResources, readResource, saveResources } from '#store/resources.ts';
import { searchResources } from '#store/search.ts';
import { sql } from '#store/sql.ts';
import { setTimers, takeDueTimers } from '#store/timers.ts';
import { freshPool } from '../support/database.ts';

const searchable = (type: string, names: string[]) => ({
  type,
  searchParam: names.map((name) => ({ name, type: 'token' })),
});
const definitions = compileSearch({
  rest: [
    {
      mode: 'server',
      resource: [
        searchable('Patient', ['identifier', 'family', 'birthdate', 'deceased']),
        searchable('Observation', ['patient', 'code', 'date']),
        searchable('Task', ['patient', 'status', 'business-status', 'authored-on', 'focus', 'owner']),
      ],
    },
  ],
} as unknown as CapabilityStatement);
const now = '2026-04-01T08:00:00.000Z';
const A = { organisations: ['A81001'] };
const B = { organisations: ['B82002'] };

const aPatient = (id: string, family = 'Okafor'): Patient => ({
  resourceType: 'Patient',
  id,
  identifier: [{ system: 'https://fhir.nhs.uk/Id/nhs-number', value: '9990000018' }],
  name: [{ family, given: ['Zoë'] }],
  birthDate: '1961-02-03',
});
const aTask = (id: string, patient: string, status: Task['status'] = 'requested', authoredOn = now): Task => ({
  resourceType: 'Task',
  id,
  status,
  intent: 'order',
  for: { reference: `Patient/${patient}` },
  authoredOn,
});
const aReading = (id: string, patient: string, date: string, value: number): Observation => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  subject: { reference: `Patient/${patient}` },
  effectiveDateTime: date,
  code: { coding: [{ system: 'http://snomed.info/sct', code: '75367002' }] },
  component: [
    {
      code: { coding: [{ system: 'http://snomed.info/sct', code: '271649006' }] },
      valueQuantity: { value, unit: 'mmHg' },
    },
  ],
});

const save = (pool: Pool, organisation: string, resources: Resource[]) =>
  inTransaction(pool, (tx) => saveResources(tx, { organisation, resources, source: 'emis' }));

async function find(pool: Pool, access: { organisations: string[] }, type: string, query: Record<string, string>) {
  const request = parseSearch(type, Object.entries(query), { definitions, lenient: false });
  if (!request.ok) throw new Error(request.failure.message);
  const found = await searchResources(pool, access, request.value);
  if (!found.ok) throw new Error(found.failure.message);
  return found.value;
}
const historyOf = async (pool: Pool, access: Access, type: string, id: string) =>
  (await readHistory(pool, access, { type, id, count: 100 })).entries;
/** In the order of ids: without `_sort` a search promises none. */
const idsOf = (page: { entries: readonly { id: string }[] }) => page.entries.map((entry) => entry.id).toSorted();

t.test('resources', async (t) => {
  const pool = await freshPool(t, definitions);
  const first = await save(pool, 'A81001', [aPatient('p1'), aTask('t1', 'p1')]);
  t.same(
    first.map((one) => [one.id, one.version]),
    [
      ['p1', 1],
      ['t1', 1],
    ],
  );

  t.test('the same content again writes nothing; other content makes a version', async (t) => {
    t.same(await save(pool, 'A81001', [aPatient('p1')]), []);
    const second = await save(pool, 'A81001', [aPatient('p1', 'Adeyemi')]);
    t.equal(second[0]?.version, 2);
    const history = await historyOf(pool, A, 'Patient', 'p1');
    t.same(
      history.map((one) => one.version),
      [2, 1],
    );
    t.match(JSON.parse(history[1]?.content ?? ''), {
      meta: { versionId: '1', lastUpdated: first[0]?.lastUpdated },
      name: [{ family: 'Okafor' }],
    });
  });

  t.test('what is served is exactly what was stored', async (t) => {
    const stored = await readResource(pool, A, 'Task', 't1');
    t.equal(stored?.content, first[1]?.content);
    t.equal(stored?.lastUpdated, first[1]?.lastUpdated);
  });

  t.test('another practice neither reads, finds, counts nor sees history', async (t) => {
    t.equal(await readResource(pool, B, 'Patient', 'p1'), undefined);
    t.same(await historyOf(pool, B, 'Patient', 'p1'), []);
    t.same((await find(pool, B, 'Patient', { _total: 'accurate' })).total, 0);
    t.same(idsOf(await find(pool, B, 'Patient', { family: 'adeyemi' })), []);
  });

  t.test('a chain does not reach into another practice', async (t) => {
    await save(pool, 'B82002', [aTask('t9', 'p1')]);
    t.same(idsOf(await find(pool, B, 'Task', { 'patient.family': 'adeyemi' })), []);
    t.same(idsOf(await find(pool, A, 'Task', { 'patient.family': 'adeyemi' })), ['t1']);
  });

  t.test('a deleted resource is found no more and keeps its versions', async (t) => {
    await save(pool, 'A81001', [aTask('t2', 'p1')]);
    await inTransaction(pool, (tx) => deleteResources(tx, 'A81001', [{ type: 'Task', id: 't2' }]));
    t.same(idsOf(await find(pool, A, 'Task', { patient: 'p1' })), ['t1']);
    t.match(await readResource(pool, A, 'Task', 't2'), { deleted: true, version: 2 });
    const back = await save(pool, 'A81001', [aTask('t2', 'p1')]);
    t.equal(back[0]?.version, 3, 'the same content brings it back');
  });
});

t.test('search', async (t) => {
  const pool = await freshPool(t, definitions);
  await save(pool, 'A81001', [aPatient('p1'), aPatient('p2', 'Nowak')]);
  await save(pool, 'A81001', [
    {
      ...aTask('t1', 'p1', 'requested', '2026-03-01T09:00:00Z'),
      businessStatus: { coding: [{ system: 'urn:x', code: 'sent' }] },
    },
    { ...aTask('t2', 'p2', 'in-progress', '2026-03-02'), owner: { reference: 'Organization/A81001' } },
    aTask('t3', 'p2', 'completed', '2026-03-03T23:30:00+00:00'),
  ]);
  const cases: [Record<string, string>, string[]][] = [
    [{ status: 'requested,completed' }, ['t1', 't3']],
    [{ 'status:not': 'completed' }, ['t1', 't2']],
    [{ 'business-status': 'urn:x|sent' }, ['t1']],
    [{ 'business-status': 'urn:y|' }, []],
    [{ patient: 'Patient/p2' }, ['t2', 't3']],
    [{ 'authored-on': 'ge2026-03-02' }, ['t2', 't3']],
    [{ 'authored-on': 'gt2026-03-02' }, ['t3']],
    [{ 'authored-on': 'lt2026-03-02' }, ['t1']],
    [{ 'authored-on': '2026-03' }, ['t1', 't2', 't3']],
    [{ 'owner:missing': 'true' }, ['t1', 't3']],
    [{ 'patient.family': 'NOW' }, ['t2', 't3']],
    [{ 'patient:Patient.birthdate': '1961-02-03', status: 'requested' }, ['t1']],
    [{ _id: 't3,t1' }, ['t1', 't3']],
  ];
  for (const [query, expected] of cases)
    t.same(idsOf(await find(pool, A, 'Task', query)), expected, JSON.stringify(query));

  t.test('pages by keyset: complete, no repeats, no next on the last', async (t) => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await find(pool, A, 'Task', {
        _count: '1',
        _sort: '-_lastUpdated',
        ...(cursor ? { _cursor: cursor } : {}),
      });
      seen.push(...idsOf(page));
      cursor = page.next;
    } while (cursor);
    t.same(seen.toSorted(), ['t1', 't2', 't3']);
  });

  t.test('what is not understood is refused and names the parameter, not the value', async (t) => {
    for (const query of [
      { statuss: 'x' },
      { 'status:near': 'secret' },
      { 'authored-on': 'secret' },
      { _sort: 'secret' },
      { _count: '-1' },
    ]) {
      const parsed = parseSearch('Task', Object.entries(query), { definitions, lenient: false });
      t.notOk(parsed.ok, JSON.stringify(query));
      t.notMatch(JSON.stringify(parsed), /secret/);
    }
    const lenient = parseSearch(
      'Task',
      [
        ['statuss', 'x'],
        ['status', 'requested'],
      ],
      { definitions, lenient: true },
    );
    t.match(lenient, { ok: true, value: { ignored: [{ expression: 'statuss' }] } });
  });
});

t.test('facts and record state', async (t) => {
  const pool = await freshPool(t, definitions);
  const set = 'https://holdfast.example/fhir/ValueSet/systolic';
  await pool.query(sql`insert into value_set_member values (${set}, '271649006')`);
  await save(pool, 'A81001', [
    aPatient('p1'),
    aReading('o1', 'p1', '2026-01-02', 141),
    aReading('o2', 'p1', '2025-05', 150),
  ]);
  await inTransaction(pool, (tx) =>
    saveRecordStates(tx, 'A81001', [
      { patient: 'p1', feed: 'emis', asOf: now, incomplete: ['data-in-transit'], digest: 'x' },
    ]),
  );
  const [record] = await patientRecords(pool, 'A81001', ['p1'], { valueSets: [set], today: '2026-04-01' });
  t.match(record?.latest.get(set), { date: '2026-01-02', value: 141, unit: 'mmHg', reference: 'Observation/o1' });
  t.match(record, { incomplete: ['data-in-transit'], asOf: now });
  await save(pool, 'A81001', [{ ...aReading('o1', 'p1', '2026-01-02', 141), status: 'entered-in-error' }]);
  const [after] = await patientRecords(pool, 'A81001', ['p1'], { valueSets: [set], today: '2026-04-01' });
  t.match(
    after?.latest.get(set),
    { date: '2025-05-01', reference: 'Observation/o2' },
    'a reading taken back is no fact',
  );
});

t.test('timers fire once, in order, with the transaction that takes them', async (t) => {
  const pool = await freshPool(t);
  const timer = (key: string, dueAt: string) => ({
    organisation: 'A81001',
    queue: 'reach',
    key,
    dueAt,
    payload: { key },
  });
  await inTransaction(pool, (tx) =>
    setTimers(tx, [
      timer('b', '2026-04-01T07:00:00.000Z'),
      timer('a', '2026-04-01T06:00:00.000Z'),
      timer('c', '2026-04-02T06:00:00.000Z'),
    ]),
  );
  await inTransaction(pool, (tx) => setTimers(tx, [timer('c', '2026-04-03T06:00:00.000Z')]));
  await t.rejects(
    inTransaction(pool, async (tx) => {
      await takeDueTimers(tx, now, 10);
      throw new Error('crash before commit');
    }),
  );
  t.same(
    (await inTransaction(pool, (tx) => takeDueTimers(tx, now, 10))).map((one) => one.key),
    ['a', 'b'],
  );
  t.same(await inTransaction(pool, (tx) => takeDueTimers(tx, now, 10)), []);
});

const row = (key: string, order: number, cells: Record<string, string>, patientKey: string | undefined = 'P') => ({
  organisation: 'A81001',
  table: 'SRCode',
  key,
  patientKey,
  order,
  deleted: false,
  file: 'SRCode.csv',
  line: 2,
  cells,
});

/** Lands rows as a batch does; answers with the patients touched. */
async function landing(pool: Pool, batch: string, rows: readonly FeedRow[], whole: readonly string[] = []) {
  const stage = await openStage(pool, { feed: 'tpp', organisation: 'A81001' });
  if (!stage) throw new Error('the stage is not free');
  for (const one of rows) await stage.add(one);
  await stage.finish();
  const staged: Staged = {
    organisation: 'A81001',
    feed: 'tpp',
    batch,
    table: stage.table,
    patients: 'SRPatient',
    whole,
    lookups: ['SRMapping'],
  };
  const touched = await inTransaction(pool, async (tx) => {
    await keepLast(tx, stage.table);
    const { patients, rows: others } = await countLeaving(tx, staged);
    return { patients: await landStage(tx, staged), leaving: [patients, others] };
  });
  await stage.drop();
  return touched;
}

t.test('feed rows: of one key the last wins, a removal finds its patient, the same again touches nobody', async (t) => {
  const pool = await freshPool(t);
  const land = async (batch: string, rows: FeedRow[]) => (await landing(pool, batch, rows)).patients;
  const odd = { v: 'tab\t back\\slash\nline "quote" \u00e9' };
  t.same(await land('1', [row('1', 5, { v: 'new' }), row('1', 4, { v: 'old' }), row('2', 6, odd, 'Q')]), ['P', 'Q']);
  t.same(await land('1', [row('1', 5, { v: 'new' })]), [], 'the same again touches nobody');
  t.same(await land('2', [{ ...row('2', 1, {}), patientKey: undefined as string | undefined, deleted: true }]), ['Q']);
  const rows = await rowsOfPatients(pool, 'A81001', 'tpp', ['P', 'Q']);
  t.match(rows.get('P'), [{ cells: { v: 'new' } }]);
  t.match(rows.get('Q')?.[0], { deleted: true, cells: odd });
  t.same(await land('3', [row('1', 1, { v: 'new' }, 'R')]), ['P', 'R'], 'a row that changes hands touches both');
});

t.test('feed rows: what a whole table no longer has is gone, and a deleted patient takes the rest along', async (t) => {
  const pool = await freshPool(t);
  const patient = (key: string) => ({ ...row(key, 1, { n: key }, key), table: 'SRPatient' });
  await landing(pool, '1', [patient('P'), patient('Q'), row('1', 2, { v: 'x' }), row('2', 3, { v: 'y' }, 'Q')]);
  const empty = await landing(pool, '2', [patient('P'), patient('Q')], ['SRCode']);
  t.same(empty, { patients: [], leaving: [0, 0] }, 'a table without a single row says nothing');
  const without = await landing(pool, '3', [row('2', 3, { v: 'y' }, 'Q')], ['SRCode']);
  t.same(without, { patients: ['P'], leaving: [0, 1] });
  const removed = await landing(pool, '4', [{ ...patient('Q'), deleted: true }]);
  t.same(removed, { patients: ['Q'], leaving: [1, 0] });
  const { rows } = await pool.query(sql`select key, deleted, cells from feed_row order by key`);
  t.same(rows, [
    { key: '1', deleted: true, cells: { v: 'x' } },
    { key: '2', deleted: true, cells: {} },
    { key: 'P', deleted: false, cells: { n: 'P' } },
    { key: 'Q', deleted: true, cells: {} },
  ]);
  t.same(await tables(pool), [], 'no stage is left');
  const mine = await openStage(pool, { feed: 'tpp', organisation: 'A81001' });
  t.equal(await openStage(pool, { feed: 'tpp', organisation: 'A81001' }), undefined, 'one at a time for a feed');
  await mine?.add(row('1', 1, {}));
  await mine?.drop();
  const again = await openStage(pool, { feed: 'tpp', organisation: 'A81001' });
  t.equal(await again?.finish(), 0, 'what was given up is not there');
  await again?.drop();
});

const tables = async (pool: Pool) =>
  (await pool.query(sql`select relname from pg_class where relname like 'feed_stage_%'`)).rows;

t.test('two events about one patient wait for each other; the same inbound key is kept once', async (t) => {
  const pool = await freshPool(t);
  const order: string[] = [];
  const locked = Promise.withResolvers<void>();
  const first = inTransaction(pool, async (tx) => {
    await lockPatients(tx, 'A81001', ['p1', 'p2']);
    locked.resolve();
    await new Promise((settle) => setTimeout(settle, 150));
    order.push('first');
  });
  await locked.promise;
  await inTransaction(pool, async (tx) => {
    await lockPatients(tx, 'A81001', ['p2', 'p1']);
    order.push('second');
  });
  await first;
  t.same(order, ['first', 'second']);
  const message = { system: 'notify', key: 'k', raw: Buffer.from('{}'), now };
  t.equal(await inTransaction(pool, (tx) => keepInbound(tx, message)), true);
  t.equal(await inTransaction(pool, (tx) => keepInbound(tx, message)), false);
});

t.test('a connection that is cut off as it is handed out ends its statement, not the process', async (t) => {
  const pool = await freshPool(t, definitions);
  // Before whoever waits for the connection goes on.
  const cutOff = new Promise<number>((resolve) =>
    pool.inner.once('acquire', (client) =>
      process.nextTick(() => {
        const heard = client.listenerCount('error');
        client.emit('error', new Error('terminating connection due to administrator command'));
        resolve(heard);
      }),
    ),
  );
  const { rows } = await inTransaction(pool, (tx) => tx.query<{ n: number }>(sql`select 1 as n`));
  t.same(rows, [{ n: 1 }]);
  t.equal(await cutOff, 1, 'only what always listens did');
});
