/**
 * `npm run chaos:subscriptions`: 10,000 changes while the receiver is down, the server killed with SIGKILL while it
 * numbers them and again while it delivers them, to a receiver that is slow, answers 503 now and then and sometimes
 * loses its answer. Every event arrives, numbered without a gap, in order for each resource. Exits with 1 otherwise.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { idFrom } from '#fhir/id.ts';
import type { Bundle, Subscription, Task } from '#fhir/types.ts';
import { startIdentityProvider } from '#sandbox/identity.ts';
import { randomFrom } from '#sandbox/population/random.ts';
import { removePostgres, startPostgres } from '#sandbox/postgres.ts';
import { createDatabase } from '#store/create-database.ts';
import { inTransaction, openPool } from '#store/database.ts';
import { saveResources } from '#store/resources.ts';
import { AUDIENCE, must } from '../support/house.ts';
import { entriesIn, eventsIn, typeOf, until } from '../support/receiver.ts';
import { aSubscription, type Wish } from '../support/subscription.ts';
import type { Settings } from './subscription-server.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '.holdfast/chaos-subscriptions' },
    seed: { type: 'string', default: '1' },
    tasks: { type: 'string', default: '500' },
    moves: { type: 'string', default: '20' },
  },
});
const OURS = 'A81001';
const STATUSES = ['requested', 'accepted', 'in-progress', 'on-hold'] as const;
const [tasks, moves] = [Number(values.tasks), Number(values.moves)];
const changes = tasks * moves;
const random = randomFrom(values.seed, 'subscriptions');
const began = Date.now();
const say = (line: string) =>
  void process.stdout.write(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);

const folder = resolve(values.data);
await removePostgres(folder, () => undefined);
rmSync(folder, { recursive: true, force: true });
const postgres = await startPostgres(folder, () => undefined);
const databaseUrl = await createDatabase(postgres.url, 'subscriptions');
const keysFolder = mkdtempSync(join(tmpdir(), 'holdfast-chaos-'));
const identity = await startIdentityProvider({
  organisations: [
    { ods: OURS, name: OURS },
    { ods: 'B82002', name: 'B82002' },
  ],
  audience: AUDIENCE,
  keysFolder,
});

/** What came for one subscription. */
type Heard = {
  posts: number;
  refused: number;
  lost: number;
  repeated: number;
  readonly events: Map<number, { focus: string; version: number }>;
  outOfOrder: number;
};
const heard = new Map<string, Heard>();
let receiver: Server | undefined;
let port = 0;

function take(path: string, bundle: Bundle): Heard {
  const one = heard.get(path) ?? { posts: 0, refused: 0, lost: 0, repeated: 0, events: new Map(), outOfOrder: 0 };
  heard.set(path, one);
  one.posts += 1;
  if (typeOf(bundle) !== 'event-notification') return one;
  const entries = entriesIn(bundle);
  eventsIn(bundle).forEach(({ number, focus = '' }, index) => {
    if (one.events.has(number)) {
      one.repeated += 1;
      return;
    }
    if (number !== one.events.size + 1) one.outOfOrder += 1;
    const version = Number(/\d+/.exec(entries[index]?.response?.etag ?? '')?.[0]);
    one.events.set(number, { focus, version });
  });
  return one;
}

async function openReceiver(isDifficult: boolean): Promise<void> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bundle = JSON.parse(Buffer.concat(chunks).toString()) as Bundle;
    if (isDifficult) await pause(20 + random.next() * 60);
    answer(request, response, { bundle, dice: isDifficult ? random.next() : 1 });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  receiver = server;
}

type Arrived = { readonly bundle: Bundle; readonly dice: number };

/** Now and then busy, now and then taken with an answer that never arrives. */
function answer({ url = '', socket }: IncomingMessage, response: ServerResponse, { bundle, dice }: Arrived): void {
  if (dice < 0.05) {
    const one = heard.get(url);
    if (one) one.refused += 1;
    response.writeHead(503).end();
    return;
  }
  const one = take(url, bundle);
  if (dice >= 0.08) {
    response.writeHead(200).end();
    return;
  }
  one.lost += 1;
  socket.destroy();
}

async function closeReceiver(): Promise<void> {
  receiver?.closeAllConnections();
  await new Promise((closed) => receiver?.close(closed));
}

let kills = 0;
let child: ChildProcess | undefined;
const settings: Settings = { databaseUrl, issuer: identity.issuer, port: await freePort() };

async function startServer(): Promise<void> {
  const env = { ...process.env, CHAOS_SETTINGS: JSON.stringify(settings) };
  child = fork(join(import.meta.dirname, 'subscription-server.ts'), { env });
  await once(child, 'message');
}

async function killServer(when: string): Promise<void> {
  const gone = child && once(child, 'exit');
  child?.kill('SIGKILL');
  await gone;
  kills += 1;
  say(`server killed ${when}`);
  await pause(500);
  await startServer();
  say('server started again');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: free } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return free;
}

async function ask(method: string, path: string, body?: object): Promise<{ status: number; json: unknown }> {
  const token = must(await identity.issueToken('system', OURS));
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json' };
  const sent = body ? { body: JSON.stringify(body) } : {};
  const response = await fetch(`http://127.0.0.1:${settings.port}/fhir/R4/${path}`, { method, headers, ...sent });
  return { status: response.status, json: await response.json() };
}

async function subscribe(path: string, wish: Wish): Promise<{ path: string; id: string }> {
  const { status, json } = await ask(
    'POST',
    'Subscription',
    aSubscription({ ...wish, endpoint: `http://127.0.0.1:${port}${path}` }),
  );
  if (status !== 201) throw new Error(`${status}: ${JSON.stringify(json)}`);
  const { id = '' } = json as Subscription;
  await until(
    `${path} is active`,
    async () => ((await ask('GET', `Subscription/${id}`)).json as Subscription).status === 'active',
  );
  return { path, id };
}

const taskId = (index: number) => idFrom('chaos', String(index));
const patientOf = (index: number) => `p${index % 5}`;

/** Each writer owns its Tasks and moves them in turn, up to five in one transaction, beside the others. */
async function writeAll(onQuarter: () => void): Promise<void> {
  const pool = openPool({ url: databaseUrl, size: 8, definitions: new Map(), onError: () => undefined });
  let written = 0;
  const writer = async (mine: readonly number[]) => {
    for (let move = 0; move < moves; move += 1) {
      for (let from = 0; from < mine.length; from += 5) {
        const resources = mine.slice(from, from + 5).map(
          (index): Task => ({
            resourceType: 'Task',
            id: taskId(index),
            status: STATUSES[move % STATUSES.length] ?? 'requested',
            intent: 'order',
            for: { reference: `Patient/${patientOf(index)}` },
          }),
        );
        await inTransaction(pool, (tx) => saveResources(tx, { organisation: OURS, resources, source: 'chaos' }));
        const before = written;
        written += resources.length;
        if (before < changes / 4 && written >= changes / 4) onQuarter();
      }
    }
  };
  const all = Array.from({ length: tasks }, (_, index) => index);
  await Promise.all(Array.from({ length: 8 }, (_, nth) => writer(all.filter((index) => index % 8 === nth))));
  await pool.close();
}

/** What is wrong with what one subscription heard. */
function faults({ path }: { path: string }, expected: (index: number) => boolean): string[] {
  const { events = new Map<number, { focus: string; version: number }>(), outOfOrder = 0 } = heard.get(path) ?? {};
  const found: string[] = [];
  const versions = new Map<string, number>();
  for (let number = 1; number <= events.size; number += 1) {
    const event = events.get(number);
    if (!event) {
      found.push(`${path}: no event ${number}`);
      continue;
    }
    const last = versions.get(event.focus) ?? 0;
    if (event.version !== last + 1) found.push(`${path}: ${event.focus} went from version ${last} to ${event.version}`);
    versions.set(event.focus, event.version);
  }
  const wanted = Array.from({ length: tasks }, (_, index) => index).filter(expected);
  for (const index of wanted) {
    const last = versions.get(`Task/${taskId(index)}`);
    if (last !== moves) found.push(`${path}: Task ${index} ends at version ${last} of ${moves}`);
  }
  if (versions.size !== wanted.length) found.push(`${path}: ${versions.size} resources of ${wanted.length}`);
  if (outOfOrder > 0) found.push(`${path}: ${outOfOrder} numbers came before an earlier one`);
  return found;
}

/** What $events says was there, page after page. */
async function numbersByQuery(id: string): Promise<number> {
  let next = 1;
  for (;;) {
    const { json } = await ask('GET', `Subscription/${id}/$events?eventsSinceNumber=${next}&content=empty`);
    const numbers = eventsIn(json as Bundle).map(({ number }) => number);
    if (numbers.length === 0) return next - 1;
    if (numbers.some((number, index) => number !== next + index)) throw new Error(`$events has a gap after ${next}`);
    next += numbers.length;
  }
}

await openReceiver(false);
await startServer();
const whole = await subscribe('/ids', { maxCount: 50 });
const full = await subscribe('/full', { maxCount: 20, content: 'full-resource' });
const some = await subscribe('/one-patient', { maxCount: 10, filters: ['Task?patient=p1'] });
const isHis = (index: number) => patientOf(index) === 'p1';
const expected = [
  { of: whole, isFor: () => true, count: changes },
  { of: full, isFor: () => true, count: changes },
  { of: some, isFor: isHis, count: Array.from({ length: tasks }, (_, index) => index).filter(isHis).length * moves },
];
await closeReceiver();
say(`three subscriptions are active; the receiver is down; ${changes} changes begin`);
let killing: Promise<void> | undefined;
await writeAll(() => {
  killing = killServer('while it numbers changes');
});
await killing;
say(`${changes} changes are written`);
await openReceiver(true);
say('the receiver is back: 20 to 80 ms an answer, 5 % refused, 3 % of the answers lost');
const arrived = ({ path }: { path: string }) => heard.get(path)?.events.size ?? 0;
await until('half has arrived', () => arrived(whole) >= changes / 2, 300);
await killServer('while it delivers');
await until('everything has arrived', () => expected.every(({ of, count }) => arrived(of) >= count), 600);
// Whatever is still under way may add nothing.
await pause(2_000);
const wrong = expected.flatMap(({ of, isFor }) => faults(of, isFor));
for (const { of, count } of expected) {
  const one = heard.get(of.path);
  const asked = await numbersByQuery(of.id);
  if (one?.events.size !== count || asked !== count)
    wrong.push(`${of.path}: ${one?.events.size} heard, ${asked} by $events, of ${count}`);
  say(
    `${of.path}: ${one?.events.size} of ${count} events in ${one?.posts} posts taken, ${one?.refused} refused, ${one?.lost} answers lost, ${one?.repeated} events sent again; $events ${asked}`,
  );
}
say(`server killed ${kills} times`);
for (const fault of wrong.slice(0, 20)) say(`BROKEN ${fault}`);
child?.kill('SIGKILL');
await closeReceiver();
await identity.close();
await postgres.stop();
rmSync(keysFolder, { recursive: true, force: true });
const isRight = wrong.length === 0 && kills === 2;
say(isRight ? 'PASS  every event arrived, in order for each resource, without a gap' : `FAIL  ${wrong.length} faults`);
process.exit(isRight ? 0 : 1);
