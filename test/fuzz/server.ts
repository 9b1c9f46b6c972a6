/** The server that is fuzzed: a whole sandbox with a few resources, in a process of its own. Speaks by messages. */
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { readDefinitions } from '#main/definitions.ts';
import { buildHouse } from '#main/house.ts';
import { startSandbox } from '#main/sandbox.ts';
import { createLog } from '#ops/log.ts';
import { removePostgres } from '#sandbox/postgres.ts';
import { inTransaction } from '#store/database.ts';
import { saveResources } from '#store/resources.ts';
import { sql } from '#store/sql.ts';
import { clientPolicy } from '#workflow/client-policy.ts';
import { sampleOf } from '../support/samples.ts';

const PRACTICE = 'A81001';
const folder = resolve('.holdfast/fuzz');
await removePostgres(folder, () => undefined);
rmSync(folder, { recursive: true, force: true });
const faults: string[] = [];
const log = createLog({
  level: 'error',
  destination: { write: (line) => void (faults.length < 50 && faults.push(line)) },
});
const sandbox = await startSandbox(
  {
    mode: 'sandbox',
    host: '127.0.0.1',
    port: 0,
    logLevel: 'error',
    databaseUrl: undefined,
    data: folder,
    seed: 'fuzz',
    patients: 10,
    startDate: '2026-06-01',
    daySeconds: 1,
    days: 1,
    privateHosts: [],
    fhirPackages: [],
  },
  () => undefined,
  { isAnnounced: false },
);
const house = await buildHouse(sandbox.parts, readDefinitions(), log);
const server = await house.createServer();
const url = await server.listen({ host: '127.0.0.1', port: 0 });
sandbox.setUrl(url);
const about = { patient: 'the-patient', organisation: PRACTICE };
const resources = Object.keys(clientPolicy).map((type) => ({
  ...sampleOf(type, about),
  id: type === 'Patient' ? about.patient : `the-${type.toLowerCase()}`,
}));
await inTransaction(house.pool, (tx) => saveResources(tx, { organisation: PRACTICE, resources, source: 'client' }));

/** Resources whose current version is not among their versions, or that miss one in between: 0 when writes are whole. */
async function halfWritten(): Promise<number> {
  const { rows } = await house.pool.query<{ n: number }>(sql`
    select count(*) as n from resource r where
      (select count(*) from resource_version v where v.organisation = r.organisation and v.type = r.type and v.id = r.id) <> r.version
      or not exists (select 1 from resource_version v where v.organisation = r.organisation and v.type = r.type and v.id = r.id and v.version = r.version and v.content = r.content)`);
  return rows[0]?.n ?? 0;
}

process.on('message', (message) => {
  if (message === 'check')
    void halfWritten().then((n) => process.send?.({ halfWritten: n, faults, rss: process.memoryUsage.rss() }));
  if (message === 'stop') void stop();
});
process.on('disconnect', () => void stop());

let isStopping = false;
async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  await server.close();
  await house.close();
  await sandbox.close();
  process.exit(0);
}
process.send?.({
  url,
  tokens: [await sandbox.token('record-intake', PRACTICE), await sandbox.token('system', PRACTICE)],
});
