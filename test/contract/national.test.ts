/**
 * PDS, ODS and the platform's tokens: the stand-ins and the adapters, held to the same published contracts.
 * facts: nhs-apis §1, §5, §7. With HOLDFAST_TEST_PDS_URL and HOLDFAST_TEST_PDS_NUMBER set, the adapter's own test is
 * pointed at that endpoint (the open sandbox takes any token).
 */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { createLocalJWKSet, exportJWK, jwtVerify, SignJWT } from 'jose';
import t from 'tap';
import { createOds } from '#adapters/ods/ods.ts';
import { pdsFailure } from '#adapters/pds/errors.ts';
import { createPds } from '#adapters/pds/pds.ts';
import { createPlatformToken } from '#auth/platform-token.ts';
import { publicJwks } from '#auth/public-keys.ts';
import { createTokenExchange } from '#auth/token-exchange.ts';
import { fail, ok, type Result } from '#result.ts';
import type { SimPatient } from '#sandbox/practice.ts';
import type { PdsTruth } from '#sandbox/stand-ins/pds-truth.ts';
import type { StandIns } from '#sandbox/stand-ins/start.ts';
import { type Json, NOTIFY_CLIENT, openWorld, standInsFor, temporaryFolder, tokenFrom } from '../support/sandbox.ts';

const contracts = join(import.meta.dirname, '..', '..', '..', 'shared', 'contracts');
const skip = existsSync(contracts) ? false : 'shared contracts are not here';
const json = (...path: string[]): Json => JSON.parse(readFileSync(join(contracts, ...path), 'utf8'));
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true });
(addFormats as unknown as (instance: Ajv) => Ajv)(ajv);

const world = openWorld(temporaryFolder(t));
const truths = new Map<string, Partial<PdsTruth>>();
const user = generateKeyPairSync('rsa', { modulusLength: 2048 });
const cis2 = {
  issuer: 'https://am.cis2.example:443/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare',
  jwks: { keys: [{ ...(await exportJWK(user.publicKey)), kid: 'cis2-1', alg: 'RS256', use: 'sig' }] },
};
const app = generateKeyPairSync('rsa', { modulusLength: 2048 });
const privateKey = app.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const own = publicJwks([{ keyId: 'app-1', privateKey }]);
const standIns: StandIns = await standInsFor(world, {
  pdsTruth: ({ nhsNumber }: SimPatient) => truths.get(nhsNumber),
  cis2,
});
const other: StandIns = await standInsFor(openWorld(temporaryFolder(t)), {
  jwksOf: () => (own.ok ? { keys: [...own.value.keys] } : undefined),
  cis2,
});
t.teardown(() => Promise.all([standIns.close(), other.close()]));
const token = await tokenFrom(standIns.urls.token);
const practice = world.gp.practice('A81001');
const living = (practice?.patients ?? []).filter((one) => !one.sensitive && !one.deathDate && !one.deregisteredOn);
const [plain, moved, hidden, gone, back] = living as [SimPatient, SimPatient, SimPatient, SimPatient, SimPatient];
const SUCCESSOR = '9999000118';
truths.set(moved.nhsNumber, { supersededBy: SUCCESSOR });
truths.set(hidden.nhsNumber, { label: 'V' });
truths.set(gone.nhsNumber, { isInvalidated: true });
truths.set(back.nhsNumber, { death: { status: 'U' } });
for (const one of [plain, hidden, gone, back])
  truths.set(one.nhsNumber, { ...truths.get(one.nhsNumber), supersededBy: one.nhsNumber });

const headers = (more: Record<string, string | undefined> = {}) =>
  Object.entries({
    authorization: `Bearer ${token}`,
    'x-request-id': randomUUID(),
    'x-correlation-id': 'c-1',
    'nhsd-end-user-organisation-ods': 'A81001',
    ...more,
  }).filter((pair): pair is [string, string] => pair[1] !== undefined);

async function askPds(path: string, more: Record<string, string | undefined> = {}) {
  const response = await fetch(`${standIns.urls.pds}${path}`, { headers: headers(more) });
  const body = (await response.json()) as Json;
  return { status: response.status, body, headers: response.headers, code: body.issue?.[0]?.details.coding[0].code };
}

type Sent = { url: string; headers: Headers };

function pds(more: Partial<Parameters<typeof createPds>[0]> = {}) {
  const sent: Sent[] = [];
  const calls = createPds({
    baseUrl: standIns.urls.pds,
    accessToken: async () => ok(token),
    admit: async () => ok('now'),
    newRequestId: randomUUID,
    now: () => world.clock.now(),
    pauseMs: 1,
    fetch: (url, init) => {
      sent.push({ url: String(url), headers: new Headers(init?.headers) });
      return fetch(url, init);
    },
    ...more,
  });
  return { ...calls, sent, read: (nhsNumber: string) => calls.readDemographics({ organisation: 'A81001', nhsNumber }) };
}

function must<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.failure.message);
  return result.value;
}

const kind = (result: Result<unknown>) => (result.ok ? 'ok' : result.failure.kind);

t.test('what the PDS stand-in answers is what its OpenAPI describes', { skip }, async (t) => {
  ajv.addSchema(json('pds', 'pds.oas.json'), 'pds');
  const valid = (name: string) => ajv.compile({ $ref: `pds#/components/schemas/${name}` });
  const [isPatient, isSearch, isOutcome] = [valid('Patient'), valid('PatientSearch'), valid('OperationOutcome')];
  let patients = 0;
  for (const { nhsNumber } of world.gp.practices().flatMap((one) => one.patients.slice(0, 40))) {
    const { status, body } = await askPds(`/Patient/${nhsNumber}`);
    if (status !== 200) continue;
    patients += 1;
    t.ok(isPatient(body), ajv.errorsText(isPatient.errors));
  }
  t.ok(patients > 100, `${patients} patients`);
  const found = await askPds(`/Patient?family=${encodeURIComponent(plain.family)}&birthdate=eq${plain.birthDate}`);
  t.ok(isSearch(found.body), ajv.errorsText(isSearch.errors));
  const wrong = await askPds('/Patient/9000000000');
  t.ok(isOutcome(wrong.body), ajv.errorsText(isOutcome.errors));
  t.notOk(isPatient({ id: '1', address: 'x' }), 'the schema does refuse');
});

t.test('the PDS stand-in refuses as PDS does', async (t) => {
  const at = `/Patient/${plain.nhsNumber}`;
  t.match(await askPds(at, { authorization: 'Bearer none' }), { status: 401, code: 'ACCESS_DENIED' });
  t.match(await askPds(at, { 'x-request-id': undefined }), { status: 400, code: 'MISSING_VALUE' });
  t.match(await askPds(at, { 'x-request-id': 'not-a-uuid' }), { status: 400, code: 'INVALID_VALUE' });
  t.match(await askPds(at, { 'nhsd-end-user-organisation-ods': undefined }), { status: 400, code: 'MISSING_VALUE' });
  t.match(await askPds('/Patient/9990000019'), { status: 400, code: 'INVALID_RESOURCE_ID' });
  t.match(await askPds('/Patient/9999999999'), {
    status: 404,
    code: 'RESOURCE_NOT_FOUND',
    body: { issue: [{ severity: 'information' }] },
  });
  t.match(await askPds(`/Patient/${gone.nhsNumber}`), { status: 404, code: 'INVALIDATED_RESOURCE' });
  t.match(await askPds('/Patient?family=A&birthdate=eq1970-01-01&_cache=1'), {
    status: 400,
    code: 'ADDITIONAL_PROPERTIES',
  });
  t.match(await askPds('/Patient?family=Sm*&birthdate=eq1970-01-01&_max-results=50'), {
    status: 403,
    code: 'INVALID_VALUE',
  });
  t.match(await askPds('/Patient?family=S*&birthdate=eq1970-01-01'), { status: 400, code: 'INVALID_VALUE' });
  t.match(await askPds('/Patient?family=Smith'), { status: 400, code: 'MISSING_VALUE' });
  const good = await askPds(at);
  t.match(good.headers.get('etag'), /^W\/"\d+"$/);
  t.equal(good.headers.get('x-correlation-id'), 'c-1', 'mirrored');
  const where = await askPds(
    `/Patient?family=${encodeURIComponent(hidden.family)}&birthdate=eq${hidden.birthDate}&address-postalcode=${encodeURIComponent(hidden.address.postcode)}`,
  );
  t.equal(where.body.total, 0, 'a restricted person is not found by where they live');
});

/** How many people of each kind a stand-in has under the given numbers. */
async function kindsOf({ urls }: StandIns, numbers: readonly string[]) {
  const access = await tokenFrom(urls.token);
  const client = pds({ baseUrl: urls.pds, accessToken: async () => ok(access) });
  const kinds: string[] = [];
  for (const nhsNumber of numbers) {
    const { superseded, isRestricted, death } = must(await client.read(nhsNumber));
    kinds.push(death.status, ...(superseded ? ['superseded'] : []), ...(isRestricted ? ['restricted'] : []));
  }
  return Object.fromEntries([...Map.groupBy(kinds, (one) => one)].map(([name, some]) => [name, some.length]));
}

t.test('the network is to PDS the same for the same seed, with every kind of person in it', async (t) => {
  const large = openWorld(temporaryFolder(t), 400);
  const pair = [await standInsFor(large), await standInsFor(openWorld(temporaryFolder(t), 400))];
  t.teardown(() => Promise.all(pair.map((one) => one.close())));
  const numbers = (large.gp.practice('B82002')?.patients ?? []).map(({ nhsNumber }) => nhsNumber);
  const seen = await Promise.all(pair.map((one) => kindsOf(one, numbers)));
  t.same(seen[0], seen[1]);
  for (const name of ['superseded', 'restricted', 'formal', 'none'])
    t.ok((seen[0]?.[name] ?? 0) > 0, `${name}: ${seen[0]?.[name]}`);
});

t.test('the adapter asks as the contract wants, and says who asks', async (t) => {
  const client = pds();
  t.match(await client.read(plain.nhsNumber), {
    ok: true,
    value: { nhsNumber: plain.nhsNumber, isRestricted: false, etag: /^W\// },
  });
  const [one] = client.sent;
  t.equal(one?.url, `${standIns.urls.pds}/Patient/${plain.nhsNumber}`);
  t.match(one?.headers.get('x-request-id'), /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
  t.equal(one?.headers.get('nhsd-end-user-organisation-ods'), 'A81001');
  t.notMatch(one?.headers.get('x-correlation-id'), plain.nhsNumber);
  t.match(await client.read(moved.nhsNumber), {
    ok: true,
    value: { nhsNumber: SUCCESSOR, superseded: moved.nhsNumber },
  });
  t.match(await client.read(hidden.nhsNumber), {
    ok: true,
    value: { isRestricted: true, sensitivity: 'V', patient: { telecom: undefined } },
  });
  t.match(await client.read(back.nhsNumber), { ok: true, value: { death: { status: 'removed' } } });
  t.equal(kind(await client.read(gone.nhsNumber)), 'gone');
  t.equal(kind(await client.read('9999999999')), 'not-found');
  const before = client.sent.length;
  t.equal(kind(await client.read('9990000019')), 'invalid');
  t.equal(client.sent.length, before, 'PDS is not asked about a number that is none');
  const query = { organisation: 'A81001', family: plain.family, birthDate: plain.birthDate };
  t.match(
    await client.traceDemographics({
      ...query,
      given: `${plain.given.slice(0, 3)}*`,
      postcode: `${plain.address.postcode.slice(0, 2)}*`,
    }),
    {
      ok: true,
      value: { matches: [{ score: 1, demographics: { nhsNumber: plain.nhsNumber } }] },
    },
  );
  t.match(client.sent.at(-1)?.url, /given=[A-Za-z%0-9]+%2A&.*_max-results=1$/, 'the wildcard is encoded');
  t.match(await client.traceDemographics({ ...query, family: 'Nobodyhasit' }), { ok: true, value: { matches: [] } });
});

t.test('several matches are said to be too many, by whichever answer', async (t) => {
  const many = [
    [200, { resourceType: 'OperationOutcome', issue: [{ details: { coding: [{ code: 'TOO_MANY_MATCHES' }] } }] }],
    [403, { resourceType: 'OperationOutcome', issue: [{ details: { coding: [{ code: 'INVALID_VALUE' }] } }] }],
  ] as const;
  for (const [status, body] of many) {
    const client = pds({ fetch: async () => new Response(JSON.stringify(body), { status }) });
    const traced = await client.traceDemographics({ organisation: 'A81001', family: 'Smith', birthDate: '1970-01-01' });
    t.same(traced, { ok: true, value: { result: 'too-many' } });
  }
});

t.test('faults of the way there are met: repeated under one request id, or told as what they are', async (t) => {
  const met = async (fault: Parameters<StandIns['ledger']['fault']>[0]['kind'], times = 1) => {
    standIns.ledger.faults.clear();
    standIns.ledger.fault({ system: 'pds', when: { nth: 1 }, kind: fault, times, milliseconds: 400 });
    const client = pds({ timeoutMs: 200 });
    const result = await client.read(plain.nhsNumber);
    standIns.ledger.faults.clear();
    return {
      kind: kind(result),
      ids: new Set(client.sent.map((one) => one.headers.get('x-request-id'))).size,
      tries: client.sent.length,
    };
  };
  t.same(await met('502-html'), { kind: 'ok', ids: 1, tries: 2 }, 'one repeat, one id');
  t.same(await met('502-html', 2), { kind: 'unavailable', ids: 1, tries: 2 });
  t.same(await met('drop-after-commit'), { kind: 'ok', ids: 1, tries: 2 });
  t.same(await met('500'), { kind: 'unavailable', ids: 1, tries: 1 });
  t.same(await met('429'), { kind: 'busy', ids: 1, tries: 1 });
  t.same(await met('half-body'), { kind: 'ok', ids: 1, tries: 2 }, 'an answer that breaks off is asked for again');
  t.same(await met('half-body', 2), { kind: 'unavailable', ids: 1, tries: 2 });
  t.same(await met('latency'), { kind: 'unavailable', ids: 1, tries: 1 });
});

t.test('a token that PDS refuses is renewed once, and the question is the same one', async (t) => {
  const refused: (string | undefined)[] = [];
  const client = pds({
    accessToken: async (old) => {
      refused.push(old);
      return ok(old === undefined ? 'ended-early' : token);
    },
  });
  t.equal(kind(await client.read(plain.nhsNumber)), 'ok');
  t.same(refused, [undefined, 'ended-early']);
  t.equal(new Set(client.sent.map((one) => one.headers.get('x-request-id'))).size, 1);
  t.equal(kind(await pds({ accessToken: async () => ok('never') }).read(plain.nhsNumber)), 'unavailable');
});

t.test('no request goes out without its turn in the budget, a repeat neither', async (t) => {
  let turns = 0;
  const admit = async () => {
    turns += 1;
    return turns < 3 ? ok('now') : fail('busy', 'the budget is spent', { retryAfter: 5 });
  };
  standIns.ledger.fault({ system: 'pds', when: { nth: 1 }, kind: '502-html' });
  const client = pds({ admit });
  t.equal(kind(await client.read(plain.nhsNumber)), 'ok');
  t.equal(turns, 2);
  t.equal(kind(await client.read(plain.nhsNumber)), 'busy');
  t.equal(client.sent.length, 2, 'nothing more was sent');
});

t.test('every error of the contract comes to what it means', { skip }, async (t) => {
  const kinds: Record<string, [number, string]> = {
    ACCESS_DENIED: [401, 'unavailable'],
    RESOURCE_NOT_FOUND: [404, 'not-found'],
    INVALIDATED_RESOURCE: [404, 'gone'],
    INVALID_RESOURCE_ID: [400, 'invalid'],
    INVALID_SEARCH_DATA: [400, 'invalid'],
    MISSING_VALUE: [400, 'fault'],
    INVALID_VALUE: [400, 'fault'],
    ADDITIONAL_PROPERTIES: [400, 'fault'],
    UNSUPPORTED_SERVICE: [400, 'fault'],
    FORBIDDEN_UPDATE: [403, 'forbidden'],
  };
  let tried = 0;
  for (const file of readdirSync(join(contracts, 'pds', 'mock-errors'))) {
    const [status, wanted] = kinds[file.replace('.json', '')] ?? [];
    if (status === undefined) continue;
    tried += 1;
    const text = readFileSync(join(contracts, 'pds', 'mock-errors', file), 'utf8');
    const { failure } = pdsFailure({ status, headers: new Headers(), text });
    t.equal(failure.kind, wanted, file);
    t.notMatch(failure.message, /\d{10}|birth/, 'nothing of the question is repeated');
  }
  t.equal(tried, Object.keys(kinds).length);
  t.equal(
    pdsFailure({ status: 404, headers: new Headers(), text: '<html>' }).failure.kind,
    'fault',
    'a 404 of the gateway',
  );
});

t.test(
  'the adapter reads a real test endpoint',
  { skip: process.env['HOLDFAST_TEST_PDS_URL'] ? false : 'no endpoint is set' },
  async (t) => {
    const client = pds({ baseUrl: process.env['HOLDFAST_TEST_PDS_URL'] ?? '', fetch });
    const told = await client.read(process.env['HOLDFAST_TEST_PDS_NUMBER'] ?? '9000000009');
    t.ok(told.ok, told.ok ? told.value.sensitivity : told.failure.message);
  },
);

function ods(more: Partial<Parameters<typeof createOds>[0]> = {}) {
  let asked = 0;
  const { findStructure } = createOds({
    baseUrl: standIns.urls.ods,
    apiKey: 'sds-key',
    ttlMs: 60_000,
    now: () => world.clock.now(),
    pauseMs: 1,
    fetch: (url, init) => {
      asked += 1;
      return fetch(url, init);
    },
    ...more,
  });
  return { findStructure, asked: () => asked };
}

t.test('a practice is found in its network and under its board', async (t) => {
  const { findStructure, asked } = ods();
  t.match(await findStructure('A81001'), {
    ok: true,
    value: {
      practice: { id: 'A81001', active: true, partOf: { reference: 'Organization/U99901' } },
      network: { name: 'RIVERFORD PCN', partOf: { reference: 'Organization/QZZ' } },
      place: { id: '99Z' },
      board: { id: 'QZZ', partOf: undefined },
      isOpenPractice: true,
      successors: [],
    },
  });
  const calls = asked();
  await findStructure('A81001');
  t.equal(asked(), calls, 'kept for its time');
  t.match(await findStructure('C83003'), {
    ok: true,
    value: { network: undefined, practice: { partOf: { reference: 'Organization/99Z' } } },
  });
  t.match(await findStructure('D84004'), {
    ok: true,
    value: { isOpenPractice: false, practice: { active: false }, successors: ['A81001'] },
  });
  t.match(await findStructure('U99901'), { ok: true, value: { isOpenPractice: false } }, 'a network is no practice');
  t.equal(kind(await findStructure('Z99999')), 'not-found');
  t.equal(kind(await findStructure('A 1')), 'invalid');
  t.equal(kind(await ods({ apiKey: 'other' }).findStructure('A81001')), 'fault');
  standIns.ledger.fault({ system: 'ods', when: { nth: 2 }, kind: 'half-body', times: 2 });
  const once = ods();
  t.equal(kind(await once.findStructure('B82002')), 'unavailable');
  t.equal(kind(await once.findStructure('B82002')), 'ok', 'a failure is not kept');
});

t.test('the examples of the ODS contract are read', { skip }, async (t) => {
  const oas = json('odt-fhir', 'odt.oas.json');
  const example = (path: string) => (Object.values(oas.paths[path].get.responses['200'].content)[0] as Json).example;
  const answers: Json[] = [
    example('/Organization/{id}'),
    example('/OrganizationAffiliation'),
    example('/CodeSystem/'),
    {
      ...example('/Organization/{id}'),
      id: 'QNX',
      identifier: [{ system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: 'QNX' }],
    },
  ];
  const urls: string[] = [];
  const { findStructure } = ods({
    fetch: async (url) => {
      urls.push(String(url));
      return new Response(JSON.stringify(answers[urls.length - 1]));
    },
  });
  t.match(await findStructure('RR8'), {
    ok: true,
    value: {
      practice: { id: 'RR8', name: 'LEEDS TEACHING HOSPITALS NHS TRUST' },
      board: { id: 'QNX' },
      isOpenPractice: false,
    },
  });
  const known = new Set(oas.paths['/OrganizationAffiliation'].get.parameters.map((one: Json) => one.name));
  for (const name of new URL(urls[1] ?? '').searchParams.keys())
    t.ok(known.has(name), `${name} is a parameter that ODS knows`);
});

const platform = () => ({ tokenEndpoint: other.urls.token, clientId: NOTIFY_CLIENT, keyId: 'app-1', privateKey });
const now = () => new Date().toISOString();
const idToken = (claims: Record<string, unknown> = {}, head: Record<string, unknown> = {}) =>
  new SignJWT({ iss: cis2.issuer, aud: 'holdfast', sub: 'u', exp: Math.floor(Date.now() / 1000) + 300, ...claims })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: 'cis2-1', ...head })
    .sign(user.privateKey);

t.test('the platform gives tokens by what our published keys prove', async (t) => {
  const access = createPlatformToken({ ...platform(), now });
  const [first, same] = [await access(), await access()];
  t.ok(first.ok && same.ok && first.value === same.value, 'one token for all');
  const renewed = first.ok ? await access(first.value) : first;
  t.ok(renewed.ok && first.ok && renewed.value !== first.value, 'one that was refused is not given again');
  t.equal(kind(await createPlatformToken({ ...platform(), keyId: 'unknown', now })()), 'fault');
});

t.test('an assertion is RS512, names the token address and is never used twice', async (t) => {
  const seen: string[] = [];
  const spy: typeof fetch = async (url, init) => {
    seen.push(new URLSearchParams(String(init?.body)).get('client_assertion') ?? '');
    return fetch(url, init);
  };
  const access = createPlatformToken({ ...platform(), now, marginSeconds: 600, fetch: spy });
  for (let tries = 0; tries < 3; tries += 1) t.equal(kind(await access()), 'ok');
  if (!own.ok) throw new Error(own.failure.message);
  const keys = createLocalJWKSet({ keys: [...own.value.keys] });
  const read = await Promise.all(seen.map((one) => jwtVerify(one, keys, { audience: other.urls.token })));
  t.equal(new Set(read.map(({ payload }) => payload.jti)).size, 3);
  for (const { payload, protectedHeader } of read) {
    t.match(protectedHeader, { alg: 'RS512', typ: 'JWT', kid: 'app-1' });
    t.equal(payload.iss, payload.sub);
    t.ok((payload.exp ?? 0) - Date.now() / 1000 <= 300);
  }
});

t.test('the published keys are the public halves alone, two while they are changed', async (t) => {
  const next = generateKeyPairSync('rsa', { modulusLength: 2048 })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
  const both = publicJwks([
    { keyId: 'a', privateKey },
    { keyId: 'b', privateKey: next },
  ]);
  t.match(both, { ok: true, value: { keys: [{ kid: 'a', alg: 'RS512', use: 'sig' }, { kid: 'b' }] } });
  t.same(
    both.ok && Object.keys(both.value.keys[0] ?? {}).sort(),
    ['alg', 'e', 'kid', 'kty', 'n', 'use'],
    'nothing private',
  );
  t.notOk(
    publicJwks([
      { keyId: 'a', privateKey },
      { keyId: 'a', privateKey: next },
    ]).ok,
    'one id for two keys',
  );
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
  for (const bad of [short, curve, 'no key']) t.equal(kind(publicJwks([{ keyId: 'a', privateKey: bad }])), 'fault');
});

t.test('a CIS2 id token is exchanged for the user’s access token, and the session goes on until it ends', async (t) => {
  const { exchange, refresh } = createTokenExchange({ ...platform(), now });
  const opened = await exchange(await idToken());
  if (!opened.ok) throw new Error(opened.failure.message);
  const { accessToken, refreshToken = '', expiresAt, refreshExpiresAt = '' } = opened.value;
  t.ok(accessToken && Date.parse(expiresAt) > Date.now() + 500_000);
  t.ok(Date.parse(refreshExpiresAt) > Date.now() + 11 * 3_600_000, 'twelve hours, from a number sent as text');
  const again = await refresh(refreshToken);
  t.ok(again.ok && again.value.accessToken !== accessToken && again.value.refreshToken !== refreshToken);
  t.equal(kind(await refresh(refreshToken)), 'unauthenticated', 'a refresh token is used once');
  t.equal(kind(await exchange(await idToken({ exp: 1 }))), 'unauthenticated');
  t.equal(kind(await exchange(await idToken({ aud: undefined }))), 'unauthenticated');
  t.equal(kind(await exchange(await idToken({}, { kid: undefined }))), 'unauthenticated');
  t.equal(kind(await exchange('nonsense')), 'unauthenticated');
  t.equal(
    kind(await exchange(await idToken({ iss: cis2.issuer.replace(':443', '') }))),
    'fault',
    'the issuer is compared letter by letter',
  );
});
