/**
 * How long a structured record (3.1 MB, 1,283 entries) takes from its bytes to R4, beside parsing and writing the same bytes,
 * and whether memory grows with its size. Wanted: at most 6 times. Run: node run.mjs bench/translate.ts [--write], with
 * the payloads in ../shared/payloads.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { root } from '#main/definitions.ts';
import { translateRecord } from '#translate/stu3/record.ts';

const WARM_UP = 20;
const ROUNDS = 15;
const SIZES = [1, 2, 4];
const HEADING = '## Translation of a structured record';
const file = join(root, '..', 'shared', 'payloads', 'structured', 'skelly-large-9690937286.json');
const context = {
  organisation: 'A99999',
  patientId: 'holdfast-1',
  nhsNumber: '9690937286',
  asOf: '2026-06-01T09:00:00.000Z',
};

type Entry = { readonly resource: { readonly resourceType: string } };
type Bundle = { readonly entry: readonly Entry[] };

/** The record `times` over: further copies have ids, identifiers and references of their own, and the one patient. */
function grown(text: string, times: number): string {
  const bundle = JSON.parse(text) as Bundle;
  const others = JSON.stringify(bundle.entry.filter(({ resource }) => resource.resourceType !== 'Patient'));
  const copies = Array.from({ length: times - 1 }, (_, index) => copyOf(others, `-${index + 1}`));
  return JSON.stringify({ ...bundle, entry: [...bundle.entry, ...copies.flat()] }, null, 4);
}

function copyOf(entries: string, suffix: string): Entry[] {
  return JSON.parse(entries, (key, value: unknown) => {
    if (typeof value !== 'string') return value;
    const isOwn = key === 'id' || (key === 'reference' && !value.startsWith('Patient/'));
    return isOwn || (key === 'value' && /^[0-9A-F-]{32,}$/i.test(value)) ? `${value}${suffix}` : value;
  }) as Entry[];
}

function median(work: () => unknown): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return times.toSorted((one, other) => one - other)[Math.floor(ROUNDS / 2)] ?? 0;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of heap that the translation holds once it is there. */
function heldBy(text: string): number {
  collect();
  const before = process.memoryUsage().heapUsed;
  const translation = translateRecord(text, context);
  collect();
  const after = process.memoryUsage().heapUsed;
  if (!translation.ok) throw new Error(translation.failure.message);
  return after - before;
}

if (!existsSync(file)) throw new Error(`the record is not at ${file}; the measurement needs it`);
const given = readFileSync(file, 'utf8');
const begun = performance.now();
translateRecord(given, context);
const coldMs = performance.now() - begun;
const rows = SIZES.map((times) => {
  const text = times === 1 ? given : grown(given, times);
  const translation = translateRecord(text, context);
  if (!translation.ok) throw new Error(translation.failure.message);
  const json = () => JSON.stringify(JSON.parse(text));
  const ours = () => translateRecord(text, context);
  for (let round = 0; round < WARM_UP; round += 1) [json(), ours()];
  const [base, took] = [median(json), median(ours)];
  return {
    megabytes: Buffer.byteLength(text) / 1e6,
    inputs: translation.value.outcomes.length,
    base,
    took,
    ratio: took / base,
    held: heldBy(text) / 1e6,
  };
});

const [first] = rows;
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
const lines = rows.map(
  ({ megabytes, inputs, base, took, ratio, held }) =>
    `| ${megabytes.toFixed(1)} | ${inputs} | ${base.toFixed(1)} | ${took.toFixed(1)} | ${ratio.toFixed(2)} | ${held.toFixed(1)} | ${(held / megabytes).toFixed(2)} |`,
);
const report = `${HEADING} (\`npm run bench:translate\`)

${new Date().toISOString().slice(0, 10)}, after commit ${commit}, ${cpus()[0]?.model ?? 'unknown processor'} (${cpus().length} cores, shared with other work: load average ${Math.round(loadavg()[0] ?? 0)}), Node ${process.version}. A GP Connect
structured record from its text to R4 with an outcome and the kept source of every input, beside JSON.parse and JSON.stringify of the same text; medians of ${ROUNDS} after ${WARM_UP}
rounds of warming up (the very first translation of a process took ${coldMs.toFixed(0)} ms). Wanted: at most 6 times, memory linear.

| MB | inputs | parse and write ms | translate ms | times | heap held MB | held per MB of text |
|---|---|---|---|---|---|---|
${lines.join('\n')}
`;
console.log(report);
if (first && first.ratio > 6) console.log(`Missed: ${first.ratio.toFixed(2)} times; wanted at most 6.`);

if (process.argv.includes('--write')) {
  const results = join(root, 'bench', 'RESULTS.md');
  const parts = readFileSync(results, 'utf8').split(/^(?=## )/m);
  const others = parts.filter((part) => !part.startsWith(HEADING)).map((part) => part.trimEnd());
  writeFileSync(results, `${others.join('\n\n')}\n\n${report}`);
}
