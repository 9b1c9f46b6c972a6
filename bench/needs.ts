/**
 * How long all rules take over everybody: `npm run bench:needs -- --patients 100000 [--facts 30] [--practices 10] [--keep]`.
 * Practices of 10,000 unless said, made by set-based SQL; evaluated by two connections side by side, one practice after the other.
 */
import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { evaluateNeed } from '#domain/needs/evaluation.ts';
import { valueSetsOf } from '#domain/needs/rule.ts';
import { readDefinitions } from '#main/definitions.ts';
import { startPostgres } from '#sandbox/postgres.ts';
import { createDatabase } from '#store/create-database.ts';
import { openPool } from '#store/database.ts';
import { loadDefinitions } from '#store/definitions.ts';
import { patientRecords } from '#store/findings.ts';
import { migrate } from '#store/migrate.ts';
import { countNeeds, evaluateNeeds } from '#store/needs-evaluation.ts';
import { notCompiled } from '#store/needs-rule.ts';
import { needsStatement } from '#store/needs-statement.ts';
import { openParameters } from '#store/search-parameter.ts';
import { sql } from '#store/sql.ts';
import { patientFacts } from '#workflow/patient-facts.ts';
import { inWordsOf, makePeople, type Scale } from './needs/people.ts';

const { values } = parseArgs({
  options: {
    patients: { type: 'string', default: '100000' },
    facts: { type: 'string', default: '30' },
    practices: { type: 'string', default: '' },
    data: { type: 'string', default: '.holdfast/bench-needs' },
    workers: { type: 'string', default: '2' },
    plan: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});
const say = (line: string) => void process.stdout.write(`${line}\n`);
const load = () => loadavg()[0]?.toFixed(1);
const TODAY = '2026-11-24';
const NOW = `${TODAY}T12:00:00.000Z`;
const patients = Number(values.patients);
const practices = Number(values.practices || Math.ceil(patients / 10_000));
const scale: Scale = { patients, facts: Number(values.facts), practices, today: TODAY };
const organisations = Array.from({ length: practices }, (_, index) => `Z${String(index).padStart(5, '0')}`);

const server = await startPostgres(resolve(values.data, 'postgres'), () => undefined);
const name = `bench_needs_${process.pid}`;
const url = await createDatabase((database) => server.url(database), name);
const definitions = readDefinitions();
const rules = definitions.rules.filter((rule) => notCompiled(rule).length === 0);
const left = definitions.rules.filter((rule) => notCompiled(rule).length > 0).map((rule) => rule.url);
const pool = openPool({
  url,
  size: 4,
  definitions: definitions.search,
  statementTimeoutMs: 3_600_000,
  onError: () => undefined,
});
await migrate(pool, resolve(import.meta.dirname, '..', 'migrations'), () => undefined);
await openParameters(pool);
await loadDefinitions(pool, definitions.resources);

async function timed<T>(work: () => Promise<T>): Promise<[seconds: number, value: T]> {
  const began = performance.now();
  const value = await work();
  return [(performance.now() - began) / 1000, value];
}

/** Practices one after the other, `workers` at a time. */
async function everybody(): Promise<number> {
  const waiting = [...organisations];
  let answered = 0;
  const worker = async () => {
    for (let organisation = waiting.shift(); organisation; organisation = waiting.shift())
      for (const count of await countNeeds(pool, rules, { organisations: [organisation], today: TODAY, now: NOW }))
        for (const found of count.values()) answered += found;
  };
  await Promise.all(Array.from({ length: Number(values.workers) }, worker));
  return answered;
}

async function median(times: number, work: (run: number) => Promise<unknown>): Promise<number> {
  const took: number[] = [];
  for (let run = 0; run < times; run += 1) took.push((await timed(() => work(run)))[0]);
  return took.toSorted((one, other) => one - other)[Math.floor(times / 2)] ?? 0;
}

try {
  const [made] = await timed(() => makePeople(pool, scale));
  const { rows: sizes } = await pool.query<{ facts: number; size: string }>(
    sql`select (select count(*) from clinical_fact) as facts, pg_size_pretty(pg_database_size(current_database())) as size`,
  );
  say(
    `${patients} patients of ${practices} practices, ${sizes[0]?.facts} facts, ${sizes[0]?.size}, made in ${made.toFixed(0)} s`,
  );
  say(`${rules.length} rules${left.length > 0 ? `; not compiled, left out: ${left.join(', ')}` : ''}`);
  for (const run of ['first', 'again', 'again']) {
    const before = load();
    const [seconds, answers] = await timed(everybody);
    say(
      `everybody, ${run}: ${answers} answers in ${seconds.toFixed(2)} s = ${Math.round(patients / seconds)} patients/s, ${((seconds / patients) * 1e6).toFixed(1)} µs a patient; load before ${before}`,
    );
  }
  const [organisation = ''] = organisations;
  const someone = (run: number) => inWordsOf(organisation, run * 37);
  const one = await median(200, (run) =>
    evaluateNeeds(pool, rules, { organisations: [organisation], patients: [someone(run)], today: TODAY, now: NOW }),
  );
  say(`one patient, all rules, SQL: median of 200 ${(one * 1000).toFixed(2)} ms; load ${load()}`);
  const few = Array.from({ length: 500 }, (_, index) => someone(index));
  const valueSets = [...new Set(rules.flatMap(valueSetsOf))];
  const [inWords] = await timed(async () => {
    for (const record of await patientRecords(pool, organisation, few, { valueSets, today: TODAY }))
      for (const rule of rules) evaluateNeed(rule, patientFacts(organisation, record, NOW), NOW);
  });
  say(`the evaluator, with its reads: ${Math.round(few.length / inWords)} patients/s on one thread`);
  if (values.plan)
    for (const patients of [undefined, [someone(7)]]) {
      const asked = { organisations: [organisation], today: TODAY, now: NOW, ...(patients ? { patients } : {}) };
      const { rows } = await pool.query<{ 'QUERY PLAN': string }>(
        sql`explain (analyze, buffers, timing off, costs off, summary on) select n.rule, n.state, count(*) from (${needsStatement(rules, asked)}) as n group by 1, 2`,
      );
      say(`\nPlan of ${patients ? 'one patient' : 'a practice'}:\n${rows.map((row) => row['QUERY PLAN']).join('\n')}`);
    }
} finally {
  await pool.close();
  if (!values.keep) await server.stop();
}
