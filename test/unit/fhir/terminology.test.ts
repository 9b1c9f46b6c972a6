/** $expand, $validate-code and $lookup over what is loaded; what is not loaded is never answered with a guess. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { outcomeOf } from '#fhir/outcome.ts';
import { type Expand, expand } from '#fhir/terminology/expand.ts';
import { lookUp } from '#fhir/terminology/lookup.ts';
import { type ValidateCode, validateCode } from '#fhir/terminology/validate-code.ts';
import type { CodeSystem, Parameters, ValueSet } from '#fhir/types.ts';
import type { Result } from '#result.ts';

const PACKAGE = join(import.meta.dirname, '../../../../shared/ukcore/package');
const skip = existsSync(PACKAGE) ? false : 'the UK Core package is not beside the checkout';

const AT = '2026-11-24T09:00:00Z';
const ANIMALS = 'https://x.example/CodeSystem/animals';
const SNOMED = 'http://snomed.info/sct';

const animals: CodeSystem = {
  resourceType: 'CodeSystem',
  url: ANIMALS,
  version: '2',
  name: 'Animals',
  status: 'active',
  content: 'complete',
  caseSensitive: false,
  property: [
    { code: 'legs', type: 'integer' },
    { code: 'parent', type: 'code' },
  ],
  concept: [
    {
      code: 'animal',
      display: 'Animal',
      property: [{ code: 'notSelectable', valueBoolean: true }],
      concept: [
        {
          code: 'dog',
          display: 'Dog',
          definition: 'It barks',
          designation: [{ language: 'fr', value: 'Chien' }],
          property: [{ code: 'legs', valueInteger: 4 }],
          concept: [{ code: 'puppy', display: 'Young dog', property: [{ code: 'legs', valueInteger: 4 }] }],
        },
        { code: 'hen', display: 'Hén', property: [{ code: 'legs', valueInteger: 2 }] },
        { code: 'dodo', display: 'Dodo', property: [{ code: 'status', valueCode: 'retired' }] },
      ],
    },
    { code: 'chick', display: 'Chick', property: [{ code: 'parent', valueCode: 'hen' }] },
  ],
};
const fragment: CodeSystem = { ...animals, url: `${ANIMALS}-part`, content: 'fragment' };
const absent: CodeSystem = { ...animals, url: `${ANIMALS}-absent`, content: 'not-present' };

type Compose = NonNullable<ValueSet['compose']>;
const set = (name: string, compose: Compose): ValueSet => ({
  resourceType: 'ValueSet',
  id: name,
  url: `https://x.example/ValueSet/${name}`,
  status: 'active',
  compose,
});
const of = (...include: Compose['include']): ValueSet => set('one', { include });
const filtered = (property: string, op: string, value: string): ValueSet =>
  of({ system: ANIMALS, filter: [{ property, op, value } as never] });

const dogs = set('dogs', {
  include: [{ system: ANIMALS, filter: [{ property: 'concept', op: 'is-a', value: 'dog' }] }],
});
const loop = set('loop', { include: [{ valueSet: ['https://x.example/ValueSet/pool'] }] });
const pool = set('pool', { include: [{ valueSet: ['https://x.example/ValueSet/loop'] }] });
const doubled = Array.from({ length: 18 }, (_, n) =>
  set(`double${n}`, {
    include: [
      { valueSet: [`https://x.example/ValueSet/double${n + 1}`] },
      { valueSet: [`https://x.example/ValueSet/double${n + 1}`] },
    ],
  }),
);
const valueSets = [dogs, loop, pool, ...doubled, set('double18', { include: [{ system: ANIMALS }] })];
const systems = [animals, fragment, absent];
const find: Expand['find'] = {
  valueSet: (url) => valueSets.find((one) => one.url === url),
  codeSystem: (url, version) =>
    systems.find((one) => one.url === url && (version === undefined || one.version === version)),
};

function codes(valueSet: ValueSet, options: Partial<Expand> = {}): string {
  const result = expand(valueSet, { find, at: AT, ...options });
  return result.ok ? (result.value.expansion?.contains ?? []).map((one) => one.code).join(' ') : refusal(result);
}

function refusal(result: Result<unknown>): string {
  if (result.ok) return 'answered';
  const { status, outcome } = outcomeOf(result.failure);
  return `${status} ${outcome.issue[0]?.code}: ${outcome.issue[0]?.diagnostics}`;
}

function validated(request: Omit<ValidateCode, 'find'>): string {
  const result = validateCode({ find, ...request });
  if (!result.ok) return refusal(result);
  return (result.value.parameter ?? []).map((one) => String(one.valueBoolean ?? one.valueString)).join(' | ');
}

t.test('a whole code system, listed codes and exclusions, in the order of the definition', async (t) => {
  t.equal(codes(of({ system: ANIMALS })), 'animal dog puppy hen dodo chick');
  t.equal(codes(of({ system: ANIMALS, concept: [{ code: 'hen' }, { code: 'DOG' }, { code: 'unicorn' }] })), 'hen dog');
  t.equal(
    codes(set('x', { include: [{ system: ANIMALS }], exclude: [{ valueSet: [dogs.url ?? ''] }] })),
    'animal hen dodo chick',
  );
  t.equal(
    codes(
      of(
        { system: ANIMALS, concept: [{ code: 'hen' }] },
        { system: ANIMALS, concept: [{ code: 'hen' }, { code: 'dog' }] },
      ),
    ),
    'hen dog',
    'each once',
  );
  t.equal(
    codes(of({ system: SNOMED, concept: [{ code: '195967001', display: 'Asthma' }] })),
    '195967001',
    'listed codes need no code system',
  );
});

t.test('every filter that R4 names, over nesting and parent properties alike', async (t) => {
  const cases: readonly [string, string, string, string][] = [
    ['concept', 'is-a', 'dog', 'dog puppy'],
    ['concept', 'is-a', 'hen', 'hen chick'],
    ['concept', 'descendent-of', 'animal', 'dog puppy hen dodo chick'],
    ['concept', 'is-not-a', 'animal', ''],
    ['concept', 'generalizes', 'puppy', 'animal dog puppy'],
    ['code', 'in', 'hen, dog', 'dog hen'],
    ['code', 'not-in', 'hen,dog,dodo,animal', 'puppy chick'],
    ['code', 'regex', 'd.*', 'dog dodo'],
    ['code', 'regex', 'o', ''],
    ['display', 'regex', '(Dog|Dodo)', 'dog dodo'],
    ['legs', '=', '4', 'dog puppy'],
    ['legs', 'exists', 'false', 'animal dodo chick'],
    ['parent', '=', 'hen', 'chick'],
    ['parent', 'exists', 'false', 'animal'],
  ];
  for (const [property, op, value, expected] of cases)
    t.equal(codes(filtered(property, op, value)), expected, `${property} ${op} ${value}`);
});

t.test('filters that mean nothing here are refused, not answered with nothing', async (t) => {
  const refused: readonly [string, string, string][] = [
    ['wings', '=', '2'],
    ['legs', 'is-a', '4'],
    ['legs', 'exists', 'maybe'],
    ['concept', 'bogus', 'x'],
    ['code', 'regex', '(a+)+'],
    ['code', 'regex', '(a|a)(a|a)(a|a)(a|a)'],
    ['code', 'regex', `${'a?'.repeat(30)}${'a'.repeat(30)}`],
    ['code', 'regex', '.*.*.*.*'],
    ['code', 'regex', '(?=a)a'],
    ['code', 'regex', '(a)\\1'],
    ['code', 'regex', 'a{1000000}'],
    ['code', 'regex', '['],
  ];
  for (const [property, op, value] of refused)
    t.match(
      codes(filtered(property, op, value)),
      new RegExp(`^400 not-supported: .*${ANIMALS}`),
      `${property} ${op} ${value}`,
    );
});

t.test('a system and value sets in one include are an intersection', async (t) => {
  t.equal(codes(of({ valueSet: [dogs.url ?? ''] })), 'dog puppy');
  t.equal(
    codes(of({ system: ANIMALS, concept: [{ code: 'puppy' }, { code: 'hen' }], valueSet: [dogs.url ?? ''] })),
    'puppy',
  );
  t.equal(
    validated({
      valueSet: of({ system: ANIMALS, concept: [{ code: 'hen' }], valueSet: [dogs.url ?? ''] }),
      code: 'hen',
      system: ANIMALS,
    }).slice(0, 5),
    'false',
  );
});

t.test('circles and value sets that multiply come to an end', async (t) => {
  t.match(codes(of({ valueSet: [loop.url ?? ''] })), /^400 processing: .*includes itself/);
  t.match(validated({ valueSet: loop, code: 'x', system: 'y' }), /^400 processing: .*includes itself/);
  t.match(codes(of({ valueSet: ['https://x.example/ValueSet/double0'] })), /^400 too-costly/);
  t.match(
    validated({ valueSet: of({ valueSet: ['https://x.example/ValueSet/double0'] }), code: 'x', system: ANIMALS }),
    /^400 too-costly/,
  );
});

t.test('what is not loaded is named', async (t) => {
  t.match(
    codes(of({ system: SNOMED, filter: [{ property: 'constraint', op: '=', value: '<< 195967001' }] })),
    /^400 not-supported: .*http:\/\/snomed.info\/sct is not loaded/,
  );
  t.match(codes(of({ system: absent.url ?? '' })), /is not loaded/);
  t.match(codes(of({ system: fragment.url ?? '' })), /only partly loaded/);
  t.match(codes(of({ system: ANIMALS, version: '1' })), /is not loaded/);
  t.match(
    codes(of({ valueSet: ['https://x.example/ValueSet/none'] })),
    /value set https:\/\/x.example\/ValueSet\/none is not loaded/,
  );
  t.match(
    codes({
      ...of({ system: SNOMED }),
      expansion: { timestamp: AT, total: 9, contains: [{ system: SNOMED, code: '1' }] },
    }),
    /not loaded/,
    'a page of an expansion is not enough',
  );
});

t.test('an expansion made elsewhere stands in where its definition cannot be followed', async (t) => {
  const made: ValueSet = {
    ...of({ system: SNOMED, filter: [{ property: 'constraint', op: '=', value: '<< 1' }] }),
    expansion: {
      timestamp: AT,
      contains: [
        { system: SNOMED, abstract: true, display: 'Group', contains: [{ system: SNOMED, code: '2', display: 'Two' }] },
      ],
    },
  };
  t.equal(codes(made), '2');
  t.equal(validated({ valueSet: made, code: '2', system: SNOMED }), 'true | Two');
  t.match(validated({ valueSet: made, code: '3', system: SNOMED }), /^false/);
});

t.test('pages, text filter and active codes only', async (t) => {
  const all = of({ system: ANIMALS });
  t.equal(codes(all, { offset: 1, count: 2 }), 'dog puppy');
  t.equal(codes(all, { count: 0 }), '');
  t.equal(codes(all, { filter: 'DO' }), 'dog puppy dodo', 'begins a word of the display');
  t.equal(codes(all, { filter: 'young do' }), 'puppy');
  t.equal(codes(all, { filter: 'hen' }), 'hen', 'accents do not matter');
  t.equal(codes(all, { filter: 'chien' }), 'dog', 'designations are searched');
  t.equal(codes(all, { activeOnly: true }), 'animal dog puppy hen chick');
  t.equal(codes(set('x', { inactive: false, include: [{ system: ANIMALS }] })), 'animal dog puppy hen chick');
});

t.test('an expansion says what made it, and marks headings and retired codes', async (t) => {
  const result = expand(
    { ...of({ system: ANIMALS }), title: 'All', text: { status: 'generated', div: '<div/>' } },
    { find, at: AT, count: 5, offset: 0, includeDesignations: true },
  );
  t.match(result, {
    ok: true,
    value: {
      resourceType: 'ValueSet',
      url: 'https://x.example/ValueSet/one',
      title: 'All',
      expansion: {
        timestamp: AT,
        total: 6,
        offset: 0,
        parameter: [
          { name: 'offset', valueInteger: 0 },
          { name: 'count', valueInteger: 5 },
          { name: 'includeDesignations', valueBoolean: true },
        ],
        contains: [
          { code: 'animal', abstract: true },
          { code: 'dog', designation: [{ value: 'Chien' }] },
          {},
          {},
          { code: 'dodo', inactive: true },
        ],
      },
    },
  });
  t.notOk(result.ok && ('compose' in result.value || 'text' in result.value), 'the definition is not repeated');
});

t.test('a very large expansion wants pages', async (t) => {
  const large: CodeSystem = {
    ...animals,
    url: 'https://x.example/large',
    concept: Array.from({ length: 10_001 }, (_, n) => ({ code: `c${n}` })),
  };
  const more = { ...find, codeSystem: () => large };
  t.match(codes(of({ system: 'https://x.example/large' }), { find: more }), /^400 too-costly/);
  t.equal(codes(of({ system: 'https://x.example/large' }), { find: more, offset: 10_000, count: 10 }), 'c10000');
});

t.test('$validate-code on a value set: code, coding and concept', async (t) => {
  t.equal(validated({ valueSet: dogs, code: 'puppy', system: ANIMALS }), 'true | Young dog');
  t.equal(validated({ valueSet: dogs, coding: { system: ANIMALS, code: 'dog', display: ' dog ' } }), 'true | Dog');
  t.equal(
    validated({ valueSet: dogs, coding: { system: ANIMALS, code: 'dog', display: 'Chien' } }),
    'true | Dog',
    'a designation is a display',
  );
  t.match(
    validated({ valueSet: dogs, code: 'dog', system: ANIMALS, display: 'Cat' }),
    /^false \| The display of .* is not the given one \| Dog$/,
  );
  t.match(
    validated({ valueSet: dogs, code: 'hen', system: ANIMALS }),
    /^false \| The code "hen" of .* is not in the value set https:\/\/x.example\/ValueSet\/dogs$/,
  );
  t.match(validated({ valueSet: dogs, code: 'dog', system: 'urn:other' }), /^false/);
  const concept = {
    coding: [
      { system: ANIMALS, code: 'hen' },
      { system: ANIMALS, code: 'dog' },
    ],
  };
  t.equal(validated({ valueSet: dogs, codeableConcept: concept }), 'true | Dog', 'one coding is enough');
  t.match(validated({ valueSet: dogs, codeableConcept: { text: 'dog' } }), /^false/);
  t.match(validated({ valueSet: dogs, coding: { system: ANIMALS } }), /^false/);
});

t.test('a code without its system is taken where it cannot be two', async (t) => {
  t.equal(validated({ valueSet: of({ valueSet: [dogs.url ?? ''] }), code: 'dog' }), 'true | Dog');
  const two = of({ system: ANIMALS }, { system: 'urn:other', concept: [{ code: 'dog' }] });
  t.match(validated({ valueSet: two, code: 'dog' }), /^400 invalid: .*several systems/);
  t.equal(validated({ valueSet: two, code: 'hen' }), 'true | Hén');
});

t.test('headings are no codes for data unless asked for', async (t) => {
  const all = of({ system: ANIMALS });
  t.match(validated({ valueSet: all, code: 'animal', system: ANIMALS }), /^false .*abstract/);
  t.equal(validated({ valueSet: all, code: 'animal', system: ANIMALS, abstract: true }), 'true | Animal');
});

t.test('a code is found without what other parts of the value set would need; a "no" is not', async (t) => {
  const mixed = of(
    { system: ANIMALS, concept: [{ code: 'dog' }] },
    { system: SNOMED, filter: [{ property: 'constraint', op: '=', value: '<< 1' }] },
  );
  t.equal(validated({ valueSet: mixed, code: 'dog', system: ANIMALS }), 'true | Dog');
  t.match(validated({ valueSet: mixed, code: '2', system: SNOMED }), /^400 not-supported: .*snomed/);
  t.match(validated({ valueSet: mixed, code: 'hen', system: ANIMALS }), /^false/, 'another system has no say');
  const less = set('less', {
    include: [{ system: ANIMALS }],
    exclude: [{ valueSet: ['https://x.example/ValueSet/none'] }],
  });
  t.match(validated({ valueSet: less, code: 'dog', system: ANIMALS }), /^400 not-supported/);
  const active = set('active', { inactive: false, include: [{ system: ANIMALS }] });
  t.match(validated({ valueSet: active, code: 'dodo', system: ANIMALS }), /^false/);
});

t.test('$validate-code on a code system', async (t) => {
  t.equal(validated({ codeSystem: animals, code: 'DOG' }), 'true | Dog', 'in any case, as the system says');
  t.match(validated({ codeSystem: animals, code: 'cat' }), /^false \| .*not in the code system/);
  t.match(validated({ codeSystem: animals, coding: { system: 'urn:other', code: 'dog' } }), /^false/);
  t.match(validated({ codeSystem: fragment, code: 'cat' }), /^400 not-supported/);
  t.equal(validated({ codeSystem: fragment, code: 'dog' }), 'true | Dog');
});

t.test('a question that is not one question is refused', async (t) => {
  for (const request of [
    { valueSet: dogs },
    { code: 'dog' },
    { valueSet: dogs, codeSystem: animals, code: 'dog' },
    { valueSet: dogs, code: 'dog', coding: { code: 'dog' } },
  ])
    t.match(validated(request), /^400 invalid: Give one of/);
});

t.test('$lookup tells names, properties and neighbours', async (t) => {
  const result = lookUp(animals, 'dog');
  const parameters = result.ok ? (result.value as Parameters).parameter : [];
  t.match(parameters, [
    { name: 'name', valueString: 'Animals' },
    { name: 'version', valueString: '2' },
    { name: 'display', valueString: 'Dog' },
    { name: 'property', part: [{ valueCode: 'definition' }, { valueString: 'It barks' }] },
    { name: 'designation', part: [{ valueCode: 'fr' }, { valueString: 'Chien' }] },
    { name: 'property', part: [{ valueCode: 'legs' }, { valueInteger: 4 }] },
    { name: 'property', part: [{ valueCode: 'parent' }, { valueCode: 'animal' }] },
    { name: 'property', part: [{ valueCode: 'child' }, { valueCode: 'puppy' }] },
  ]);
  t.match(refusal(lookUp(animals, 'cat')), /^404 not-found/);
  t.match(refusal(lookUp(fragment, 'cat')), /^400 not-supported/);
});

t.test('UK Core: every value set is expanded, or the system that it needs is named', { skip }, async (t) => {
  const read = <T>(folder: string): T[] =>
    readdirSync(join(PACKAGE, folder)).map((file) => JSON.parse(readFileSync(join(PACKAGE, folder, file), 'utf8')));
  const loaded = { valueSets: read<ValueSet>('ValueSet'), systems: read<CodeSystem>('CodeSystem') };
  const ukCore: Expand['find'] = {
    valueSet: (url) => loaded.valueSets.find((one) => one.url === url),
    codeSystem: (url) => loaded.systems.find((one) => one.url === url),
  };
  let expanded = 0;
  for (const valueSet of loaded.valueSets) {
    const result = expand(valueSet, { find: ukCore, at: AT });
    if (result.ok) {
      expanded++;
      for (const { system = '', code = '' } of result.value.expansion?.contains ?? []) {
        const valid = validateCode({ find: ukCore, valueSet, system, code, abstract: true });
        if (!valid.ok || valid.value.parameter?.[0]?.valueBoolean !== true) t.fail(`${valueSet.url} ${code}`);
      }
    } else
      t.match(
        refusal(result),
        /^400 not-supported: The (code system|value set) http\S+ is (not|only partly) loaded/,
        valueSet.url ?? '',
      );
  }

  t.ok(expanded >= 99, `${expanded} of ${loaded.valueSets.length} expanded, and each of their codes is valid`);
});
