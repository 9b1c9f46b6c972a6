/** The facade's own behaviour: bytes out, bodies in, callbacks, replies, pages, and what is written down about it. */
import { createHmac } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import fc from 'fast-check';
import t from 'tap';
import { outcomeOf } from '#fhir/outcome.ts';
import { SHARED } from '#fhir/systems.ts';
import { loadCapability } from '#http/capability.ts';
import { type Deps, notifyKeysOf } from '#http/deps.ts';
import { createServer } from '#http/server.ts';
import { createLog, describeError } from '#ops/log.ts';
import { type FailureKind, fail, ok } from '#result.ts';
import { aRow, OTHER, OWN, openFacade, type Row, startIssuer } from '../support/http-fakes.ts';

const issuer = await startIssuer();
t.teardown(issuer.close);

// Odd spacing and a key the server does not know: it must come out as it went in.
const TASK = '{"resourceType":"Task","id":"t1", "status":"ready",\n "unknown":1.50}';
const rows: Row[] = [
  { ...aRow(OWN, {}), content: TASK, version: 3, patient: 'p1' },
  aRow(OWN, { resourceType: 'Patient', id: 'p1' }),
  aRow(OWN, { resourceType: 'Flag', id: 'gone' }, { deleted: true, version: 2 }),
  aRow(OWN, { resourceType: 'Flag', id: 'f1' }, { version: 1 }),
  aRow(OWN, { resourceType: 'Flag', id: 'f1' }, { version: 2 }),
  aRow(OWN, { resourceType: 'Flag', id: 'f1' }, { version: 3, deleted: true }),
  aRow(OTHER, { resourceType: 'Task', id: 't2' }),
  aRow(SHARED, { resourceType: 'PlanDefinition', id: 'asthma' }),
];

async function open(over: Partial<Deps> = {}, claims = {}) {
  const facade = await openFacade({ issuer: issuer.issuer, rows, over });
  const authorization = `Bearer ${await issuer.sign(claims)}`;
  const call = (method: string, url: string, headers = {}, payload?: string | Buffer) =>
    facade.app.inject({
      method: method as 'GET',
      url,
      headers: { authorization, ...headers },
      ...(payload === undefined ? {} : { payload }),
    });
  return { ...facade, call };
}
const FHIR = { 'content-type': 'application/fhir+json' };

t.test('a failure has one status and one FHIR issue code', async (t) => {
  const table: [FailureKind, number, string, number | undefined][] = [
    ['invalid', 400, 'invalid', undefined],
    ['unauthenticated', 401, 'login', undefined],
    ['forbidden', 403, 'forbidden', undefined],
    ['not-found', 404, 'not-found', undefined],
    ['gone', 410, 'deleted', undefined],
    ['conflict', 409, 'conflict', undefined],
    ['precondition', 412, 'conflict', undefined],
    ['unsupported', 400, 'not-supported', undefined],
    ['busy', 429, 'throttled', 10],
    ['unavailable', 503, 'transient', 30],
    ['unknown-outcome', 504, 'timeout', undefined],
    ['fault', 500, 'exception', undefined],
  ];
  for (const [kind, status, code, retryAfter] of table) {
    const answer = outcomeOf({ kind, message: 'what' });
    t.same([answer.status, answer.outcome.issue[0]?.code, answer.retryAfter], [status, code, retryAfter], kind);
    t.equal(answer.outcome.issue[0]?.diagnostics, 'what');
  }
  t.equal(outcomeOf({ kind: 'busy', message: '', retryAfter: 3 }).retryAfter, 3, 'who said better is believed');
});

t.test('a body that breaks a rule is 422, one that is not understood 400, and every issue is kept', async (t) => {
  const rule = { code: 'business-rule', diagnostics: 'a', expression: 'Task.status' };
  const structure = { code: 'structure', diagnostics: 'b' };
  t.equal(outcomeOf({ kind: 'invalid', message: 'm', issues: [rule] }).status, 422);
  t.equal(outcomeOf({ kind: 'invalid', message: 'm', issues: [rule, structure] }).status, 400);
  const own = outcomeOf({ kind: 'conflict', message: 'm', issues: [{ code: 'illegal-move', diagnostics: 'c' }, rule] });
  t.match(own.outcome.issue, [
    { code: 'conflict', details: { text: 'm', coding: [{ code: 'illegal-move' }] }, diagnostics: 'c' },
    { code: 'business-rule', expression: ['Task.status'] },
  ]);
});

t.test('a read hands out the stored bytes', async (t) => {
  const { call, house, app } = await open();
  t.teardown(() => app.close());
  const answer = await call('GET', '/fhir/R4/Task/t1');
  t.equal(answer.statusCode, 200);
  t.equal(answer.body, TASK);
  t.match(answer.headers, {
    'content-type': 'application/fhir+json; charset=utf-8',
    etag: 'W/"3"',
    'last-modified': 'Fri, 20 Nov 2026 09:00:00 GMT',
    'cache-control': 'no-store',
  });
  t.match(house.audited, [
    { interaction: 'read', type: 'Task', id: 't1', patients: ['p1'], outcome: '0', address: '127.0.0.1' },
  ]);
  t.equal(house.audited[0]?.query, undefined);

  await t.test('HEAD without a body, 304 for a version that is known', async (t) => {
    const head = await call('HEAD', '/fhir/R4/Task/t1');
    t.same([head.statusCode, head.body, head.headers.etag], [200, '', 'W/"3"']);
    for (const tag of ['W/"3"', '"3"', 'W/"1", W/"3"', '*']) {
      const known = await call('GET', '/fhir/R4/Task/t1', { 'if-none-match': tag });
      t.same([known.statusCode, known.body, known.headers.etag], [304, '', 'W/"3"'], tag);
    }
    t.equal((await call('GET', '/fhir/R4/Task/t1', { 'if-none-match': 'W/"2"' })).statusCode, 200);
  });

  await t.test('410 for what was deleted, 404 for what is not there or not yours, with the same words', async (t) => {
    t.equal((await call('GET', '/fhir/R4/Flag/gone')).statusCode, 410);
    const [absent, theirs, odd] = await Promise.all(
      ['nothing', 't2', 'not~an~id'].map((id) => call('GET', `/fhir/R4/Task/${id}`)),
    );
    t.equal(absent?.statusCode, 404);
    t.equal(absent?.body, theirs?.body);
    t.equal(absent?.body, odd?.body);
  });

  await t.test('versions and history', async (t) => {
    t.equal((await call('GET', '/fhir/R4/Flag/f1/_history/2')).headers.etag, 'W/"2"');
    t.equal((await call('GET', '/fhir/R4/Flag/f1/_history/3')).statusCode, 410);
    for (const version of ['9', '0', 'x', '1e3']) {
      t.equal((await call('GET', `/fhir/R4/Flag/f1/_history/${version}`)).statusCode, 404, version);
    }
    const history = (await call('GET', '/fhir/R4/Flag/f1/_history')).json();
    t.equal(history.type, 'history');
    t.same(
      history.entry.map((entry: { request: { method: string }; resource?: object }) => [
        entry.request.method,
        !!entry.resource,
      ]),
      [
        ['DELETE', false],
        ['PUT', true],
        ['POST', true],
      ],
    );
    t.equal((await call('GET', '/fhir/R4/Task/t2/_history')).statusCode, 404);
  });

  await t.test('only JSON', async (t) => {
    for (const [url, accept] of [
      ['/fhir/R4/Task/t1?_format=xml', undefined],
      ['/fhir/R4/Task/t1', 'application/fhir+xml'],
      ['/fhir/R4/metadata?_format=application/fhir%2Bxml', undefined],
    ] as const) {
      const refused = await call('GET', url, accept ? { accept } : {});
      t.equal(refused.statusCode, 406, url);
      t.equal(refused.json().resourceType, 'OperationOutcome');
    }
    for (const accept of [
      '*/*',
      'application/fhir+json;q=0.9',
      'text/html,application/xml',
      'application/xml, application/json',
    ]) {
      t.equal((await call('GET', '/fhir/R4/Task/t1', { accept })).statusCode, 200, accept);
    }
    t.equal(
      (await call('GET', '/fhir/R4/Task/t1?_format=application/fhir+json', { accept: 'text/xml' })).statusCode,
      200,
    );
  });
});

t.test('a search joins stored bytes into a bundle', async (t) => {
  const page =
    (entries: { content: string; mode: 'match' | 'include' }[], more = {}) =>
    async () =>
      ok({
        entries,
        self: [
          ['status', 'ready'],
          ['_count', '1'],
        ] as const,
        ...more,
      });
  const entries = [
    { content: TASK, mode: 'match' as const, patient: 'p1' },
    { content: '{"meta":{},"resourceType":"Patient","id":"p1"}', mode: 'include' as const, patient: 'p1' },
  ];
  const issues = [{ code: 'not-supported', severity: 'warning' as const, diagnostics: 'colour was ignored' }];

  await t.test('with links, modes and warnings', async (t) => {
    const { call, house, app } = await open({ search: page(entries, { next: 'abc', total: 7, issues }) });
    t.teardown(() => app.close());
    const answer = await call('GET', '/fhir/R4/Task?status=ready&_count=1&colour=red');
    t.ok(answer.body.includes(TASK), 'byte for byte');
    t.match(answer.json(), {
      resourceType: 'Bundle',
      type: 'searchset',
      total: 7,
      link: [
        { relation: 'self', url: 'http://holdfast.test/fhir/R4/Task?status=ready&_count=1' },
        { relation: 'next', url: 'http://holdfast.test/fhir/R4/Task?status=ready&_count=1&_cursor=abc' },
      ],
      entry: [
        { fullUrl: 'http://holdfast.test/fhir/R4/Task/t1', search: { mode: 'match' } },
        { fullUrl: 'http://holdfast.test/fhir/R4/Patient/p1', search: { mode: 'include' } },
        { resource: { resourceType: 'OperationOutcome' }, search: { mode: 'outcome' } },
      ],
    });
    t.match(house.audited, [
      { interaction: 'search', found: 2, patients: ['p1'], query: 'status=ready&_count=1&colour=red' },
    ]);
  });

  await t.test('without entries when nothing was found, and without a next link on the last page', async (t) => {
    const { call, app } = await open({ search: page([]) });
    t.teardown(() => app.close());
    const bundle = (await call('GET', '/fhir/R4/Task')).json();
    t.notOk('entry' in bundle);
    t.equal(bundle.link.length, 1);
  });

  await t.test('an include that the scopes do not cover does not leave', async (t) => {
    const { call, app } = await open({ search: page(entries) }, { scope: 'system/Task.rs' });
    t.teardown(() => app.close());
    const bundle = (await call('GET', '/fhir/R4/Task?_include=Task:patient')).json();
    t.same(
      bundle.entry.map((entry: { resource: { id: string } }) => entry.resource.id),
      ['t1'],
    );
  });

  await t.test(
    'parameters pass through in order, by GET and by POST; strict unless lenient is preferred',
    async (t) => {
      const { call, house, app } = await open();
      t.teardown(() => app.close());
      await call('GET', '/fhir/R4/Task?code=a%20b&code=c&_format=json&_pretty=true');
      const form = { 'content-type': 'application/x-www-form-urlencoded', prefer: 'handling=lenient' };
      await call('POST', '/fhir/R4/Task/_search?status=ready', form, 'patient.name=A%26B&code=c');
      t.match(house.calls, [
        {
          name: 'search',
          with: {
            parameters: [
              ['code', 'a b'],
              ['code', 'c'],
            ],
            handling: 'strict',
          },
        },
        {
          name: 'search',
          with: {
            parameters: [
              ['status', 'ready'],
              ['patient.name', 'A&B'],
              ['code', 'c'],
            ],
            handling: 'lenient',
          },
        },
      ]);
      t.match(house.calls[0]?.with, { access: { organisations: [OWN] } });
      t.same(
        house.audited.map(({ query }) => query),
        ['code=a%20b&code=c&_format=json&_pretty=true', 'status=ready&patient.name=A%26B&code=c'],
        'the audit trail has all of it, as it was sent',
      );
    },
  );

  await t.test('shared definitions are there for everyone', async (t) => {
    const { call, app } = await open({}, { organisations: [] });
    t.teardown(() => app.close());
    t.equal((await call('GET', '/fhir/R4/PlanDefinition/asthma')).statusCode, 200);
    t.equal((await call('GET', '/fhir/R4/Task/t1')).statusCode, 404);
  });
});

t.test('a change is read carefully and decided elsewhere', async (t) => {
  const { call, house, app } = await open();
  t.teardown(() => app.close());
  const task = '{"resourceType":"Task","id":"t1","status":"completed"}';

  await t.test('If-Match is honoured and not demanded', async (t) => {
    const saved = await call('PUT', '/fhir/R4/Task/t1', { ...FHIR, 'if-match': 'W/"3"' }, task);
    t.same([saved.statusCode, saved.headers.etag, saved.body], [200, 'W/"4"', task]);
    t.equal((await call('PUT', '/fhir/R4/Task/t1', { ...FHIR, 'if-match': 'W/"2"' }, task)).statusCode, 412);
    t.equal((await call('PUT', '/fhir/R4/Task/t1', FHIR, task)).statusCode, 200);
    t.equal((await call('PUT', '/fhir/R4/Task/t1', { ...FHIR, 'if-match': 'three' }, task)).statusCode, 400);
    t.same(house.calls.filter((one) => one.name === 'write').length, 3);
  });

  await t.test('a create gets an id, a Location and what Prefer asks for', async (t) => {
    const flag = '{"resourceType":"Flag","id":"mine","status":"active"}';
    const made = await call('POST', '/fhir/R4/Flag', { 'content-type': 'application/json' }, flag);
    t.equal(made.statusCode, 201);
    t.match(made.headers, { location: 'http://holdfast.test/fhir/R4/Flag/made/_history/1', etag: 'W/"1"' });
    t.same(
      house.calls.at(-1)?.with,
      { method: 'create', type: 'Flag', resource: { resourceType: 'Flag', status: 'active' } },
      "the client's id is not kept",
    );
    t.equal((await call('POST', '/fhir/R4/Flag', { ...FHIR, prefer: 'return=minimal' }, flag)).body, '');
    const outcome = await call('POST', '/fhir/R4/Flag', { ...FHIR, prefer: 'return=OperationOutcome' }, flag);
    t.equal(outcome.json().resourceType, 'OperationOutcome');
    await call('POST', '/fhir/R4/Flag', { ...FHIR, 'if-none-exist': 'Flag?identifier=a%7Cb&subject=c' }, flag);
    t.match(house.calls.at(-1)?.with, {
      ifNoneExist: [
        ['identifier', 'a|b'],
        ['subject', 'c'],
      ],
    });
  });

  await t.test('a bad body has a clear answer and changes nothing', async (t) => {
    const before = house.calls.length;
    const cases: [number, RegExp, string | Buffer | undefined, Record<string, string>?][] = [
      [400, /line 2, column 12/, '{"resourceType":"Task",\n "id":"t1" "status":"Smith"}'],
      [400, /ends too early/, '{"resourceType":"Task"'],
      [400, /line 1, column 1\./, 'Smith'],
      [400, /line 1, column 24/, '{"resourceType":"Task",}'],
      [400, /empty/, ''],
      [400, /JSON object/, '["Task"]'],
      [400, /JSON object/, 'null'],
      [400, /resourceType is not Task/, '{"resourceType":"Patient","id":"t1"}'],
      [400, /resourceType is not Task/, '{"id":"t1"}'],
      [400, /id is not the one/, '{"resourceType":"Task","id":"t9"}'],
      [400, /id is missing/, '{"resourceType":"Task"}'],
      [400, /UTF-8/, Buffer.from([0x7b, 0xff, 0x7d])],
      [415, /Content-Type/, task, { 'content-type': 'application/xml' }],
      [415, /Content-Type/, task, { 'content-type': 'text/plain' }],
      [413, /5 MB/, `{"resourceType":"Task","id":"t1","x":"${'x'.repeat(5 * 1024 * 1024)}"}`],
    ];
    for (const [status, words, body, headers = FHIR] of cases) {
      const answer = await call('PUT', '/fhir/R4/Task/t1', headers, body);
      const [issue] = answer.json().issue;
      t.equal(answer.statusCode, status, String(words));
      t.match(issue.diagnostics, words);
      t.notMatch(answer.body, /Smith/, 'the body is never quoted');
    }
    t.equal(house.calls.length, before);
  });

  await t.test('what may not be written says what to do', async (t) => {
    const refused = await call('POST', '/fhir/R4/RequestGroup', FHIR, '{"resourceType":"RequestGroup"}');
    t.same([refused.statusCode, refused.headers.allow], [405, 'GET, HEAD']);
    t.match(refused.json().issue[0].diagnostics, /\$release/);
    const undeclared = await call('DELETE', '/fhir/R4/ServiceRequest/t1');
    t.same([undeclared.statusCode, undeclared.headers.allow], [405, 'GET, HEAD']);
    t.equal((await call('PUT', '/fhir/R4/ValueSet/p1', FHIR, '{}')).statusCode, 405);
    t.equal((await call('PATCH', '/fhir/R4/Provenance/t1', FHIR, '{}')).statusCode, 405);
    t.equal((await call('PUT', '/fhir/R4/_history', FHIR, '{}')).statusCode, 405);
    for (const url of [
      '/fhir/R4/Coverage/1',
      '/fhir/R4/Task/t1/$explode',
      '/fhir/R4/Patient/p1/Coverage',
      '/fhir/R4/Task/t1/a/b',
    ]) {
      t.equal((await call('GET', url)).statusCode, 404, url);
    }
  });
});

t.test('a fault in JSON is placed exactly where parsing stops', async (t) => {
  const { app, call } = await open();
  t.teardown(() => app.close());
  const text = fc.json({ maxDepth: 4 });
  await fc.assert(
    fc.asyncProperty(text, fc.constantFrom(']', '}', ' x', ',,', ':', '"'), async (json, tail) => {
      // Put behind whole JSON, the first character of the tail is where it goes wrong; an open quote runs to the end.
      const answer = await call('PUT', '/fhir/R4/Task/t1', FHIR, json + tail);
      const { diagnostics } = answer.json().issue[0];
      const column = json.length + 1 + (tail.length - tail.trimStart().length);
      return answer.statusCode === 400 && diagnostics.includes(`column ${column}`);
    }),
    { numRuns: 60 },
  );
});

t.test('scopes are asked before anything else, and the missing one is named', async (t) => {
  const { call, house, app } = await open({}, { scope: 'system/Patient.rs system/Group.rs' });
  t.teardown(() => app.close());
  const cases: [string, string, string, string?][] = [
    ['GET', '/fhir/R4/Task/t1', 'system/Task.r'],
    ['GET', '/fhir/R4/Task?status=ready', 'system/Task.s'],
    ['GET', '/fhir/R4/Task/t1/_history', 'system/Task.r'],
    ['PUT', '/fhir/R4/Task/t1', 'system/Task.u', 'not even JSON'],
    ['POST', '/fhir/R4/Flag', 'system/Flag.c', '{}'],
    ['POST', '/fhir/R4/Group/g/$release', 'system/RequestGroup.c', '{}'],
    ['GET', '/fhir/R4/Patient/p1/$needs', 'system/ServiceRequest.s'],
    ['GET', '/board/caseload', 'system/Task.s'],
  ];
  for (const [method, url, scope, body] of cases) {
    const answer = await call(method, url, body ? FHIR : {}, body);
    t.equal(answer.statusCode, 403, url);
    t.match(answer.json().issue[0].diagnostics, scope);
    t.match(answer.headers['www-authenticate'], /insufficient_scope/);
    t.match(house.audited.at(-1), { outcome: '4', patients: [] });
  }
  t.same(house.calls, []);
});

t.test('operations reach the workflow with the caller and the parameters', async (t) => {
  const group = aRow(OWN, { resourceType: 'Group', id: 'g1' });
  const { call, house, app } = await open();
  house.rows = [...rows, group];
  t.teardown(() => app.close());
  const parameters = '{"resourceType":"Parameters","parameter":[{"name":"dailyCap","valuePositiveInt":5}]}';
  t.equal((await call('POST', '/fhir/R4/Group/g1/$release', FHIR, parameters)).statusCode, 200);
  t.equal((await call('POST', '/fhir/R4/Group/g1/$release')).statusCode, 200, 'parameters may be left out');
  t.equal((await call('POST', '/fhir/R4/Group/g1/$release', FHIR, '{"resourceType":"Task"}')).statusCode, 400);
  const unknown = parameters.replace('dailyCap', 'dailycap');
  t.equal((await call('POST', '/fhir/R4/Group/g1/$release', FHIR, unknown)).statusCode, 400, 'a slip is not left out');
  t.equal((await call('GET', '/fhir/R4/Patient/p1/$needs')).statusCode, 200);
  t.equal((await call('GET', '/fhir/R4/Patient/p9/$needs')).statusCode, 404);
  t.match(
    house.calls.find(({ name }) => name === 'release'),
    {
      name: 'release',
      with: { organisations: [OWN], id: 'g1', wish: { dailyCap: 5 } },
    },
  );
  t.match(house.audited.at(-2), { interaction: 'operation', operation: 'Patient/$needs', patients: ['p1'] });
});

t.test('no answer leaves before its audit entry is kept', async (t) => {
  const broken = await open({
    audit: async () => {
      throw new Error('no database for 999 000 0000');
    },
  });
  t.teardown(() => broken.app.close());
  const answer = await broken.call('GET', '/fhir/R4/Task/t1');
  t.equal(answer.statusCode, 500);
  t.equal(answer.json().issue[0].code, 'exception');
  t.notMatch(answer.body, /ready|999/);
  t.ok(broken.house.logged.some((line) => line.includes('audit-failed')));

  const overrun = await open({
    audit: async () => {
      throw Object.assign(new Error('busy'), { failure: { kind: 'busy', message: 'Try again.', retryAfter: 1 } });
    },
  });
  t.teardown(() => overrun.app.close());
  const busy = await overrun.call('GET', '/fhir/R4/Task/t1');
  t.same([busy.statusCode, busy.headers['retry-after'], busy.json().issue[0].code], [429, '1', 'throttled']);

  const failing = await open({
    read: async () => {
      throw new Error('boom');
    },
  });
  t.teardown(() => failing.app.close());
  t.equal((await failing.call('GET', '/fhir/R4/Task/t1')).statusCode, 500);
  t.match(failing.house.audited, [{ interaction: 'read', outcome: '8' }]);
});

t.test('a callback is proved over its raw bytes, kept, and answered with 202', async (t) => {
  const { app, house } = await open({ notifyKeys: notifyKeysOf('app', ['key-one', 'key-two']) });
  t.teardown(() => app.close());
  const post = (payload: string | Buffer, more: Record<string, string | undefined> = {}, key = 'key-one') => {
    const signature = createHmac('sha256', `app.${key}`).update(payload).digest('hex');
    const headers = {
      'content-type': 'application/json',
      'x-api-key': key,
      'x-hmac-sha256-signature': signature,
      ...more,
    };
    const sent = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return app.inject({ method: 'POST', url: '/callbacks/notify', headers: Object.fromEntries(sent), payload });
  };
  const body = '{ "data":[{"type":"MessageStatus","meta":{"idempotencyKey":"k1"},"new":true}] }';

  await t.test('in both content types, any charset, with either key while one is changed', async (t) => {
    for (const type of [
      'application/json',
      'application/vnd.api+json',
      'application/vnd.api+json; charset=UTF-8',
      'application/json;charset=iso-8859-1',
      'text/plain',
      undefined,
    ]) {
      t.equal((await post(body, { 'content-type': type })).statusCode, 202, String(type));
    }
    t.equal((await post(body, {}, 'key-two')).statusCode, 202);
    const [first] = house.received;
    t.equal(first?.raw.toString(), body);
    t.same(first?.idempotencyKeys, ['k1']);
    t.notOk(first?.problem);
    t.equal(new Set(house.received.map((one) => one.digest)).size, 1);
  });

  await t.test('also when what was signed is odd: it is flagged, never refused', async (t) => {
    const odd: [string | Buffer, string][] = [
      ['not json', 'not-json'],
      ['', 'not-json'],
      [Buffer.from([0xff, 0xfe]), 'not-json'],
      ['[]', 'no-items'],
      ['null', 'no-items'],
      ['{"data":{}}', 'no-items'],
      ['{"data":[{"meta":{}}, null]}', 'item-without-key'],
    ];
    for (const [payload, problem] of odd) {
      t.equal((await post(payload)).statusCode, 202, String(payload));
      t.equal(house.received.at(-1)?.problem, problem);
    }
  });

  await t.test('a wrong key is 401, a wrong signature 403, and neither is kept', async (t) => {
    const before = house.received.length;
    const good = createHmac('sha256', 'app.key-one').update(body).digest('hex');
    const resorted = createHmac('sha256', 'app.key-one')
      .update(JSON.stringify(JSON.parse(body)))
      .digest('hex');
    for (const key of [undefined, '', 'key-on', 'key-onee', 'KEY-ONE', 'key-three', 'é']) {
      t.equal((await post(body, { 'x-api-key': key })).statusCode, 401, String(key));
    }
    const bad = [
      undefined,
      '',
      good.slice(1),
      `${good}0`,
      good.toUpperCase(),
      'z'.repeat(64),
      `${good}, ${good}`,
      resorted,
    ];
    for (const signature of bad) {
      const answer = await post(body, { 'x-hmac-sha256-signature': signature });
      t.equal(answer.statusCode, 403, String(signature));
      t.equal(answer.json().resourceType, 'OperationOutcome');
    }
    t.equal((await post(body, { 'x-api-key': 'key-two' })).statusCode, 403, "another key's signature");
    t.equal((await post(`${body} `, { 'x-hmac-sha256-signature': good })).statusCode, 403, 'one byte more');
    t.equal(house.received.length, before);
  });

  await t.test('what could not be kept is sent again: 503 with Retry-After, never a 4xx', async (t) => {
    const refusing: Deps['receive'][] = [
      async () => fail('invalid', 'no'),
      async () => fail('unavailable', 'no'),
      async () => {
        throw new Error('no database');
      },
    ];
    for (const receive of refusing) {
      const { app: broken } = await open({ receive, notifyKeys: notifyKeysOf('app', ['key-one']) });
      t.teardown(() => broken.close());
      const signature = createHmac('sha256', 'app.key-one').update(body).digest('hex');
      const answer = await broken.inject({
        method: 'POST',
        url: '/callbacks/notify',
        headers: { 'x-api-key': 'key-one', 'x-hmac-sha256-signature': signature },
        payload: body,
      });
      t.same([answer.statusCode, answer.headers['retry-after']], [503, '30']);
    }
  });

  const vectors = join(import.meta.dirname, '..', '..', '..', 'shared', 'contracts', 'nhs-notify', 'callback-vectors');
  const skip = existsSync(vectors) ? false : 'shared contracts are not here';
  await t.test('the signatures of the real sender hold', { skip }, async (t) => {
    const index = JSON.parse(readFileSync(join(vectors, 'index.json'), 'utf8'));
    const [any] = index.vectors;
    const { app: real, house: kept } = await open({ notifyKeys: notifyKeysOf(any.applicationId, [any.apiKey]) });
    t.teardown(() => real.close());
    for (const { name, headers, bodyFile, idempotencyKey } of index.vectors) {
      const payload = readFileSync(join(vectors, bodyFile));
      const answer = await real.inject({ method: 'POST', url: '/callbacks/notify', headers, payload });
      t.equal(answer.statusCode, 202, name);
      t.same(kept.received.at(-1)?.idempotencyKeys, [idempotencyKey], name);
    }
  });
});

t.test('the reply page', async (t) => {
  const { app, house } = await open();
  t.teardown(() => app.close());
  const url = '/reply/a-secret-token';
  const form = (payload: string, to = url) =>
    app.inject({ method: 'POST', url: to, headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload });
  const json = (payload: object | string, to = url) =>
    app.inject({
      method: 'POST',
      url: to,
      headers: { 'content-type': 'application/json' },
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
    });
  const right = 'birth-day=31&birth-month=3&birth-year=1980&answer=book';

  await t.test('shows a form without scripts, the same for every token, and asks nobody', async (t) => {
    const page = await app.inject({ url });
    t.equal(page.statusCode, 200);
    t.match(page.headers, {
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      'content-type': /text\/html/,
    });
    t.match(
      page.headers['content-security-policy'],
      /^default-src 'none'; style-src 'nonce-[^']+'; form-action 'self'/,
    );
    t.match(page.body, /<html lang="en-GB">/);
    t.match(page.body, /Book an appointment/);
    t.notMatch(page.body, /<script|a-secret-token/);
    const other = await app.inject({ url: '/reply/used' });
    const strip = (html: string) => html.replace(/nonce="[^"]+"/g, '');
    t.equal(strip(page.body), strip(other.body));
    t.same(house.calls, []);
  });

  await t.test('takes a form and answers with a page', async (t) => {
    const taken = await form(right);
    t.equal(taken.statusCode, 200);
    t.match(taken.body, /Your surgery has your reply/);
    t.same(house.calls.at(-1)?.with, { token: 'a-secret-token', birthDate: '1980-03-31', answer: 'book' });
  });

  await t.test('takes JSON and answers with JSON', async (t) => {
    const taken = await json({ birthDate: '1980-03-31', answer: 'decline' });
    t.same(taken.json(), { outcome: 'accepted', text: 'Your surgery has your reply.' });
  });

  await t.test('says what is missing, and gives nothing back that was typed', async (t) => {
    const before = house.calls.length;
    for (const payload of [
      '',
      'birth-day=31&birth-month=2&birth-year=1980&answer=book',
      'birth-day=1&birth-month=1&birth-year=80&answer=book',
    ]) {
      const page = await form(payload);
      t.equal(page.statusCode, 400, payload);
      t.match(page.body, /There is a problem/);
      t.match(page.body, /href="#birth-day"/);
      t.notMatch(page.body, /value="(31|1980|80)"/);
    }
    t.match((await form('birth-day=31&birth-month=3&birth-year=1980&answer=%3Cscript%3E')).body, /Choose one/);
    for (const payload of [
      '[',
      '[]',
      'null',
      '{}',
      { birthDate: 19800331, answer: 'book' },
      { birthDate: '1980-03-31', answer: 'other' },
    ]) {
      const answer = await json(payload);
      t.equal(answer.statusCode, 400, JSON.stringify(payload));
      t.equal(answer.json().resourceType, 'OperationOutcome');
    }
    t.equal(house.calls.length, before);
  });

  await t.test('a wrong date of birth is 403, a used link 410, in the shape that was sent', async (t) => {
    const wrong = await form(right.replace('1980', '1981'));
    t.equal(wrong.statusCode, 403);
    t.match(wrong.body, /not the date of birth/);
    t.equal((await form(right, '/reply/used')).statusCode, 410);
    t.match((await form(right, '/reply/used')).headers['content-type'], /html/);
    t.equal((await json({ birthDate: '1980-03-31', answer: 'book' }, '/reply/used')).json().issue[0].code, 'deleted');
    t.equal((await json({ birthDate: '1981-03-31', answer: 'book' })).statusCode, 403);
  });
});

t.test('the first page holds no data and runs only its own script', async (t) => {
  const { app, call } = await open();
  t.teardown(() => app.close());
  const page = await app.inject({ url: '/' });
  const [, nonce] = /script-src 'nonce-([^']+)'/.exec(String(page.headers['content-security-policy'])) ?? [];
  t.ok(nonce);
  t.ok(page.body.includes(`<script nonce="${nonce}">`));
  t.notMatch(page.body, /\{\{|https?:\/\/|\/\* (css|js) \*\//, 'nothing from elsewhere, nothing left open');
  t.match(page.body, /<html lang="en-GB">/);
  const board = join(import.meta.dirname, '..', '..', 'src', 'http', 'board');
  for (const part of ['page.css', 'page.js']) t.ok(page.body.includes(readFileSync(join(board, part), 'utf8')), part);
  t.match(page.body, /data-sandbox="false"/);
  t.not((await app.inject({ url: '/' })).headers['content-security-policy'], page.headers['content-security-policy']);
  const caseload = await call('GET', '/board/caseload');
  t.match(caseload.json(), { cohorts: [{ organisation: OWN, total: 3, stages: { invited: 2, booked: 1 } }] });
  t.equal((await call('GET', '/sandbox/logins')).statusCode, 404, 'no demonstration logins outside the sandbox');

  const sandbox = await open({
    demoLogins: async () => ok([{ label: 'Coordinator', role: 'coordinator', token: 'x' }]),
  });
  t.teardown(() => sandbox.app.close());
  t.match((await sandbox.app.inject({ url: '/' })).body, /data-sandbox="true"/);
  t.match((await sandbox.app.inject({ url: '/sandbox/logins' })).json(), { logins: [{ label: 'Coordinator' }] });
});

t.test('the capability statement is the route table', async (t) => {
  const { app, deps } = await open();
  t.teardown(() => app.close());
  const metadata = await app.inject({ url: '/fhir/R4/metadata' });
  const statement = metadata.json();
  t.match(statement, {
    fhirVersion: '4.0.1',
    software: { version: '9.9.9' },
    implementation: { url: 'http://holdfast.test/fhir/R4' },
  });
  const served = new Set(app.registeredRoutes.map(({ method, url }) => `${method} ${url}`));
  for (const { type, interaction } of statement.rest[0].resource) {
    const declares = (code: string) => interaction.some((one: { code: string }) => one.code === code);
    t.equal(served.has(`GET /fhir/R4/${type}/:id`), declares('read'), `${type} read`);
    t.equal(served.has(`POST /fhir/R4/${type}`), declares('create'), `${type} create`);
    t.equal(served.has(`PUT /fhir/R4/${type}/:id`), declares('update'), `${type} update`);
  }
  const capability = loadCapability();
  const promising = new Map(capability.types).set('Task', {
    type: 'Task',
    interactions: new Set(['history-of-nothing']),
    documentation: '',
    searchParameters: [],
    operations: [],
    conditional: { update: false, delete: false },
  });
  await t.rejects(
    createServer(deps, { ...capability, types: promising }),
    /not built/,
    'a promise that is not kept stops the start',
  );
});

t.test('every route is described for people and for tools', async (t) => {
  const { app } = await open();
  t.teardown(() => app.close());
  const document = (await app.inject({ url: '/openapi.json' })).json();
  t.equal(document.openapi, '3.1.0');
  const checked = await new Validator().validate(document);
  t.ok(checked.valid, JSON.stringify(checked.errors)?.slice(0, 1_000));
  const described = new Set(Object.keys(document.paths));
  for (const { method, url } of app.registeredRoutes) {
    if (method === 'HEAD' || url.startsWith('/docs')) continue;
    const path = url.replace(/:(\w+)/g, '{$1}');
    const operation = document.paths[path]?.[method.toLowerCase()];
    t.ok(operation?.summary && operation.security && Object.keys(operation.responses).length > 0, `${method} ${url}`);
    described.delete(path);
    const names = (operation?.parameters ?? []).filter((one: { in: string }) => one.in === 'path').length;
    t.equal(names, (url.match(/:/g) ?? []).length, `${url}: every path parameter is described`);
  }
  t.same([...described], []);
  const docs = await app.inject({ url: '/docs/' });
  t.equal(docs.statusCode, 200);
  t.match(docs.headers['content-security-policy'], /script-src 'self'/);
  t.equal((await app.inject({ url: '/docs/static/swagger-ui-bundle.js' })).statusCode, 200);
});

t.test('health says whether it lives and what is missing', async (t) => {
  const { app } = await open({ ready: async () => fail('unavailable', 'The database does not answer.') });
  t.teardown(() => app.close());
  t.equal((await app.inject({ url: '/health/live' })).statusCode, 200);
  const ready = await app.inject({ url: '/health/ready' });
  t.equal(ready.statusCode, 503);
  t.match(ready.json().issue[0].diagnostics, /database/);
});

t.test('the log tells which route and how it went, and nothing about anybody', async (t) => {
  const secrets = ['9990000018', 'Smith', '1980-03-31', 'a-secret-token', 'key-one', 'Zebra'];
  const { app, call, house } = await open({
    read: async () => {
      throw Object.assign(new Error('duplicate key (nhs_number)=(9990000018) Smith'), {
        code: '23505',
        detail: 'Smith',
      });
    },
  });
  t.teardown(() => app.close());
  await call('GET', '/fhir/R4/Patient?identifier=9990000018&family=Smith');
  await call('GET', '/fhir/R4/Patient/9990000018');
  await call('PUT', '/fhir/R4/Task/t1', FHIR, '{"resourceType":"Task" Zebra');
  await call('GET', '/Smith/9990000018?x=Zebra');
  await call('GET', '/fhir/R4/Smith');
  await app.inject({ url: '/%zz/Smith' });
  await app.inject({ url: '/fhir/R4/Task/Smith', headers: { authorization: 'Bearer Zebra.Zebra.Zebra' } });
  const reply = { birthDate: '1980-03-31', answer: 'book' };
  await app.inject({ method: 'POST', url: '/reply/a-secret-token', payload: reply });
  await app.inject({ method: 'POST', url: '/callbacks/notify', headers: { 'x-api-key': 'key-one' }, payload: 'Smith' });
  const text = house.logged.join('');
  for (const secret of secrets) t.notOk(text.includes(secret), secret);
  const lines = house.logged.map((line) => JSON.parse(line));
  const requests = lines.filter((line) => line.event === 'http.request');
  t.equal(requests.length, 8, 'one line per request that was routed');
  t.match(requests[0], { level: 'info', method: 'GET', route: '/fhir/R4/Patient', status: 200 });
  t.ok(requests.some((line) => line.route === '/reply/:token'));
  t.ok(requests.some((line) => line.route === 'none' && line.status === 404));
  t.match(lines.find((line) => line.event === 'http.request-failed')?.err, { type: 'Error', code: '23505' });
});

t.test('a request keeps its id when the id says nothing', async (t) => {
  const { app } = await open();
  t.teardown(() => app.close());
  const id = '0197a1e0-0000-4000-8000-00000000000A';
  const kept = await app.inject({ url: '/health/live', headers: { 'x-request-id': id } });
  t.equal(kept.headers['x-request-id'], id.toLowerCase());
  const made = await app.inject({ url: '/health/live', headers: { 'x-request-id': 'Smith 9990000018' } });
  t.match(made.headers['x-request-id'], /^[0-9a-f-]{36}$/);
});

t.test('a path that is not valid is refused in the same shape', async (t) => {
  const { app } = await open();
  t.teardown(() => app.close());
  const answer = await app.inject({ url: '/fhir/R4/Task/%zz' });
  t.equal(answer.statusCode, 400);
  t.equal(answer.json().resourceType, 'OperationOutcome');
});

t.test('the log hides what a caller puts in by mistake', async (t) => {
  const lines: string[] = [];
  const log = createLog({ level: 'info', destination: { write: (line) => lines.push(line) } });
  log.info({ event: 'x', nhsNumber: '9990000018', patient: { name: 'Smith', deep: { birthDate: '1980-03-31' } } });
  log.error({ event: 'x', err: new Error('Smith', { cause: new Error('9990000018') }) });
  log.error(new Error('Smith'));
  log
    .child({ nhsNumber: '9990000018' })
    .child({ patient: { name: 'Smith' } })
    .warn({ event: 'x', list: [{ deep: { deeper: { family: 'Smith' } } }] });
  t.notMatch(lines.join(''), /9990000018|Smith|1980/);
  t.equal(lines.length, 4);
  t.match(describeError(new TypeError('Smith')), { type: 'TypeError' });
  t.same(describeError('Smith'), { type: 'string' });
});
