/**
 * How fast a practice's extract becomes facts and resources: `npm run bench:intake -- --rows 200000 [--landing] [--keep]`
 * (`--landing`: only until the rows are landed). The generator's files are read as a delivery; then a day's delta of a thousandth of the rows. Memory is this process's.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { agreementState, listBatches, openBatch } from '#adapters/inbox.ts';
import { readDefinitions } from '#main/definitions.ts';
import { fail } from '#result.ts';
import { startPostgres } from '#sandbox/postgres.ts';
import { createDatabase } from '#store/create-database.ts';
import { openPool } from '#store/database.ts';
import { migrate } from '#store/migrate.ts';
import { openParameters } from '#store/search-parameter.ts';
import { sql } from '#store/sql.ts';
import { derive } from '#workflow/derive.ts';
import { type IntakeShell, intake } from '#workflow/intake.ts';
import type { StageJob } from '#workflow/shell.ts';
import { ROWS_PER_PATIENT, writeVolume } from '../test/support/extract-volume.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '200000' },
    workers: { type: 'string', default: '2' },
    data: { type: 'string', default: '.holdfast/bench-intake' },
    keep: { type: 'boolean', default: false },
    landing: { type: 'boolean', default: false },
  },
});
const say = (line: string) => void process.stdout.write(`${line}\n`);
const ODS = 'Z00001';
const base = resolve(values.data);
const inbox = join(base, 'inbox');
rmSync(inbox, { recursive: true, force: true });
mkdirSync(inbox, { recursive: true });
const patients = Math.max(1, Math.floor(Number(values.rows) / ROWS_PER_PATIENT));
const server = await startPostgres(join(base, 'postgres'), () => undefined);
const name = `bench_intake_${process.pid}`;
const url = await createDatabase((database) => server.url(database), name);
const definitions = readDefinitions();
const pool = openPool({ url, size: 8, definitions: definitions.search, onError: () => undefined });
await migrate(pool, join(import.meta.dirname, '..', 'migrations'), () => undefined);
await openParameters(pool);

const queue: Extract<StageJob, { queue: 'derive' }>[] = [];
let now = '2026-06-01T06:00:00.000Z';
const shell: IntakeShell = {
  pool,
  now: () => now,
  enqueue: async (_tx, jobs) => {
    for (const job of jobs) if (job.queue === 'derive') queue.push(job);
  },
  practices: [
    {
      organisation: ODS,
      name: 'Volume Surgery',
      record: 'emis',
      inbox,
      writeback: 'manual',
      telephone: '01632 960001',
    },
  ],
  listBatches,
  openBatch,
  agreementState,
  openList: async () => fail('not-found', 'no lists here'),
  patientIdOf: () => '',
  onHeld: (_organisation, batch, why) => say(`HELD ${batch}: ${why}`),
};

let peak = 0;
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 100);

say(`before: RSS ${Math.round(process.memoryUsage.rss() / 1048576)} MB`);
const seconds = (from: number) => (performance.now() - from) / 1000;

/** CPU seconds of the processes of the database's server. */
function databaseCpu(): number {
  const postmaster = readFileSync(join(base, 'postgres', 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0];
  let ticks = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      // After the name: state, parent, …; user and system time stand at 11 and 12.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      if (fields[1] === postmaster || pid === postmaster) ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has just ended.
    }
  }
  return ticks / 100;
}

async function take(what: string, rows: number): Promise<number> {
  const load = loadavg()[0]?.toFixed(1);
  const cpu = process.cpuUsage();
  const database = databaseCpu();
  const began = performance.now();
  const taken = await intake(shell, { organisation: ODS });
  if (!taken.ok || taken.value !== 'up to date') throw new Error(JSON.stringify(taken));
  const landed = seconds(began);
  const jobs = values.landing ? [] : queue.splice(0);
  await Promise.all(
    Array.from({ length: Number(values.workers) }, async () => {
      for (let job = jobs.shift(); job; job = jobs.shift()) {
        const done = await derive(shell, job.payload);
        if (!done.ok) throw new Error(done.failure.message);
      }
    }),
  );
  const all = seconds(began);
  const used = process.cpuUsage(cpu);
  const node = (used.user + used.system) / 1e6;
  const postgres = databaseCpu() - database;
  say(
    `${what}: CPU node ${node.toFixed(1)} s, PostgreSQL ${postgres.toFixed(1)} s: at most ${Math.round(rows / Math.max(node, postgres, (node + postgres) / 2))} rows/s if both cores were ours`,
  );
  say(
    `${what}: ${rows} rows in ${all.toFixed(1)} s = ${Math.round(rows / all)} rows/s (landed in ${landed.toFixed(1)} s = ${Math.round(rows / landed)} rows/s); peak RSS ${Math.round(peak / 1048576)} MB; load before ${load}`,
  );
  return all;
}

try {
  const volume = { organisation: ODS, patients, number: 100 };
  const began = performance.now();
  const rows = await writeVolume({ ...volume, folder: join(inbox, '1-bulk'), extracted: '20260601031500' });
  say(`${rows} rows of ${patients} patients written in ${seconds(began).toFixed(1)} s`);
  peak = 0;
  const full = await take('full', rows);
  const { rows: sizes } = await pool.query(sql`
    select (select count(*) from resource) as resources, (select count(*) from clinical_fact) as facts,
      (select count(*) from search_token) as tokens, (select count(*) from search_string) as strings, (select count(*) from search_date) as dates, (select count(*) from search_number) as numbers, (select count(*) from search_reference) as "references", pg_size_pretty(pg_database_size(current_database())) as size`);
  say(JSON.stringify(sizes[0]));
  now = '2026-06-02T06:00:00.000Z';
  // A thousandth of the rows, seven for each patient who was seen.
  const step = Math.max(1, Math.floor(patients / (rows / 7_000)));
  const seen = (patient: number) => patient % step === 0;
  const changed = await writeVolume({
    ...volume,
    folder: join(inbox, '2-delta'),
    extracted: '20260602031500',
    number: 101,
    seen,
  });
  const delta = await take('delta', changed);
  say(
    `the delta has ${((changed / rows) * 100).toFixed(2)} % of the rows and cost ${((delta / full) * 100).toFixed(2)} % of the time`,
  );
} finally {
  clearInterval(watch);
  await pool.close();
  if (!values.keep) await server.stop();
}
