/** What search parameters find in a resource: the same as FHIRPath's own implementation, over published examples; numbers and ranges; garbage. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import fhirpath from 'fhirpath';
import r4 from 'fhirpath/fhir-context/r4/index.js';
import t from 'tap';
import { londonInstant } from '#fhir/date.ts';
import { compileSearch, everyParameterOf } from '#fhir/search-definition.ts';
import { compileExpression } from '#fhir/search-expression.ts';
import { anySystem, hash64, inSystem } from '#fhir/search-hash.ts';
import { dateRange, numberRange } from '#fhir/search-range.ts';
import { indexRowsOf } from '#fhir/search-value.ts';
import type { CapabilityStatement, Resource } from '#fhir/types.ts';
import { SEARCHED, WORLD } from '../support/search-data.ts';

// The package declares its own model more loosely than its own parameter.
const model = r4 as unknown as NonNullable<Parameters<typeof fhirpath.evaluate>[3]>;
const definitions = compileSearch(everyParameterOf(SEARCHED));
const examples = join(import.meta.dirname, '..', '..', '..', 'shared', 'ukcore', 'package', 'examples');
const published: Resource[] = existsSync(examples)
  ? readdirSync(examples)
      .filter((name) => name.endsWith('.json'))
      .map((name) => JSON.parse(readFileSync(join(examples, name), 'utf8')) as Resource)
  : [];

/** `resolve() is X` needs a server to look things up: there the type in the reference decides, as R4's note on it allows. */
const isComparable = (expression: string) => !expression.includes('resolve()');

function standard(resource: Resource, expression: string): unknown[] {
  const parts = expression
    .split('|')
    .map((one) => one.trim())
    .filter((one) => new RegExp(`^\\(*(?:${resource.resourceType}|Resource|DomainResource)\\b`).test(one));
  return parts.flatMap((part) => fhirpath.evaluate(resource, part, undefined, model) as unknown[]);
}

const plain = (values: readonly unknown[]) => values.map((one) => JSON.stringify(one)).toSorted();

t.test('what a parameter finds in a resource is what FHIRPath finds', async (t) => {
  let compared = 0;
  let found = 0;
  for (const resource of [...published, ...WORLD]) {
    for (const definition of definitions.get(resource.resourceType)?.values() ?? []) {
      if (!isComparable(definition.expression)) continue;
      const ours = plain(definition.values(resource));
      t.same(
        ours,
        plain(standard(resource, definition.expression)),
        `${definition.type}.${definition.code} of ${resource.id}`,
      );
      compared += 1;
      found += ours.length;
    }
  }
  t.ok(
    compared > 500 && found > 300,
    `${compared} comparisons, ${found} values, ${published.length} published examples`,
  );
  if (published.length === 0)
    t.comment('the published examples are not beside the repository: only our own were compared');
});

t.test('an expression that is not understood stops the start', async (t) => {
  for (const expression of [
    'Patient.name.select(family)',
    "Patient.name.where(use='usual' and family.exists())",
    'Patient.name[0].family',
    'Task.for',
  ])
    t.throws(() => compileExpression(expression, 'Patient'), /not understood|says nothing/, expression);
  const statement = (name: string) =>
    ({ rest: [{ resource: [{ type: 'Patient', searchParam: [{ name }] }] }] }) as CapabilityStatement;
  t.throws(() => compileSearch(statement('nonsense')), /Patient\.nonsense is declared but not defined/);
  t.throws(() => compileSearch(statement('_content')), /_content is declared but not defined/);
  t.ok([...definitions.values()].reduce((sum, one) => sum + one.size, 0) > 700, 'all parameters of all types compile');
});

t.test('numbers of the index', async (t) => {
  const seen = new Set<string>();
  for (let index = 0; index < 300_000; index += 1)
    seen.add(hash64(`https://fhir.nhs.uk/Id/nhs-number|${9_990_000_000 + index}`));
  t.equal(seen.size, 300_000, 'numbers in a row do not meet');
  t.equal(anySystem('ABC'), anySystem('abc'));
  t.not(
    inSystem('http://unitsofmeasure.org', 'MM'),
    inSystem('http://unitsofmeasure.org', 'mm'),
    'units differ by case',
  );
});

t.test('ranges', async (t) => {
  const iso = (value: string) => {
    const range = dateRange(value);
    return range && [new Date(range.low).toISOString(), new Date(range.high).toISOString()];
  };
  t.same(
    iso('2026-03-29'),
    ['2026-03-29T00:00:00.000Z', '2026-03-29T23:00:00.000Z'],
    'the day on which the clocks go forward has 23 hours',
  );
  t.same(
    iso('2026-10-25'),
    ['2026-10-24T23:00:00.000Z', '2026-10-26T00:00:00.000Z'],
    'the one on which they go back 25',
  );
  t.same(iso('2026-06'), ['2026-05-31T23:00:00.000Z', '2026-06-30T23:00:00.000Z']);
  t.same(iso('2026'), ['2026-01-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z']);
  t.same(
    iso('2026-06-01T09:00'),
    ['2026-06-01T08:00:00.000Z', '2026-06-01T08:01:00.000Z'],
    'without a zone it is London’s',
  );
  for (const bad of [
    '',
    '20',
    '2026-1',
    '2026-02-30',
    '2026-02-29',
    '2026-06-01T',
    '2026-06-01T9:00',
    '2026-06-01T24:00:00Z',
    '0000',
    '2026-06-01T09:00:00+25:00',
  ])
    t.equal(dateRange(bad), undefined, bad);
  fc.assert(
    fc.property(fc.date({ min: new Date('1900-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }), (date) => {
      const day = date.toISOString().slice(0, 10);
      return dateRange(day)?.low === Date.parse(londonInstant(day, '00:00'));
    }),
  );
  const about = (text: string) => {
    const range = numberRange(text);
    return range && [range.low, range.high];
  };
  t.same(about('100'), [99.5, 100.5]);
  t.same(about('100.00'), [99.995, 100.005]);
  t.same(about('1e2'), [95, 105], 'as R4 has it');
  t.same(about('5.40e-1'), [0.53995, 0.54005]);
  t.same(about('-2'), [-2.5, -1.5]);
  for (const bad of ['', '.', '1.', 'x', '1e9999', '0x10', 'Infinity', '1,0'])
    t.equal(numberRange(bad), undefined, bad);
});

t.test('whatever stands where a value should, indexing it ends well', async () => {
  const types = [...definitions.keys()];
  fc.assert(
    fc.property(
      fc.constantFrom(...WORLD),
      fc.constantFrom(...types),
      fc.jsonValue({ maxDepth: 3 }),
      (resource, type, value) => {
        const broken = Object.fromEntries(Object.keys(resource).map((key) => [key, value]));
        indexRowsOf({ ...broken, resourceType: type, id: 'x' } as unknown as Resource, definitions);
        return true;
      },
    ),
    { numRuns: 500 },
  );
});
