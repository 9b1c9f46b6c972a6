/** The queues, timers and reply links, on a real PostgreSQL: a job exists exactly when its transaction commits, and ends in one of three ways. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Handlers, type Jobs, type JobsOptions, openJobs } from '#jobs/board.ts';
import { type Job, policy, type QueueName, queues } from '#jobs/queues.ts';
import { openReplyLink, sealReplyLink } from '#main/reply-link.ts';
import { tick } from '#main/ticker.ts';
import { type FailureKind, fail, ok } from '#result.ts';
import { checker } from '#schema.ts';
import { inTransaction, openPool, type Pool } from '#store/database.ts';
import { sql } from '#store/sql.ts';
import { setTimers, type Timer } from '#store/timers.ts';
import type { Enqueue } from '#workflow/shell.ts';
import { freshDatabase } from '../support/database.ts';

const ODS = 'A81001';
const NOW = '2026-11-22T09:00:00.000Z';
const reach = (task: string): Job => ({ queue: 'reach', payload: { organisation: ODS, task } });

type Board = { readonly pool: Pool; readonly open: (more?: Partial<JobsOptions>) => Promise<Jobs> };

/** A database of its own, and a way to open the queues on it. What is open is stopped when the test ends. */
async function board(test: Test): Promise<Board> {
  const url = await freshDatabase(test);
  const pool = openPool({ url, size: 6, definitions: new Map(), onError: () => undefined });
  test.teardown(() => pool.close());
  return {
    pool,
    open: async (more) => {
      const jobs = await openJobs({
        databaseUrl: url,
        concurrency: () => 1,
        retryDelaySeconds: 0,
        isOnlyProcess: false,
        onFailure: () => undefined,
        onError: () => undefined,
        ...more,
      });
      test.teardown(() => jobs.stop());
      return jobs;
    },
  };
}

/** Every queue answers `ok`, but for those given. */
function handlers(given: Partial<Handlers>): Handlers {
  const idle = Object.fromEntries(Object.keys(queues).map((name) => [name, async () => ok(name)]));
  return { ...idle, ...given } as Handlers;
}

async function jobsIn(pool: Pool, name: QueueName | 'dead-letter') {
  const { rows } = await pool.query<{ state: string; data: { task?: string }; retries: number }>(
    sql`select state, data, retry_count as retries from pgboss.job where name = ${name} order by data->>'task'`,
  );
  return rows;
}

async function settled(jobs: Jobs): Promise<void> {
  for (let left = 600; (await jobs.pending()) > 0; left -= 1) {
    if (left === 0) throw new Error('the queues did not settle within 30 s');
    await pause(50);
  }
}

t.test('a job exists exactly when its transaction commits', async (t) => {
  const { pool, open } = await board(t);
  const jobs = await open();
  await inTransaction(pool, (tx) =>
    jobs.enqueue(tx, [reach('kept'), { queue: 'campaign', payload: { organisation: ODS } }]),
  );
  const undone = inTransaction(pool, async (tx) => {
    await jobs.enqueue(tx, [reach('undone')]);
    throw new Error('the stage failed after it had queued');
  });
  await t.rejects(undone, /after it had queued/);
  t.match(await jobsIn(pool, 'reach'), [{ state: 'created', data: { organisation: ODS, task: 'kept' } }]);
  t.equal((await jobsIn(pool, 'reach')).length, 1);
  t.equal(await jobs.pending(), 2);

  let seen = -1;
  await inTransaction(pool, async (tx) => {
    await jobs.enqueue(tx, [reach('later')]);
    seen = await jobs.pending();
  });
  t.equal(seen, 2, 'nobody sees it before');
  t.equal(await jobs.pending(), 3);
});

t.test('a failure is tried again, or waits for a person', async (t) => {
  const { pool, open } = await board(t);
  const heard: [string, FailureKind, number][] = [];
  const jobs = await open({ onFailure: (queue, { kind }, attempt) => void heard.push([queue, kind, attempt]) });
  const tries = new Map<string, number>();
  /** What the handler does with a Task, by its id and the number of the try. */
  const outcomes: Record<string, (attempt: number) => ReturnType<Handlers['reach']>> = {
    fine: async () => ok('done'),
    'not-there-at-first': async (attempt) => (attempt < 3 ? fail('unavailable', 'no answer') : ok('done')),
    'thrown-at-first': async (attempt) => {
      if (attempt < 2) throw new Error('a bug');
      return ok('done');
    },
    'never-there': async () => fail('unavailable', 'no answer'),
    invalid: async () => fail('invalid', 'cannot be'),
    forbidden: async () => fail('forbidden', 'may not be'),
  };
  await inTransaction(pool, (tx) => jobs.enqueue(tx, Object.keys(outcomes).map(reach)));
  const bad = { queue: 'reach', payload: { organisation: ODS, task: 'junk', nhsNumber: 'not for here' } } as Job;
  await inTransaction(pool, (tx) => jobs.enqueue(tx, [bad]));
  await jobs.work(
    handlers({
      reach: async ({ task }) => {
        const attempt = (tries.get(task) ?? 0) + 1;
        tries.set(task, attempt);
        return (await outcomes[task]?.(attempt)) ?? fail('fault', 'no such Task');
      },
    }),
  );
  await settled(jobs);
  t.same(Object.fromEntries(tries), {
    fine: 1,
    'not-there-at-first': 3,
    'thrown-at-first': 2,
    'never-there': 1 + policy.retryLimit,
    invalid: 1,
    forbidden: 1,
  });
  t.notOk(tries.has('junk'), 'a payload that its schema refuses reaches no stage');
  t.same(
    (await jobsIn(pool, 'dead-letter')).map(({ data }) => data.task),
    ['forbidden', 'invalid', 'junk', 'never-there'],
    'these wait for a person, with their payload',
  );
  t.same(
    heard.filter(([, kind]) => kind !== 'unavailable').sort(),
    [
      ['reach', 'fault', 0],
      ['reach', 'forbidden', 0],
      ['reach', 'invalid', 0],
      ['reach', 'invalid', 0],
    ],
    'each failure was heard of once',
  );
  t.equal(await jobs.pending(), 0, 'the dead letters are not work that is pending');
  const { rows } = await pool.query(
    sql`select distinct keep_until > now() + interval '1 year' as kept, source_name as queue from pgboss.job where name = 'dead-letter'`,
  );
  t.same(rows, [{ kept: true, queue: 'reach' }], 'a letter keeps its queue, and is kept until somebody reads it');

  // The way back that docs/operations/running.md gives.
  const before = tries.get('never-there') ?? 0;
  const guide = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'operations', 'running.md'), 'utf8');
  const [, again = ''] = /```sql\n-- once more\n([\s\S]*?)```/.exec(guide) ?? [];
  const { rows: letters } = await pool.query<{ id: string }>(
    sql`select id from pgboss.job where name = 'dead-letter' and data->>'task' = 'never-there'`,
  );
  await pool.inner.query(again.replace('<id>', letters[0]?.id ?? ''));
  await settled(jobs);
  t.equal(tries.get('never-there'), before + 1 + policy.retryLimit, 'put back, it is tried as often as at first');
  t.equal((await jobsIn(pool, 'dead-letter')).length, 4, 'and ends there again when it fails again');
});

t.test(
  'a job that a killed process had begun is taken up at once by the only process, and left to another',
  async (t) => {
    const { pool, open } = await board(t);
    const first = await open();
    await inTransaction(pool, (tx) => first.enqueue(tx, [reach('begun')]));
    await pool.query(sql`update pgboss.job set state = 'active', started_on = now() where name = 'reach'`);
    await first.stop();

    const beside = await open();
    t.match(await jobsIn(pool, 'reach'), [{ state: 'active' }], 'another process may still be doing it');
    await beside.stop();

    const worked: string[] = [];
    const only = await open({ isOnlyProcess: true });
    await only.work(handlers({ reach: async ({ task }) => ok(worked.push(task)) }));
    await settled(only);
    t.same(worked, ['begun']);
  },
);

t.test(
  'in the sandbox jobs are done one at a time, in the order in which they were queued, also after a restart',
  async (t) => {
    const { pool, open } = await board(t);
    const about = (task: string, queue: 'reach' | 'book' | 'called' = 'reach'): Job => ({
      queue,
      payload: { organisation: ODS, task },
    });
    const ordered = { isInOrder: true, isOnlyProcess: true };
    const first = await open(ordered);
    await inTransaction(pool, (tx) => first.enqueue(tx, [about('1'), about('2', 'book'), about('3')]));
    await inTransaction(pool, (tx) => first.enqueue(tx, [about('4', 'called')]));
    // As a process that was killed in the middle of the first leaves it.
    await pool.query(sql`update pgboss.job set state = 'active', started_on = now() where data->>'task' = '1'`);
    await first.stop();

    const jobs = await open(ordered);
    await inTransaction(pool, (tx) => jobs.enqueue(tx, [about('5', 'book')]));
    const done: string[] = [];
    let running = 0;
    const work = async ({ task }: { task: string }) => {
      running += 1;
      t.equal(running, 1, `${task} alone`);
      await pause(5);
      running -= 1;
      done.push(task);
      // What follows from a job comes after everything that was there before.
      if (task === '2') await inTransaction(pool, (tx) => jobs.enqueue(tx, [about('6')]));
      if (task === '3' && done.filter((one) => one === '3').length < 3) return fail('unavailable', 'no answer');
      return task === '4' ? fail('invalid', 'cannot be') : ok(task);
    };
    t.same(done, [], 'nothing before it is told to');
    await jobs.work(handlers({ reach: work, book: work, called: work }));
    await jobs.settle();
    t.same(done, ['1', '2', '3', '3', '3', '4', '5', '6'], 'one that is tried again keeps its place');
    t.match(await jobsIn(pool, 'dead-letter'), [{ data: { task: '4' } }]);
    t.equal(await jobs.pending(), 0);
  },
);

t.test('a payload holds what its schema names, and nothing else', async (t) => {
  const payloads: { readonly [Q in QueueName]: object } = {
    intake: { organisation: ODS },
    derive: { organisation: ODS, feed: 'emis', patientKeys: ['1'] },
    'pull-record': { organisation: ODS, patients: ['p1'] },
    demographics: { organisation: ODS, patients: ['p1'] },
    assess: { organisation: ODS, patients: ['p1'] },
    cohort: { organisation: ODS, rule: 'https://rule.example' },
    campaign: { organisation: ODS },
    'stop-list': { organisation: ODS, flag: 'f1', since: '2026-06-01T00:00:00.000Z' },
    reach: { organisation: ODS, task: 't1' },
    receipt: { system: 'notify', key: 'k' },
    'mesh-inbox': { mailbox: 'X26OT001' },
    'letter-status': { organisation: ODS, request: 'r1' },
    'print-file': { organisation: ODS },
    'text-status': { organisation: ODS, request: 'r1' },
    book: { organisation: ODS, task: 't1' },
    'settle-booking': {
      organisation: ODS,
      appointment: 'a1',
      user: { sdsUserId: 'UNK', sdsRoleProfileId: 'UNK', localId: 'u', family: 'Doe', given: 'Jo' },
    },
    attend: { organisation: ODS, patients: ['p1'] },
    called: { organisation: ODS, task: 't1' },
    'write-back': { organisation: ODS, task: 't1' },
  };
  for (const [name, payload] of Object.entries(payloads) as [QueueName, object][]) {
    const check = checker(name, queues[name]);
    t.ok(check(payload).ok, name);
    t.match(check({ ...payload, note: 'x' }), { ok: false, failure: { message: /additional properties \("note"\)/ } });
    for (const missing of Object.keys(payload))
      t.notOk(check({ ...payload, [missing]: undefined }).ok, `${name} without ${missing}`);
  }
  const assess = checker('assess', queues.assess);
  t.notOk(assess({ organisation: ODS, patients: [] }).ok, 'a job about nobody');
  t.notOk(assess({ organisation: ODS, patients: ['943 476 5919'] }).ok, 'an id is an id');
  t.notOk(assess({ organisation: ODS, patients: Array.from({ length: 501 }, (_, n) => `p${n}`) }).ok, 'too many');
});

const timer = (key: string, dueAt: string): Timer => ({
  organisation: ODS,
  queue: 'reach',
  key,
  dueAt,
  payload: { organisation: ODS, task: key },
});

t.test('timers that are due become jobs, exactly once, with two tickers at once', async (t) => {
  const { pool, open } = await board(t);
  const jobs = await open();
  // More than one batch of the ticker.
  const due = Array.from({ length: 1_300 }, (_, n) => timer(`t${n}`, '2026-11-22T08:00:00Z'));
  const later = [timer('at-nine', NOW), timer('after', '2026-11-22T09:00:00.001Z')];
  await inTransaction(pool, (tx) => setTimers(tx, [...due, ...later]));
  const shell = { pool, now: () => NOW, enqueue: jobs.enqueue as Enqueue };
  const [one, other] = await Promise.all([tick(shell), tick(shell)]);
  const rest = await tick(shell);
  t.equal(one + other + rest, 1_301);
  const queued = (await jobsIn(pool, 'reach')).map(({ data }) => data.task);
  t.equal(queued.length, 1_301, 'none twice');
  t.equal(new Set(queued).size, 1_301, 'none lost');
  t.ok(queued.includes('at-nine'), 'due at this very instant');
  const { rows } = await pool.query(sql`select key from timer`);
  t.same(rows, [{ key: 'after' }]);
});

t.test('a tick that fails leaves its timers as they were', async (t) => {
  const { pool, open } = await board(t);
  const jobs = await open();
  await inTransaction(pool, (tx) => setTimers(tx, [timer('t1', NOW)]));
  const failing: Enqueue = async (tx, some) => {
    await jobs.enqueue(tx, some as readonly Job[]);
    throw new Error('the process is killed here');
  };
  await t.rejects(tick({ pool, now: () => NOW, enqueue: failing }), /killed here/);
  t.same(await jobsIn(pool, 'reach'), []);
  t.same((await pool.query(sql`select key from timer`)).rows, [{ key: 't1' }]);
  t.equal(await tick({ pool, now: () => NOW, enqueue: jobs.enqueue as Enqueue }), 1);
});

t.test('a timer set again is moved, not doubled', async (t) => {
  const { pool } = await board(t);
  await inTransaction(pool, (tx) => setTimers(tx, [timer('t1', NOW), timer('t1', '2026-11-23T09:00:00Z')]));
  await inTransaction(pool, (tx) => setTimers(tx, [timer('t1', '2026-11-24T09:00:00Z')]));
  const { rows } = await pool.query(sql`select key, due_at = '2026-11-24T09:00:00Z' as moved from timer`);
  t.same(rows, [{ key: 't1', moved: true }]);
});

t.test('a reply link opens for who sealed it, until it expires', async (t) => {
  const link = { organisation: ODS, request: '3f1c0b8e-5a52-5d0f-9f57-0b1c2d3e4f50', expires: '2026-12-01T00:00:00Z' };
  const secret = 'a secret of this installation, long enough';
  const token = sealReplyLink(secret, link);
  const { expires: _, ...opened } = link;
  t.same(openReplyLink(secret, token, NOW), ok(opened));
  t.same(openReplyLink(secret, token, link.expires), ok(opened), 'to the last second');
  t.match(openReplyLink(secret, token, '2026-12-01T00:00:00.001Z'), { failure: { kind: 'gone' } });
  t.match(openReplyLink('another secret', token, NOW), { failure: { kind: 'not-found' } });
  t.match(token, /^[\w-]+$/, 'it can stand in a URL as it is');
  t.notMatch(Buffer.from(token, 'base64url').toString('latin1'), new RegExp(`${ODS}|3f1c0b8e`), 'and shows nothing');
  t.not(sealReplyLink(secret, link), token, 'the same link sealed twice differs');

  const bytes = Buffer.from(token, 'base64url');
  for (let place = 0; place < bytes.length; place += 1) {
    const forged = Buffer.from(bytes);
    forged[place] = (forged[place] ?? 0) ^ 1;
    if (openReplyLink(secret, forged.toString('base64url'), NOW).ok) t.fail(`byte ${place} can be changed`);
  }
  for (const junk of ['', 'x', token.slice(0, -4), `${token}AAAA`, '🙂'.repeat(20), 'A'.repeat(5_000)])
    t.match(openReplyLink(secret, junk, NOW), { failure: { kind: 'not-found' } }, junk.slice(0, 12));
});
