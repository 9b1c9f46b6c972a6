/**
 * `npm run chaos:booking`: a thousand people booked at once while GP Connect drops calls after they were done, answers
 * too late or wrongly, lets its desk take the slots, and our process ends between its answer and our commit. Its books
 * and our Appointments agree one to one in the end: nobody twice, no slot twice, none lost. Exits with 1 otherwise.
 */
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { removePostgres, startPostgres } from '#sandbox/postgres.ts';
import { createDatabase } from '#store/create-database.ts';
import { bookUnderFaults } from '../support/bookings.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '.holdfast/chaos-booking' },
    bookings: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    severity: { type: 'string', default: '1' },
    workers: { type: 'string', default: '10' },
  },
});
const began = Date.now();
const say = (line: string) =>
  void process.stdout.write(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);

const folder = resolve(values.data);
await removePostgres(folder, () => undefined);
rmSync(folder, { recursive: true, force: true });
const postgres = await startPostgres(folder, () => undefined);
const ends: (() => unknown)[] = [];
const verdict = await bookUnderFaults(
  { teardown: (end) => void ends.unshift(end) },
  {
    databaseUrl: await createDatabase(postgres.url, 'booking'),
    bookings: Number(values.bookings),
    seed: values.seed,
    severity: Number(values.severity),
    workers: Number(values.workers),
    onProgress: (done) => done % 100 === 0 && say(`${done} jobs done`),
  },
);
const { standing, agreeing, faulty, faults, attempts, retries, deskBookings } = verdict;
say(
  `${attempts} runs of the booking job, ${retries} of them came again; the desk took ${deskBookings} slots under our hands`,
);
say(
  `answers that were none, or no: ${Object.entries(faults)
    .map(([kind, n]) => `${n} ${kind}`)
    .join(', ')}`,
);
say(`standing bookings: ${standing.theirs} in the practice's books, ${standing.ours} in ours, ${agreeing} agree`);
for (const one of faulty) say(`BROKEN  ${one}`);
say(faulty.length === 0 ? 'PASS' : 'FAIL');
for (const end of ends) await end();
await postgres.stop();
process.exit(faulty.length === 0 ? 0 : 1);
