/**
 * How many resources a second one thread validates, and how soon it can: UK Core's examples, mixed, beside parsing and writing
 * the same bytes. Run: node run.mjs bench/validate.ts [--write], with UK Core in ../shared/ukcore/package.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { validate, warmUp } from '#fhir/validate/validate.ts';
import { readDefinitions, root } from '#main/definitions.ts';
import { loadProfiles } from '#main/validator.ts';

const SECONDS = 3;
const ROUNDS = 3;
const ukCore = join(root, '..', 'shared', 'ukcore', 'package');
const kept =
  `Patient RelatedPerson Practitioner PractitionerRole Organization Location HealthcareService Endpoint Group PlanDefinition
  ValueSet CodeSystem ServiceRequest CarePlan Task CommunicationRequest Communication Appointment Schedule Slot Encounter
  Condition Observation Procedure Immunization MedicationRequest MedicationStatement AllergyIntolerance DocumentReference Flag
  Consent List Measure MeasureReport Provenance AuditEvent Subscription OperationDefinition StructureDefinition
  SearchParameter CapabilityStatement`.split(/\s+/);

function elapsed<T>(work: () => T): { readonly ms: number; readonly value: T } {
  const start = performance.now();
  const value = work();
  return { ms: performance.now() - start, value };
}

/** Passes over all examples for some seconds; resources a second. */
function rate(count: number, pass: () => void): number {
  pass();
  const start = performance.now();
  let passes = 0;
  while (performance.now() - start < SECONDS * 1000) {
    pass();
    passes += 1;
  }
  return (passes * count * 1000) / (performance.now() - start);
}

if (!existsSync(ukCore)) throw new Error(`UK Core is not at ${ukCore}; the measurement needs its examples`);
const own = readDefinitions().resources;
const folder = join(ukCore, 'examples');
const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
const resources = texts.map((text) => JSON.parse(text) as unknown);
const kilobytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / texts.length / 1000;

const heapBefore = process.memoryUsage().rss;
const loaded = elapsed(() => loadProfiles(own));
const withPackage = elapsed(() => loadProfiles(own, [ukCore]));
const profiles = loaded.value;
const compiled = elapsed(() => warmUp(profiles, kept));
const first = elapsed(() => resources.map((one) => validate(profiles, one)));
const rssAfter = process.memoryUsage().rss;

const best = (count: number, pass: () => void) => Math.max(...Array.from({ length: ROUNDS }, () => rate(count, pass)));
const json = best(texts.length, () => {
  for (const text of texts) JSON.stringify(JSON.parse(text));
});
const ours = best(resources.length, () => {
  for (const one of resources) validate(profiles, one);
});
const theirs = best(resources.length, () => {
  for (const one of resources) validate(withPackage.value, one);
});

const whole = (number: number) => Math.round(number).toLocaleString('en-GB');
const rows: readonly (readonly string[])[] = [
  ['parse and write the same bytes (baseline)', whole(json), '1.00'],
  ['validate, our profiles', whole(ours), (ours / json).toFixed(2)],
  ['validate, official UK Core package', whole(theirs), (theirs / json).toFixed(2)],
];
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
const report = `## Validation on one thread

${new Date().toISOString().slice(0, 10)}, commit ${commit}, ${cpus()[0]?.model ?? 'unknown processor'} (${cpus().length} cores, shared), Node ${process.version}.
Command: \`node run.mjs bench/validate.ts --write\`. ${resources.length} UK Core examples, ${kilobytes.toFixed(1)} kB each on average, the best of ${ROUNDS} times ${SECONDS} s.

| work | resources/s | to the baseline |
|---|---|---|
${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}

Ready to validate: ${whole(loaded.ms)} ms with our profiles (then ${whole(compiled.ms)} ms to reach the profiles of the ${kept.length} types ahead of use, and ${whole(first.ms)} ms
for the first pass over all examples, which compiles what they use); ${whole(withPackage.ms)} ms with the official package. Resident memory grew by ${whole((rssAfter - heapBefore) / 1e6)} MB, both sets loaded.
`;
console.log(report);

if (process.argv.includes('--write')) {
  const file = join(root, 'bench', 'RESULTS.md');
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '# Results\n';
  const others = before.split(/^(?=## )/m).filter((part) => !part.startsWith('## Validation on one thread'));
  writeFileSync(file, `${others.map((part) => part.trimEnd()).join('\n\n')}\n\n${report}`);
}
