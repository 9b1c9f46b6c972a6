/**
 * How long a search for free slots over ten practices takes: by the slowest of them or the budget, not by their sum?
 * Through the real adapter, the directory and the stand-in over HTTP. Run: npm run bench:slots
 */
import { cpus } from 'node:os';
import { createGpConnect } from '#adapters/gp-connect/gp-connect.ts';
import { createSds } from '#adapters/gp-connect/sds.ts';
import { addDays } from '#fhir/date.ts';
import { createClock } from '#sandbox/clock.ts';
import { createGpSystems } from '#sandbox/gp-system.ts';
import { openJournal } from '#sandbox/journal.ts';
import { generateNetwork } from '#sandbox/population/network.ts';
import { findLiveSlots } from '#workflow/live-slots.ts';
import { START, standInsFor, temporaryFolder } from '../test/support/sandbox.ts';

const PRACTICES = 10;
const say = (line: string) => void process.stdout.write(`${line}\n`);
const ends: (() => unknown)[] = [];
const folder = temporaryFolder({ teardown: (end) => void ends.unshift(end) });
const made = generateNetwork({ seed: 'slots', patientsPerPractice: 60, startDate: '2026-06-01', weeks: 4 });
const odsOf = (n: number) => `P8${String(n).padStart(4, '0')}`;
const practices = Array.from({ length: PRACTICES }, (_, n) => {
  const like = made.practices[n % made.practices.length];
  if (!like) throw new Error('no practice');
  return { ...like, ods: odsOf(n) };
});
const journal = openJournal(folder);
const world = { folder, gp: createGpSystems({ ...made, practices }), journal, clock: createClock(journal, START) };
const standIns = await standInsFor(world);
const now = () => world.clock.now();
const gp = createGpConnect({
  now,
  newTraceId: () => crypto.randomUUID(),
  consumer: {
    asid: () => '200000000205',
    organisation: (ods) => ({ ods, name: 'Holdfast', telecom: '01632 960001' }),
    device: { identifier: { system: 'https://holdfast.example/device', value: '1' }, model: 'Holdfast', version: '0' },
    issuerUrl: 'https://holdfast.example/token',
  },
  directory: createSds({ baseUrl: standIns.urls.sds, apiKey: 'sds-key', now, ttlMs: 300_000 }),
  sspBase: standIns.urls.spineProxy,
});
const user = { sdsUserId: 'UNK', sdsRoleProfileId: 'UNK', localId: 'bench', family: 'Doe', given: 'Jo' };

/** Milliseconds by which each practice answers late. */
async function search(what: string, late: (n: number) => number, budgetMs: number, days = 14): Promise<void> {
  standIns.ledger.faults.clear();
  for (let n = 0; n < PRACTICES; n += 1)
    if (late(n) > 0)
      standIns.ledger.fault({
        system: 'gp-connect',
        when: { probability: 1 },
        kind: 'latency',
        match: `/${odsOf(n)}/`,
        milliseconds: late(n),
      });
  const sum = Array.from({ length: PRACTICES }, (_, n) => late(n)).reduce((all, one) => all + one, 0);
  const begun = performance.now();
  const found = await findLiveSlots(
    { findSlots: gp.findSlots, now },
    {
      practices: practices.map(({ ods }) => ods),
      from: '2026-06-02',
      to: addDays('2026-06-02', days - 1),
      user,
      budgetMs,
    },
  );
  const ms = Math.round(performance.now() - begun);
  const answered = found.parts.filter(({ state }) => state === 'answered').length;
  say(`| ${what} | ${sum} | ${budgetMs} | ${ms} | ${answered} of ${PRACTICES} | ${found.slots.length} |`);
}

say(`${cpus()[0]?.model ?? ''} (${cpus().length} cores), Node ${process.version}`);
say('| ten practices | sum of their delays ms | budget ms | took ms | answered | slots |');
say('|---|---|---|---|---|---|');
await search('no delay, directory not known yet', () => 0, 8_000);
await search('no delay', () => 0, 8_000);
await search('each 300 ms', () => 300, 8_000);
await search('100 ms to 1,000 ms', (n) => (n + 1) * 100, 8_000);
await search('one 1,500 ms', (n) => (n === 4 ? 1_500 : 0), 8_000);
await search('one 20 s, budget 2 s', (n) => (n === 4 ? 20_000 : 0), 2_000);
await search('each 300 ms, 28 days (two calls each)', () => 300, 8_000, 28);
for (const end of ends) await end();
await standIns.close();
process.exit(0);
