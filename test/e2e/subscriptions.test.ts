/** Subscriptions on the real house: a receiver on loopback is told what it asked for, in order, and nothing that its client may not read. */
import t from 'tap';
import { idFrom } from '#fhir/id.ts';
import { HOLDFAST } from '#fhir/systems.ts';
import type { Bundle, OperationOutcome, Resource, Subscription, Task } from '#fhir/types.ts';
import { inTransaction } from '#store/database.ts';
import { deleteResources, saveResources } from '#store/resources.ts';
import { sql } from '#store/sql.ts';
import { startSubscriptionWorker } from '#workflow/subscription/worker.ts';
import { call, openHouse, START } from '../support/house.ts';
import {
  accepted,
  entriesIn,
  eventsIn,
  openReceiver,
  type Received,
  statusOf,
  type Told,
  typeOf,
  until,
} from '../support/receiver.ts';
import { aPractice, aSubscription, TOPIC, type Wish } from '../support/subscription.ts';

const OURS = 'A81001';
const THEIRS = 'B82002';

t.setTimeout(180_000);

const house = await openHouse(t, {
  practices: [aPractice(OURS), aPractice(THEIRS)],
  now: () => START,
  isWorking: true,
  subscriptions: {
    retry: { firstMs: 50, mostMs: 400, errorAfter: 3, handshakes: 2, goneAfter: 3, giveUpMs: 3_600_000 },
  },
});
const ours = await house.sign({ organisations: [OURS], client_id: 'ours' });
const theirs = await house.sign({ organisations: [THEIRS], client_id: 'theirs' });

async function create(wish: Wish, token = ours): Promise<Subscription> {
  const answer = await call(house, 'POST', '/fhir/R4/Subscription', { token, body: aSubscription(wish) });
  if (answer.status !== 201) throw new Error(`${answer.status}: ${answer.text}`);
  return JSON.parse(answer.text) as Subscription;
}

const read = async (id: string, token = ours) =>
  JSON.parse((await call(house, 'GET', `/fhir/R4/Subscription/${id}`, { token })).text) as Subscription;
const put = (subscription: Subscription, token = ours) =>
  call(house, 'PUT', `/fhir/R4/Subscription/${subscription.id}`, { token, body: subscription });
const isNow = (id: string, status: string) =>
  until(`${id} is ${status}`, async () => (await read(id)).status === status);
const off = async (id: string) => put({ ...(await read(id)), status: 'off' });

let made = 0;
function aTask(more: Partial<Task> = {}): Task {
  made += 1;
  return {
    resourceType: 'Task',
    id: idFrom('task', String(made)),
    status: 'requested',
    intent: 'order',
    code: { coding: [{ system: `${HOLDFAST}/CodeSystem/task-code`, code: 'telephone' }] },
    for: { reference: 'Patient/p1' },
    ...more,
  };
}

const save = (organisation: string, ...resources: Resource[]) =>
  inTransaction(house.pool, (tx) => saveResources(tx, { organisation, resources, source: 'test' }));

const told = (received: readonly Received[], type: string) => received.filter(({ bundle }) => typeOf(bundle) === type);

t.test('a handshake, then each change once, numbered from one, as ids', async (t) => {
  const receiver = await openReceiver(t);
  const { id = '', status } = await create({ endpoint: receiver.url });
  t.equal(status, 'requested', 'it waits for the handshake');
  await isNow(id, 'active');
  t.match(statusOf(receiver.received[0]?.bundle as Bundle).parameter, [
    { name: 'subscription', valueReference: { reference: `${house.url}/fhir/R4/Subscription/${id}` } },
    { name: 'topic', valueCanonical: `${TOPIC}/task-status` },
    { name: 'status', valueCode: 'requested' },
    { name: 'type', valueCode: 'handshake' },
    { name: 'events-since-subscription-start', valueString: '0' },
  ]);
  const task = aTask();
  await save(OURS, task);
  await save(OURS, { ...task, note: [{ text: 'nothing that the topic watches' }] });
  await save(OURS, { ...task, status: 'in-progress' });
  await save(OURS, { ...task, status: 'in-progress', businessStatus: { text: 'called' } });
  await inTransaction(house.pool, (tx) => deleteResources(tx, OURS, [{ type: 'Task', id: task.id ?? '' }]));
  await until('four events came', () => accepted(receiver).length >= 4);
  t.same(
    accepted(receiver),
    [1, 2, 3, 4].map((number) => ({ number, focus: `Task/${task.id}` })),
  );
  const entries = told(receiver.received, 'event-notification').flatMap(({ bundle }) => entriesIn(bundle));
  t.same(
    entries.map(({ request }) => `${request?.method} ${request?.url}`),
    ['POST Task', `PUT Task/${task.id}`, `PUT Task/${task.id}`, `DELETE Task/${task.id}`],
  );
  t.notOk(
    entries.some(({ resource }) => resource),
    'ids only',
  );
  const keys = told(receiver.received, 'event-notification').map(({ headers }) => headers['idempotency-key']);
  t.equal(new Set(keys).size, keys.length, 'each batch has its key');
  t.match(receiver.received[0]?.headers['content-type'], 'application/fhir+json');
  const audited = sql`select count(*) as n from audit_event where interaction = 'subscription-delivery' and resource_id = ${id} and patients = '{p1}'`;
  await until('it is in the audit trail', async () => (await house.count(audited)) > 0);
  await off(id);
});

t.test('empty says only that something happened, full-resource brings the version itself', async (t) => {
  const [empty, full] = [await openReceiver(t), await openReceiver(t)];
  const subscriptions = [
    await create({ endpoint: empty.url, content: 'empty' }),
    await create({ endpoint: full.url, content: 'full-resource' }),
  ];
  const task = aTask();
  await save(OURS, task);
  await save(OURS, { ...task, status: 'completed' });
  await until('both know', () => accepted(empty).length === 2 && accepted(full).length === 2);
  t.same(
    accepted(empty).map(({ focus }) => focus),
    [undefined, undefined],
  );
  t.notMatch(JSON.stringify(empty.received), task.id ?? '', 'no id in an empty notification');
  const brought = full.received.flatMap(({ bundle }) => entriesIn(bundle)).map(({ resource }) => resource as Task);
  t.match(brought, [
    { id: task.id, status: 'requested', meta: { versionId: '1' } },
    { id: task.id, status: 'completed', meta: { versionId: '2' } },
  ]);
  for (const { id = '' } of subscriptions) await off(id);
});

t.test('filters: by patient, by status, by several values, by practice', async (t) => {
  const receiver = await openReceiver(t);
  const { id = '' } = await create({
    endpoint: receiver.url,
    filters: ['Task?patient=Patient/p7&status=completed,cancelled', `Task.practice=${OURS}`],
  });
  await isNow(id, 'active');
  const wanted = [
    aTask({ for: { reference: 'Patient/p7' }, status: 'completed' }),
    aTask({ for: { reference: 'Patient/p7' }, status: 'cancelled' }),
  ];
  await save(OURS, aTask({ status: 'completed' }), aTask({ for: { reference: 'Patient/p7' } }), ...wanted);
  const last = aTask({ for: { reference: 'Patient/p7' }, status: 'completed' });
  await save(OURS, last);
  await until('the last one came', () => accepted(receiver).some(({ focus }) => focus === `Task/${last.id}`));
  t.same(
    accepted(receiver)
      .map(({ focus }) => focus)
      .sort(),
    [...wanted, last].map((one) => `Task/${one.id}`).sort(),
  );
  await off(id);
});

t.test('what the client may not read is never told, and its numbers do not show it', async (t) => {
  const [mine, other] = [await openReceiver(t), await openReceiver(t)];
  const one = await create({ endpoint: mine.url, content: 'full-resource' });
  const two = await create({ endpoint: other.url, content: 'full-resource' }, theirs);
  const tasks = Array.from({ length: 20 }, () => aTask());
  for (const [index, task] of tasks.entries()) await save(index % 2 ? THEIRS : OURS, task);
  await until('each has its ten', () => accepted(mine).length >= 10 && accepted(other).length >= 10);
  const focus = (want: number) => tasks.filter((_, index) => index % 2 === want).map((task) => `Task/${task.id}`);
  const numbers = Array.from({ length: 10 }, (_, index) => index + 1);
  t.same(
    accepted(mine),
    focus(0).map((task, index) => ({ number: numbers[index], focus: task })),
  );
  t.same(
    accepted(other),
    focus(1).map((task, index) => ({ number: numbers[index], focus: task })),
  );

  await t.test('nor is a topic whose types its scopes do not cover', async (t) => {
    const narrow = await house.sign({
      organisations: [OURS],
      client_id: 'narrow',
      scope: 'system/Subscription.crus system/Task.rs',
    });
    const body = aSubscription({ endpoint: mine.url, topic: 'need-change' });
    t.equal((await call(house, 'POST', '/fhir/R4/Subscription', { token: narrow, body })).status, 403);
    const answer = await call(house, 'POST', '/fhir/R4/Subscription', {
      token: narrow,
      body: aSubscription({ endpoint: mine.url }),
    });
    t.equal(answer.status, 201, 'what they cover is');
  });
  await t.test('nor does another client get at a Subscription', async (t) => {
    const neighbour = await house.sign({ organisations: [OURS], client_id: 'neighbour' });
    for (const path of [`${one.id}/$events`, `${one.id}/$status`, `${one.id}/$get-ws-binding-token`])
      t.equal((await call(house, 'GET', `/fhir/R4/Subscription/${path}`, { token: neighbour })).status, 404, path);
    t.equal((await put({ ...one, status: 'off' }, neighbour)).status, 403);
    const all = JSON.parse(
      (await call(house, 'GET', '/fhir/R4/Subscription/$status', { token: neighbour })).text,
    ) as Bundle;
    t.equal(all.total, 0);
  });
  await off(one.id ?? '');
  await put({ ...two, status: 'off' }, theirs);
});

t.test('the receiver gets its headers, and nobody is shown them again', async (t) => {
  const receiver = await openReceiver(t);
  const secret = 'Bearer a-secret-of-the-receiver';
  const { id = '', channel } = await create({ endpoint: receiver.url, header: [`Authorization: ${secret}`] });
  t.same(channel.header, ['Authorization: ********']);
  await isNow(id, 'active');
  t.equal(receiver.received[0]?.headers.authorization, secret);
  const history = (await call(house, 'GET', `/fhir/R4/Subscription/${id}/_history`, { token: ours })).text;
  t.notMatch(history + JSON.stringify(await read(id)) + house.logged.join(), /a-secret/);
  t.equal(
    await house.count(sql`select count(*) as n from subscription_state where headers like '%a-secret%'`),
    0,
    'sealed at rest',
  );
  await put({ ...(await read(id)), reason: 'another reason', status: 'requested' });
  await until('the handshake was made again', () => told(receiver.received, 'handshake').length === 2);
  t.equal(receiver.received.at(-1)?.headers.authorization, secret, 'a masked value that came back is what it was');
  await off(id);
});

t.test('a handshake that is refused ends in error, with the reason; requested begins again', async (t) => {
  const receiver = await openReceiver(t);
  receiver.behave = () => ({ status: 403 });
  const { id = '' } = await create({ endpoint: receiver.url });
  await save(OURS, aTask());
  await isNow(id, 'error');
  t.match((await read(id)).error, /answered 403; the handshake failed 2 times/);
  t.same(accepted(receiver), [], 'no event went out');
  receiver.behave = () => undefined;
  t.equal((await put({ ...(await read(id)), status: 'requested' })).status, 200);
  await until('what happened meanwhile is told', () => accepted(receiver).length === 1);
  t.equal((await read(id)).error, undefined);
  await off(id);
});

t.test('while the receiver fails it is tried again, in order, and a redirect is a failure', async (t) => {
  const receiver = await openReceiver(t);
  const { id = '' } = await create({ endpoint: receiver.url, maxCount: 2 });
  await isNow(id, 'active');
  const answers = [500, 302, 429, 503];
  receiver.behave = (bundle) => {
    const status = typeOf(bundle) === 'event-notification' ? answers.shift() : undefined;
    return status ? { status, headers: { location: receiver.url, 'retry-after': '0' } } : undefined;
  };
  const task = aTask();
  await save(OURS, task);
  for (const status of ['accepted', 'in-progress', 'on-hold', 'completed'] as const)
    await save(OURS, { ...task, status });
  await until('all five came', () => accepted(receiver).length >= 5);
  t.same(
    accepted(receiver).map(({ number }) => number),
    [1, 2, 3, 4, 5],
  );
  t.ok(
    told(receiver.received, 'event-notification').every(({ bundle }) => eventsIn(bundle).length <= 2),
    'at most max-count at once',
  );
  t.equal(answers.length, 0);
  await isNow(id, 'active');
  await off(id);
});

t.test('a receiver that is gone is switched off with the reason, and told everything when it is back', async (t) => {
  const receiver = await openReceiver(t);
  const { id = '' } = await create({ endpoint: receiver.url });
  await isNow(id, 'active');
  receiver.behave = () => ({ status: 410 });
  const task = aTask();
  await save(OURS, task);
  await isNow(id, 'off');
  t.match((await read(id)).error, /answered 410; switched off/);
  await save(OURS, { ...task, status: 'completed' });
  receiver.behave = () => undefined;
  t.equal((await put({ ...(await read(id)), status: 'requested' })).status, 200);
  await until('both came', () => accepted(receiver).length === 2);
  t.same(
    accepted(receiver).map(({ number }) => number),
    [1, 2],
  );

  await t.test('what its own client switched off hears nothing of the time between', async (t) => {
    await off(id);
    await save(OURS, { ...task, status: 'cancelled' });
    await until(
      'the dispatcher has passed',
      async () =>
        (await house.count(sql`select count(*) as n from subscription_event where subscription = ${id}`)) === 2,
    );
    await put({ ...(await read(id)), status: 'requested' });
    await isNow(id, 'active');
    await save(OURS, { ...task, status: 'requested' });
    await until('the third came', () => accepted(receiver).length >= 3);
    t.match(told(receiver.received, 'event-notification').at(-1)?.bundle.entry?.[1]?.fullUrl, task.id);
    t.same(
      accepted(receiver).map(({ number }) => number),
      [1, 2, 3],
    );
  });
  await off(id);
});

t.test('$status and $events: how it stands, and what was missed', async (t) => {
  const receiver = await openReceiver(t);
  const { id = '' } = await create({ endpoint: receiver.url });
  await isNow(id, 'active');
  receiver.behave = () => ({ status: 503 });
  const task = aTask();
  for (const status of ['requested', 'accepted', 'completed'] as const) await save(OURS, { ...task, status });
  await isNow(id, 'error');
  const ask = async (path: string) =>
    JSON.parse((await call(house, 'GET', `/fhir/R4/Subscription/${path}`, { token: ours })).text) as Bundle;
  const status = await ask(`${id}/$status`);
  t.match(status, { type: 'searchset', total: 1 });
  t.match(statusOf(status).parameter, [
    {},
    {},
    { name: 'status', valueCode: 'error' },
    { name: 'type', valueCode: 'query-status' },
    { name: 'events-since-subscription-start', valueString: '3' },
    { name: 'error', valueCodeableConcept: { text: /answered 503/ } },
  ]);
  t.ok(((await ask('$status?status=error')).total ?? 0) >= 1, 'also of all of one’s own');
  const missed = await ask(`${id}/$events?eventsSinceNumber=2&content=full-resource`);
  t.equal(typeOf(missed), 'query-event');
  t.same(
    eventsIn(missed).map(({ number }) => number),
    [2, 3],
  );
  t.match(entriesIn(missed), [{ resource: { status: 'accepted' } }, { resource: { status: 'completed' } }]);
  t.same(
    eventsIn(await ask(`${id}/$events?eventsUntilNumber=1`)).map(({ number }) => number),
    [1],
  );
  const body = { resourceType: 'Parameters', parameter: [{ name: 'eventsSinceNumber', valueString: '3' }] };
  const posted = await call(house, 'POST', `/fhir/R4/Subscription/${id}/$events`, { token: ours, body });
  t.same(
    eventsIn(JSON.parse(posted.text) as Bundle).map(({ number }) => number),
    [3],
  );
  t.equal(
    (await call(house, 'GET', `/fhir/R4/Subscription/${id}/$events?eventsSinceNumber=x`, { token: ours })).status,
    400,
  );

  await t.test('numbers that are no longer kept are named, never passed over', async (t) => {
    await house.pool.query(sql`delete from subscription_event where subscription = ${id} and number = 1`);
    const answer = await call(house, 'GET', `/fhir/R4/Subscription/${id}/$events?eventsSinceNumber=1`, { token: ours });
    t.equal(answer.status, 410);
    t.match((JSON.parse(answer.text) as OperationOutcome).issue[0]?.diagnostics, /before number 2/);
  });
  await off(id);
});

t.test('a quiet subscription is told that it lives', async (t) => {
  const receiver = await openReceiver(t);
  const { id = '' } = await create({ endpoint: receiver.url, heartbeat: 10 });
  await isNow(id, 'active');
  // Ten seconds are the shortest period: they are over when the clock of the row says so.
  await house.pool.query(sql`update subscription_state set last_sent = now() - interval '11 seconds' where id = ${id}`);
  await until('a heartbeat came', () => told(receiver.received, 'heartbeat').length > 0);
  t.match(statusOf(told(receiver.received, 'heartbeat')[0]?.bundle as Bundle).parameter?.[4], { valueString: '0' });
  await off(id);
});

t.test('private addresses are not called, by whatever name', async (t) => {
  const refused = [
    'http://10.0.0.1/x',
    'https://192.168.1.1/x',
    'https://[::1]/x',
    'https://[::ffff:10.0.0.1]/',
    'http://example.org/',
    'https://169.254.169.254/latest',
  ];
  for (const endpoint of refused) {
    const answer = await call(house, 'POST', '/fhir/R4/Subscription', {
      token: ours,
      body: aSubscription({ endpoint }),
    });
    t.equal(answer.status, 422, endpoint);
    t.match(JSON.parse(answer.text), { issue: [{ expression: ['Subscription.channel.endpoint'] }] });
  }
});

t.test('what is wrong with a Subscription is said, all at once', async (t) => {
  const wrong = {
    ...(aSubscription({
      endpoint: 'ftp://x',
      content: 'all',
      filters: ['Patient?name=x'],
      header: ['Host: x'],
    }) as Subscription),
    end: '2020-01-01T00:00:00Z',
  };
  const answer = await call(house, 'POST', '/fhir/R4/Subscription', { token: ours, body: wrong });
  t.equal(answer.status, 422);
  const expressions = (JSON.parse(answer.text) as OperationOutcome).issue.flatMap(({ expression }) => expression);
  for (const one of ['criteria.extension[0]', 'channel.payload', 'channel.endpoint', 'channel.header', 'end'])
    t.ok(expressions.includes(`Subscription.${one}`), one);
  const unknown = { ...aSubscription({}), criteria: 'https://example.org/topic' };
  t.equal((await call(house, 'POST', '/fhir/R4/Subscription', { token: ours, body: unknown })).status, 422);
  t.equal(
    (
      await call(house, 'POST', '/fhir/R4/Subscription', {
        token: ours,
        body: { ...aSubscription({ endpoint: 'https://example.org/' }), status: 'active' },
      })
    ).status,
    422,
  );
});

t.test('workers that are cut off in the middle lose nothing', async (t) => {
  const receiver = await openReceiver(t);
  const { id = '' } = await create({ endpoint: receiver.url, maxCount: 7 });
  await isNow(id, 'active');
  const { shell } = house;
  const more = startSubscriptionWorker(shell.subscriptions, {
    everyMs: 10,
    concurrency: 4,
    keepDays: 30,
    onError: () => undefined,
  });
  t.teardown(more.stop);
  const expected: Told[] = [];
  for (let round = 0; round < 6; round += 1) {
    for (let n = 0; n < 15; n += 1) {
      const task = aTask();
      await save(OURS, task);
      expected.push({ number: expected.length + 1, focus: `Task/${task.id}` });
    }
    // Every connection of every worker, whatever it was doing.
    await house.pool
      .query(
        sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'holdfast' and pid <> pg_backend_pid()`,
      )
      .catch(() => undefined);
  }
  await until('the last one came', () => accepted(receiver).some(({ number }) => number === expected.length), 60);
  const seen = new Map<number, string | undefined>();
  for (const { number, focus } of accepted(receiver)) if (!seen.has(number)) seen.set(number, focus);
  t.same(
    [...seen].map(([number, focus]) => ({ number, focus })),
    expected,
    'each number, in order at its first coming',
  );
  await off(id);
});
