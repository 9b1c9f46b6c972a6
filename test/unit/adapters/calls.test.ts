/** Calling out: what is sent, how often, and what each kind of answer (or silence) comes to. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { decodeJwt, decodeProtectedHeader, exportPKCS8, generateKeyPair, jwtVerify } from 'jose';
import nock from 'nock';
import t from 'tap';
import { createGovUkLetters } from '#adapters/govuk-notify/letters.ts';
import { createGpConnect } from '#adapters/gp-connect/gp-connect.ts';
import { createSds, type Directory } from '#adapters/gp-connect/sds.ts';
import { windows } from '#adapters/gp-connect/slots.ts';
import { callHttp } from '#adapters/http-call.ts';
import { createIm1 } from '#adapters/im1/im1.ts';
import { createMesh } from '#adapters/mesh/mesh.ts';
import { createNotify } from '#adapters/notify/notify.ts';
import { createPlatformToken } from '#auth/platform-token.ts';
import { addTo } from '#fhir/date.ts';
import { isNhsNumber } from '#fhir/nhs-number.ts';
import { fail, ok, type Result } from '#result.ts';

const NHS_NUMBER = '9990000018';
const ODS = 'Z00001';
const NOW = '2026-01-01T00:00:00.000Z';
const PROVIDER = 'https://provider.thirdparty.nhs.uk/Z00001/STU3/1/gpconnect';
const PROXY = 'https://proxy.spine.example';
const user = {
  sdsUserId: '111111111111',
  sdsRoleProfileId: '22222222222222',
  localId: 'u-1',
  family: 'Jones',
  given: 'Claire',
};

nock.disableNetConnect();
nock.enableNetConnect('127.0.0.1');
t.afterEach(() => {
  const pending = nock.pendingMocks();
  nock.cleanAll();
  if (pending.length > 0) throw new Error(`never called: ${pending.join(', ')}`);
});

const kindOf = (result: Result<unknown>) => (result.ok ? 'ok' : result.failure.kind);

function gpConnect(more: { directory?: Partial<Directory>; fetch?: typeof fetch; now?: string } = {}) {
  let traces = 0;
  const busted: string[] = [];
  const adapter = createGpConnect({
    now: () => more.now ?? NOW,
    newTraceId: () => `trace-${++traces}`,
    consumer: {
      asid: (ods) => `asid-${ods}`,
      organisation: (ods) => ({ ods, name: 'Test Surgery', telecom: '0113 496 0000', type: 'gp-practice' }),
      device: {
        identifier: { system: 'https://consumer.example/Id/device', value: 'D1' },
        model: 'Holdfast',
        version: '0.1.0',
      },
      issuerUrl: 'https://consumer.example/',
    },
    directory: {
      lookup: async () => ok({ asid: '200000000359', address: PROVIDER }),
      bust: (ods) => void busted.push(ods),
      ...more.directory,
    },
    sspBase: PROXY,
    pauseMs: 1,
    ...(more.fetch ? { fetch: more.fetch } : {}),
  });
  return { ...adapter, busted };
}

const path = (rest: string) => `/${PROVIDER}${rest}`;
const patientPath = path(`/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number%7C${NHS_NUMBER}`);
const patientBundle = (number = NHS_NUMBER) => ({
  resourceType: 'Bundle',
  entry: [
    {
      resource: {
        resourceType: 'Patient',
        id: '1001',
        identifier: [{ system: 'https://fhir.nhs.uk/Id/nhs-number', value: number }],
      },
    },
  ],
});
const outcome = (code: string, diagnostics = `about ${NHS_NUMBER}`) => ({
  resourceType: 'OperationOutcome',
  issue: [
    { severity: 'error', code: 'x', details: { coding: [{ system: 'https://fhir.nhs.uk/x', code }] }, diagnostics },
  ],
});
const proxyOutcome = (status: number, display: string) => ({
  resourceType: 'OperationOutcome',
  issue: [
    {
      details: {
        coding: [
          {
            system: 'http://fhir.nhs.net/ValueSet/gpconnect-schedule-response-code-1-0',
            code: String(status),
            display,
          },
        ],
      },
    },
  ],
});
const appointment = (more: Record<string, unknown> = {}) => ({
  resourceType: 'Appointment',
  id: '9001',
  meta: { versionId: '1', profile: ['https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-Appointment-1'] },
  extension: [{ url: 'https://provider.example/own', valueString: 'kept' }],
  status: 'booked',
  description: 'Asthma review',
  start: '2026-01-12T09:00:00+00:00',
  end: '2026-01-12T09:10:00+00:00',
  slot: [{ reference: 'Slot/11' }],
  created: '2026-01-01T00:00:00+00:00',
  comment: 'key-1',
  participant: [{ actor: { reference: 'Patient/1001' }, status: 'accepted' }],
  ...more,
});
const slotAnswer = {
  resourceType: 'Bundle',
  entry: [
    {
      resource: {
        resourceType: 'Slot',
        id: '11',
        status: 'free',
        start: '2026-01-12T09:00:00+00:00',
        end: '2026-01-12T09:10:00+00:00',
        schedule: { reference: 'Schedule/900' },
      },
    },
    { resource: { resourceType: 'Schedule', id: '900', actor: [{ reference: 'Location/17' }] } },
    { resource: { resourceType: 'Location', id: '17', name: 'Main site' } },
  ],
};

async function bookable() {
  const { findSlots } = gpConnect({ fetch: async () => new Response(JSON.stringify(slotAnswer)) });
  const found = await findSlots({ organisation: ODS, from: '2026-01-10', to: '2026-01-14', user });
  const slot = found.ok ? found.value.slots[0] : undefined;
  const schedule = found.ok ? found.value.schedules[0] : undefined;
  if (!slot || !schedule) throw new Error('no slot');
  return {
    organisation: ODS,
    nhsNumber: NHS_NUMBER,
    slot,
    schedule,
    description: 'Asthma review',
    key: 'key-1',
    created: NOW,
    user,
  };
}

t.test('one call: what silence means depends on what was asked', async (t) => {
  const options = { party: 'it', timeoutMs: 20_000, maxBytes: 100, pauseMs: 1 };
  let served = 0;
  const server = createServer((request, response) => {
    served += 1;
    if (request.url === '/silent') return;
    if (request.url === '/cut') return void response.socket?.destroy();
    if (request.url === '/half') return void response.write('half', () => response.socket?.destroy());
    response.end('x'.repeat(request.url === '/big' ? 500 : 10));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.closeAllConnections());
  t.teardown(() => server.close());
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const call = (method: 'GET' | 'POST', url: string, more = {}) =>
    callHttp(() => ({ method, url: `${base}${url}`, headers: {} }), {
      ...options,
      ...(url === '/silent' ? { timeoutMs: 150 } : {}),
      ...more,
    });
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
  const { port } = gone.address() as AddressInfo;
  await new Promise((resolve) => gone.close(resolve));
  const closed = { method: 'POST', url: `http://127.0.0.1:${port}/x`, headers: {} } as const;
  t.equal(kindOf(await callHttp(() => closed, options)), 'unavailable', 'never reached: nothing was done');
  t.equal(kindOf(await call('POST', '/silent')), 'unknown-outcome');
  t.equal(kindOf(await call('POST', '/cut')), 'unknown-outcome');
  t.equal(kindOf(await call('POST', '/half')), 'unknown-outcome');
  t.equal(kindOf(await call('POST', '/big')), 'unknown-outcome', 'an answer too large to read is no answer');
  t.equal(kindOf(await call('POST', '/silent', { repeatable: true })), 'unavailable');
  t.equal(kindOf(await call('GET', '/silent')), 'unavailable');
  t.equal(kindOf(await call('GET', '/big')), 'fault');
  t.match(await call('GET', '/fine'), { value: { status: 200, text: 'xxxxxxxxxx' } });
  served = 0;
  t.equal(kindOf(await call('GET', '/cut')), 'unavailable');
  t.equal(served, 2, 'a GET on a lost connection is made once more');
  served = 0;
  await call('GET', '/silent');
  t.equal(served, 1, 'but not after waiting in vain');
  t.equal(kindOf(await callHttp(() => ({ method: 'GET', url: 'not a url', headers: {} }), options)), 'fault');
});

t.test('one call: only a GET is repeated, built afresh, and only for 502, 503 and 504', async (t) => {
  for (const [status, method, wanted] of [
    [502, 'GET', 2],
    [503, 'GET', 2],
    [504, 'GET', 2],
    [500, 'GET', 1],
    [429, 'GET', 1],
    [503, 'POST', 1],
    [502, 'PUT', 1],
  ] as const) {
    const seen: string[] = [];
    const answer: typeof fetch = async (url) => {
      seen.push(String(url));
      return new Response('', { status });
    };
    let built = 0;
    const build = () => ({ method, url: `https://x.example/${++built}`, headers: {} });
    await callHttp(build, { party: 'it', fetch: answer, timeoutMs: 1000, maxBytes: 10, pauseMs: 1 });
    t.same(seen.length, wanted, `${method} ${status}`);
    t.equal(new Set(seen).size, wanted, 'no request is used twice');
  }
});

t.test('a slot search asks with raw address, encoded pipe and its own organisation, in 14-day calls', async (t) => {
  const query = (from: string, to: string) =>
    `/Slot?start=ge${from}&end=le${to}&status=free&_include=Slot:schedule&_include:recurse=Schedule:actor:Practitioner&_include:recurse=Schedule:actor:Location&_include:recurse=Location:managingOrganization&searchFilter=https://fhir.nhs.uk/Id/ods-organization-code%7CZ00001&searchFilter=https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-OrganisationType-1%7Cgp-practice`;
  const raw: string[] = [];
  const traces: unknown[] = [];
  const answer: typeof fetch = async (url, init) => {
    raw.push(String(url));
    traces.push(new Headers(init?.headers).get('ssp-traceid'));
    return new Response(JSON.stringify(slotAnswer));
  };
  const result = await gpConnect({ fetch: answer }).findSlots({
    organisation: ODS,
    from: '2025-12-01',
    to: '2026-01-20',
    user,
  });
  t.same(raw, [
    `${PROXY}/${PROVIDER}${query('2026-01-01', '2026-01-14')}`,
    `${PROXY}/${PROVIDER}${query('2026-01-15', '2026-01-20')}`,
  ]);
  t.same(traces, ['trace-1', 'trace-2'], 'a trace id is for one request');
  t.equal(result.ok && result.value.slots.length, 1, 'the same slot in two answers is one slot');
});

t.test('the windows of a search cover every day once and none is longer than 14 days', async (t) => {
  t.same(windows('2026-01-05', '2026-01-04', '2026-01-01'), ok([]));
  t.equal(windows('5/1/2026', '2026-01-04', '2026-01-01').ok, false);
  const day = fc.integer({ min: 0, max: 400 }).map((days) => addTo(NOW, { days }).slice(0, 10));
  fc.assert(
    fc.property(day, day, day, (from, to, today) => {
      const found = windows(from, to, today);
      if (!found.ok) throw new Error('refused');
      const days = found.value.flatMap(([start, end]) => {
        const inside: string[] = [];
        for (let one = start; one <= end; one = addTo(`${one}T12:00:00Z`, { days: 1 }).slice(0, 10)) inside.push(one);
        if (inside.length > 14 || inside.length === 0) throw new Error('too long or empty');
        return inside;
      });
      const first = from > today ? from : today;
      const wanted = first > to ? 0 : (Date.parse(to) - Date.parse(first)) / 86_400_000 + 1;
      return (
        days.length === wanted &&
        new Set(days).size === wanted &&
        (wanted === 0 || (days[0] === first && days.at(-1) === to))
      );
    }),
    { numRuns: 100 },
  );
});

t.test('a booking finds the patient, then posts the STU3 appointment with the right headers', async (t) => {
  const request = await bookable();
  let headers: Record<string, string> = {};
  let posted: unknown;
  nock(PROXY)
    .get(patientPath)
    .matchHeader('ssp-interactionid', /search:patient-1$/)
    .reply(200, patientBundle());
  nock(PROXY)
    .post(path('/Appointment'))
    .reply(201, async (request: Request) => {
      headers = Object.fromEntries(request.headers);
      posted = await request.json();
      return appointment();
    });
  const result = await gpConnect().bookAppointment(request);
  t.match(result, { value: { status: 'booked', meta: { versionId: '1' }, comment: 'key-1' } });
  t.match(posted, {
    comment: 'key-1',
    start: '2026-01-12T09:00:00+00:00',
    participant: [{ actor: { reference: 'Patient/1001' } }, { actor: { reference: 'Location/17' } }],
  });
  t.match(headers, {
    'ssp-from': 'asid-Z00001',
    'ssp-to': '200000000359',
    'ssp-interactionid': 'urn:nhs:names:services:gpconnect:fhir:rest:create:appointment-1',
    'content-type': 'application/fhir+json;charset=utf-8',
    accept: 'application/fhir+json',
  });
  t.match(headers['authorization'], /^Bearer [\w-]+\.[\w-]+\.$/, 'the dot at the end is kept');
});

t.test('every answer to a booking has one meaning', async (t) => {
  const request = await bookable();
  const cases: [number, unknown, string][] = [
    [409, outcome('DUPLICATE_REJECTED'), 'conflict'],
    [403, outcome('ACCESS DENIED'), 'unsupported'],
    [403, outcome('ACCESS_DENIED'), 'unsupported'],
    [403, outcome('NO_PATIENT_CONSENT'), 'forbidden'],
    [404, outcome('PATIENT_NOT_FOUND'), 'not-found'],
    [400, outcome('BAD_REQUEST'), 'fault'],
    [415, outcome('UNSUPPORTED_MEDIA_TYPE'), 'fault'],
    [422, outcome('INVALID_RESOURCE'), 'fault'],
    [422, outcome('constructor'), 'fault'],
    [501, outcome('NOT_IMPLEMENTED'), 'unsupported'],
    [500, outcome('INTERNAL_SERVER_ERROR'), 'unknown-outcome'],
    [503, outcome('other'), 'unavailable'],
    [429, outcome('other'), 'busy'],
    [400, proxyOutcome(400, 'ENDPOINT_a_VARIES_FROM_TARGETURL_b'), 'unavailable'],
    [403, proxyOutcome(403, 'ASID_CHECK_FAILED_MESSAGESENDER_1'), 'unavailable'],
    [405, proxyOutcome(405, '405_Method_Not_Allowed'), 'fault'],
    [502, proxyOutcome(502, 'ERROR_COMMUNICATING_TO_ENDPOINT_URL_x'), 'unknown-outcome'],
    [404, '<html>not here</html>', 'unavailable'],
    [504, '<html>timed out</html>', 'unknown-outcome'],
    [201, '', 'unknown-outcome'],
    [302, '', 'unavailable'],
  ];
  for (const [status, body, kind] of cases) {
    nock(PROXY).get(patientPath).reply(200, patientBundle());
    nock(PROXY)
      .post(path('/Appointment'))
      .reply(status, body as string);
    const result = await gpConnect().bookAppointment(request);
    t.equal(kindOf(result), kind, `${status} ${JSON.stringify(body).slice(0, 150)}`);
    t.notMatch(JSON.stringify(result), NHS_NUMBER);
  }
  nock(PROXY).get(patientPath).reply(200, patientBundle());
  nock(PROXY)
    .post(path('/Appointment'))
    .replyWithError(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
  t.equal(
    kindOf(await gpConnect().bookAppointment(request)),
    'unknown-outcome',
    'no answer to a POST, and no second POST',
  );
});

t.test('the same answers to a read can simply be tried again', async (t) => {
  const find = (status: number, body: unknown, times: number) => {
    nock(PROXY)
      .get(/Slot/)
      .times(times)
      .reply(status, body as string);
    const adapter = gpConnect();
    return adapter
      .findSlots({ organisation: ODS, from: '2026-01-02', to: '2026-01-03', user })
      .then((result) => ({ kind: kindOf(result), busted: adapter.busted }));
  };
  t.same(await find(500, outcome('INTERNAL_SERVER_ERROR'), 1), { kind: 'unavailable', busted: [] });
  t.same(
    await find(502, proxyOutcome(502, 'ERROR_COMMUNICATING_TO_ENDPOINT_URL_x'), 2),
    { kind: 'unavailable', busted: [ODS] },
    'the directory may be out of date',
  );
  t.same(await find(400, proxyOutcome(400, 'ENDPOINT_a_VARIES_FROM_TARGETURL_b'), 1), {
    kind: 'unavailable',
    busted: [ODS],
  });
  t.same(await find(404, '<html/>', 1), { kind: 'unavailable', busted: [] }, 'HTML says nothing about a patient');
  const absent = gpConnect({ directory: { lookup: async () => fail('unsupported', 'not there') } });
  t.equal(
    kindOf(await absent.findSlots({ organisation: ODS, from: '2026-01-02', to: '2026-01-03', user })),
    'unsupported',
  );
});

t.test('no one is booked who is not found, or found wrongly', async (t) => {
  const request = await bookable();
  const twice = { ...patientBundle(), entry: [...patientBundle().entry, ...patientBundle().entry] };
  const odd = {
    resourceType: 'Bundle',
    entry: [
      {
        resource: { resourceType: 'Patient', id: '1/../2', identifier: patientBundle().entry[0]?.resource.identifier },
      },
    ],
  };
  const cases: [unknown, string][] = [
    [{ resourceType: 'Bundle' }, 'not-found'],
    [patientBundle('9990000026'), 'fault'],
    [twice, 'fault'],
    [odd, 'fault'],
    [{ resourceType: 'Patient' }, 'fault'],
  ];
  for (const [answer, kind] of cases) {
    nock(PROXY)
      .get(patientPath)
      .reply(200, answer as object);
    t.equal(kindOf(await gpConnect().bookAppointment(request)), kind);
  }
  t.equal(kindOf(await gpConnect().bookAppointment({ ...request, nhsNumber: 'x' })), 'invalid', 'and no call was made');
  t.equal(kindOf(await gpConnect().bookAppointment({ ...request, description: 'x'.repeat(101) })), 'invalid');
});

t.test('appointments are listed from today on', async (t) => {
  nock(PROXY).get(patientPath).reply(200, patientBundle());
  nock(PROXY)
    .get(path('/Patient/1001/Appointment?start=ge2026-01-01&start=le2026-03-01'))
    .reply(200, {
      resourceType: 'Bundle',
      entry: [{ resource: appointment() }, { resource: appointment({ id: '9002', status: 'cancelled' }) }],
    });
  const request = { organisation: ODS, nhsNumber: NHS_NUMBER, from: '2025-06-01', to: '2026-03-01', user };
  const result = await gpConnect().listAppointments(request);
  t.same(result.ok && result.value.map((one) => one.status), ['booked', 'cancelled']);
  t.same(await gpConnect().listAppointments({ ...request, to: '2025-12-31' }), ok([]), 'the past cannot be asked for');
});

t.test('cancelling sends back what was read, with the version that was read', async (t) => {
  const request = { organisation: ODS, appointmentId: '9001', reason: 'Booked elsewhere', user };
  const put = (version: string, status: number, body: unknown) =>
    nock(PROXY)
      .put(path('/Appointment/9001'), (sent) => {
        const { extension, ...rest } = sent as ReturnType<typeof appointment>;
        t.equal(rest.status, 'cancelled');
        t.equal(extension.length, 2, 'the provider’s own extension is kept');
        return true;
      })
      .matchHeader('if-match', version)
      .matchHeader('ssp-interactionid', /cancel:appointment-1$/)
      .reply(status, body as object);
  const get = (more = {}, etag?: string) =>
    nock(PROXY)
      .get(path('/Appointment/9001'))
      .reply(200, appointment(more), etag ? { etag } : {});

  get({}, 'W/"7"');
  put('W/"7"', 200, appointment({ status: 'cancelled' }));
  t.match(await gpConnect().cancelAppointment(request), { value: { status: 'cancelled' } });

  get({ status: 'cancelled' });
  t.match(
    await gpConnect().cancelAppointment(request),
    { value: { status: 'cancelled' } },
    'already cancelled is well, without a PUT',
  );

  get();
  put('W/"1"', 409, outcome('FHIR_CONSTRAINT_VIOLATION'));
  get({ meta: { versionId: '2' }, description: 'changed words' });
  put('W/"2"', 200, appointment({ status: 'cancelled' }));
  t.match(await gpConnect().cancelAppointment(request), { value: { status: 'cancelled' } }, 'stale: read again once');

  get();
  put('W/"1"', 409, outcome('FHIR_CONSTRAINT_VIOLATION'));
  get({ meta: { versionId: '2' }, start: '2026-01-13T09:00:00+00:00' });
  t.equal(kindOf(await gpConnect().cancelAppointment(request)), 'conflict', 'moved meanwhile: a person decides');

  get();
  put('W/"1"', 409, outcome('FHIR_CONSTRAINT_VIOLATION'));
  get({ meta: { versionId: '2' } });
  put('W/"2"', 409, outcome('FHIR_CONSTRAINT_VIOLATION'));
  t.equal(kindOf(await gpConnect().cancelAppointment(request)), 'precondition', 'and not a third time');

  t.equal(kindOf(await gpConnect().cancelAppointment({ ...request, appointmentId: '../Patient/1' })), 'invalid');
});

t.test('the record is asked for whole, and silence on that POST is no unknown outcome', async (t) => {
  const request = { organisation: ODS, nhsNumber: NHS_NUMBER, user };
  let asked: { parameter: { name: string; part?: unknown }[] } = { parameter: [] };
  nock(PROXY)
    .post(path('/Patient/$gpc.getstructuredrecord'), (body) => {
      asked = body;
      return true;
    })
    .reply(200, '{"resourceType":"Bundle","x":1.10}');
  const result = await gpConnect().fetchRecord(request);
  t.same(result, ok('{"resourceType":"Bundle","x":1.10}'), 'the very text');
  t.same(
    asked.parameter.map((one) => one.name),
    [
      'patientNHSNumber',
      'includeAllergies',
      'includeMedication',
      'includeProblems',
      'includeImmunisations',
      'includeUncategorisedData',
      'includeInvestigations',
      'includeReferrals',
      'includeDiaryEntries',
    ],
  );
  nock(PROXY)
    .post(/structured/)
    .replyWithError(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
  t.equal(kindOf(await gpConnect().fetchRecord(request)), 'unavailable');
  nock(PROXY)
    .post(/structured/)
    .reply(404, outcome('PATIENT_NOT_FOUND'));
  t.equal(kindOf(await gpConnect().fetchRecord(request)), 'not-found');
  nock(PROXY)
    .post(/structured/)
    .reply(200, '<html>');
  t.equal(kindOf(await gpConnect().fetchRecord(request)), 'fault');
});

t.test('the directory ties ASID and address by party key, remembers, and forgets', async (t) => {
  const interaction = 'urn:nhs:names:services:gpconnect:fhir:rest:search:slot-1';
  const identifiers = (asid: string | undefined, key: string) => [
    ...(asid ? [{ system: 'https://fhir.nhs.uk/Id/nhsSpineASID', value: asid }] : []),
    { system: 'https://fhir.nhs.uk/Id/nhsMhsPartyKey', value: key },
  ];
  const device = (asid: string, key: string) => ({ resourceType: 'Device', identifier: identifiers(asid, key) });
  const endpoint = (address: string, key: string) => ({
    resourceType: 'Endpoint',
    address,
    identifier: identifiers(undefined, key),
  });
  const bundle = (...resources: object[]) => ({
    resourceType: 'Bundle',
    entry: resources.map((resource) => ({ resource })),
  });
  let now = NOW;
  const sds = () =>
    createSds({ baseUrl: 'https://sds.example/FHIR/R4', apiKey: 'secret', now: () => now, ttlMs: 60_000 });
  const answer = (devices: object, endpoints?: object) => {
    const query =
      'organization=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fods-organization-code%7CZ00001&identifier=https%3A%2F%2Ffhir.nhs.uk%2FId%2FnhsServiceInteractionId%7Curn%3Anhs%3Anames%3Aservices%3Agpconnect%3Afhir%3Arest%3Asearch%3Aslot-1';
    nock('https://sds.example').get(`/FHIR/R4/Device?${query}`).matchHeader('apikey', 'secret').reply(200, devices);
    if (endpoints)
      nock('https://sds.example')
        .get((uri) => uri.startsWith(`/FHIR/R4/Endpoint?${query}`))
        .reply(200, endpoints);
  };
  const directory = sds();
  answer(bundle(device('1', 'K')), bundle(endpoint(`${PROVIDER}/`, 'K')));
  t.same(
    await directory.lookup(ODS, interaction),
    ok({ asid: '1', address: PROVIDER }),
    'without the slash at the end',
  );
  t.ok((await directory.lookup(ODS, interaction)).ok, 'from memory');
  now = addTo(NOW, { seconds: 61 });
  answer(bundle(device('2', 'K')), bundle(endpoint(PROVIDER, 'K')));
  t.match(await directory.lookup(ODS, interaction), { value: { asid: '2' } }, 'asked again after its time');
  directory.bust(ODS);
  answer(bundle(device('3', 'K')), bundle(endpoint(PROVIDER, 'K')));
  t.match(await directory.lookup(ODS, interaction), { value: { asid: '3' } }, 'and after being told to forget');

  answer(bundle());
  t.equal(kindOf(await sds().lookup(ODS, interaction)), 'unsupported', 'no system at all');
  answer(bundle(device('1', 'K')), bundle(endpoint('', 'K')));
  t.equal(kindOf(await sds().lookup(ODS, interaction)), 'unsupported', 'a system without an address');
  answer(bundle(device('1', 'K'), device('2', 'L')), bundle(endpoint('https://l.example', 'L')));
  t.same(await sds().lookup(ODS, interaction), ok({ asid: '2', address: 'https://l.example' }), 'paired by party key');
  answer(
    bundle(device('1', 'K'), device('2', 'L')),
    bundle(endpoint('https://k.example', 'K'), endpoint('https://l.example', 'L')),
  );
  t.equal(kindOf(await sds().lookup(ODS, interaction)), 'fault', 'two that differ: not for us to choose');
  nock('https://sds.example')
    .get(/Device/)
    .reply(401, 'no');
  t.equal(kindOf(await sds().lookup(ODS, interaction)), 'fault');
  nock('https://sds.example')
    .get(/Device/)
    .twice()
    .reply(503, 'no');
  t.equal(kindOf(await sds().lookup(ODS, interaction)), 'unavailable');
});

const message = {
  key: 'hf-1',
  channel: 'sms',
  organisation: ODS,
  nhsNumber: NHS_NUMBER,
  body: 'Please book.',
} as const;
const notify = (accessToken: () => Promise<Result<string>> = async () => ok('token')) =>
  createNotify({ baseUrl: 'https://api.example/comms', accessToken });

t.test('every answer of NHS Notify has one meaning', async (t) => {
  const errors = (code: string) => ({
    errors: [{ code, detail: NHS_NUMBER, source: { pointer: NHS_NUMBER } }, { code: NHS_NUMBER }],
  });
  const cases: [number, unknown, unknown, Record<string, string>?][] = [
    [
      201,
      { data: { type: 'Message', id: '2WL3qFTEFM0qMY8xjRbt1LIKCzM' } },
      { value: { messageId: '2WL3qFTEFM0qMY8xjRbt1LIKCzM', duplicate: false } },
    ],
    [201, 'unreadable', { ok: true, value: { duplicate: false } }],
    [422, errors('CM_DUPLICATE_REQUEST'), { ok: true, value: { messageId: undefined, duplicate: true } }],
    [422, errors('CM_OTHER'), { failure: { kind: 'fault' } }],
    [425, errors('CM_RETRY_TOO_EARLY'), { failure: { kind: 'busy', retryAfter: 300 } }],
    [425, errors('CM_RETRY_TOO_EARLY'), { failure: { kind: 'busy', retryAfter: 30 } }, { 'retry-after': '30' }],
    [429, errors('CM_QUOTA'), { failure: { kind: 'busy', retryAfter: 60 } }],
    [400, errors('CM_INVALID_NHS_NUMBER'), { failure: { kind: 'fault', message: /CM_INVALID_NHS_NUMBER/ } }],
    [401, errors('CM_DENIED'), { failure: { kind: 'unavailable' } }],
    [403, errors('CM_SERVICE_BAN'), { failure: { kind: 'forbidden', message: /CM_SERVICE_BAN/ } }],
    [404, errors('CM_NO_SUCH_ROUTING_PLAN'), { failure: { kind: 'fault' } }],
    [408, errors('CM_TIMEOUT'), { failure: { kind: 'unavailable' } }],
    [500, '<html>', { failure: { kind: 'unavailable' } }],
    [
      503,
      errors('CM_SERVICE_UNAVAILABLE'),
      { failure: { kind: 'unavailable', retryAfter: 5 } },
      { 'retry-after': '5' },
    ],
  ];
  for (const [status, body, wanted, headers] of cases) {
    nock('https://api.example')
      .post('/comms/v1/messages')
      .matchHeader('authorization', 'Bearer token')
      .matchHeader('content-type', 'application/vnd.api+json')
      .reply(status, body as object, headers ?? {});
    const result = await notify().sendMessage(message);
    t.match(result, wanted, `${status} ${JSON.stringify(body)}`);
    t.notMatch(JSON.stringify(result), NHS_NUMBER);
  }
  nock('https://api.example')
    .post('/comms/v1/messages')
    .replyWithError(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
  t.equal(kindOf(await notify().sendMessage(message)), 'unavailable', 'the reference makes a repeat safe');
});

t.test('a message that cannot be right is not sent at all', async (t) => {
  t.equal(kindOf(await notify().sendMessage({ ...message, nhsNumber: '9990000019' })), 'invalid');
  t.equal(kindOf(await notify().sendMessage({ ...message, body: 'x'.repeat(919) })), 'invalid');
  t.equal(kindOf(await notify(async () => fail('unavailable', 'no token')).sendMessage(message)), 'unavailable');
  const late = { ...message, mayStillGo: () => false };
  t.match(await notify().sendMessage(late), { failure: { kind: 'busy', message: /too old; nothing was sent/ } });
  t.ok(isNhsNumber('9434765919'));
  for (const wrong of ['9434765918', '943476591', '943 476 591', '', 'abcdefghij']) t.notOk(isNhsNumber(wrong), wrong);
});

const serviceId = '26785a09-ab16-4eb0-8407-a37497a57506';
const secret = '3d844edf-8d35-48ac-975b-e847b4f122b0';
const letter = {
  key: 'hf 1',
  organisation: ODS,
  addressLines: ['A Patient', '1 High Street', 'LS1 6AE'],
  personalisation: { body: 'Please come.' },
};
const letters = () =>
  createGovUkLetters({
    baseUrl: 'https://letters.example',
    serviceOf: (ods) =>
      ods === ODS ? { apiKey: `surgery-${serviceId}-${secret}`, templateId: 'template' } : undefined,
    now: () => NOW,
  });
const lookUp = (notifications: object[] = []) =>
  nock('https://letters.example')
    .get('/v2/notifications?template_type=letter&reference=hf%201')
    .reply(200, { notifications });

t.test('a letter is looked for first, then sent once with the practice’s own key', async (t) => {
  let token = '';
  lookUp();
  nock('https://letters.example')
    .post('/v2/notifications/letter', {
      template_id: 'template',
      personalisation: {
        body: 'Please come.',
        address_line_1: 'A Patient',
        address_line_2: '1 High Street',
        address_line_3: 'LS1 6AE',
      },
      reference: 'hf 1',
    })
    .reply(201, (request: Request) => {
      token = String(request.headers.get('authorization')).replace('Bearer ', '');
      return { id: 'letter-1' };
    });
  t.same(await letters().sendLetter(letter), ok({ messageId: 'letter-1', duplicate: false }));
  t.same(decodeProtectedHeader(token), { alg: 'HS256', typ: 'JWT' });
  t.same(decodeJwt(token), { iss: serviceId, iat: 1_767_225_600 });
  await t.resolves(jwtVerify(token, new TextEncoder().encode(secret)));

  lookUp([
    { id: 'other', reference: 'another' },
    { id: 'letter-1', reference: 'hf 1' },
  ]);
  t.same(await letters().sendLetter(letter), ok({ messageId: 'letter-1', duplicate: true }), 'not sent again');
});

t.test('every answer of GOV.UK Notify has one meaning', async (t) => {
  const errors = (error: string) => ({ errors: [{ error, message: `address ${letter.addressLines[1]}` }] });
  const cases: [number, unknown, unknown][] = [
    [400, errors('ValidationError'), { kind: 'fault', message: /ValidationError/ }],
    [403, errors('AuthError'), { kind: 'forbidden' }],
    [429, errors('RateLimitError'), { kind: 'busy', retryAfter: 60 }],
    [429, errors('TooManyRequestsError'), { kind: 'busy', retryAfter: 86_400 }],
    [500, '<html>', { kind: 'unknown-outcome' }],
    [201, '', { kind: 'unknown-outcome' }],
  ];
  for (const [status, body, failure] of cases) {
    lookUp();
    nock('https://letters.example')
      .post('/v2/notifications/letter')
      .reply(status, body as object);
    const result = await letters().sendLetter(letter);
    t.match(result, { ok: false, failure }, String(status));
    t.notMatch(JSON.stringify(result), /High Street/);
  }
  nock('https://letters.example')
    .get(/notifications/)
    .reply(500, '');
  t.equal(kindOf(await letters().sendLetter(letter)), 'unavailable', 'a look-up that failed sends nothing');
  lookUp();
  nock('https://letters.example')
    .post('/v2/notifications/letter')
    .replyWithError(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
  t.equal(kindOf(await letters().sendLetter(letter)), 'unknown-outcome');
  t.equal(kindOf(await letters().sendLetter({ ...letter, organisation: 'Z00009' })), 'unsupported');
  t.equal(kindOf(await letters().sendLetter({ ...letter, addressLines: ['A', 'B'] })), 'invalid');
});

const entry = {
  key: 'wb-1',
  organisation: ODS,
  nhsNumber: NHS_NUMBER,
  code: '394720003',
  term: 'Asthma monitoring check done',
  date: '2026-01-01',
  user,
  mayFile: true,
};
const im1 = () => createIm1({ baseUrl: 'https://link.example', applicationId: 'app' });
const link = () => nock('https://link.example', { reqheaders: { 'X-API-ApplicationId': 'app' } });
const logIn = (id: string) =>
  link()
    .post('/im1/sessions', (body) => body.NationalPracticeCode === ODS)
    .reply(201, { SessionId: id });
const listed = (session: string, entries: object[] = []) =>
  link()
    .get('/im1/record/entries?externalReference=wb-1')
    .matchHeader('x-api-sessionid', session)
    .reply(200, { Entries: entries });

t.test('an entry is filed once: looked for first, and after a lost session by a new one', async (t) => {
  logIn('s1');
  listed('s1');
  link()
    .post('/im1/record/entries', {
      PatientNhsNumber: NHS_NUMBER,
      SnomedConceptId: '394720003',
      CodeTerm: entry.term,
      EffectiveDate: '2026-01-01',
      ExternalReference: 'wb-1',
    })
    .matchHeader('x-api-sessionid', 's1')
    .reply(201, { RecordId: 'R1' });
  const filer = im1();
  t.same(await filer.fileEntry(entry), ok({ recordId: 'R1' }));

  listed('s1', [{ RecordId: 'R1' }]);
  t.same(await filer.fileEntry(entry), ok({ recordId: 'R1' }), 'the session is kept and nothing is filed again');

  link()
    .get(/entries/)
    .matchHeader('x-api-sessionid', 's1')
    .reply(401, {});
  logIn('s2');
  listed('s2', [{ RecordId: 7 }]);
  t.same(await filer.fileEntry(entry), ok({ recordId: '7' }), 'logged in again once');

  link()
    .get(/entries/)
    .reply(401, {});
  logIn('s3');
  link()
    .get(/entries/)
    .reply(401, {});
  t.equal(kindOf(await filer.fileEntry(entry)), 'forbidden', 'and only once');
});

t.test('an entry of which an earlier try may still be under way is only looked for', async (t) => {
  logIn('s1');
  listed('s1');
  const filer = im1();
  t.equal(kindOf(await filer.fileEntry({ ...entry, mayFile: false })), 'busy');
  listed('s1', [{ RecordId: 'R1' }]);
  t.same(await filer.fileEntry({ ...entry, mayFile: false }), ok({ recordId: 'R1' }));
});

t.test('every answer of the transaction link has one meaning', async (t) => {
  const cases: [number, unknown, string][] = [
    [400, { InternalResponseCode: -1014 }, 'fault'],
    [400, { InternalResponseCode: -1030, Exceptions: [{ Message: NHS_NUMBER }] }, 'unsupported'],
    [403, {}, 'unsupported'],
    [404, {}, 'not-found'],
    [409, {}, 'conflict'],
    [423, {}, 'busy'],
    [500, {}, 'unknown-outcome'],
    [503, {}, 'unknown-outcome'],
    [201, {}, 'unknown-outcome'],
  ];
  for (const [status, body, kind] of cases) {
    logIn('s');
    listed('s');
    link()
      .post('/im1/record/entries')
      .reply(status, body as object);
    const result = await im1().fileEntry(entry);
    t.equal(kindOf(result), kind, `${status}`);
    t.notMatch(JSON.stringify(result), NHS_NUMBER);
  }
  t.equal(kindOf(await im1().fileEntry({ ...entry, date: '2026' })), 'invalid');
});

t.test('a practice’s transaction link bears one call at a time, others beside it', async (t) => {
  const running = new Map<string, number>();
  let [most, together] = [0, 0];
  const slow: typeof fetch = async (url, init) => {
    const body = typeof init?.body === 'string' ? JSON.parse(init.body) : {};
    const session = new Headers(init?.headers).get('x-api-sessionid') ?? body.NationalPracticeCode;
    running.set(session, (running.get(session) ?? 0) + 1);
    most = Math.max(most, running.get(session) ?? 0);
    together = Math.max(
      together,
      [...running.values()].reduce((sum, one) => sum + one, 0),
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
    running.set(session, (running.get(session) ?? 0) - 1);
    if (String(url).endsWith('/sessions'))
      return new Response(JSON.stringify({ SessionId: body.NationalPracticeCode }));
    return new Response(JSON.stringify({ Entries: [], RecordId: 'R' }));
  };
  const filer = createIm1({ baseUrl: 'https://link.example', applicationId: 'app', fetch: slow });
  const work = ['Z1', 'Z2'].flatMap((organisation) =>
    ['a', 'b', 'c'].map((key) => filer.fileEntry({ ...entry, organisation, key })),
  );
  t.ok((await Promise.all(work)).every((one) => one.ok));
  t.equal(most, 1);
  t.equal(together, 2);
});

t.test('the platform token is asked for with a fresh RS512 assertion and kept until its margin', async (t) => {
  const { privateKey, publicKey } = await generateKeyPair('RS512', { extractable: true });
  const pem = await exportPKCS8(privateKey);
  let now = NOW;
  const source = () =>
    createPlatformToken({
      tokenEndpoint: 'https://api.example/oauth2/token',
      clientId: 'client',
      keyId: 'key-1',
      privateKey: pem,
      now: () => now,
    });
  const jtis: unknown[] = [];
  const answer = (status: number, body: unknown) =>
    nock('https://api.example')
      .post('/oauth2/token', (form) => {
        t.equal(form.grant_type, 'client_credentials');
        t.equal(form.client_assertion_type, 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
        t.same(decodeProtectedHeader(form.client_assertion), { alg: 'RS512', typ: 'JWT', kid: 'key-1' });
        const claims = decodeJwt(form.client_assertion);
        t.match(claims, {
          iss: 'client',
          sub: 'client',
          aud: 'https://api.example/oauth2/token',
          jti: String,
          exp: Number,
        });
        t.ok(Number(claims.exp) * 1000 <= Date.now() + 300_000, 'at most five minutes ahead');
        jtis.push([claims.jti, form.client_assertion]);
        return true;
      })
      .reply(status, body as object, { 'content-type': 'application/json' });
  const token = source();
  answer(200, { access_token: 'one', expires_in: '599', token_type: 'Bearer', issued_at: '1' });
  t.same(await Promise.all([token(), token()]), [ok('one'), ok('one')], 'one request for both');
  now = addTo(NOW, { seconds: 478 });
  t.same(await token(), ok('one'), 'still good');
  now = addTo(NOW, { seconds: 480 });
  answer(200, { access_token: 'two', expires_in: '599', token_type: 'Bearer' });
  t.same(await token(), ok('two'), 'renewed within two minutes of its end');
  const [one, two] = jtis as [string, string][];
  t.not(one?.[0], two?.[0], 'never the same jti');
  await t.resolves(jwtVerify(String(one?.[1]), publicKey));

  for (const [status, body, kind] of [
    [400, { error: 'invalid_request', error_description: 'Non-unique' }, 'fault'],
    [401, { error: 'public_key error' }, 'fault'],
    [403, { error: 'public_key error' }, 'fault'],
    [429, { error: 'slow' }, 'busy'],
    [429, 'plain', 'busy'],
    [503, 'plain', 'unavailable'],
    [200, { no: 'token' }, 'unavailable'],
  ] as const) {
    answer(status, body);
    t.equal(kindOf(await source()()), kind, `${status} ${JSON.stringify(body)}`);
  }
  nock('https://api.example').post('/oauth2/token').replyWithError('gone');
  t.equal(kindOf(await source()()), 'unavailable');
  const bad = createPlatformToken({
    tokenEndpoint: 'https://api.example/oauth2/token',
    clientId: 'c',
    keyId: 'k',
    privateKey: 'no key',
    now: () => now,
  });
  t.match(await bad(), { failure: { kind: 'fault', message: /private key/ } });
});

t.test('whatever comes back, no failure names the patient', async () => {
  const request = await bookable();
  const hostile = fc.record({
    status: fc.constantFrom(200, 201, 400, 401, 403, 404, 409, 415, 422, 425, 429, 500, 502, 503),
    body: fc.oneof(
      fc
        .constantFrom('DUPLICATE_REJECTED', NHS_NUMBER, 'BAD_REQUEST', 'x')
        .map((code) => JSON.stringify(outcome(code))),
      fc.constant(JSON.stringify(proxyOutcome(502, `ERROR_COMMUNICATING_TO_ENDPOINT_URL_${NHS_NUMBER}`))),
      fc.constant(
        JSON.stringify({
          errors: [{ code: NHS_NUMBER, error: NHS_NUMBER, detail: NHS_NUMBER }],
          InternalResponseMessage: NHS_NUMBER,
        }),
      ),
      fc.constant(`<html>${NHS_NUMBER}</html>`),
      fc.constant(JSON.stringify({ resourceType: NHS_NUMBER, entry: [{ resource: { id: NHS_NUMBER } }] })),
      fc.constant(JSON.stringify(patientBundle())),
    ),
    error: fc.option(fc.constantFrom('ECONNREFUSED', 'ECONNRESET', 'ERR_INVALID_URL'), { freq: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(hostile, { minLength: 1, maxLength: 4 }), async (answers) => {
      let turn = 0;
      const answer: typeof fetch = async () => {
        const one = answers[Math.min(turn++, answers.length - 1)];
        if (!one || one.error)
          throw new TypeError(`fetch failed ${NHS_NUMBER}`, {
            cause: Object.assign(new Error(NHS_NUMBER), { code: one?.error }),
          });
        return new Response(one.body, { status: one.status });
      };
      const gp = gpConnect({ fetch: answer });
      const results: Result<unknown>[] = [
        await gp.bookAppointment(request),
        await gp.listAppointments({ ...request, from: '2026-01-01', to: '2026-02-01' }),
        await createNotify({
          baseUrl: 'https://x.example',
          accessToken: async () => ok('t'),
          fetch: answer,
        }).sendMessage(message),
        await createIm1({ baseUrl: 'https://x.example', applicationId: 'a', fetch: answer, pauseMs: 1 }).fileEntry(
          entry,
        ),
        await createMesh({
          baseUrl: 'https://x.example',
          mailbox: 'X26OT001',
          password: 'p',
          sharedKey: 'k',
          organisation: 'X26',
          version: '0',
          now: () => NOW,
          newNonce: () => 'n',
          fetch: answer,
          pauseMs: 1,
        }).sendDocument({
          key: 'k1',
          issued: NOW,
          practice: { ods: 'A81001', name: 'Surgery' },
          patient: { nhsNumber: NHS_NUMBER, family: 'Bell', given: ['Ann'], birthDate: '1970-01-02' },
          author: user,
          entry: { code: '1', term: 'Term', date: '2026-01-01' },
        }),
      ];
      for (const result of results) {
        if (!result.ok && JSON.stringify(result).includes(NHS_NUMBER)) throw new Error(JSON.stringify(result.failure));
      }
    }),
    { numRuns: 50 },
  );
});
