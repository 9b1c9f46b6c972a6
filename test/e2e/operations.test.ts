/** Operations on the real house: a whole record, a match, terminology, and what a search costs; each within what the caller may see. */
import t from 'tap';
import type { Bundle, OperationOutcome, Resource } from '#fhir/types.ts';
import { inTransaction } from '#store/database.ts';
import { saveResources } from '#store/resources.ts';
import { aPractice, call, openHouse } from '../support/house.ts';

t.setTimeout(180_000);
const PRACTICE = 'A81001';
const OTHER = 'B82002';
const house = await openHouse(t, {
  practices: [aPractice(PRACTICE), aPractice(OTHER)],
  now: () => new Date().toISOString(),
});
const token = await house.sign({ organisations: [PRACTICE] });

async function fhir(method: string, path: string, body?: unknown, as = token) {
  const answer = await call(house, method, path.startsWith('http') ? path.slice(house.url.length) : `/fhir/R4${path}`, {
    token: as,
    ...(body === undefined ? {} : { body }),
  });
  return { ...answer, json: JSON.parse(answer.text) as ReturnType<typeof JSON.parse> };
}
const said = (outcome: OperationOutcome) => outcome.issue.map((one) => one.diagnostics ?? '').join(' ');
const keysOf = (bundle: Bundle) =>
  (bundle.entry ?? []).map(({ resource }) => `${resource?.resourceType}/${resource?.id}`);
const keep = (organisation: string, resources: readonly object[]) =>
  inTransaction(house.pool, (tx) =>
    saveResources(tx, { organisation, resources: resources as Resource[], source: 'client' }),
  );

const subject = { reference: 'Patient/jo' };
const observed = (id: string, effectiveDateTime: string, more: object = {}) => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  code: { text: 'x' },
  subject,
  effectiveDateTime,
  ...more,
});
await keep(PRACTICE, [
  { resourceType: 'Organization', id: 'surgery', name: 'The Surgery' },
  { resourceType: 'Practitioner', id: 'doctor' },
  { resourceType: 'Practitioner', id: 'stranger' },
  { resourceType: 'Location', id: 'room' },
  { resourceType: 'Patient', id: 'jo', managingOrganization: { reference: 'Organization/surgery' } },
  { resourceType: 'Patient', id: 'sam' },
  observed('old', '2019-05-01', { performer: [{ reference: 'Practitioner/doctor' }] }),
  observed('new', '2026-03-01T10:00:00Z', { focus: [{ reference: 'Patient/sam' }] }),
  observed('of-sam', '2026-03-01', { subject: { reference: 'Patient/sam' }, performer: [subject] }),
  {
    resourceType: 'Appointment',
    id: 'of-both',
    status: 'booked',
    start: '2026-03-01T10:00:00Z',
    participant: [{ actor: { reference: 'Patient/sam' } }, { actor: subject }],
  },
  { resourceType: 'Condition', id: 'undated', subject },
  {
    resourceType: 'Encounter',
    id: 'visit',
    status: 'finished',
    class: { code: 'AMB' },
    subject,
    period: { start: '2026-02-01T09:00:00Z', end: '2026-02-01T09:10:00Z' },
    location: [{ location: { reference: 'Location/room' } }],
  },
  { resourceType: 'Schedule', id: 'diary', actor: [subject, { reference: 'Practitioner/stranger' }] },
  {
    resourceType: 'Group',
    id: 'cohort',
    type: 'person',
    actual: true,
    member: [{ entity: subject }, { entity: { reference: 'Patient/sam' } }],
  },
  { resourceType: 'Task', id: 'ring', status: 'requested', intent: 'order', for: subject },
]);
await keep(OTHER, [
  { resourceType: 'Patient', id: 'jo' },
  { resourceType: 'Condition', id: 'elsewhere', subject },
]);
const everything = (query = '', as = token) => fhir('GET', `/Patient/jo/$everything${query}`, undefined, as);

t.test('$everything is the Patient, its compartment and what that refers to, each once, as it is kept', async (t) => {
  const { status, json, text } = await everything();
  t.equal(status, 200, text);
  t.equal(json.type, 'searchset');
  t.same(keysOf(json), [
    'Patient/jo',
    'Appointment/of-both',
    'Condition/undated',
    'Encounter/visit',
    'Observation/new',
    'Observation/old',
    'Schedule/diary',
    'Task/ring',
    'Location/room',
    'Organization/surgery',
    'Practitioner/doctor',
    'Practitioner/stranger',
  ]);
  t.same(
    json.entry.slice(7, 9).map((one: { search: object }) => one.search),
    [{ mode: 'match' }, { mode: 'include' }],
  );
  const alone = await fhir('GET', '/Encounter/visit');
  t.ok(text.includes(alone.text), 'the bytes of a read');
});

t.test('$everything comes in pages that join to the whole', async (t) => {
  const whole = keysOf((await everything()).json);
  for (const count of [1, 3, 11]) {
    const paged: string[] = [];
    let next: string | undefined = `${house.url}/fhir/R4/Patient/jo/$everything?_count=${count}`;
    while (next) {
      const { json } = await fhir('GET', next);
      t.ok(json.entry.length <= count);
      paged.push(...keysOf(json));
      next = (json as Bundle).link?.find((one) => one.relation === 'next')?.url;
    }
    t.same(paged, whole, `by ${count}`);
  }
  const first = (await everything('?_count=3')).json as Bundle;
  const next = first.link?.find((one) => one.relation === 'next')?.url ?? '';
  t.equal((await fhir('GET', next.replace('_count=3', '_count=3&_type=Patient'))).status, 400, 'of another query');
  const both = await house.sign({ organisations: [PRACTICE, OTHER] });
  t.equal((await fhir('GET', next, undefined, both)).status, 400, 'of another access');
});

t.test('$everything keeps to dates of care, changes and types', async (t) => {
  const only = async (query: string) => keysOf((await everything(query)).json);
  const since2026 = await only('?start=2026-01-01');
  t.notOk(since2026.includes('Observation/old'));
  t.notOk(since2026.includes('Practitioner/doctor'), 'what only the old one refers to');
  t.ok(
    ['Observation/new', 'Encounter/visit', 'Condition/undated', 'Patient/jo'].every((key) => since2026.includes(key)),
  );
  t.same(await only('?end=2019-05-01&_type=Observation'), ['Observation/old'], 'the last day is in');
  t.same(await only('?end=2019-04-30&_type=Observation'), []);
  t.same(await only('?start=2026-02-01&end=2026-02-01&_type=Encounter,Observation'), ['Encounter/visit']);
  t.same(await only('?_type=Practitioner'), ['Practitioner/doctor', 'Practitioner/stranger']);
  t.same(await only('?_since=2999-01-01T00:00:00Z'), []);
  const before = new Date().toISOString();
  await keep(PRACTICE, [observed('late', '2026-04-01')]);
  t.same(await only(`?_since=${before}`), ['Observation/late']);
  for (const query of [
    '?start=soon',
    '?_since=2026',
    '?_count=x',
    '?_type=Nonsense',
    '?_type=AuditEvent',
    '?code=x',
    '?_cursor=x',
  ])
    t.equal((await everything(query)).status, 400, query);
});

t.test('$everything shows no type, practice or person that its caller may not see', async (t) => {
  const few = await house.sign({ organisations: [PRACTICE], scope: 'system/Patient.r system/Observation.r' });
  t.same(
    [...new Set(keysOf((await everything('', few)).json).map((key) => key.split('/')[0]))],
    ['Patient', 'Observation'],
  );
  const refused = await everything('?_type=Condition', few);
  t.equal(refused.status, 403);
  t.match(said(refused.json), /does not let you read Condition/);
  const none = await house.sign({ organisations: [PRACTICE], scope: 'system/Observation.rs' });
  t.equal((await everything('', none)).status, 403);
  const theirs = await house.sign({ organisations: [OTHER] });
  t.same(keysOf((await everything('', theirs)).json), ['Patient/jo', 'Condition/elsewhere']);
  t.equal((await fhir('GET', '/Patient/sam/$everything', undefined, theirs)).status, 404);
  t.equal((await fhir('GET', '/Patient/nobody/$everything')).status, 404);
  const text = (await everything()).text;
  t.notMatch(text, /"id":"(sam|of-sam|cohort|elsewhere)"/);
});

const NHS = 'https://fhir.nhs.uk/Id/nhs-number';
const person = (id: string, more: object = {}) => ({
  resourceType: 'Patient',
  id,
  identifier: [{ system: NHS, value: '9990000018' }],
  name: [{ family: 'Ashworth', given: ['Zoë'] }],
  birthDate: '1980-03-31',
  gender: 'female',
  address: [{ postalCode: 'LS1 4AP' }],
  ...more,
});
await keep(PRACTICE, [
  person('zoe'),
  person('without-number', { identifier: [] }),
  person('twin', {
    identifier: [{ system: NHS, value: '9990000026' }],
    name: [{ family: 'Ashworth', given: ['Ann'] }],
  }),
  person('namesake', { identifier: [], birthDate: '1950-01-01', address: [{ postalCode: 'M1 1AA' }] }),
]);
await keep(OTHER, [person('zoe-there')]);
const { id: _id, ...sought } = person('');
const match = (resource: object, more: readonly object[] = [], as = token) =>
  fhir(
    'POST',
    '/Patient/$match',
    { resourceType: 'Parameters', parameter: [{ name: 'resource', resource }, ...more] },
    as,
  );
const ONLY_CERTAIN = { name: 'onlyCertainMatches', valueBoolean: true };

t.test('$match gives who it may be, best first, each with its grade', async (t) => {
  const { status, json, text } = await match(sought);
  t.equal(status, 200, text);
  const found = (json as Bundle).entry?.map(({ resource, search }) => [
    resource?.id,
    search?.score,
    search?.extension?.[0]?.valueCode,
  ]);
  t.same(found, [
    ['zoe', 1, 'certain'],
    ['without-number', 0.95, 'probable'],
  ]);
  t.equal(json.total, 2);
  t.same(json.entry[0].search.extension[0].url, 'http://hl7.org/fhir/StructureDefinition/match-grade');
  t.same(keysOf((await match(sought, [ONLY_CERTAIN])).json), ['Patient/zoe']);
  t.same(keysOf((await match(sought, [{ name: 'count', valueInteger: 1 }])).json), ['Patient/zoe']);
  const { identifier: _number, ...unnumbered } = sought;
  t.same(keysOf((await match(unnumbered)).json), ['Patient/without-number', 'Patient/zoe', 'Patient/twin']);
  t.same(keysOf((await match(unnumbered, [ONLY_CERTAIN])).json), []);
  t.equal((await match({ resourceType: 'Patient', gender: 'male' })).status, 422);
  for (const wrong of [{ resourceType: 'Task' }, {}]) t.equal((await match(wrong)).status, 400);
  t.equal((await match(sought, [{ name: 'count', valueString: 'x' }])).status, 400);
  t.equal((await match(sought, [{ name: 'fuzzy', valueBoolean: true }])).status, 400);
});

t.test('$match keeps to the practices and scopes of its caller', async (t) => {
  const theirs = await house.sign({ organisations: [OTHER] });
  t.same(keysOf((await match(sought, [], theirs)).json), ['Patient/zoe-there']);
  const both = await house.sign({ organisations: [PRACTICE, OTHER] });
  const certain = await match(sought, [ONLY_CERTAIN], both);
  t.equal(certain.json.total, 0, 'certain of two is sure of none');
  t.match(said(certain.json.entry[0].resource), /More than one Patient is a certain match/);
  const none = await house.sign({ organisations: [PRACTICE], scope: 'system/Patient.r' });
  t.equal((await match(sought, [], none)).status, 403);
});

const GENDER = 'http://hl7.org/fhir/administrative-gender';
const parameters = (given: Record<string, object>) => ({
  resourceType: 'Parameters',
  parameter: Object.entries(given).map(([name, value]) => ({ name, ...value })),
});
const valueIn = (answer: { parameter: { name: string }[] }, name: string) =>
  Object.entries(answer.parameter.find((one) => one.name === name) ?? {}).find(([key]) => key.startsWith('value'))?.[1];
const codesOf = (set: { expansion?: { contains?: { code: string }[] } }) =>
  set.expansion?.contains?.map(({ code }) => code) ?? [];

t.test('$expand gives the codes of ours, of base R4 and of what is sent', async (t) => {
  const expand = (query: string) => fhir('GET', `/ValueSet/$expand?${query}`);
  const ours = await fhir('GET', '/ValueSet/need-state/$expand');
  t.equal(ours.status, 200, ours.text);
  t.ok(codesOf(ours.json).includes('overdue'), ours.text);
  const gender = `url=http://hl7.org/fhir/ValueSet/administrative-gender`;
  t.same(codesOf((await expand(gender)).json), ['male', 'female', 'other', 'unknown']);
  t.same(codesOf((await expand(`${gender}|4.0.1`)).json).length, 4);
  t.same(codesOf((await expand(`${gender}&filter=fem`)).json), ['female']);
  const page = (await expand(`${gender}&offset=1&count=2`)).json;
  t.same([codesOf(page), page.expansion.total, page.expansion.offset], [['female', 'other'], 4, 1]);
  const official = await expand('url=https://fhir.hl7.org.uk/ValueSet/UKCore-BirthSex');
  t.ok(codesOf(official.json).includes('UNK'), 'the official URL finds what restates it');
  const { id: _set, ...sent } = { ...ours.json, expansion: undefined, status: 'active', name: 'Sent' };
  const own = { ...sent, compose: { include: [{ system: GENDER }, { system: 'urn:x', concept: [{ code: 'y' }] }] } };
  const posted = (valueSet: object) =>
    fhir('POST', '/ValueSet/$expand', parameters({ valueSet: { resource: valueSet } }));
  t.same(codesOf((await posted(own)).json), ['male', 'female', 'other', 'unknown', 'y']);
  const snomed = {
    system: 'http://snomed.info/sct',
    filter: [{ property: 'constraint', op: '=', value: '<< 195967001' }],
  };
  const refused = await posted({ ...own, compose: { include: [snomed] } });
  t.equal(refused.status, 400, 'never a guess');
  t.match(said(refused.json), /http:\/\/snomed\.info\/sct is not loaded/);
  t.equal((await posted({ ...own, compose: 'x' })).status, 422);
  t.equal((await posted({ resourceType: 'Patient' })).status, 400);
  t.equal((await expand('url=https://example.org/none')).status, 404);
  t.equal((await expand(`${gender}|9.9`)).status, 404, 'another version');
  for (const query of ['', `${gender}&count=x`, `${gender}&activeOnly=perhaps`, `${gender}&displayLanguage=cy`])
    t.equal((await expand(query)).status, 400, query);
});

t.test('$validate-code and $lookup tell what a code is', async (t) => {
  const ask = async (path: string, body?: object) => {
    const { status, json, text } = await fhir(body ? 'POST' : 'GET', path, body);
    t.equal(status, 200, text);
    return [valueIn(json, 'result'), valueIn(json, 'display')];
  };
  const set = '/ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/administrative-gender';
  t.same(await ask(`${set}&system=${GENDER}&code=male`), [true, 'Male']);
  t.same(await ask(`${set}&system=${GENDER}&code=men`), [false, undefined]);
  t.same(await ask(`${set}&code=male&display=Femme`), [false, 'Male']);
  const coding = { valueCoding: { system: GENDER, code: 'female', display: 'female' } };
  t.same(await ask(set, parameters({ coding })), [true, 'Female']);
  const codeableConcept = { valueCodeableConcept: { coding: [{ system: 'urn:x', code: 'y' }, coding.valueCoding] } };
  t.same(await ask(set, parameters({ codeableConcept })), [true, 'Female']);
  t.same(await ask('/CodeSystem/$validate-code', parameters({ coding })), [true, 'Female']);
  t.same(await ask('/CodeSystem/need-state/$validate-code?code=overdue'), [true, 'Overdue']);
  const odd = { valueCodeableConcept: { coding: [null, 'x', { code: 7, system: [] }] } };
  t.same(await ask(set, parameters({ codeableConcept: odd })), [false, undefined]);
  const found = await fhir('GET', `/CodeSystem/$lookup?system=${GENDER}&code=other`);
  t.same([found.status, valueIn(found.json, 'display')], [200, 'Other']);
  const other = await fhir('POST', '/CodeSystem/$lookup', parameters({ coding }));
  t.equal(valueIn(other.json, 'display'), 'Female');
  t.equal((await fhir('GET', `/CodeSystem/$lookup?system=${GENDER}&code=x`)).status, 404);
  const snomed = await fhir('GET', '/CodeSystem/$lookup?system=http://snomed.info/sct&code=1');
  t.equal(snomed.status, 400);
  t.match(said(snomed.json), /http:\/\/snomed\.info\/sct is not loaded as a whole/);
  t.equal((await fhir('GET', '/CodeSystem/$lookup?system=urn:none&code=1')).status, 404);
  t.equal((await fhir('GET', `/CodeSystem/$lookup?code=x`)).status, 400);
  t.equal((await fhir('GET', `${set}`)).status, 400);
  const none = await house.sign({ organisations: [PRACTICE], scope: 'system/Patient.rs system/CodeSystem.r' });
  t.equal((await fhir('GET', `${set}&code=male`, undefined, none)).status, 403);
  t.equal((await fhir('GET', `/CodeSystem/$lookup?system=${GENDER}&code=other`, undefined, none)).status, 200);
});

t.test('$explain tells operators, and nobody else, what a search costs', async (t) => {
  const sign = (role: string, scope: string) => house.sign({ organisations: [PRACTICE], role, scope });
  const operator = await sign('operator', 'system/*.rs');
  const explain = (query: string, as = operator) => fhir('GET', query, undefined, as);
  const { status, json, text } = await explain(
    `/Patient/$explain?identifier=${NHS}|9990000018&family=Ashworth&_sort=birthdate`,
  );
  t.equal(status, 200, text);
  for (const { name, part } of json.parameter) {
    t.equal(name, 'statement');
    t.same(
      part.map((one: { name: string }) => one.name),
      ['sql', 'plan'],
    );
    t.match(part[0].valueString, /^select .*from \(.*\$1/s);
    t.match(part[1].valueString, /^\w.* \(rows \d+, times \d+, blocks \d+ \+ \d+\)\n {2}/);
  }
  t.notMatch(text, /9990000018|ashworth|A81001/i, 'no value of the search');
  t.equal((await explain('/Patient/$explain?nonsense=x')).status, 400);
  t.equal((await explain('/Patient/$explain?_cursor=x')).status, 400);
  for (const [role, scope] of [
    ['operator', 'user/*.rs'],
    ['operator', 'system/Patient.rs'],
    ['operator', 'system/*.r'],
    ['record-intake', 'system/*.cruds'],
  ] as const)
    t.equal((await explain('/Patient/$explain', await sign(role, scope))).status, 403, `${role} ${scope}`);
});

t.test('odd input is answered, and never as a fault of the server', async (t) => {
  const operator = await house.sign({ organisations: [PRACTICE], role: 'operator' });
  const sent = (parameter: unknown) => ({ resourceType: 'Parameters', parameter });
  const set = (more: object) =>
    sent([{ name: 'valueSet', resource: { resourceType: 'ValueSet', status: 'active', url: 'urn:v', ...more } }]);
  const born = (more: object) =>
    sent([{ name: 'resource', resource: { resourceType: 'Patient', birthDate: '1980-01-01', ...more } }]);
  const slow = { system: GENDER, filter: [{ property: 'code', op: 'regex', value: '(a+)+$' }] };
  const shots: readonly [path: string, body?: unknown][] = [
    ['/ValueSet/$expand?url=%00'],
    ['/ValueSet/$expand?url=__proto__'],
    ['/CodeSystem/$lookup?system=constructor&code=__proto__'],
    ['/ValueSet/$expand', sent([null, 1, { name: 'valueSet', resource: 5 }])],
    ['/ValueSet/$expand', set({ compose: { include: [{ valueSet: ['urn:v'] }] } })],
    ['/ValueSet/$expand', set({ compose: { include: [slow] } })],
    ['/ValueSet/$expand', set({ expansion: { timestamp: '2026-01-01', contains: [{ system: 'a', code: 'b' }] } })],
    ['/Patient/$match', born({ name: [{ family: 'a\u0000b' }] })],
    ['/Patient/$match', born({ name: [{ family: 'x'.repeat(100_000) }] })],
    ['/Patient/$match', born({ name: [{ family: ',', given: ['\\'] }], address: [{ postalCode: '$|,\\1' }] })],
    ['/Patient/$match', sent('x')],
    ['/Patient/$match', []],
    ['/Patient/a%00b/$everything'],
    ['/Patient/jo/$everything?_since=9999-99-99T00:00:00Z'],
    ['/Patient/jo/$everything?_since=0001-01-01T00:00:00Z&start=0001&end=9999'],
    ['/Patient/jo/$everything?start=2026-01-01T00:00:00.1234567Z&_count=0'],
    ['/Patient/$explain?name=%00'],
    ['/Patient/$explain?_count=0'],
    ['/Patient/$explain?_summary=count'],
    ['/Task/$explain?patient.name=x&_sort=-authored-on'],
    ['/Patient/$explain?_id=a,b'],
  ];
  for (const [path, body] of shots) {
    const { status, text } = await fhir(body === undefined ? 'GET' : 'POST', path, body, operator);
    t.ok(status < 500, `${path} ${status} ${status < 500 ? '' : text}`);
  }
});
