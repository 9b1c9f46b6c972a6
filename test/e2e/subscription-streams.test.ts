/** Subscriptions over sockets and changes as Server-Sent Events, on the real house: who comes back goes on exactly where they were. */
import t from 'tap';
import WebSocket from 'ws';
import { idFrom } from '#fhir/id.ts';
import type { Bundle, BundleEntry, Parameters, Subscription, Task } from '#fhir/types.ts';
import { inTransaction } from '#store/database.ts';
import { saveResources } from '#store/resources.ts';
import { sql } from '#store/sql.ts';
import { call, openHouse, START } from '../support/house.ts';
import { entriesIn, eventsIn, statusOf, typeOf, until } from '../support/receiver.ts';
import { aPractice, aSubscription, type Wish } from '../support/subscription.ts';

const OURS = 'A81001';
const THEIRS = 'B82002';

t.setTimeout(120_000);

const house = await openHouse(t, {
  practices: [aPractice(OURS), aPractice(THEIRS)],
  now: () => START,
  isWorking: true,
});
const token = await house.sign({ organisations: [OURS], client_id: 'screen' });

const post = async (path: string, as: string, body: object) => {
  const answer = await call(house, 'POST', `/fhir/R4/${path}`, { token: as, body });
  if (answer.status >= 300) throw new Error(`${answer.status}: ${answer.text}`);
  return JSON.parse(answer.text);
};
const create = async (wish: Wish, as = token): Promise<Subscription> =>
  post('Subscription', as, aSubscription({ type: 'websocket', ...wish }));
const bindingOf = async (id: string, as = token) => {
  const answer = await call(house, 'GET', `/fhir/R4/Subscription/${id}/$get-ws-binding-token`, { token: as });
  const { parameter = [] } = JSON.parse(answer.text) as Parameters;
  const value = (name: string) => parameter.find((one) => one.name === name);
  return { token: value('token')?.valueString ?? '', url: value('websocket-url')?.valueUrl ?? '', parameter };
};

let made = 0;
function aTask(more: Partial<Task> = {}): Task & { id: string } {
  made += 1;
  const id = idFrom('streamed', String(made));
  return { resourceType: 'Task', id, status: 'requested', intent: 'order', for: { reference: 'Patient/p1' }, ...more };
}
const save = (organisation: string, ...resources: Task[]) =>
  inTransaction(house.pool, (tx) => saveResources(tx, { organisation, resources, source: 'test' }));

type Line = { readonly socket: WebSocket; readonly bundles: Bundle[]; readonly closed: number[] };

async function connect(t: { teardown(end: () => unknown): void }, url: string, ...messages: string[]): Promise<Line> {
  const socket = new WebSocket(url);
  const bundles: Bundle[] = [];
  const closed: number[] = [];
  socket.on('message', (data) => bundles.push(JSON.parse(String(data)) as Bundle));
  socket.on('close', (code) => closed.push(code));
  t.teardown(() => socket.terminate());
  await new Promise((open, failed) => {
    socket.on('open', open);
    socket.on('error', failed);
  });
  for (const message of messages) socket.send(message);
  return { socket, bundles, closed };
}

const numbers = ({ bundles }: Line) => bundles.flatMap(eventsIn).map(({ number }) => number);

t.test('a socket is bound by a token, told each event, and goes on from a number after it was away', async (t) => {
  const { id = '', status } = await create({ content: 'full-resource' });
  t.equal(status, 'active', 'there is nobody to shake hands with before');
  const binding = await bindingOf(id);
  t.match(binding.parameter, [
    { name: 'token' },
    { name: 'expiration' },
    { name: 'subscription', valueString: id },
    { name: 'websocket-url' },
  ]);
  t.match(binding.url, /^ws:\/\//);
  const line = await connect(t, binding.url, `bind-with-token: ${binding.token}`);
  await until('it is greeted', () => line.bundles.length === 1);
  t.equal(typeOf(line.bundles[0] as Bundle), 'handshake');
  const task = aTask();
  await save(OURS, task, aTask());
  await save(THEIRS, aTask());
  await until('both came', () => numbers(line).length === 2);
  t.ok(
    line.bundles.flatMap(entriesIn).some(({ resource }) => resource?.id === task.id),
    'with the resource',
  );

  await t.test('the same with a newer token prolongs the binding and repeats nothing', async (t) => {
    const newer = await bindingOf(id);
    line.socket.send(`bind-with-token: ${newer.token}`);
    await save(OURS, { ...task, status: 'completed' });
    await until('the third came', () => numbers(line).length === 3);
    t.same(numbers(line), [1, 2, 3]);
  });

  await t.test('what happened while it was away comes by its number', async (t) => {
    line.socket.terminate();
    await save(OURS, aTask());
    await save(OURS, aTask());
    const again = await connect(t, binding.url, `bind-with-token: ${binding.token} events-since-number: 3`);
    await until('three came', () => numbers(again).length === 3);
    t.same(numbers(again), [3, 4, 5]);
  });

  await t.test('heartbeats come when nothing else does', async (t) => {
    const quiet = await create({ heartbeat: 10, filters: ['Task?patient=Patient/nobody'] });
    const bound = await bindingOf(quiet.id ?? '');
    const line = await connect(t, bound.url, `bind-with-token: ${bound.token}`);
    await until('one came', () => line.bundles.some((bundle) => typeOf(bundle) === 'heartbeat'));
    t.match(statusOf(line.bundles.at(-1) as Bundle).parameter?.[4], { valueString: '0' });
  });

  await t.test('what is switched off ends its sockets', async (t) => {
    const line = await connect(t, binding.url, `bind-with-token: ${binding.token}`);
    await until('it is greeted', () => line.bundles.length > 0);
    const current = JSON.parse((await call(house, 'GET', `/fhir/R4/Subscription/${id}`, { token })).text);
    await call(house, 'PUT', `/fhir/R4/Subscription/${id}`, { token, body: { ...current, status: 'off' } });
    await until('it is closed', () => line.closed.length > 0);
    t.same(line.closed, [4401]);
  });
});

t.test('a socket that does not prove itself hears nothing', async (t) => {
  const { id = '' } = await create({});
  const { url, token: right } = await bindingOf(id);
  for (const message of [
    'hello',
    'bind-with-token: x',
    `bind-with-token: ${right.slice(0, -3)}AAA`,
    `bind-with-token: ${token}`,
  ]) {
    const line = await connect(t, url, message);
    await until('it is closed', () => line.closed.length > 0);
    t.same([line.closed, line.bundles], [[4401], []], message.slice(0, 20));
  }
  const other = await house.sign({ organisations: [OURS], client_id: 'another' });
  t.equal(
    (await call(house, 'GET', `/fhir/R4/Subscription/${id}/$get-ws-binding-token`, { token: other })).status,
    404,
  );
  t.equal(
    (await call(house, 'GET', '/fhir/R4/$subscription-socket')).status,
    426,
    'without an upgrade there is nothing',
  );
});

type Sent = { readonly id: string | undefined; readonly event: string; readonly entry: BundleEntry };
type Stream = {
  readonly status: number;
  readonly sent: Sent[];
  readonly lastId: () => string;
  readonly leave: () => void;
};

/** An EventSource, as far as it matters here. */
async function listen(query: string, sent: { as?: string; lastId?: string } = {}): Promise<Stream> {
  const leaving = new AbortController();
  const headers = {
    authorization: `Bearer ${sent.as ?? token}`,
    ...(sent.lastId ? { 'last-event-id': sent.lastId } : {}),
  };
  const response = await fetch(`${house.url}/fhir/R4/$events-stream${query}`, { headers, signal: leaving.signal });
  const events: Sent[] = [];
  let lastId = '';
  const reading = async () => {
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString('utf8');
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
        lastId = field('id') ?? lastId;
        const data = field('data');
        if (data) events.push({ id: field('id'), event: field('event') ?? '', entry: JSON.parse(data) as BundleEntry });
      }
    }
  };
  reading().catch(() => undefined);
  return { status: response.status, sent: events, lastId: () => lastId, leave: () => leaving.abort() };
}

const idsOf = (events: readonly Sent[]) => events.map(({ entry }) => entry.fullUrl?.split('/').at(-1));

t.test('a stream tells what changes from now on, only of what its token may read', async (t) => {
  const stream = await listen('?topic=task-status');
  t.equal(stream.status, 200);
  const tasks = [aTask(), aTask(), aTask()];
  await save(THEIRS, aTask());
  for (const task of tasks) await save(OURS, task);
  await until('three came', () => stream.sent.length >= 3);
  t.same(
    idsOf(stream.sent),
    tasks.map(({ id }) => id),
  );
  t.ok(
    stream.sent.every(({ event, id, entry }) => event === 'task-status' && id && !entry.resource),
    'ids only, each with its place',
  );
  t.ok(
    (await house.count(
      sql`select count(*) as n from audit_event where operation = '$events-stream' and patients = '{p1}'`,
    )) > 0,
    'what was told is in the audit trail',
  );
  stream.leave();

  await t.test('Last-Event-ID resumes exactly after any event', async (t) => {
    const missed = aTask();
    await save(OURS, missed);
    for (const [index, { id = '' }] of stream.sent.entries()) {
      const again = await listen('?topic=task-status&content=full-resource', { lastId: id });
      const wanted = [...tasks, missed].slice(index + 1).map((task) => task.id);
      await until('the rest came', () => again.sent.length >= wanted.length);
      t.same(idsOf(again.sent), wanted);
      t.same(
        again.sent.map(({ entry }) => entry.resource?.id),
        wanted,
        'now whole',
      );
      again.leave();
    }
  });

  await t.test('the place of another caller shows nothing that is not one’s own', async (t) => {
    const theirs = await house.sign({ organisations: [THEIRS], client_id: 'theirs' });
    const other = await listen('?topic=task-status', { as: theirs, lastId: stream.sent[0]?.id ?? '' });
    const own = aTask();
    await save(OURS, aTask());
    await save(THEIRS, own);
    await until('its own came', () => other.sent.length > 0);
    t.same(idsOf(other.sent), [own.id]);
    other.leave();
  });
});

t.test('a stream can be filtered, and says what it cannot do', async (t) => {
  const stream = await listen(`?topic=task-status&filter=${encodeURIComponent('Task?status=completed')}`);
  const task = aTask({ status: 'completed' });
  await save(OURS, aTask(), task);
  await until('one came', () => stream.sent.length > 0);
  t.same(idsOf(stream.sent), [task.id]);
  stream.leave();
  const narrow = await house.sign({ organisations: [OURS], client_id: 'n', scope: 'system/Group.rs' });
  const answers = await Promise.all([
    listen('?topic=nothing'),
    listen('?content=empty'),
    listen('?topic=task-status', { lastId: 'made-up' }),
    listen('?filter=Task%3Fstatus%3Dcompleted'),
    listen('?topic=task-status', { as: narrow }),
    listen('', { as: 'none' }),
  ]);
  t.same(
    answers.map(({ status }) => status),
    [400, 400, 400, 400, 403, 401],
  );
  const all = await listen('', { as: narrow });
  t.equal(all.status, 200, 'without a topic, what the scopes cover');
  all.leave();
});
