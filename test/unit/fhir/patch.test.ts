/** JSON Patch and FHIRPath Patch: what they do, what they refuse, and the published suites. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { outcomeOf } from '#fhir/outcome.ts';
import { applyFhirPathPatch } from '#fhir/patch/fhirpath-patch.ts';
import { applyJsonPatch, patchDocument } from '#fhir/patch/json-patch.ts';
import type { Patient, Resource } from '#fhir/types.ts';
import { xmlToJson } from '#fhir/xml/read.ts';
import type { Result } from '#result.ts';

const SUITE = join(import.meta.dirname, '../../../../shared/suites/fhir-patch');
const skip = existsSync(SUITE) ? false : 'the published patch suites are not beside the checkout';

const patient = (): Patient => ({
  resourceType: 'Patient',
  id: 'p1',
  active: true,
  birthDate: '1974-12-25',
  name: [
    { use: 'official', family: 'Testperson', given: ['Ann', 'Bea'] },
    { use: 'usual', given: ['Annie'] },
  ],
  contact: [{ name: { text: 'Cousin' } }],
});

function statusAndPlace(result: Result<unknown>): string {
  if (result.ok) return 'applied';
  return `${outcomeOf(result.failure).status} ${result.failure.issues?.[0]?.expression}`;
}

const part = (name: string, value: object) => ({ name, ...value });
const operation = (type: string, path: string, ...more: object[]) => ({
  name: 'operation',
  part: [part('type', { valueCode: type }), part('path', { valueString: path }), ...more],
});
const patch = (...parameter: object[]) => ({ resourceType: 'Parameters', parameter });

function patched(resource: Resource, ...operations: object[]): unknown {
  const result = applyFhirPathPatch(resource, patch(...operations));
  return result.ok ? result.value : result.failure.issues?.[0]?.diagnostics;
}

t.test('JSON Patch: every case of the published suite', { skip }, async (t) => {
  const cases = JSON.parse(readFileSync(join(SUITE, 'json-patch-tests.json'), 'utf8'));
  for (const { comment, doc, patch, expected, error } of cases) {
    const result = patchDocument(doc, patch);
    if (error) t.notOk(result.ok, comment);
    else t.strictSame(result.ok && result.value, expected, comment);
  }
  t.equal(cases.length, 16);
});

t.test('FHIRPath Patch: every case of the published suite', { skip }, async (t) => {
  // The suite's third file is XML Patch, which is not offered.
  const cases = readFileSync(join(SUITE, 'fhir-patch-tests.xml'), 'utf8').split('<case ').slice(1);
  const within = (text: string, tag: string) => {
    const xml = new RegExp(`<${tag}>(.*?)</${tag}>`, 's').exec(text)?.[1]?.trim();
    const read = xml === undefined ? undefined : xmlToJson(xml);
    if (read && !read.ok) throw new Error(`${tag}: ${read.failure.issues?.[0]?.diagnostics}`);
    return read?.value;
  };
  for (const text of cases) {
    const [, name] = /name="([^"]*)"/.exec(text) ?? [];
    const [input, diff, output] = ['input', 'diff', 'output'].map((tag) => within(text, tag));
    if (!input) throw new Error(`${name} has no input`);
    const result = applyFhirPathPatch(input, diff);
    if (output) t.strictSame(result.ok ? unspaced(result.value) : statusAndPlace(result), unspaced(output), `${name}`);
    else t.match(statusAndPlace(result), /^422 /, `${name}: refused`);
  }
  t.equal(cases.length, 33);
});

/** Two narratives of the suite differ in white space and in how a quotation mark is written, and mean the same. */
function unspaced(resource: Resource): unknown {
  return JSON.parse(JSON.stringify(resource), (key, value) =>
    key === 'div' ? value.replace(/\s+/g, '').replaceAll('&quot;', '"') : value,
  );
}

t.test('JSON Patch applies all operations or none, and never to the resource it was given', async (t) => {
  const before = patient();
  const result = applyJsonPatch(before, [
    { op: 'test', path: '/active', value: true },
    { op: 'add', path: '/name/0/given/-', value: 'Cleo' },
    { op: 'move', from: '/name/0', path: '/name/1' },
    { op: 'copy', from: '/name/0/given/0', path: '/contact/0/name/text' },
    { op: 'remove', path: '/birthDate' },
  ]);
  t.match(result, {
    ok: true,
    value: { name: [{ use: 'usual' }, { given: ['Ann', 'Bea', 'Cleo'] }], contact: [{ name: { text: 'Annie' } }] },
  });
  const half = applyJsonPatch(before, [
    { op: 'remove', path: '/name' },
    { op: 'remove', path: '/nothing' },
  ]);
  t.equal(statusAndPlace(half), '422 patch[1]');
  t.strictSame(before, patient());
});

t.test('a move within a list looks for its target after the removal, as RFC 6902 says', async (t) => {
  t.strictSame(patchDocument({ a: [{ n: 1 }, { n: 2 }, { n: 3 }] }, [{ op: 'move', from: '/a/0', path: '/a/1/m' }]), {
    ok: true,
    value: { a: [{ n: 2 }, { n: 3, m: { n: 1 } }] },
  });
  t.equal(patchDocument({ a: [1, 2] }, [{ op: 'move', from: '/a/0', path: '/a/2' }]).ok, false);
});

t.test('JSON Patch refuses what could not be meant, with a place and a status', async (t) => {
  const refused: readonly [unknown, string][] = [
    [{ op: 'remove', path: '/active' }, '400 patch'],
    [[{ op: 'destroy', path: '/active' }], '400 patch[0]'],
    [[{ op: 'add', path: '/active' }], '400 patch[0]'],
    [[{ op: 'add', path: 'active', value: 1 }], '400 patch[0]'],
    [[{ op: 'add', path: '/a~2', value: 1 }], '400 patch[0]'],
    [[{ op: 'replace', path: '', value: {} }], '400 patch[0]'],
    [[{ op: 'remove', path: '' }], '400 patch[0]'],
    [[{ op: 'add', path: '/__proto__/polluted', value: 1 }], '400 patch[0]'],
    [[{ op: 'add', path: '/constructor/prototype/polluted', value: 1 }], '400 patch[0]'],
    [[{ op: 'add', path: '/x', value: JSON.parse('{"__proto__": {"polluted": 1}}') }], '400 patch'],
    [[{ op: 'copy', from: '/toString', path: '/x' }], '422 patch[0]'],
    [[{ op: 'test', path: '/active', value: false }], '422 patch[0]'],
    [[{ op: 'test', path: '/gender', value: null }], '422 patch[0]'],
    [[{ op: 'replace', path: '/gender', value: 'female' }], '422 patch[0]'],
    [[{ op: 'remove', path: '/name/length' }], '422 patch[0]'],
    [[{ op: 'remove', path: '/name/-' }], '422 patch[0]'],
    [[{ op: 'remove', path: '/name/00' }], '422 patch[0]'],
    [[{ op: 'remove', path: '/birthDate/0' }], '422 patch[0]'],
    [[{ op: 'add', path: '/name/3', value: {} }], '422 patch[0]'],
    [[{ op: 'add', path: '/gender/x', value: 1 }], '422 patch[0]'],
    [[{ op: 'move', from: '/name', path: '/name/0' }], '422 patch[0]'],
    [[{ op: 'replace', path: '/id', value: 'p2' }], '422 Patient.id'],
    [[{ op: 'remove', path: '/id' }], '422 Patient.id'],
    [[{ op: 'replace', path: '/resourceType', value: 'Group' }], '422 Patient.resourceType'],
    [Array(1001).fill({ op: 'test', path: '/active', value: true }), '400 patch'],
  ];
  for (const [json, expected] of refused)
    t.equal(statusAndPlace(applyJsonPatch(patient(), json)), expected, JSON.stringify(json).slice(0, 80));
  t.equal(({} as Record<string, unknown>)['polluted'], undefined);
});

t.test('a patch that copies itself larger and larger, or nests without end, is stopped', async (t) => {
  const doubling = Array.from({ length: 40 }, (_, n) => ({ op: 'copy', from: '/name', path: `/name/0/x${n}` }));
  t.match(statusAndPlace(applyJsonPatch(patient(), doubling)), /^422 patch\[/);
  const deep = JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`);
  t.equal(statusAndPlace(applyJsonPatch(patient(), [{ op: 'add', path: '/x', value: deep }])), '400 patch');
});

t.test('FHIRPath Patch adds to elements, lists, choices and primitives', async (t) => {
  const result = patched(
    patient(),
    operation('add', 'Patient', part('name', { valueString: 'gender' }), part('value', { valueCode: 'female' })),
    operation('add', 'Patient.name[1]', part('name', { valueString: 'given' }), part('value', { valueString: 'Nan' })),
    operation(
      'add',
      'Patient',
      part('name', { valueString: 'deceased' }),
      part('value', { valueDateTime: '2026-01-01' }),
    ),
    operation(
      'add',
      'Patient.birthDate',
      part('name', { valueString: 'extension' }),
      part('value', { part: [part('url', { valueUri: 'https://x.example' }), part('value', { valueString: 'y' })] }),
    ),
    operation(
      'add',
      "Patient.name.where(use = 'official').given[1]",
      part('name', { valueString: 'id' }),
      part('value', { valueString: 'g2' }),
    ),
  );
  t.match(result, {
    gender: 'female',
    deceasedDateTime: '2026-01-01',
    birthDate: '1974-12-25',
    _birthDate: { extension: [{ url: 'https://x.example', valueString: 'y' }] },
    name: [{ given: ['Ann', 'Bea'], _given: [null, { id: 'g2' }] }, { given: ['Annie', 'Nan'] }],
  });
});

t.test('lists keep values and their extensions together', async (t) => {
  const before = patient();
  before.name = [{ given: ['a', 'b', 'c'], _given: [{ id: '1' }, null, { id: '3' }] }] as Patient['name'] & object;
  const move = operation(
    'move',
    'Patient.name.given',
    part('source', { valueInteger: 2 }),
    part('destination', { valueInteger: 0 }),
  );
  t.match(patched(before, move), { name: [{ given: ['c', 'a', 'b'], _given: [{ id: '3' }, { id: '1' }, null] }] });
  const insert = operation(
    'insert',
    'Patient.name.given',
    part('index', { valueInteger: 1 }),
    part('value', { valueString: 'x' }),
  );
  t.match(patched(before, insert), {
    name: [{ given: ['a', 'x', 'b', 'c'], _given: [{ id: '1' }, null, null, { id: '3' }] }],
  });
  t.match(patched(before, operation('delete', 'Patient.name.given[0]')), {
    name: [{ given: ['b', 'c'], _given: [null, { id: '3' }] }],
  });
  t.match(patched(before, operation('delete', 'Patient.name.given[0].id')), {
    name: [{ given: ['a', 'b', 'c'], _given: [null, null, { id: '3' }] }],
  });
});

t.test('a replaced choice may change its type, and a list may begin with an insert', async (t) => {
  const dead = { ...patient(), deceasedBoolean: true };
  const replaced = patched(
    dead,
    operation('replace', 'Patient.deceased', part('value', { valueDateTime: '2026-01-01' })),
  );
  t.match(replaced, { deceasedDateTime: '2026-01-01' });
  t.notOk('deceasedBoolean' in (replaced as object));
  const first = operation(
    'insert',
    'Patient.telecom',
    part('index', { valueInteger: 0 }),
    part('value', { valueContactPoint: { value: '07700 900123' } }),
  );
  t.match(patched(patient(), first), { telecom: [{ value: '07700 900123' }] });
});

t.test('deleting the last content of an element deletes the element; deleting nothing is fine', async (t) => {
  const result = patched(
    patient(),
    operation('delete', 'Patient.contact[0].name.text'),
    operation('delete', 'Patient.photo'),
  );
  t.notOk('contact' in (result as object));
  t.strictSame(patched(patient()), patient(), 'no operation, no change');
});

t.test('contained resources are patched by their own type', async (t) => {
  const before: Patient = { ...patient(), contained: [{ resourceType: 'Organization', id: 'o', name: 'Old' }] };
  const result = patched(
    before,
    operation('replace', 'Patient.contained[0].name', part('value', { valueString: 'New' })),
  );
  t.match(result, { contained: [{ name: 'New' }] });
  t.match(before, { contained: [{ name: 'Old' }] });
});

t.test('FHIRPath Patch refuses what is not one element, not its type or not a selection', async (t) => {
  const value = (given: object) => part('value', given);
  const refused: readonly [object, string][] = [
    [operation('replace', 'Patient.name', value({ valueHumanName: {} })), 'selects 2'],
    [operation('delete', 'Patient.name.given'), 'selects 3'],
    [operation('replace', 'Patient.gender', value({ valueCode: 'male' })), 'selects nothing'],
    [operation('replace', 'Patient', value({ valueString: 'x' })), 'cannot replace the resource'],
    [operation('delete', 'Patient'), 'cannot delete the resource'],
    [operation('replace', 'Patient.active', value({ valueString: 'true' })), 'boolean, not string'],
    [operation('replace', 'Patient.name[0]', value({ valueAddress: {} })), 'HumanName, not Address'],
    [operation('replace', 'Patient.birthDate', value({})), 'must be one value'],
    [operation('replace', 'Patient.birthDate', value({ valueDate: '2000', valueString: 'x' })), 'must be one value'],
    [
      operation('add', 'Patient', part('name', { valueString: 'fax' }), value({ valueString: 'x' })),
      'no element "fax"',
    ],
    [
      operation('add', 'Patient', part('name', { valueString: 'active' }), value({ valueBoolean: false })),
      'is there already',
    ],
    [operation('replace', 'Patient.name.count()', value({ valueInteger: 1 })), 'not an element'],
    [operation('delete', "Patient.name[0].family = 'x'"), 'not an element'],
    [operation('delete', "Patient.name.where(given.matches('(a+)+$'))"), 'uses matches()'],
    [operation('delete', 'Patient.name.where(period.start = now())'), 'uses now()'],
    [operation('delete', '%resource.name'), 'uses a %variable'],
    [operation('delete', 'Patient.descendants()'), 'uses descendants()'],
    [operation('delete', 'Patient.name['), 'not a FHIRPath expression'],
    [operation('delete', `Patient${'.name'.repeat(300)}`), 'longer than'],
    [
      operation('insert', 'Patient.name', part('index', { valueInteger: 3 }), value({ valueHumanName: {} })),
      'beyond its end',
    ],
    [
      operation('insert', 'Patient.name[0]', part('index', { valueInteger: 0 }), value({ valueHumanName: {} })),
      'whole list',
    ],
    [
      operation('insert', 'Patient.gender', part('index', { valueInteger: 0 }), value({ valueCode: 'male' })),
      'is no list',
    ],
    [
      operation('move', 'Patient.name', part('source', { valueInteger: 0 }), part('destination', { valueInteger: 2 })),
      'not within',
    ],
    [
      operation('move', 'Patient.photo', part('source', { valueInteger: 0 }), part('destination', { valueInteger: 0 })),
      'no list',
    ],
  ];
  for (const [one, words] of refused) {
    const result = applyFhirPathPatch(patient(), patch(operation('delete', 'Patient.photo'), one));
    t.equal(statusAndPlace(result), '422 Parameters.parameter[1]', words);
    const text = result.ok ? '' : (result.failure.issues?.[0]?.diagnostics ?? '');
    t.ok(text.includes(words), `${text} ⟵ ${words}`);
  }
  t.equal(
    statusAndPlace(applyFhirPathPatch(patient(), patch(operation('replace', 'Patient.id', value({ valueId: 'p2' }))))),
    '422 Patient.id',
  );
});

t.test('Parameters that are no FHIRPath Patch are refused with what is missing', async (t) => {
  const refused: readonly [unknown, string][] = [
    [{ resourceType: 'Bundle' }, '400 Parameters'],
    [{ resourceType: 'Parameters', parameter: {} }, '400 Parameters.parameter'],
    [patch({ name: 'other' }), '400 Parameters.parameter[0]'],
    [patch(operation('explode', 'Patient')), '400 Parameters.parameter[0]'],
    [patch(operation('add', 'Patient')), '400 Parameters.parameter[0]'],
    [patch(operation('delete', 'Patient.name', part('pth', { valueString: 'x' }))), '400 Parameters.parameter[0]'],
    [patch(operation('delete', 'Patient.name', part('path', { valueString: 'x' }))), '400 Parameters.parameter[0]'],
    [
      patch(operation('insert', 'Patient.name', part('index', { valueInteger: -1 }), part('value', {}))),
      '400 Parameters.parameter[0]',
    ],
    [JSON.parse('{"resourceType":"Parameters","__proto__":{}}'), '400 patch'],
  ];
  for (const [json, expected] of refused) t.equal(statusAndPlace(applyFhirPathPatch(patient(), json)), expected);
});
