/**
 * What a search costs beside the bare query that returns the same bytes: 100,000 Patients and 100,000 Tasks in one
 * practice. Run by hand: `node test/support/start-postgres.ts && node bench/search.ts [rounds]`.
 */
import { mkdirSync } from 'node:fs';
import pg from 'pg';
import { compileSearch, everyParameterOf } from '#fhir/search-definition.ts';
import { parseSearch } from '#fhir/search-request.ts';
import { indexRowsOf } from '#fhir/search-value.ts';
import type { Resource } from '#fhir/types.ts';
import { openPool } from '#store/database.ts';
import { searchResources } from '#store/search.ts';
import { explainSearch, type PlanNode } from '#store/search-explain.ts';
import { freshDatabase } from '../test/support/database.ts';
import { SEARCHED } from '../test/support/search-data.ts';
import { addVolume, NHS_SYSTEM, settleVolume } from '../test/support/search-volume.ts';

const ACCESS = { organisations: ['A81001'] };
const rounds = Number(process.argv[2] ?? 400);
const SHAPES: [name: string, type: string, query: [string, string][]][] = [
  [
    'search page of 50',
    'Task',
    [
      ['status', 'requested'],
      ['owner', 'Organization/o1'],
    ],
  ],
  ['identifier look-up', 'Patient', [['identifier', `${NHS_SYSTEM}|17`]]],
  [
    'changed since, page of 100',
    'Task',
    [
      ['_lastUpdated', 'ge2026-01-01T05:00:00Z'],
      ['_sort', '_lastUpdated'],
      ['_count', '100'],
    ],
  ],
  ['chain', 'Task', [['patient.identifier', `${NHS_SYSTEM}|17`]]],
  [
    'include, page of 50',
    'Task',
    [
      ['status', 'requested'],
      ['_include', 'Task:patient'],
    ],
  ],
  [
    'newest first, page of 50',
    'Task',
    [
      ['status', 'requested'],
      ['_sort', '-authored-on'],
    ],
  ],
];

const ends: (() => unknown)[] = [];
mkdirSync('.holdfast', { recursive: true });
const url = await freshDatabase({ teardown: (end) => ends.push(end) });
const definitions = compileSearch(everyParameterOf(SEARCHED));
const pool = openPool({ url, size: 2, definitions, onError: () => undefined });
const bare = new pg.Client(url);
await bare.connect();
await addVolume(pool, definitions, { organisation: 'A81001', from: 0, to: 100_000 });
await settleVolume(pool);

/** Calls a second, one at a time, and the middle and the slowest hundredth in milliseconds. */
async function measure(work: () => Promise<unknown>): Promise<{ rate: number; p50: number; p99: number }> {
  for (let index = 0; index < 30; index += 1) await work();
  const times: number[] = [];
  for (let index = 0; index < rounds; index += 1) {
    const from = performance.now();
    await work();
    times.push(performance.now() - from);
  }
  times.sort((one, other) => one - other);
  const at = (share: number) => times[Math.floor(times.length * share)] ?? 0;
  return { rate: 1_000 / (times.reduce((sum, one) => sum + one, 0) / times.length), p50: at(0.5), p99: at(0.99) };
}

const names = (node: PlanNode): string[] => [
  ...(node['Index Name'] ? [node['Index Name']] : []),
  ...(node.Plans ?? []).flatMap(names),
];

console.log(
  '| work | per second | p50 ms | p99 ms | bare query | ratio | bytes | indexes |\n|---|---|---|---|---|---|---|---|',
);
for (const [name, type, query] of SHAPES) {
  const ask = async () => {
    const request = parseSearch(type, query, { definitions, lenient: false });
    if (!request.ok) throw new Error(request.failure.message);
    const found = await searchResources(pool, ACCESS, request.value);
    if (!found.ok) throw new Error(found.failure.message);
    return found.value.entries;
  };
  const entries = await ask();
  const rids = await pool.query<{ rid: string }>({
    text: 'select resource_rid(t, i)::text as rid from unnest($1::text[], $2::text[]) as k (t, i)',
    values: [entries.map((one) => one.type), entries.map((one) => one.id)],
  });
  const values = ['A81001', [...new Set(entries.map((one) => one.type))], rids.rows.map((row) => row.rid)];
  const text =
    'select type, id, content from resource where organisation = $1 and type = any($2::text[]) and rid = any($3::bigint[])';
  const ours = await measure(ask);
  const theirs = await measure(() => bare.query(text, values));
  const request = parseSearch(type, query, { definitions, lenient: false });
  const plan = request.ok ? await explainSearch(pool, ACCESS, request.value) : request;
  const indexes = plan.ok ? [...new Set(plan.value.flatMap((one) => names(one.plan)))].join(', ') : '';
  const bytes = entries.reduce((sum, one) => sum + one.content.length, 0);
  console.log(
    `| ${name} | ${ours.rate.toFixed(0)} | ${ours.p50.toFixed(2)} | ${ours.p99.toFixed(2)} | ${theirs.rate.toFixed(0)} | ${(ours.rate / theirs.rate).toFixed(2)} | ${bytes} | ${indexes} |`,
  );
}

const task = (index: number): Resource => ({
  resourceType: 'Task',
  id: `t${index}`,
  meta: { profile: ['https://fhir.hl7.org.uk/StructureDefinition/UKCore-Task'] },
  identifier: [{ system: 'https://holdfast.example/fhir/Id/task', value: `x${index}` }],
  basedOn: [{ reference: `ServiceRequest/s${index}` }],
  groupIdentifier: { system: 'urn:g', value: `g${index}` },
  status: 'in-progress',
  businessStatus: {
    coding: [
      { system: 'https://holdfast.example/fhir/CodeSystem/business-status', code: 'sent', display: 'Invitation sent' },
    ],
  },
  intent: 'order',
  priority: 'routine',
  code: {
    coding: [{ system: 'https://holdfast.example/fhir/CodeSystem/task-code', code: 'coordination' }],
    text: 'Coordinate an asthma review',
  },
  focus: { reference: `ServiceRequest/s${index}` },
  for: { reference: `Patient/p${index}` },
  authoredOn: `2026-04-0${1 + (index % 9)}T09:00:00Z`,
  lastModified: `2026-04-0${1 + (index % 9)}T10:00:00Z`,
  requester: { reference: 'Organization/A81001' },
  owner: { reference: 'Organization/A81001' },
  note: [{ text: 'y'.repeat(350) }],
});
const tasks = Array.from({ length: 20_000 }, (_, index) => task(index));
for (const one of tasks.slice(0, 5_000)) indexRowsOf(one, definitions);
const from = performance.now();
for (const one of tasks) indexRowsOf(one, definitions);
console.log(
  `\nrows of a Task of ${JSON.stringify(tasks[0]).length} bytes: ${(((performance.now() - from) * 1_000) / tasks.length).toFixed(1)} µs`,
);

await bare.end();
await pool.close();
for (const end of ends) await end();
