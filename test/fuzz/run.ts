/**
 * `npm run fuzz`: 50,000 requests that are wrong somewhere, over every route, against a sandbox of its own on loopback.
 * Passes when none is answered 5xx or not at all, nothing is half written, and a health probe beside it stays quick.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { randomFrom } from '#sandbox/population/random.ts';
import { named, type Route, type Shot, shoot } from './mutate.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '50000' },
    seed: { type: 'string', default: '1' },
    concurrency: { type: 'string', default: '8' },
  },
});
const TIMEOUT_MS = 10_000;
const PROBE_EVERY_MS = 100;
/** The 99th percentile of the probe may be so long, in milliseconds. */
const QUICK_MS = 1_000;
const say = (line: string) => void process.stdout.write(`${line}\n`);

const child = fork(join(import.meta.dirname, 'server.ts'), { execArgv: ['--disable-warning=ExperimentalWarning'] });
type Started = { readonly url: string; readonly tokens: readonly string[] };
type Checked = { readonly halfWritten: number; readonly faults: readonly string[]; readonly rss: number };
const [{ url, tokens }] = (await once(child, 'message')) as [Started];
const { hostname, port } = new URL(url);
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

type Answer = { readonly status: number; readonly isPacked: boolean; readonly text: string };

/** Rejects when there is no answer in time. */
function send({ method, path, headers, body }: Shot): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body ? { 'content-length': String(body.length) } : {};
    const sent = request({ hostname, port, method, path, agent, headers: { ...headers, ...length } }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(parts).toString('utf8', 0, 2_000);
        resolve({
          status: response.statusCode ?? 0,
          isPacked: response.headers['content-encoding'] !== undefined,
          text,
        });
      });
    });
    sent.setTimeout(TIMEOUT_MS, () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    sent.on('error', reject);
    sent.end(body);
  });
}

async function routesOf(): Promise<Route[]> {
  const described = (await (await fetch(`${url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { parameters?: readonly { in: string; name: string }[] }>>;
  };
  return Object.entries(described.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [] }]) => ({
      method: method.toUpperCase(),
      path,
      parameters: parameters.filter((one) => one.in === 'query').map(({ name }) => name),
    })),
  );
}

// A stream stays open: that it does not end is what it is for.
const routes = (await routesOf()).filter((route) => !JSON.stringify(route).includes('$events-stream'));
const counts = new Map<number, number>();
/** What may not be, by kind. */
const faults = { 'answered 5xx': 0, 'not answered': 0, 'refused without an OperationOutcome': 0 };
const wrong: string[] = [];
const probes: number[] = [];
let isOver = false;

function blame(kind: keyof typeof faults, shot: Shot, what: string): void {
  faults[kind] += 1;
  wrong.push(`${what}: ${describe(shot)}`);
}

function judge(shot: Shot, answer: Answer): void {
  counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
  const isFhir = shot.path.startsWith('/fhir/R4');
  const isOutcome = answer.text === '' || answer.isPacked || answer.text.includes('OperationOutcome');
  if (answer.status >= 500) blame('answered 5xx', shot, String(answer.status));
  else if (answer.status >= 400 && isFhir && shot.method !== 'HEAD' && !isOutcome)
    blame('refused without an OperationOutcome', shot, String(answer.status));
}

function describe({ method, path, headers, body }: Shot): string {
  const type = headers['content-type'] ?? '';
  return `${method} ${path.slice(0, 200)} ${type} ${body?.toString('utf8', 0, 600) ?? ''}`;
}

let done = 0;
const start = performance.now();

/** Says how far it is, with every tenth. */
function countOne(): void {
  done += 1;
  if (done % Math.ceil(Number(values.requests) / 10) !== 0) return;
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  say(`  ${String(done).padStart(6)} in ${seconds} s, ${wrong.length} wrong`);
}

async function worker(name: number): Promise<void> {
  const random = randomFrom(values.seed, 'fuzz', String(name));
  const share = Math.ceil(Number(values.requests) / Number(values.concurrency));
  for (let n = 0; n < share; n += 1) {
    const shot = shoot(random, routes, tokens);
    try {
      judge(shot, await send(shot));
    } catch (error) {
      blame('not answered', shot, (error as Error).message);
    }
    countOne();
  }
}

async function probe(): Promise<void> {
  while (!isOver) {
    const start = performance.now();
    const answer = await send({ method: 'GET', path: '/health/live', headers: {} }).catch(() => undefined);
    if (answer?.status !== 200) wrong.push('the health probe was not answered');
    probes.push(performance.now() - start);
    await pause(PROBE_EVERY_MS);
  }
}

say(`${values.requests} requests over ${routes.length} routes, seed ${values.seed}, ${values.concurrency} at once`);
const probing = probe();
await Promise.all(Array.from({ length: Number(values.concurrency) }, (_, name) => worker(name)));
isOver = true;
await probing;
const seconds = (performance.now() - start) / 1000;
child.send('check');
const [checked] = (await once(child, 'message')) as [Checked];
child.send('stop');
await once(child, 'exit');
agent.destroy();

const total = [...counts.values()].reduce((sum, one) => sum + one, 0);
for (const [status, count] of [...counts].sort(([one], [other]) => one - other))
  say(`  ${String(count).padStart(6)}  ${named(status)}`);
const sorted = probes.toSorted((one, other) => one - other);
const at = (part: number) => sorted[Math.floor((sorted.length - 1) * part)] ?? 0;
say(
  `${total} answers in ${seconds.toFixed(1)} s (${Math.round(total / seconds)}/s); server ${Math.round(checked.rss / 1e6)} MB resident`,
);
say(
  `health probe: ${probes.length} times, p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms, longest ${at(1).toFixed(1)} ms`,
);
for (const line of wrong.sort().slice(0, 20)) say(`WRONG  ${line}`);
for (const line of checked.faults.slice(0, 10)) say(`LOGGED ${line.trim()}`);
const isWell = wrong.length === 0 && checked.halfWritten === 0 && at(0.99) < QUICK_MS;
for (const [kind, count] of Object.entries(faults)) say(`${String(count).padStart(6)} ${kind}`);
say(`${String(checked.halfWritten).padStart(6)} resources half written`);
say(isWell ? 'PASS' : 'FAIL');
process.exitCode = isWell ? 0 : 1;
