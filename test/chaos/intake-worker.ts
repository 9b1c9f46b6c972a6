/**
 * A process that takes in extracts by the real queues until nothing is left to do, prints `done` and the state, and ends.
 * `node test/chaos/intake-worker.ts <database url> <inbox>`; it says `ready` when it begins.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { agreementState, listBatches, openBatch } from '#adapters/inbox.ts';
import { type Handlers, openJobs } from '#jobs/board.ts';
import { queues } from '#jobs/queues.ts';
import { readDefinitions } from '#main/definitions.ts';
import { fail, ok } from '#result.ts';
import { inTransaction, openPool } from '#store/database.ts';
import { openParameters } from '#store/search-parameter.ts';
import { derive } from '#workflow/derive.ts';
import { type IntakeShell, intake } from '#workflow/intake.ts';
import { intakeState } from '../support/intake-state.ts';

const [url = '', inbox = ''] = process.argv.slice(2);
const ODS = 'Z00001';
const say = (line: string) => void process.stdout.write(`${line}\n`);
const pool = openPool({ url, size: 6, definitions: readDefinitions().search, onError: () => undefined });
await openParameters(pool);
const jobs = await openJobs({
  databaseUrl: url,
  concurrency: () => 2,
  retryDelaySeconds: 0,
  isOnlyProcess: true,
  onFailure: (queue, { message }) => say(`failed ${queue}: ${message}`),
  onError: (error) => say(`error: ${error.message}`),
});
const shell: IntakeShell = {
  pool,
  now: () => '2026-06-03T09:00:00.000Z',
  enqueue: jobs.enqueue,
  practices: [{ organisation: ODS, name: ODS, record: 'emis', inbox, writeback: 'manual', telephone: '01632 960001' }],
  listBatches,
  openBatch,
  agreementState,
  openList: async () => fail('not-found', 'no lists here'),
  patientIdOf: () => '',
  onHeld: (_organisation, batch, why) => say(`held ${batch}: ${why}`),
};
// What follows a record that has changed is not asked about here.
const others = Object.fromEntries(Object.keys(queues).map((queue) => [queue, async () => ok('left out')]));
const handlers = {
  ...others,
  intake: (job) => intake(shell, job),
  derive: (job) => derive(shell, job),
} as Handlers;
const look = () => inTransaction(pool, (tx) => jobs.enqueue(tx, [{ queue: 'intake', payload: { organisation: ODS } }]));
await look();
say('ready');
await jobs.work(handlers);
await jobs.settle();
let state = await intakeState(pool);
// A killed process's statement goes on for a while in the database, and keeps its feed to itself for as long.
for (const wanted = (await listBatches(inbox)).length; state['batches'] !== wanted; state = await intakeState(pool)) {
  await pause(100);
  await look();
  await jobs.settle();
}
say(`done ${JSON.stringify(state)}`);
await jobs.stop();
await pool.close();
