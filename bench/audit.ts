/**
 * What an audit row costs: a commit for each read against commits in groups, as many callers as wait at once; then
 * sealing, verifying and reading back what was written. `node run.mjs bench/audit.ts [seconds a round]`
 */
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { AuditRow } from '#fhir/audit-row.ts';
import { uuidV7 } from '#main/uuid.ts';
import { startPostgres } from '#sandbox/postgres.ts';
import { insertAudit } from '#store/audit.ts';
import { sealAudit } from '#store/audit-seal.ts';
import { searchAudit } from '#store/audit-search.ts';
import { verifyAudit } from '#store/audit-verify.ts';
import { createAuditWriter } from '#store/audit-writer.ts';
import { createDatabase } from '#store/create-database.ts';
import { openPool, type Pool } from '#store/database.ts';
import { migrate } from '#store/migrate.ts';

const ROUND_MS = Number(process.argv[2] ?? 4) * 1_000;
const ROUNDS = 3;
const PATIENTS = 100_000;
const root = join(import.meta.dirname, '..');
const say = (line: string) => process.stdout.write(`${line}\n`);

let made = 0;
/** A read by one of 50 members of staff in one of 100 practices; the same sequence in every run. */
function aRow(): AuditRow {
  made += 1;
  const patient = `p${(made * 7_919) % PATIENTS}`;
  return {
    id: uuidV7(Date.now()),
    recorded: new Date().toISOString(),
    interaction: made % 4 === 0 ? 'search' : 'read',
    type: 'Task',
    resourceId: made % 4 === 0 ? undefined : `t${(made * 104_729) % PATIENTS}`,
    patients: [patient],
    organisations: [`A8${1_000 + (made % 100)}`],
    client: 'caseload-app',
    subject: `staff-${made % 50}`,
    role: 'coordinator',
    name: 'Zoë Okafor',
    address: '192.0.2.7',
    outcome: '0',
    found: made % 4 === 0 ? 12 : undefined,
    query: made % 4 === 0 ? `patient=${patient}&status=ready` : undefined,
    requestId: '0f8fad5b-d9cb-469f-a165-70867728950e',
    source: 'api',
  };
}

type Measured = { perSecond: number; p50: number; p99: number; cpu: number };

/** Callers that each wait for their row before the next one. CPU is this process's alone, in microseconds a row. */
async function measure(callers: number, append: (row: AuditRow) => Promise<unknown>): Promise<Measured> {
  const times: number[] = [];
  const cpu = process.cpuUsage();
  const began = performance.now();
  const end = began + ROUND_MS;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let now = performance.now(); now < end; ) {
        await append(aRow());
        const done = performance.now();
        times.push(done - now);
        now = done;
      }
    }),
  );
  const seconds = (performance.now() - began) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  times.sort((one, other) => one - other);
  const at = (share: number) => times[Math.floor((times.length - 1) * share)] ?? 0;
  return { perSecond: times.length / seconds, p50: at(0.5), p99: at(0.99), cpu: (user + system) / times.length };
}

const middle = (values: readonly number[]): number =>
  [...values].sort((one, other) => one - other)[values.length >> 1] ?? 0;

async function compare(pool: Pool): Promise<void> {
  say('| callers | way | rows/s | p50 ms | p99 ms | CPU µs a row |');
  say('|---|---|---|---|---|---|');
  for (const callers of [1, 8, 32]) {
    const rounds: Record<string, Measured[]> = { 'a commit each': [], grouped: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      const writer = createAuditWriter(pool);
      rounds['a commit each']?.push(await measure(callers, (row) => insertAudit(pool, [row])));
      rounds['grouped']?.push(await measure(callers, (row) => writer.append(row)));
      await writer.close();
    }
    for (const [way, all] of Object.entries(rounds)) {
      const of = (field: keyof Measured) => middle(all.map((one) => one[field]));
      say(
        `| ${callers} | ${way} | ${Math.round(of('perSecond'))} | ${of('p50').toFixed(2)} | ${of('p99').toFixed(2)} | ${Math.round(of('cpu'))} |`,
      );
    }
  }
}

async function timed<T>(
  name: string,
  work: () => Promise<T>,
  describe: (value: T, ms: number) => string,
): Promise<void> {
  const began = performance.now();
  const value = await work();
  say(`- ${name}: ${describe(value, performance.now() - began)}`);
}

const server = await startPostgres(join(root, '.holdfast', 'bench'), () => undefined);
const url = await createDatabase(server.url, `audit_${Date.now()}`);
const pool = openPool({ url, size: 32, definitions: new Map(), onError: () => undefined });
try {
  await migrate(pool, join(root, 'migrations'), () => undefined);
  const { rows } = await pool.inner.query('show synchronous_commit');
  say(
    `Node ${process.version}, ${cpus().length} cores, synchronous_commit ${rows[0]?.synchronous_commit}, ${ROUNDS} rounds of ${ROUND_MS / 1_000} s each, the middle one shown\n`,
  );
  await compare(pool);
  say('');
  await timed(
    'seal',
    () => sealAudit(pool),
    (n, ms) => `${n} rows, ${Math.round(n / (ms / 1_000))} rows/s`,
  );
  await timed(
    'verify',
    () => verifyAudit(pool),
    ({ rows: n, breaches }, ms) => `${n} rows, ${Math.round(n / (ms / 1_000))} rows/s, ${breaches.length} breaches`,
  );
  const reader = { organisations: ['A81007'], site: 'https://holdfast.test/fhir/R4' };
  for (const [name, query] of [
    ['newest page of 50 of one practice', [['_count', '50']]],
    ['one patient’s page', [['patient', `p${(7_919 * 8) % PATIENTS}`]]],
  ] as const) {
    await searchAudit(pool, reader, { parameters: query });
    const times: number[] = [];
    for (let run = 0; run < 100; run += 1) {
      const began = performance.now();
      await searchAudit(pool, reader, { parameters: query });
      times.push(performance.now() - began);
    }
    say(`- ${name}: ${middle(times).toFixed(2)} ms`);
  }
  const { rows: sizes } = await pool.inner.query(
    `select pg_relation_size('audit_event') / count(*) as row, pg_indexes_size('audit_event') / count(*) as index from audit_event`,
  );
  say(`- on disk: ${sizes[0]?.row} bytes a row and ${sizes[0]?.index} bytes in its indexes`);
} finally {
  await pool.close();
  await server.stop();
}
