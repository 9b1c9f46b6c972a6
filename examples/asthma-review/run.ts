/**
 * `npm run example:asthma-review`: one practice's asthma review programme from the first extract to the coded outcome,
 * over simulated days, and at the end the laws that must have held. Exits 0 only if all of them did.
 */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { watchParent } from '#main/parent.ts';
import { digestOf, finalState } from './final-state.ts';
import { begin, finish, type Settings } from './folder.ts';
import type { Law } from './law.ts';
import { openPathway } from './pathway.ts';
import { residualLines } from './residual.ts';
import { openTable } from './table.ts';

const DEFAULTS = { data: '.holdfast/example', seed: 'asthma-review', patients: '200', days: '45', practice: 'A81001' };
const START_DATE = '2026-04-01';

const say = (line: string) => void process.stdout.write(`${line}\n`);

watchParent();
process.exitCode = (await run()) ? 0 : 1;

async function run(): Promise<boolean> {
  const { folder, wanted } = readFlags();
  const settings = await begin(folder, wanted, say);
  const { practice } = settings;
  const pathway = await openPathway(configOf(folder, settings), { practice, say });
  const table = openTable(folder, practice, say);
  await pathway.run(async (date) => table.add(date, await pathway.api.caseload()));
  table.end();
  say('\nResidual: not brought in, and what a person should do next');
  for (const line of await residualLines(await pathway.apiOf(practice), 'asthma-review')) say(`  ${line}`);
  const { records, laws } = await pathway.judge();
  say('\nLaws');
  for (const law of laws) say(describe(law));
  const state = finalState(records, pathway.ledger);
  writeFileSync(join(folder, 'final-state.txt'), state);
  say(`\nFinal state: ${state.split('\n').length - 1} lines, sha256 ${digestOf(state)}`);
  await pathway.close();
  finish(folder, settings);
  return laws.every(({ isHeld }) => isHeld);
}

function readFlags(): { folder: string; wanted: Settings } {
  const options = Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, { type: 'string' as const }]));
  const { values } = parseArgs({ options, strict: true });
  const { data, seed, patients, days, practice } = { ...DEFAULTS, ...values } as typeof DEFAULTS;
  const counts = { patients: Number(patients), days: Number(days) };
  for (const [name, count] of Object.entries(counts))
    if (!Number.isInteger(count) || count < 1) throw new Error(`--${name} wants a whole number from 1`);
  return { folder: resolve(data), wanted: { seed, startDate: START_DATE, practice, ...counts } };
}

function configOf(folder: string, { seed, startDate, patients, days }: Settings) {
  const here = {
    mode: 'sandbox',
    host: '127.0.0.1',
    port: 0,
    logLevel: 'warn',
    privateHosts: [],
    fhirPackages: [],
    databaseUrl: undefined,
  } as const;
  return { ...here, data: folder, seed, startDate, patients, days, daySeconds: 0 };
}

function describe({ name, isHeld, found }: Law): string {
  return `  ${isHeld ? 'ok    ' : 'BROKEN'}  ${name} (${found})`;
}
