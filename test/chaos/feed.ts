/**
 * Whether followers miss anything: many writers and two of large transactions over HTTP for a minute, beside pollers
 * that know nothing but the latest time they were told. `npm run chaos:feed [-- --seconds 60 --writers 32]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Bundle, Resource } from '#fhir/types.ts';
import { startPostgres } from '#sandbox/postgres.ts';
import { createDatabase } from '#store/create-database.ts';
import { startHoldfast, startIssuer } from '../support/live-server.ts';
import { type Receiver, startReceiver } from './feed-receiver.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, writers: { type: 'string', default: '32' } },
});
const ORGANISATION = 'A81001';
const BY_LAST_UPDATED = '_lastUpdated=gt';
/** How long a follower waits for something new before it gives up. */
const PATIENCE_MS = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'holdfast-feed-'));
const postgres = await startPostgres(folder, () => undefined);
const databaseUrl = await createDatabase(postgres.url, 'feed');
const issuer = await startIssuer([ORGANISATION]);
const holdfast = await startHoldfast({
  databaseUrl,
  issuer: issuer.issuer,
  folder: join(folder, 'live'),
  organisations: [ORGANISATION],
  role: 'all',
  environment: { SUBSCRIPTION_PRIVATE_HOSTS: '127.0.0.0/8' },
});
const base = `${holdfast.origin}/fhir/R4`;
const headers = { authorization: `Bearer ${issuer.token}`, 'content-type': 'application/fhir+json' };

async function ask<R>(path: string, init: { method?: string; body?: unknown } = {}): Promise<R> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await fetch(path.startsWith('http') ? path : `${base}${path}`, {
      method: init.method ?? 'GET',
      headers,
      ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
    });
    const said = (await answer.json()) as R;
    if (answer.ok) return said;
    // What the server asks to be tried again was not done.
    if (attempt < 10 && [409, 429, 503].includes(answer.status)) await pause(20 * attempt);
    else throw new Error(`${init.method ?? 'GET'} ${answer.status} ${JSON.stringify(said).slice(0, 500)}`);
  }
}

const aTask = (name: string, turn: number): Resource => ({
  resourceType: 'Task',
  identifier: [{ system: 'https://example.org/Id/task', value: `${name}-${turn}` }],
  status: 'requested',
  intent: 'order',
  code: { text: 'A piece of work' },
  requester: { identifier: { system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: ORGANISATION } },
  owner: { reference: `Organization/${ORGANISATION}` },
});

type Versioned = { id?: string; meta?: { versionId?: string; lastUpdated?: string } };
const written = new Set<string>();
const label = ({ id, meta }: Versioned) => `${id}/${meta?.versionId}`;
let writing = true;
let following = true;

async function writer(name: string): Promise<void> {
  let last: (Resource & Versioned) | undefined;
  for (let turn = 0; writing; turn += 1) {
    const isUpdate = last !== undefined && turn % 3 === 2;
    const body = isUpdate ? { ...last, status: 'accepted' } : aTask(name, turn);
    const path = isUpdate ? `/Task/${last?.id}` : '/Task';
    last = await ask<Resource & Versioned>(path, { method: isUpdate ? 'PUT' : 'POST', body });
    written.add(label(last));
  }
}

async function transactor(name: string): Promise<void> {
  for (let turn = 0; writing; turn += 1) {
    const entry = Array.from({ length: 50 }, (_, at) => ({
      resource: aTask(`${name}-${at}`, turn),
      request: { method: 'POST' as const, url: 'Task' },
    }));
    const bundle: Bundle = { resourceType: 'Bundle', type: 'transaction', entry };
    const done = await ask<Bundle>('', { method: 'POST', body: bundle });
    for (const { response } of done.entry ?? []) {
      const [, id, version] = /Task\/([^/]+)\/_history\/(\d+)$/.exec(response?.location ?? '') ?? [];
      if (id) written.add(`${id}/${version}`);
    }
  }
}

type Poller = { readonly name: string; readonly seen: Set<string>; polls: number };

/** All pages of one question. */
async function* pages(first: string): AsyncGenerator<Versioned[]> {
  for (let next: string | undefined = first; next; ) {
    const bundle: Bundle = await ask<Bundle>(next);
    yield (bundle.entry ?? []).flatMap((one) => (one.resource ? [one.resource as Versioned] : []));
    next = bundle.link?.find((link) => link.relation === 'next')?.url;
  }
}

/** Keeps the latest time it was told, and asks for what came at or after it (history) or after it (search). */
async function poll(poller: Poller, question: (since: string) => string): Promise<void> {
  for (let since = '2000-01-01T00:00:00Z'; following; ) {
    for await (const page of pages(question(since))) {
      for (const one of page) {
        poller.seen.add(label(one));
        if ((one.meta?.lastUpdated ?? '') > since) since = one.meta?.lastUpdated ?? since;
      }
    }
    poller.polls += 1;
    await pause(50);
  }
}

/** What a follower has not been told. One by `_lastUpdated` is shown current versions only: the last one of each. */
function missedBy({ name, seen }: Poller): string[] {
  return expectedBy(name).filter((one) => !seen.has(one));
}

function expectedBy(name: string): string[] {
  if (name !== BY_LAST_UPDATED) return [...written];
  const latest = new Map<string, number>();
  for (const one of written) {
    const [id = '', version = ''] = one.split('/');
    latest.set(id, Math.max(latest.get(id) ?? 0, Number(version)));
  }
  return [...latest].map(([id, version]) => `${id}/${version}`);
}

/** Follows on until everything was told or nothing new has come for so long: what is missing then is missed. */
async function settle(pollers: readonly Poller[]): Promise<void> {
  const told = () => pollers.reduce((sum, { seen }) => sum + seen.size, 0);
  let [before, at] = [told(), Date.now()];
  while (pollers.some((one) => missedBy(one).length > 0) && Date.now() - at < PATIENCE_MS) {
    await pause(200);
    if (told() > before) [before, at] = [told(), Date.now()];
  }
}

let failed = true;
let receiver: Receiver | undefined;
try {
  receiver = await startReceiver();
  await ask('/Subscription', { method: 'POST', body: receiver.subscription });
  await receiver.shaken;
  const history: Poller = { name: '_history?_since', seen: new Set(), polls: 0 };
  const updated: Poller = { name: BY_LAST_UPDATED, seen: new Set(), polls: 0 };
  const polling = Promise.all([
    poll(history, (since) => `/Task/_history?_since=${since}&_count=200`),
    poll(updated, (since) => `/Task?_lastUpdated=gt${since}&_sort=_lastUpdated&_count=200`),
  ]);
  const writers = Array.from({ length: Number(values.writers) }, (_, index) => writer(`w${index}`));
  const all = Promise.all([...writers, transactor('t0'), transactor('t1')]);
  await Promise.race([pause(Number(values.seconds) * 1000), all]);
  writing = false;
  await all;
  const { seen } = receiver;
  const pollers = [history, updated, { name: 'subscription', seen, polls: 0 }];
  await settle(pollers);
  following = false;
  await polling;
  failed = verdict(pollers, receiver.notifications);
} finally {
  receiver?.stop();
  await holdfast.stop();
  issuer.stop();
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);

function verdict(pollers: readonly Poller[], notifications: number): boolean {
  const tasks = expectedBy(BY_LAST_UPDATED).length;
  const rate = Math.round(written.size / Number(values.seconds));
  process.stdout.write(
    `${written.size} changes of ${tasks} Tasks by ${values.writers} writers and two of 50 at a time (${rate}/s)\n`,
  );
  const broken = written.size === 0 || pollers.some((one) => missedBy(one).length > 0);
  for (const one of pollers) {
    const answers = String(one.polls || notifications).padStart(6);
    const expected = expectedBy(one.name).length;
    process.stdout.write(
      `${one.name.padEnd(18)} ${answers} answers, ${expected} expected, ${missedBy(one).length} missed\n`,
    );
  }
  process.stdout.write(broken ? 'FAIL\n' : 'PASS\n');
  return broken;
}
