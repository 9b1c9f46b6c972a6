/** Bad requests, on the real house: each gets the right status and an outcome, and nothing is half written. */
import t, { type Test } from 'tap';
import type { OperationOutcome } from '#fhir/types.ts';
import { sql } from '#store/sql.ts';
import { aPractice, call, openHouse } from '../support/house.ts';

t.setTimeout(180_000);
const PRACTICE = 'A81001';
const house = await openHouse(t, { practices: [aPractice(PRACTICE)], now: () => new Date().toISOString() });
const token = await house.sign({ organisations: [PRACTICE], role: 'record-intake' });
const FHIR = 'application/fhir+json';
const patient = (more = '') => `{"resourceType":"Patient"${more}}`;
const send = (method: string, path: string, raw?: string, type = FHIR) =>
  call(house, method, `/fhir/R4${path}`, {
    token,
    ...(raw === undefined ? {} : { raw, headers: { 'content-type': type } }),
  });
const written = () => house.count(sql`select count(*) as n from resource_version`);

type Case = readonly [what: string, status: number, ask: () => ReturnType<typeof send>];

async function refuses(t: Test, cases: readonly Case[]): Promise<void> {
  const before = await written();
  for (const [what, status, ask] of cases) {
    const answer = await ask();
    t.equal(answer.status, status, `${what}: ${answer.text.slice(0, 200)}`);
    const outcome = JSON.parse(answer.text) as OperationOutcome;
    t.equal(outcome.resourceType, 'OperationOutcome', what);
    t.ok(outcome.issue[0]?.diagnostics, `${what}: says what to do`);
  }
  t.equal(await written(), before, 'nothing was written');
}

const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const bomb = `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "${'b'.repeat(99)}"><!ENTITY c "${'&b;'.repeat(99)}"><!ENTITY d "${'&c;'.repeat(99)}">]><Patient xmlns="http://hl7.org/fhir"><name><family value="&d;"/></name></Patient>`;
const file = `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><Patient xmlns="http://hl7.org/fhir"><name><family value="&f;"/></name></Patient>`;

t.test('bodies that are not one clear resource', (t) =>
  refuses(t, [
    ['no JSON', 400, () => send('POST', '/Patient', '{"resourceType":"Patient",')],
    ['nothing', 400, () => send('POST', '/Patient', '')],
    ['a Content-Type that is not read', 415, () => send('POST', '/Patient', patient(), 'text/plain')],
    ['no Content-Type', 415, () => send('POST', '/Patient', patient(), ' ')],
    ['20 MB', 413, () => send('POST', '/Patient', patient(`,"language":"${'x'.repeat(20 * 1024 * 1024)}"`))],
    ['a Bundle of 21 MB', 413, () => send('POST', '', `{"x":"${'x'.repeat(21 * 1024 * 1024)}"}`)],
    ['100,000 levels', 400, () => send('POST', '/Patient', patient(`,"x":${deep(100_000)}`))],
    ['a NUL byte', 400, () => send('POST', '/Patient', patient(',"language":"\u0000"'))],
    ['an escaped NUL', 400, () => send('POST', '/Patient', patient(',"language":"\\u0000"'))],
    ['a property twice', 400, () => send('POST', '/Patient', patient(',"active":true,"active":false'))],
    ['__proto__', 400, () => send('POST', '/Patient', patient(',"__proto__":{"active":true}'))],
    ['constructor', 400, () => send('POST', '/Patient', patient(',"constructor":{"prototype":{"x":1}}'))],
    ['an entity bomb', 400, () => send('POST', '/Patient', bomb, 'application/fhir+xml')],
    ['a foreign file', 400, () => send('POST', '/Patient', file, 'application/fhir+xml')],
    ['XML that is not well formed', 400, () => send('POST', '/Patient', '<Patient', 'application/fhir+xml')],
    ['another type', 400, () => send('POST', '/Patient', '{"resourceType":"Task"}')],
    ['a property that R4 has not', 422, () => send('POST', '/Patient', patient(',"colour":"red"'))],
    ['a value of the wrong type', 422, () => send('POST', '/Patient', patient(',"active":"yes"'))],
  ]),
);

t.test('ids, versions and types that are none', (t) =>
  refuses(t, [
    ['an id with odd characters', 404, () => send('GET', '/Patient/a~b')],
    ['an id of 300 characters', 414, () => send('GET', `/Patient/${'a'.repeat(300)}`)],
    ['a path that is not UTF-8', 400, () => send('GET', '/Patient/%ff')],
    ['a version that is no number', 404, () => send('GET', '/Patient/a/_history/x')],
    ['an unknown type', 404, () => send('GET', '/Nonsense/1')],
    ['an id in the body that is not the one of the URL', 400, () => send('PUT', '/Patient/a', patient(',"id":"b"'))],
    ['an id in the body that is no id', 400, () => send('PUT', '/Patient?_id=x', patient(',"id":"a/b"'))],
    [
      'If-Match that is no version',
      400,
      () =>
        call(house, 'PUT', '/fhir/R4/Patient/a', {
          token,
          raw: patient(',"id":"a"'),
          headers: { 'content-type': FHIR, 'if-match': 'three' },
        }),
    ],
  ]),
);

t.test('searches and histories that ask for nothing sensible', (t) =>
  refuses(t, [
    ['an unknown parameter', 400, () => send('GET', '/Patient?colour=red')],
    ['a date that is none', 400, () => send('GET', '/Patient?birthdate=2026-02-31')],
    ['a cursor of somebody else', 400, () => send('GET', '/Patient?_cursor=abc')],
    ['a count that is none', 400, () => send('GET', '/Patient?_count=many')],
    ['U+0000 in a value', 400, () => send('GET', '/Patient?name=%00')],
    ['a history since yesterday', 400, () => send('GET', '/Patient/_history?_since=yesterday')],
    ['a history with a cursor of somebody else', 400, () => send('GET', '/_history?_cursor=abc')],
    ['constructor', 400, () => send('GET', '/_history?constructor=x')],
  ]),
);

t.test('an absurd search is answered, and finds nothing', async (t) => {
  const values = [
    '%25%5F%5C',
    "';drop table resource;--",
    '((((((',
    'x,y,'.repeat(20).concat('x'),
    '\u{1F4A3}'.repeat(50),
  ];
  for (const value of values) {
    const answer = await send('GET', `/Patient?family=${encodeURIComponent(value)}`);
    t.equal(answer.status, 200, `${value.slice(0, 20)} ${answer.text.slice(0, 300)}`);
    t.notOk('entry' in JSON.parse(answer.text));
  }
});

t.test('bundles that cannot be done leave nothing', (t) => {
  const bundle = (entries: unknown[], type = 'transaction') =>
    JSON.stringify({ resourceType: 'Bundle', type, entry: entries });
  const post = { resource: { resourceType: 'Patient' }, request: { method: 'POST', url: 'Patient' } };
  const bad = { resource: { resourceType: 'Patient', active: 'yes' }, request: { method: 'POST', url: 'Patient' } };
  return refuses(t, [
    ['10,000 entries, the last not valid', 422, () => send('POST', '', bundle([...Array(9_999).fill(post), bad]))],
    ['no type', 400, () => send('POST', '', '{"resourceType":"Bundle"}')],
    ['another type of Bundle', 400, () => send('POST', '', bundle([], 'searchset'))],
    ['an entry without a request', 400, () => send('POST', '', bundle([{ resource: post.resource }]))],
    ['an entry that is a number', 400, () => send('POST', '', bundle([7]))],
    ['entries that are no list', 400, () => send('POST', '', '{"resourceType":"Bundle","type":"batch","entry":7}')],
  ]);
});

t.test('a batch of 10,000 entries is answered, each by itself', async (t) => {
  const entry = Array.from({ length: 10_000 }, () => ({ request: { method: 'GET', url: 'Nonsense/1' } }));
  const answer = await send('POST', '', JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry }));
  t.equal(answer.status, 200);
  t.equal(JSON.parse(answer.text).entry.length, 10_000);
});
