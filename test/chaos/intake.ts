/**
 * Kills an intake (SIGKILL) at random moments and starts it again: `npm run chaos:intake [-- --kills 50 --seed 7]`
 * A full batch and two deltas of an invented practice are taken in by the real queues. Whenever a round comes to its end
 * its state must be that of the undisturbed one; then the next begins with an empty database, until all kills are done.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { randomFrom } from '#sandbox/population/random.ts';
import { startPostgres } from '#sandbox/postgres.ts';
import { createDatabase } from '#store/create-database.ts';
import { openPool } from '#store/database.ts';
import { migrate } from '#store/migrate.ts';
import { writeVolume } from '../support/extract-volume.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '.holdfast/chaos-intake' },
    seed: { type: 'string', default: String(randomInt(1_000_000)) },
    kills: { type: 'string', default: '50' },
    patients: { type: 'string', default: '12' },
  },
});
const say = (line: string) => void process.stdout.write(`${line}\n`);
const root = join(import.meta.dirname, '..', '..');
const base = resolve(values.data);
const inbox = join(base, 'inbox');
const random = randomFrom(values.seed, 'chaos-intake');
rmSync(inbox, { recursive: true, force: true });
mkdirSync(inbox, { recursive: true });
const server = await startPostgres(join(base, 'postgres'), () => undefined);
let database = 0;

/** An empty, migrated database. */
async function fresh(): Promise<string> {
  database += 1;
  const url = await createDatabase((name) => server.url(name), `chaos_intake_${process.pid}_${database}`);
  const pool = openPool({ url, size: 2, definitions: new Map(), onError: () => undefined });
  await migrate(pool, join(root, 'migrations'), () => undefined);
  await pool.close();
  return url;
}

type Run = {
  readonly child: ChildProcess;
  /** When it has begun to work. */
  readonly ready: Promise<unknown>;
  /** The state that it printed; undefined when it was killed before. */
  readonly ended: Promise<string | undefined>;
};

function begin(url: string): Run {
  const program = join(import.meta.dirname, 'intake-worker.ts');
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, url, inbox], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  const ready = Promise.withResolvers<void>();
  child.stdout?.on('data', (data: Buffer) => {
    said += data.toString('utf8');
    if (said.includes('ready\n')) ready.resolve();
  });
  const ended = new Promise<string | undefined>((settle, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      ready.resolve();
      if (signal === null && code !== 0) reject(new Error(`the worker failed: ${said.slice(-2000)}`));
      else settle(/^done (.*)$/m.exec(said)?.[1]);
    });
  });
  return { child, ready: ready.promise, ended };
}

const batches = { organisation: 'Z00001', patients: Number(values.patients) };
await writeVolume({ ...batches, folder: join(inbox, '1-bulk'), extracted: '20260601031500', number: 100 });
for (const day of [1, 2]) {
  const seen = (patient: number) => patient % 3 === day;
  const name = { folder: join(inbox, `${day + 1}-delta`), extracted: `2026060${day + 1}031500`, number: 100 + day };
  await writeVolume({ ...batches, ...name, seen });
}

say(`Seed of the moments: ${values.seed} (--seed ${values.seed} takes the same ones again)`);
const calm = begin(await fresh());
await calm.ready;
const began = Date.now();
const wanted = await calm.ended;
const length = Date.now() - began;
say(`Undisturbed: ${length} ms of work, ${wanted}`);

let kills = 0;
let rounds = 0;
let isSame = true;
const wantedKills = Number(values.kills);
while (kills < wantedKills) {
  rounds += 1;
  const url = await fresh();
  let state: string | undefined;
  for (let killed = 0; ; killed += 1) {
    const { child, ready, ended } = begin(url);
    await ready;
    // Later in each life than in the one before it, so that a round comes to its end.
    const moment = Math.floor(random.next() * length * Math.min(1, 0.5 + killed * 0.1));
    const isOver = kills >= wantedKills || (await Promise.race([ended.then(() => true), pause(moment, false)]));
    if (!isOver && child.exitCode === null) {
      child.kill('SIGKILL');
      kills += 1;
    }
    state = await ended;
    if (state !== undefined) break;
  }
  const verdict = state === wanted ? 'the same state' : `ANOTHER STATE ${state}`;
  isSame &&= state === wanted;
  say(`Round ${rounds}: ${kills} kills so far, ${verdict}`);
}
await server.stop();
say(
  isSame ? `PASS  ${kills} kills in ${rounds} rounds, every round ended in the state of the undisturbed one` : 'FAIL',
);
process.exitCode = isSame ? 0 : 1;
