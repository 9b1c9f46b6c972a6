/**
 * How fast the facade is, with authentication, permission, validation and audit on, as a ratio to bare Fastify and pg
 * doing the same bytes in the same run. `npm run bench:facade [-- --size 100000 --seconds 8 --only read]`
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort, startPostgres } from '#sandbox/postgres.ts';
import { createDatabase } from '#store/create-database.ts';
import { type Server, startHoldfast, startIssuer, startProcess } from '../test/support/live-server.ts';
import { fill } from './facade/data.ts';
import { load, type Measured } from './facade/load.ts';
import { ORGANISATION } from './facade/task.ts';
import { type Work, works } from './facade/work.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '8' },
    only: { type: 'string', default: '' },
    connections: { type: 'string', default: '8,32' },
    keep: { type: 'string' },
  },
});
const size = Number(values.size);
const seconds = Number(values.seconds);
const say = (line: string) => process.stdout.write(`${line}\n`);

const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
const postgres = await startPostgres(folder, () => undefined);
const databaseUrl = await createDatabase(postgres.url, 'bench');
const organisations = [ORGANISATION];
const issuer = await startIssuer(organisations);
const live = { databaseUrl, issuer: issuer.issuer, folder: join(folder, 'live'), organisations };
const servers: Server[] = [];
try {
  say(`Filling: ${size} Patients, ${size} Tasks …`);
  await fill(databaseUrl, size, say);
  const first = await startHoldfast(live);
  await first.stop();
  const ours = await startHoldfast(live);
  const bare = await startBare(`${ours.origin}/fhir/R4`);
  servers.push(ours, bare);
  const since = await middleOfTheTasks(ours, issuer.token);
  say(
    `${cpus().length} cores (${cpus()[0]?.model}); Node ${process.version}; server, database and load on the same machine`,
  );
  say(
    `Holdfast ready on the existing database in ${ours.startMs} ms, ${residentOf(ours)} MB resident before the load\n`,
  );
  say('| work | connections | Holdfast/s | p50 ms | p99 ms | bare/s | bare p50 | bare p99 | ratio | wanted |');
  say('|---|---|---|---|---|---|---|---|---|---|');
  const wanted = works({ size, token: issuer.token, since }).filter(({ name }) => name.includes(values.only));
  for (const connections of values.connections.split(',').map(Number))
    for (const work of wanted) say(await row(work, { ours, bare, connections }));
  say(`\nHoldfast resident after the load: ${residentOf(ours)} MB (highest ${residentOf(ours, 'VmHWM')} MB)`);
} finally {
  for (const server of servers) await server.stop();
  issuer.stop();
  await postgres.stop();
  if (!values.keep) rmSync(folder, { recursive: true, force: true });
}

async function startBare(base: string): Promise<Server> {
  const port = await freePort();
  return startProcess(['bench/facade/bare.ts', databaseUrl, String(port), base], {
    origin: `http://127.0.0.1:${port}`,
    said: 'ready',
    environment: {},
  });
}

/** Turn by turn, so that a slow moment of the machine strikes both. */
async function row(work: Work, of: { ours: Server; bare: Server; connections: number }): Promise<string> {
  const { connections } = of;
  await load(of.ours.origin, work.ours, { connections, seconds: 2 });
  await load(of.bare.origin, work.bare, { connections, seconds: 1 });
  const turns: [Measured, Measured][] = [];
  for (let turn = 0; turn < 2; turn += 1) {
    const one = await load(of.ours.origin, work.ours, { connections, seconds: seconds / 2 });
    turns.push([one, await load(of.bare.origin, work.bare, { connections, seconds: seconds / 2 })]);
  }
  const [ours, bare] = [merged(turns.map(([one]) => one)), merged(turns.map(([, one]) => one))];
  const bad = ours.bad + bare.bad > 0 ? ` (${ours.bad}/${bare.bad} bad answers)` : '';
  const cells = [
    work.name + bad,
    connections,
    Math.round(ours.rate),
    ours.p50,
    ours.p99,
    Math.round(bare.rate),
    bare.p50,
    bare.p99,
    (ours.rate / bare.rate).toFixed(2),
    work.wanted.toFixed(2),
  ];
  return `| ${cells.join(' | ')} | ${Math.round(ours.bytes)}/${Math.round(bare.bytes)} B`;
}

function merged(turns: readonly Measured[]): Measured {
  const mean = (pick: (one: Measured) => number) => turns.reduce((sum, one) => sum + pick(one), 0) / turns.length;
  return {
    rate: mean((one) => one.rate),
    p50: Math.round(mean((one) => one.p50) * 10) / 10,
    p99: Math.round(mean((one) => one.p99) * 10) / 10,
    bytes: mean((one) => one.bytes),
    bad: turns.reduce((sum, one) => sum + one.bad, 0),
  };
}

function residentOf({ pid }: Server, what: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  const line = new RegExp(`${what}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round(Number(line?.[1] ?? 0) / 1024);
}

/** A time after which many Tasks were changed. */
async function middleOfTheTasks({ origin }: Server, token: string): Promise<string> {
  const answer = await fetch(`${origin}/fhir/R4/Task?_sort=_lastUpdated&_count=200`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const bundle = (await answer.json()) as { entry?: { resource: { meta: { lastUpdated: string } } }[] };
  const found = bundle.entry?.at(-1)?.resource.meta.lastUpdated;
  if (!found) throw new Error(`No Tasks to be found: ${answer.status} ${JSON.stringify(bundle).slice(0, 300)}`);
  return found;
}
