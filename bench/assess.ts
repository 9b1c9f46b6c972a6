/**
 * What one patient costs after a change of their record: from the new entry to committed needs, one patient at a time.
 * `npm run bench:assess [-- --people 500 --rounds 300]`. Each round, an entry is added to one record, then `assess` runs.
 */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { addDays } from '#fhir/date.ts';
import { SNOMED } from '#fhir/systems.ts';
import type { Resource } from '#fhir/types.ts';
import { readDefinitions } from '#main/definitions.ts';
import { startPostgres } from '#sandbox/postgres.ts';
import { createDatabase } from '#store/create-database.ts';
import { ruleName } from '#workflow/active-rules.ts';
import { assess } from '#workflow/needs.ts';
import { type Person, PRACTICE, takeIn } from '../test/support/cohort.ts';
import { aPractice, openHouse } from '../test/support/house.ts';

const { values } = parseArgs({
  options: { people: { type: 'string', default: '500' }, rounds: { type: 'string', default: '300' } },
});
const rounds = Number(values.rounds);
const people: Person[] = Array.from({ length: Number(values.people) }, (_, n) => ({ id: `patient-${n}`, n }));
const ends: (() => unknown)[] = [];
const t = { teardown: (end: () => unknown) => void ends.push(end) };
const clock = { now: '2026-06-01T09:00:00.000Z' };
const folder = mkdtempSync(join(tmpdir(), 'holdfast-assess-'));
mkdirSync(join(folder, 'postgres'));
const postgres = await startPostgres(join(folder, 'postgres'), () => undefined);
const every = [...new Set(readDefinitions().rules.map(ruleName))];

try {
  process.stdout.write(
    '| rules | rounds | record, median ms | needs committed, median ms | p99 ms | load |\n|---|---|---|---|---|---|\n',
  );
  for (const rules of [undefined, every]) {
    const databaseUrl = await createDatabase(postgres.url, `assess_${rules?.length ?? 0}`);
    const house = await openHouse(t, {
      practices: [{ ...aPractice(PRACTICE), ...(rules ? { rules } : {}) }],
      now: () => clock.now,
      databaseUrl,
    });
    await takeIn(house, clock, people);
    const ids = people.map(({ id }) => id);
    for (let at = 0; at < ids.length; at += 50)
      await assess(house.shell, { organisation: PRACTICE, patients: ids.slice(at, at + 50) });
    const [records, needs]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds + 20; round += 1) {
      const person = people[(round * 37) % people.length] as Person;
      const began = performance.now();
      await takeIn(house, clock, [{ ...person, more: { resources: [reviewOf(person, round)] } }]);
      const kept = performance.now();
      await assess(house.shell, { organisation: PRACTICE, patients: [person.id] });
      if (round < 20) continue;
      records.push(kept - began);
      needs.push(performance.now() - kept);
    }
    const cells = [
      rules?.length ?? 3,
      rounds,
      at(records, 0.5),
      at(needs, 0.5),
      at(needs, 0.99),
      loadavg()[0]?.toFixed(1),
    ];
    process.stdout.write(`| ${cells.join(' | ')} |\n`);
  }
} finally {
  for (const end of ends.reverse()) await end();
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** A review, another day each time: the need is met, and its next change moves. */
function reviewOf({ id }: Person, round: number): Resource {
  return {
    resourceType: 'Observation',
    id: `${id}-review`,
    status: 'final',
    subject: { reference: `Patient/${id}` },
    code: { coding: [{ system: SNOMED, code: '394700004' }] },
    effectiveDateTime: addDays('2025-07-01', round % 300),
  };
}

function at(took: readonly number[], part: number): string {
  return (took.toSorted((one, other) => one - other)[Math.floor(took.length * part)] ?? 0).toFixed(1);
}
