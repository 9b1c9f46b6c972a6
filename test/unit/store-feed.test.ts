/** The order of changes: stamps that rise with their transactions, and a horizon below which nothing is missing. */
import fc from 'fast-check';
import t from 'tap';
import type { Task } from '#fhir/types.ts';
import { inTransaction, openPool, type Pool } from '#store/database.ts';
import { currentPosition, type FeedChange, type FeedPosition, readFeed } from '#store/feed.ts';
import { type HistoryPosition, type HistoryRequest, readHistory } from '#store/history.ts';
import { deleteResources, type StoredResource, saveResources } from '#store/resources.ts';
import { acceptRestored } from '#store/restored.ts';
import { sql } from '#store/sql.ts';
import { instantOfStamp, isReadOnly } from '#store/stamp.ts';
import { freshDatabase, freshPool } from '../support/database.ts';

const ours = { organisations: ['A81001'] };

const aTask = (id: string, status: Task['status'] = 'requested'): Task => ({
  resourceType: 'Task',
  id,
  status,
  intent: 'order',
  for: { reference: 'Patient/p1' },
});

const save = (pool: Pool, resources: Task[], organisation = 'A81001') =>
  inTransaction(pool, (tx) => saveResources(tx, { organisation, resources, source: 'holdfast' }));

/** A transaction that has saved and waits to be told to commit. */
async function opened(pool: Pool, resources: Task[]) {
  let commit = () => {};
  const held = new Promise<void>((done) => {
    commit = done;
  });
  let saved = () => {};
  const begun = new Promise<void>((done) => {
    saved = done;
  });
  const committed = inTransaction(pool, async (tx) => {
    await saveResources(tx, { organisation: 'A81001', resources, source: 'holdfast' });
    saved();
    await held;
  });
  await begun;
  return async () => {
    commit();
    await committed;
  };
}

const label = (one: Pick<StoredResource, 'id' | 'version'>) => `${one.id}/${one.version}`;

async function wholeFeed(pool: Pool, from?: FeedPosition, limit = 3): Promise<FeedChange[]> {
  const all: FeedChange[] = [];
  for (let after = from; ; ) {
    const { changes, position } = await readFeed(pool, { ...(after ? { after } : {}), limit });
    if (changes.length === 0) return all;
    all.push(...changes);
    after = position;
  }
}

async function wholeHistory(pool: Pool, request: Omit<HistoryRequest, 'count'>, count = 2): Promise<StoredResource[]> {
  const all: StoredResource[] = [];
  for (let after: HistoryPosition | undefined; ; ) {
    const page = await readHistory(pool, ours, { ...request, count, ...(after ? { after } : {}) });
    all.push(...page.entries);
    after = page.next;
    if (!after) return all;
  }
}

t.test('a change is not told while an earlier one may still come', async (t) => {
  const pool = await freshPool(t);
  await save(pool, [aTask('before')]);
  const from = await currentPosition(pool);
  const commit = await opened(pool, [aTask('slow')]);
  await save(pool, [aTask('quick')]);
  t.same(await wholeFeed(pool, from), [], 'the slow one holds the quick one back');
  t.same((await wholeHistory(pool, { type: 'Task' })).map(label), ['before/1'], 'in the history of the type too');
  t.same((await wholeHistory(pool, { type: 'Task', id: 'quick' })).map(label), ['quick/1'], 'not in its own history');
  await commit();
  t.same((await wholeFeed(pool, from)).map(label), ['slow/1', 'quick/1'], 'then both, in the order of their stamps');
});

t.test('a change that overtook another transaction sends that one back to begin again', async (t) => {
  const pool = await freshPool(t);
  await save(pool, [aTask('t1')]);
  let tries = 0;
  await inTransaction(pool, async (tx) => {
    tries += 1;
    await saveResources(tx, { organisation: 'A81001', resources: [aTask('other')], source: 'holdfast' });
    if (tries === 1) await save(pool, [aTask('t1', 'in-progress')]);
    await saveResources(tx, { organisation: 'A81001', resources: [aTask('t1', 'completed')], source: 'holdfast' });
  });
  t.equal(tries, 2);
  const times = (await wholeHistory(pool, { type: 'Task', id: 't1' })).map((one) => one.lastUpdated);
  t.same(times, times.toSorted().reverse(), 'versions and times rise together');
});

t.test('one transaction may change a resource again and again', async (t) => {
  const pool = await freshPool(t);
  await inTransaction(pool, async (tx) => {
    for (let turn = 0; turn < 120; turn += 1) {
      const status = turn % 2 === 0 ? 'requested' : 'in-progress';
      await saveResources(tx, { organisation: 'A81001', resources: [aTask('t1', status)], source: 'holdfast' });
    }
    await deleteResources(tx, 'A81001', [{ type: 'Task', id: 't1' }]);
  });
  t.same(
    (await wholeFeed(pool)).map((one) => one.version),
    Array.from({ length: 121 }, (_, index) => index + 1),
    'more changes than stamps: the last ones share one, and none is lost over the pages',
  );
});

t.test('a follower sees every change once, whatever runs beside it', async (t) => {
  const pool = openPool({ url: await freshDatabase(t), size: 14, definitions: new Map(), onError: () => undefined });
  t.teardown(() => pool.close());
  const seen: string[] = [];
  const updated: string[] = [];
  let writing = true;
  const follow = async () => {
    for (let after: FeedPosition | undefined; ; ) {
      const last = !writing;
      const { changes, position } = await readFeed(pool, { ...(after ? { after } : {}), types: ['Task'], limit: 7 });
      seen.push(...changes.map(label));
      after = position;
      if (last && changes.length === 0) return;
    }
  };
  /** As a client polls: the latest time it was told, nothing else. */
  const poll = async () => {
    for (let since = '2000-01-01T00:00:00Z'; ; ) {
      const last = !writing;
      const page = await wholeHistory(pool, { since }, 9);
      updated.push(...page.map(label));
      since = page[0]?.lastUpdated ?? since;
      if (last) return;
    }
  };
  const writer = async (name: string, size: number, turns: number) => {
    for (let turn = 0; turn < turns; turn += 1) {
      const tasks = Array.from({ length: size }, (_, index) =>
        aTask(`${name}-${index}`, turn % 2 ? 'requested' : 'ready'),
      );
      await save(pool, tasks);
      await save(pool, [aTask('contended', turn % 2 ? 'requested' : 'ready')]);
    }
  };
  const followers = Promise.all([follow(), poll()]);
  await Promise.all([
    ...Array.from({ length: 8 }, (_, index) => writer(`one${index}`, 1, 25)),
    writer('many0', 50, 8),
    writer('many1', 50, 8),
  ]);
  writing = false;
  await followers;
  const { rows } = await pool.query<{ id: string; version: number }>(sql`select id, version from resource_version`);
  const all = rows.map(label).sort();
  t.ok(all.length > 900, `${all.length} changes`);
  t.same(seen.toSorted(), all, 'by position: each once');
  t.same([...new Set(updated)].sort(), all, 'by time alone: none missing');
});

t.test('history', async (t) => {
  const pool = await freshPool(t);
  const kept: StoredResource[] = [];
  for (const status of ['requested', 'ready', 'in-progress', 'completed'] as const)
    kept.push(...(await save(pool, [aTask('t1', status)])));
  await save(pool, [aTask('t2')]);
  await save(pool, [aTask('t9')], 'B82002');
  await inTransaction(pool, (tx) => deleteResources(tx, 'A81001', [{ type: 'Task', id: 't2' }]));
  const [first, second, third] = kept.map((one) => one.lastUpdated);
  const all = ['t2/2', 't2/1', 't1/4', 't1/3', 't1/2', 't1/1'];

  t.same((await wholeHistory(pool, {})).map(label), all, 'the system, newest first, in pages, of ours alone');
  t.same((await wholeHistory(pool, { type: 'Task' })).map(label), all);
  t.same((await wholeHistory(pool, { type: 'Task', id: 't1' })).map(label), all.slice(2));
  t.same((await wholeHistory(pool, { since: third ?? '' })).map(label), all.slice(0, 4), 'at or after');
  t.same(
    (await wholeHistory(pool, { type: 'Task', id: 't1', at: { low: second ?? '', high: third ?? '' } })).map(label),
    ['t1/2'],
    'current within an interval whose end is not in it',
  );
  t.same(
    (await wholeHistory(pool, { type: 'Task', id: 't1', at: { low: first ?? '', high: third ?? '' } })).map(label),
    ['t1/2', 't1/1'],
  );
  t.equal((await wholeHistory(pool, { type: 'Task', id: 't2' }))[0]?.deleted, true);
  t.same(await readHistory(pool, { ...ours, types: ['Patient'] }, { count: 10 }), { entries: [], next: undefined });
});

t.test('changes restored from another cluster are told again', async (t) => {
  const pool = await freshPool(t);
  await save(pool, [aTask('t1'), aTask('t2')]);
  t.notOk(await acceptRestored(pool), 'nothing to do in its own cluster');
  await pool.query(sql`update resource_version set written = '4000000000000'::xid8`);
  t.same(await wholeFeed(pool), []);
  t.ok(await acceptRestored(pool));
  t.same((await wholeFeed(pool)).map(label), ['t1/1', 't2/1']);
});

t.test('stamps', async (t) => {
  t.test('read as instants, to the microsecond', async () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_102_444_800_000_000 }), (stamp) => {
        const text = instantOfStamp(stamp);
        return (
          Date.parse(text) === Math.floor(stamp / 1000) && text.endsWith(`${String(stamp % 1000).padStart(3, '0')}Z`)
        );
      }),
    );
  });

  t.test('a clock that goes back does not take them with it', async (t) => {
    let clock = '2026-04-02T08:00:00.000Z';
    const pool = openPool({
      url: await freshDatabase(t),
      size: 2,
      definitions: new Map(),
      clock: () => clock,
      onError: () => undefined,
    });
    t.teardown(() => pool.close());
    const [one] = await save(pool, [aTask('t1')]);
    clock = '2026-04-01T08:00:00.000Z';
    const [other] = await save(pool, [aTask('t2')]);
    t.equal(one?.lastUpdated, '2026-04-02T08:00:00.000000Z');
    t.ok((other?.lastUpdated ?? '') > (one?.lastUpdated ?? ''), 'later all the same');
  });

  t.test('are taken before whatever may write, and not for what only reads', async (t) => {
    t.ok(isReadOnly('select 1'));
    t.ok(isReadOnly('\n  select pg_advisory_xact_lock($1)'));
    for (const text of [
      'insert into x',
      'with a as (select 1) select 1',
      'select 1 from x for update',
      'select * from t for no key update',
    ])
      t.notOk(isReadOnly(text), text);
    const pool = await freshPool(t);
    const idOf = sql`select pg_current_xact_id_if_assigned() is not null as taken`;
    await inTransaction(pool, async (tx) => {
      t.same((await tx.query(idOf)).rows, [{ taken: false }]);
      await tx.query(sql`update resource set version = version where false`);
      t.same((await tx.query(idOf)).rows, [{ taken: true }]);
    });
  });
});
