/**
 * `npm run chaos:stop`: ten thousand messages on their way to the stand-in of NHS Notify, and an emergency stop in the
 * middle. Nothing is received later than a second after its answer, and its list is what was received. Exits with 1 otherwise.
 */
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { removePostgres, startPostgres } from '#sandbox/postgres.ts';
import { createDatabase } from '#store/create-database.ts';
import { stopUnderWay } from '../support/stopping.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '.holdfast/chaos-stop' },
    people: { type: 'string', default: '10000' },
    after: { type: 'string', default: '3000' },
    workers: { type: 'string', default: '8' },
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
const verdict = await stopUnderWay(
  { teardown: (end) => void ends.unshift(end) },
  {
    databaseUrl: await createDatabase(postgres.url, 'stop'),
    people: Number(values.people),
    after: Number(values.after),
    workers: Number(values.workers),
    onProgress: say,
  },
);
say(`answered after ${verdict.answeredAfterMs.toFixed(0)} ms, ${verdict.underWay} hand-overs not recorded by then`);
say(
  `the last message was received ${verdict.lastAfterAnswerMs.toFixed(0)} ms after the answer (negative: before it), ${verdict.lastAfterCallMs.toFixed(0)} ms after the call`,
);
say(`${verdict.received} of ${values.people} messages received, ${verdict.listed} listed`);
for (const one of verdict.faulty) say(`BROKEN  ${one}`);
say(verdict.faulty.length === 0 ? 'PASS' : 'FAIL');
for (const end of ends) await end();
await postgres.stop();
process.exit(verdict.faulty.length === 0 ? 0 : 1);
