/**
 * The plan of every statement that the facade's hot routes send, as PostgreSQL ran it: by `auto_explain`, on the data
 * of `npm run bench:facade -- --keep <folder>`. `npm run bench:plans -- --keep <folder> [--size 20000]`
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPostgres } from '#sandbox/postgres.ts';
import { createDatabase } from '#store/create-database.ts';
import { startHoldfast, startIssuer } from '../test/support/live-server.ts';
import { ORGANISATION } from './facade/task.ts';
import { works } from './facade/work.ts';

const { values } = parseArgs({
  options: { keep: { type: 'string', default: '' }, size: { type: 'string', default: '100000' } },
});
if (!existsSync(values.keep)) throw new Error('--keep names the folder that bench:facade filled and kept');
/** A statement is planned anew each time until PostgreSQL trusts its general plan: the plan of the last run counts. */
const RUNS = 12;
const settings = {
  // As in src/store/database.ts, whose own options these replace.
  plan_cache_mode: 'force_generic_plan',
  session_preload_libraries: 'auto_explain',
  'auto_explain.log_min_duration': '0',
  'auto_explain.log_analyze': 'on',
  'auto_explain.log_buffers': 'on',
  'auto_explain.log_timing': 'off',
  'auto_explain.log_parameter_max_length': '0',
};
const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);

const postgres = await startPostgres(values.keep, () => undefined);
const databaseUrl = await createDatabase(postgres.url, 'bench');
const issuer = await startIssuer([ORGANISATION]);
const server = await startHoldfast({
  databaseUrl: `${databaseUrl}?options=${encodeURIComponent(options.join(' '))}`,
  issuer: issuer.issuer,
  folder: join(values.keep, 'live'),
  organisations: [ORGANISATION],
});
const log = ['server.log', 'postgres/server.log', 'data/server.log']
  .map((name) => join(values.keep, name))
  .find(existsSync);
if (!log) throw new Error(`no server.log of PostgreSQL below ${values.keep}`);
const since = new Date(Date.now() - 86_400_000).toISOString();
try {
  for (const work of works({ size: Number(values.size), token: issuer.token, since })) {
    let from = 0;
    for (let run = 0; run < RUNS; run += 1) {
      from = statSync(log).size;
      const { method, path, headers, body } = work.ours();
      const answer = await fetch(server.origin + path, { method, headers: { ...headers }, ...(body ? { body } : {}) });
      await answer.text();
      if (!answer.ok) throw new Error(`${work.name}: ${answer.status}`);
    }
    process.stdout.write(`### ${work.name}\n\n`);
    for (const plan of plansIn(readFileSync(log).subarray(from).toString()))
      process.stdout.write(`\`\`\`\n${plan}\n\`\`\`\n\n`);
  }
} finally {
  await server.stop();
  issuer.stop();
  await postgres.stop();
}

/** What auto_explain wrote, statement by statement, without times, shortened texts first. */
function plansIn(text: string): string[] {
  return text
    .split(/^(?=\d{4}-\d{2}-\d{2} )/m)
    .filter((entry) => entry.includes(' plan:\n'))
    .filter((entry) => !/pgboss|audit_seal|search_parameter|pg_boss/i.test(entry))
    .map((entry) => {
      const [, statement = '', plan = ''] = /Query Text:([\s\S]*?)\n\t(?=\S[^\n]*\(cost)([\s\S]*)/.exec(entry) ?? [];
      const short = statement.replace(/\s+/g, ' ').trim();
      return `${short.length > 300 ? `${short.slice(0, 300)} …` : short}\n${plan
        .replace(/^\t/gm, '')
        .replace(/ {2}\(cost=[^)]*\)/g, '')
        .trimEnd()}`;
    });
}
