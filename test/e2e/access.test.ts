/** Closed by default, on the real house: every route, every broken token, and another practice's token, which sees, counts and guesses nothing. */
import fc from 'fast-check';
import { generateKeyPair } from 'jose';
import t from 'tap';
import { idFrom } from '#fhir/id.ts';
import { NHS_NUMBER } from '#fhir/systems.ts';
import type { Bundle, CapabilityStatement, Patient } from '#fhir/types.ts';
import { loadCapability } from '#http/capability.ts';
import { EVENTS } from '#ops/log.ts';
import { verifyAudit } from '#store/audit-verify.ts';
import { inTransaction } from '#store/database.ts';
import { sql } from '#store/sql.ts';
import { ask, call, openTown, type Town } from '../support/house.ts';
import { sealAll } from '../support/sealing.ts';

const OURS = 'A81001';
const THEIRS = 'B82002';
const PRACTICES = [OURS, THEIRS, 'C83003'];

type Known = { readonly organisation: string; readonly type: string; readonly id: string; readonly content: string };

/** Three practices taken in by their feeds, cohorts released, first messages out, a flag set, a call asked for. */
async function liveTown(): Promise<{ town: Town; all: readonly Known[] }> {
  const town = await openTown(t, { patients: 45 });
  for (const ods of PRACTICES) town.deliver(ods, town.batch(ods, 1));
  await town.intake(...PRACTICES);
  for (const ods of PRACTICES) {
    const token = await town.token('coordinator', ods);
    const groups = JSON.parse((await call(town, 'GET', '/fhir/R4/Group', { token })).text) as Bundle;
    for (const { resource } of groups.entry ?? [])
      await call(town, 'POST', `/fhir/R4/Group/${resource?.id}/$release`, { token });
    const patients = JSON.parse(
      (await call(town, 'GET', '/fhir/R4/Patient?_count=1&_sort=_id', { token })).text,
    ) as Bundle;
    const subject = { reference: `Patient/${patients.entry?.[0]?.resource?.id}` };
    const flag = { resourceType: 'Flag', status: 'active', code: { text: 'noted' }, subject };
    await call(town, 'POST', '/fhir/R4/Flag', { token, body: flag });
  }
  await town.settle();
  await town.advanceTo('2026-06-01T10:00:00.000Z');
  const { rows } = await town.pool.query<Known>(
    sql`select organisation, type, id, content from resource order by type, id`,
  );
  return { town, all: rows };
}

const { town, all } = await liveTown();
const of = (organisation: string) => all.filter((one) => one.organisation === organisation);
const ours = of(OURS);
const first = (type: string) => ours.find((one) => one.type === type);
const ourPatient = JSON.parse(first('Patient')?.content ?? '{}') as Patient;
const ourNumber = ourPatient.identifier?.find((one) => one.system === NHS_NUMBER)?.value ?? '';
const closed = town.server.registeredRoutes.filter((route) => !route.isPublic());

/** A few of each type that the practice has; the same number in every run. */
const sample = [...Map.groupBy(ours, (one) => one.type).values()].flatMap((some) => some.slice(0, 2));

/** Another id of the same look that nothing has. */
function like(id: string): string {
  const noise = idFrom('nothing has this id', id).replaceAll('-', '').repeat(2);
  return [...id].map((mark, at) => (/[0-9A-Fa-f]/.test(mark) ? (noise[at % 64] ?? '0') : mark)).join('');
}

type Request = { method: string; path: string; body?: unknown; raw?: string; headers?: Record<string, string> };

/** A request that the owner could make on a route, with the resource's own content as body. */
function requestOn({ method, url }: { method: string; url: string }, known?: Known): Request {
  const type = url.split('/')[3] ?? '';
  const one = known ?? first(type) ?? first('Patient');
  const path = url
    .replace(':id', one?.id ?? '')
    .replace(':version', '1')
    .replace(':everything', '*')
    .replace('/docs/*', '/docs/x');
  if (url.endsWith('$release')) return { method, path, body: { resourceType: 'Parameters' } };
  if (method === 'PUT')
    return { method, path, body: JSON.parse(one?.content ?? '{}'), headers: { 'if-match': 'W/"1"' } };
  if (method === 'PATCH') return { method, path, body: [], headers: { 'content-type': 'application/json-patch+json' } };
  if (url.includes('$meta-')) {
    const valueMeta = { tag: [{ system: 'https://example.org/tag', code: 'seen' }] };
    return { method, path, body: { resourceType: 'Parameters', parameter: [{ name: 'meta', valueMeta }] } };
  }
  if (method !== 'POST') return { method, path };
  if (url.endsWith('$validate')) return { method, path, body: JSON.parse(one?.content ?? '{}') };
  const subject = { reference: `Patient/${ourPatient.id}` };
  return { method, path, body: { resourceType: type, status: 'active', code: { text: 'x' }, subject } };
}

t.setTimeout(120_000);

t.test('the town has what the tests below try to see', async (t) => {
  const types = new Set(ours.map((one) => one.type));
  for (const type of ['Patient', 'Appointment', 'Condition', 'ServiceRequest', 'Task', 'Group', 'RequestGroup', 'Flag'])
    t.ok(types.has(type), `${OURS} has a ${type}`);
  t.ok(types.has('CommunicationRequest') && types.has('Communication') && types.has('Provenance'));
  t.ok(of(THEIRS).length > 100, `${THEIRS} has data of its own`);
  t.ok(town.ledger.messages.length > 0, 'messages went out');
});

t.test('the public routes are these and no others', async (t) => {
  const open = town.server.registeredRoutes
    .filter((route) => route.isPublic() && route.method !== 'HEAD')
    .map(({ method, url }) => `${method} ${url}`);
  t.same(open.filter((route) => !route.startsWith('GET /docs')).sort(), [
    'GET /',
    'GET /.well-known/jwks.json',
    'GET /fhir/R4/$subscription-socket',
    'GET /fhir/R4/metadata',
    'GET /health/destinations',
    'GET /health/live',
    'GET /health/ready',
    'GET /openapi.json',
    'GET /reply/:token',
    'POST /callbacks/govuk-notify/received-text',
    'POST /callbacks/govuk-notify/status',
    'POST /callbacks/notify',
    'POST /reply/:token',
    'POST /reply/times',
  ]);
  const ids = new Set(all.map((one) => one.id));
  for (const path of [
    '/',
    '/.well-known/jwks.json',
    '/fhir/R4/metadata',
    '/health/live',
    '/health/ready',
    '/openapi.json',
    '/docs/',
    '/reply/x',
  ]) {
    const answer = await call(town, 'GET', path);
    t.equal(answer.status, 200, path);
    const told = (answer.text.match(/[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f-]{27}/g) ?? []).filter((id) => ids.has(id));
    t.same(told, [], `${path} holds no data`);
  }
});

t.test('without a token that holds, every closed route answers 401 and nothing else', async (t) => {
  const { privateKey } = await generateKeyPair('RS256');
  const organisations = [OURS];
  const [head, , signature] = (await town.token('system', THEIRS)).split('.');
  const claims = Buffer.from(JSON.stringify({ sub: 'x', organisations, scope: 'system/*.cruds' })).toString(
    'base64url',
  );
  const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
  const tokens: Record<string, string | undefined> = {
    'no token': undefined,
    expired: await town.sign({ organisations }, { expires: Math.floor(Date.now() / 1000) - 120 }),
    'wrongly signed': await town.sign({ organisations }, { key: privateKey }),
    'changed after signing': `${head}.${claims}.${signature}`,
    'for another audience': await town.sign({ organisations, aud: 'https://other.example' }),
    'of another issuer': await town.sign({ organisations, iss: 'https://other.example' }),
    unsigned: `${none}.${claims}.`,
  };
  const names = [ourNumber, ourPatient.name?.[0]?.family ?? '', ...sample.map((one) => one.id)];
  const secrets = names.filter((one) => one.length > 4 && one !== OURS);
  for (const [what, token] of Object.entries(tokens)) {
    const wrong: string[] = [];
    for (const route of closed) {
      const { method, path, ...sent } = requestOn(route);
      const answer = await ask(town, method, path, { ...sent, ...(token ? { token } : {}) });
      const told = answer.text + JSON.stringify(answer.headers);
      const isClosed = answer.status === 401 && answer.headers['www-authenticate'] !== undefined;
      if (!isClosed || secrets.some((secret) => told.includes(secret)))
        wrong.push(`${method} ${route.url} → ${answer.status}`);
    }
    t.same(wrong, [], `${what}, over ${closed.length} routes`);
  }
  t.equal((await call(town, 'GET', '/fhir/R4/Patient')).status, 401, 'over the socket as well');
  t.equal((await call(town, 'GET', '/fhir/R4/Nothing/1')).status, 401, 'what does not exist is closed too');
  const right = await town.sign({ organisations });
  t.equal(
    (await call(town, 'GET', '/fhir/R4/Patient', { token: right })).status,
    200,
    'the same key, rightly used, opens',
  );
});

/** An answer without what may differ between two ids: the ids themselves, the request's own id, the time. */
async function shapeOf(token: string, request: Request, id: string): Promise<string> {
  const { method, path, ...sent } = request;
  const { status, headers, text } = await ask(town, method, path, { ...sent, token });
  const { 'x-request-id': _id, date: _date, ...kept } = headers;
  const whole = JSON.stringify({ status, headers: kept, text });
  return whole.replaceAll(id, 'ID').replaceAll(encodeURIComponent(id), 'ID');
}

function withId(request: Request, from: string, to: string): Request {
  return JSON.parse(JSON.stringify(request).replaceAll(from, to)) as Request;
}

/** What there is to ask about one resource on the routes of its type. */
function requestsAbout(known: Known): Request[] {
  const routes = closed.filter(({ url, method }) => url.startsWith(`/fhir/R4/${known.type}/:id`) && method !== 'HEAD');
  return routes.flatMap((route) => {
    const request = requestOn(route, known);
    if (route.method !== 'PUT')
      return [request, { ...request, headers: { ...request.headers, 'if-none-match': 'W/"1"' } }];
    return [{}, { 'if-match': 'W/"1"' }, { 'if-match': 'W/"999"' }, { 'if-match': '*' }].map((headers) => ({
      ...request,
      headers,
    }));
  });
}

/** What tells a resource of another practice from one that nobody has; undefined when nothing does. */
async function difference(token: string, known: Known, request: Request): Promise<string | undefined> {
  const other = like(known.id);
  const real = await shapeOf(token, request, known.id);
  const none = await shapeOf(token, withId(request, known.id, other), other);
  const what = `${request.method} ${request.path}`;
  if (real !== none) return `${what}: ${real.slice(0, 400)} against ${none.slice(0, 400)}`;
  const isAbsent = /^\{"status":40[34],/.test(real);
  return isAbsent || request.path.includes('?') ? undefined : `${what}: ${real.slice(0, 60)}`;
}

t.test('what belongs to another practice answers, byte for byte, as what does not exist', async (t) => {
  const tokens = await Promise.all((['coordinator', 'system'] as const).map((role) => town.token(role, THEIRS)));
  const wrong: string[] = [];
  let compared = 0;
  for (const known of sample) {
    for (const request of [...requestsAbout(known), ...searchesFor(known)]) {
      const found = await difference(tokens[compared % 2] ?? '', known, request);
      compared += 1;
      if (found) wrong.push(found);
    }
  }
  t.same(wrong, []);
  t.ok(compared > 250, `${compared} pairs of answers compared`);
});

/** Searches that name a resource: by id, by reference, through a chain, counted, with a total. */
function searchesFor({ type, id }: Known): Request[] {
  const get = (path: string): Request => ({ method: 'GET', path: `/fhir/R4/${path}` });
  const asPatient = type === 'Patient' ? ['Task', 'Condition', 'Appointment', 'ServiceRequest', 'Flag'] : [];
  return [
    get(`${type}?_id=${id}&_total=accurate`),
    get(`${type}?_id=${id}&_summary=count`),
    ...asPatient.flatMap((other) => [
      get(`${other}?patient=${id}&_total=accurate`),
      get(`${other}?patient=Patient/${id}&_summary=count`),
    ]),
    ...(type === 'ServiceRequest' ? [get(`Task?focus=${type}/${id}&_total=accurate`)] : []),
    ...(type === 'Task' ? [get(`Task?part-of=${id}&_total=accurate`)] : []),
    ...(type === 'Group' ? [get(`RequestGroup?subject=Group/${id}&_total=accurate`)] : []),
    ...(type === 'Practitioner' ? [get(`PractitionerRole?practitioner=${id}&_total=accurate`)] : []),
  ];
}

t.test(
  'a number, a name or an address of another practice’s patient finds nothing, also through a chain',
  async (t) => {
    const token = await town.token('system', THEIRS);
    const [owner, stranger] = [await town.token('system', OURS), token];
    const { family = '', given = [] } = ourPatient.name?.[0] ?? {};
    const postcode = ourPatient.address?.[0]?.postalCode ?? '';
    const about = [
      `identifier=${NHS_NUMBER}|${ourNumber}`,
      `family=${family}&given=${given[0]}&birthdate=${ourPatient.birthDate}`,
      `address-postalcode=${postcode}&birthdate=${ourPatient.birthDate}`,
    ];
    const chains = [
      `EpisodeOfCare?patient.identifier=${ourNumber}`,
      `Flag?subject:Patient.identifier=${ourNumber}`,
      `Appointment?patient.identifier=${ourNumber}`,
    ];
    for (const path of [...about.map((query) => `Patient?${query}`), ...chains]) {
      const ask = async (as: string) =>
        JSON.parse((await call(town, 'GET', `/fhir/R4/${path}&_total=accurate`, { token: as })).text) as Bundle;
      const [mine, theirs] = [await ask(owner), await ask(stranger)];
      if (!path.startsWith('Appointment')) t.ok((mine.total ?? 0) > 0, `the owner finds it: ${path.split('=')[0]}`);
      t.equal(theirs.total, 0, 'the stranger counts none');
      t.notOk(theirs.entry, 'and gets none');
    }
  },
);

t.test('a chain may not reach, at any depth, into a type that the token may not search', async (t) => {
  const analyst = await town.token('analyst', OURS);
  for (const path of [
    `Task?patient.identifier=${ourNumber}`,
    `Task?focus:ServiceRequest.subject:Patient.identifier=${ourNumber}`,
  ]) {
    const answer = await call(town, 'GET', `/fhir/R4/${path}`, { token: analyst });
    t.equal(answer.status, 403, path);
    t.notMatch(answer.text, ourNumber);
  }
});

t.test('the caseload counts the token’s practices alone', async (t) => {
  const answer = await call(town, 'GET', '/board/caseload', { token: await town.token('coordinator', THEIRS) });
  const { cohorts } = JSON.parse(answer.text) as { cohorts: { organisation: string; total: number }[] };
  t.same([...new Set(cohorts.map((cohort) => cohort.organisation))], [THEIRS]);
  const needs = of(THEIRS).filter(
    ({ type, content }) => type === 'ServiceRequest' && content.includes('"proposal"'),
  ).length;
  t.equal(
    cohorts.reduce((sum, cohort) => sum + cohort.total, 0),
    needs,
  );
  const nobody = await call(town, 'GET', '/board/caseload', { token: await town.sign({ organisations: [] }) });
  t.same(JSON.parse(nobody.text).cohorts, [], 'a token without a practice counts none');
});

t.test('nothing of another practice can be changed', async (t) => {
  const before = await town.count(sql`select count(*) as n from resource_version where organisation = ${OURS}`);
  const token = await town.sign({ organisations: [THEIRS], family_name: 'Doe', given_name: 'Jo' });
  for (const known of sample.filter(({ type }) => type === 'Task' || type === 'Flag')) {
    const changes = known.type === 'Flag' ? { status: 'inactive' } : { status: 'completed', priority: 'stat' };
    const body = { ...JSON.parse(known.content), ...changes };
    const answer = await call(town, 'PUT', `/fhir/R4/${known.type}/${known.id}`, { token, body });
    t.equal(answer.status, 404, answer.text);
  }
  const subject = { reference: `Patient/${ourPatient.id}` };
  const flag = { resourceType: 'Flag', status: 'active', code: { text: 'x' }, subject };
  t.equal((await call(town, 'POST', '/fhir/R4/Flag', { token, body: flag })).status, 422, 'a Flag on their patient');
  const stop = { ...flag, subject: { reference: `Organization/${OURS}` } };
  t.equal(
    (await call(town, 'POST', '/fhir/R4/Flag', { token, body: stop })).status,
    422,
    'an emergency stop of their practice',
  );
  const own = of(THEIRS).find(({ type }) => type === 'Flag');
  const moved = { ...JSON.parse(own?.content ?? '{}'), subject };
  const answer = await call(town, 'PUT', `/fhir/R4/Flag/${own?.id}`, { token, body: moved });
  t.equal(answer.status, 422, 'a Flag of one’s own, moved to their patient');
  t.equal(
    (
      await call(town, 'POST', `/fhir/R4/Group/${first('Group')?.id}/$release`, {
        token,
        body: { resourceType: 'Parameters' },
      })
    ).status,
    404,
  );
  t.equal(await town.count(sql`select count(*) as n from resource_version where organisation = ${OURS}`), before);
});

const { statement } = loadCapability();
const types = (statement as CapabilityStatement).rest?.[0]?.resource ?? [];

/** Values that a curious caller might try: everything of our practice that could be a key to more. */
const values = fc.oneof(
  fc.constantFrom(...sample.map(({ id }) => id)),
  fc.constantFrom(...sample.map(({ type, id }) => `${type}/${id}`)),
  fc.constantFrom(
    ourNumber,
    `${NHS_NUMBER}|${ourNumber}`,
    ourPatient.birthDate ?? '',
    ourPatient.name?.[0]?.family ?? '',
    OURS,
    `Organization/${OURS}`,
  ),
  fc.constantFrom(
    'active',
    'requested',
    'true',
    'false',
    'ge1900-01-01',
    'lt2100',
    'a',
    '',
    '|',
    ',',
    '%',
    '_',
    '*',
    `${OURS},${THEIRS}`,
  ),
);
const aParameter = fc
  .constantFrom(...types)
  .chain((type) =>
    fc
      .tuple(
        fc.constantFrom(...(type.searchParam ?? []).map((param) => param.name ?? '')),
        fc.constantFrom(
          '',
          '',
          '',
          ':missing',
          ':not',
          ':exact',
          ':contains',
          ':Patient',
          '.identifier',
          '.name',
          '.patient.identifier',
          ':identifier',
        ),
        values,
      )
      .map(([name, modifier, value]) => ({ type: type.type ?? '', query: [`${name}${modifier}`, value] as const })),
  );
const controls = fc.subarray(
  [
    ['_total', 'accurate'],
    ['_summary', 'count'],
    ['_count', '1000'],
    ['_sort', '-_lastUpdated'],
    ['_lastUpdated', 'ge2000'],
  ] as const,
  { maxLength: 2 },
);
const aSearch = fc
  .tuple(aParameter, fc.option(aParameter), controls, fc.boolean(), fc.boolean())
  .map(([one, other, more, isForm, isLenient]): Request => {
    const pairs = [one.query, ...(other ? [other.query] : []), ...more].map(([name, value]): [string, string] => [
      name,
      value,
    ]);
    const query = new URLSearchParams(pairs).toString();
    const headers = isLenient ? { prefer: 'handling=lenient' } : {};
    if (!isForm) return { method: 'GET', path: `/fhir/R4/${one.type}?${query}`, headers };
    const form = { ...headers, 'content-type': 'application/x-www-form-urlencoded' };
    return { method: 'POST', path: `/fhir/R4/${one.type}/_search`, raw: query, headers: form };
  });
const anInstance = fc
  .tuple(fc.constantFrom(...closed.filter(({ url }) => url.includes(':id'))), fc.constantFrom(...all))
  .map(([route, known]) => requestOn(route, known));
const others = fc.constantFrom<Request>(
  { method: 'GET', path: '/board/caseload' },
  { method: 'GET', path: '/fhir/R4/Task?_count=1000' },
  { method: 'GET', path: '/fhir/R4/Nothing' },
);
const aRequest = fc.oneof(
  { weight: 5, arbitrary: aSearch },
  { weight: 4, arbitrary: anInstance },
  { weight: 1, arbitrary: others },
);

t.test('no answer ever holds an id of a resource whose practice the token does not name', async (t) => {
  const tokens: Record<string, string> = {
    system: await town.token('system', THEIRS),
    coordinator: await town.token('coordinator', THEIRS),
    analyst: await town.token('analyst', THEIRS),
    nobody: await town.sign({ organisations: [] }),
  };
  const visible = new Set(
    all.filter((one) => one.organisation === '*' || one.organisation === THEIRS).map(({ id }) => id),
  );
  const hidden = new Set(all.map(({ id }) => id).filter((id) => !visible.has(id)));
  const seen: Record<string, number> = {};
  await fc.assert(
    fc.asyncProperty(aRequest, fc.constantFrom(...Object.keys(tokens)), async (request, who) => {
      const { method, path, ...sent } = request;
      const answer = await ask(town, method, path, { ...sent, token: tokens[who] ?? '' });
      seen[answer.status] = (seen[answer.status] ?? 0) + 1;
      const asked = decodeURIComponent(`${path} ${sent.raw ?? ''} ${JSON.stringify(sent.body ?? '')}`);
      const told = (answer.text + JSON.stringify(answer.headers)).match(/[A-Za-z0-9.-]{5,64}/g) ?? [];
      // The trail of the practice's own requests repeats what they asked for.
      if (path.includes('/AuditEvent')) return;
      const leaked = told.find((word) => hidden.has(word) && !asked.includes(word));
      if (leaked) throw new Error(`${who} was told ${leaked}`);
      if (answer.status >= 500) throw new Error(`${who} got ${answer.status}`);
    }),
    { numRuns: 600 },
  );
  t.ok((seen[200] ?? 0) > 50 && (seen[404] ?? 0) > 50, `answers by status: ${JSON.stringify(seen)}`);
});

t.test(
  'every request of this run that could reach data has its event, every message too, and one altered row is found',
  async (t) => {
    type Logged = { event: string; requestId: string; route: string; status: number };
    const data = new Set(closed.map(({ url }) => url).filter((url) => /^\/(?:fhir|board)\//.test(url)));
    const asked = town.logged
      .map((line) => JSON.parse(line) as Logged)
      // Without a token nothing is reached, and a format that is not spoken is refused before anything is.
      .filter(
        ({ event, route, status }) => event === EVENTS.request && data.has(route) && status !== 401 && status !== 406,
      );
    const { rows: events } = await town.pool.query<{ request_id: string; n: number }>(
      sql`select request_id, count(*) as n from audit_event where request_id is not null group by 1`,
    );
    const counts = new Map(events.map(({ request_id, n }) => [request_id, n]));
    t.same(
      asked.filter(({ requestId }) => counts.get(requestId) !== 1).map(({ route, status }) => `${route} ${status}`),
      [],
      `${asked.length} requests, each with its one event`,
    );
    t.ok(asked.length > 600, `${asked.length} requests`);

    const sent = await town.count(
      sql`select count(*) as n from resource where type = 'CommunicationRequest' and content::jsonb ->> 'status' = 'completed'`,
    );
    const told = await town.count(
      sql`select count(*) as n from audit_event where interaction = 'send' and outcome = 0`,
    );
    t.ok(sent > 0 && sent === told, `${sent} messages handed over, ${told} events`);

    await sealAll(town.pool);
    const whole = await verifyAudit(town.pool);
    t.match(whole, { breaches: [], unsealed: 0 }, `${whole.rows} rows under ${whole.seals} seals`);
    const { rows } = await town.pool.query<{ id: string }>(
      sql`select id from audit_event where interaction = 'search' order by id offset 100 limit 1`,
    );
    await inTransaction(town.pool, async (tx) => {
      // As only a database administrator can.
      await tx.query(sql`set local session_replication_role = replica`);
      await tx.query(sql`update audit_event set subject = 'somebody-else' where id = ${rows[0]?.id}::uuid`);
    });
    t.match((await verifyAudit(town.pool)).breaches, [{ kind: 'row-altered', rows: [rows[0]?.id] }]);
  },
);
