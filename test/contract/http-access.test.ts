/** The gate over every route there is: nothing without a good token, and nothing of another practice with one. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKeyPair, importJWK, type JWTPayload, SignJWT } from 'jose';
import t from 'tap';
import { loadCapability } from '#http/capability.ts';
import type { RegisteredRoute } from '#http/server.ts';
import { ok } from '#result.ts';
import { startIdentityProvider } from '#sandbox/identity.ts';
import { AUDIENCE, aCodeSystem, aRow, aValueSet, OTHER, OWN, openFacade, type Row } from '../support/http-fakes.ts';

const MARK = 'only-for-its-own-practice';

/** One resource of every type, belonging to one practice, with a mark that must never be seen elsewhere. */
function rowsOf(organisation: string): Row[] {
  return [...loadCapability().types.keys()].map((resourceType) => {
    const id = `own-${resourceType.toLowerCase()}`;
    const codes = resourceType === 'CodeSystem' ? aCodeSystem : {};
    return aRow(organisation, { ...codes, resourceType, id, language: MARK });
  });
}

/** What an operation on a type or resource cannot go without, in the URL of a GET and in the Parameters of a POST. */
function inputsFor(url: string): Record<string, string> {
  const [, type, id, name] = /^\/fhir\/R4\/([A-Za-z]+)(\/:id)?\/\$([a-z-]+)$/.exec(url) ?? [];
  const canonical: string | undefined = type === 'ValueSet' ? aValueSet.url : aCodeSystem.url;
  const system = { system: aCodeSystem.url ?? '' };
  const named = id === undefined ? { url: canonical ?? '' } : {};
  if (name === 'expand') return named;
  if (name === 'validate-code') return { ...named, ...(type === 'ValueSet' ? system : {}), code: 'red' };
  if (name === 'explain-need') return { rule: 'asthma-review' };
  if (name === 'hold') return { reason: 'The phones are down' };
  if (name === 'evaluate' && id === undefined) return { url: 'https://example.org/PlanDefinition/any' };
  return name === 'lookup' ? { ...system, code: 'red' } : {};
}

/** A practice is held and stopped by its ODS code. */
const isOfPractice = (url: string) => /\/Organization\/:id\/\$(?:hold|emergency-stop)$/.test(url);

/** A request that would succeed for the owner, for any registered route. */
function requestFor({ method, url }: RegisteredRoute) {
  const type = /^\/fhir\/R4\/([A-Za-z]+)/.exec(url)?.[1] ?? '';
  const own = isOfPractice(url) ? OWN : `own-${type.toLowerCase()}`;
  const id = url.includes('/_async/') ? '0' : own;
  const isConditional = ['PUT', 'PATCH', 'DELETE'].includes(method) && !url.includes(':id');
  const path = url.replace(':id', id).replace(':version', '1').replace(':token', 'abc').replace(':everything', '*');
  const content = contentFor(method, url, { type, id });
  const query = isConditional ? 'identifier=x' : method === 'POST' ? '' : new URLSearchParams(inputsFor(url));
  return {
    method: method as 'GET',
    url: `${query}` === '' ? path : `${path}?${query}`,
    headers: content ? { 'content-type': content[0] } : {},
    ...(content ? { payload: content[1] } : {}),
  };
}

function contentFor(method: string, url: string, own: { type: string; id: string }): [string, string] | undefined {
  if (!['POST', 'PUT', 'PATCH'].includes(method)) return undefined;
  if (url.endsWith('_search')) return ['application/x-www-form-urlencoded', '_count=10'];
  if (method === 'PATCH') return ['application/json-patch+json', '[]'];
  const isOwn = !url.includes('$') || url.endsWith('$validate');
  const resource = { resourceType: own.type, ...(url.includes(':id') ? { id: own.id } : {}) };
  const body = url === '/fhir/R4' ? { resourceType: 'Bundle', type: 'batch' } : isOwn ? resource : parametersFor(url);
  return ['application/fhir+json', JSON.stringify(body)];
}

function parametersFor(url: string): object {
  const sought = { resourceType: 'Patient', birthDate: '1980-03-31', name: [{ family: 'X' }] };
  const special = url.endsWith('$match')
    ? [{ name: 'resource', resource: sought }]
    : url.includes('$meta')
      ? [{ name: 'meta', valueMeta: { tag: [] } }]
      : url.endsWith('$impact')
        ? [{ name: 'candidate', resource: aValueSet }]
        : [];
  const simple = Object.entries(inputsFor(url)).map(([name, valueString]) => ({ name, valueString }));
  return { resourceType: 'Parameters', parameter: [...special, ...simple] };
}

/** No practice's own: whoever operates the server may ask. */
const isForOperators = ({ url }: RegisteredRoute) => url.endsWith('/$explain');

const folder = mkdtempSync(join(tmpdir(), 'holdfast-access-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const organisations = [OWN, OTHER].map((ods) => ({ ods, name: ods }));
const provider = await startIdentityProvider({ organisations, audience: AUDIENCE, keysFolder: folder });
t.teardown(() => provider.close());
const { app, house } = await openFacade({
  issuer: provider.issuer,
  rows: rowsOf(OWN),
  over: { demoLogins: async () => ok([]) },
});
t.teardown(() => app.close());
// One request that was put off, for the routes of its result.
house.putOff.push({ status: 200, content: '{}' });
const closed = app.registeredRoutes.filter((route) => !route.isPublic());

async function tokenOf(ods: string): Promise<string> {
  const token = await provider.issueToken('system', ods);
  if (!token.ok) throw new Error(token.failure.message);
  return token.value;
}

/** Tokens with the issuer's own key that are wrong in one thing each, and tokens with none of its keys. */
async function badTokens(): Promise<[string, string | undefined][]> {
  const { keys } = JSON.parse(readFileSync(join(folder, 'identity.json'), 'utf8'));
  const own = await importJWK(keys[0], 'RS256');
  const stranger = (await generateKeyPair('RS256')).privateKey;
  const claims: JWTPayload = { scope: 'system/*.cruds', organisations: [OWN], sub: 'x' };
  const make = (key: typeof own, { audience = AUDIENCE, expires = '5m' } = {}) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', kid: keys[0].kid })
      .setIssuer(provider.issuer)
      .setAudience(audience)
      .setExpirationTime(expires)
      .sign(key);
  const good = await tokenOf(OWN);
  const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
  return [
    ['no token', undefined],
    ['an expired token', `Bearer ${await make(own, { expires: '-2m' })}`],
    ['a wrong signature', `Bearer ${await make(stranger)}`],
    ['a wrong audience', `Bearer ${await make(own, { audience: 'https://elsewhere.example' })}`],
    ['algorithm none', `Bearer ${none}.${good.split('.')[1]}.`],
    ['a good token without the word Bearer', good],
    ['another scheme', `Basic ${Buffer.from('a:b').toString('base64')}`],
  ];
}

t.test('the routes that need no token are exactly these', async (t) => {
  const open = app.registeredRoutes.filter((route) => route.isPublic() && route.method !== 'HEAD');
  const outside = open.map(({ method, url }) => `${method} ${url}`).filter((route) => !route.includes(' /docs'));
  t.same(outside.sort(), [
    'GET /',
    'GET /.well-known/jwks.json',
    'GET /fhir/R4/$subscription-socket',
    'GET /fhir/R4/metadata',
    'GET /health/destinations',
    'GET /health/live',
    'GET /health/ready',
    'GET /openapi.json',
    'GET /reply/:token',
    'GET /sandbox/logins',
    'POST /callbacks/govuk-notify/received-text',
    'POST /callbacks/govuk-notify/status',
    'POST /callbacks/notify',
    'POST /reply/:token',
    'POST /reply/times',
  ]);
  t.ok(closed.length > 200, `${closed.length} closed routes`);
});

t.test('every closed route refuses every bad token, and asks nothing of the house', async (t) => {
  for (const [name, authorization] of await badTokens()) {
    const wrong: string[] = [];
    for (const route of closed) {
      const request = requestFor(route);
      const headers = { ...request.headers, ...(authorization === undefined ? {} : { authorization }) };
      const answer = await app.inject({ ...request, headers });
      const isOutcome = route.method === 'HEAD' || answer.json().resourceType === 'OperationOutcome';
      const challenge = String(answer.headers['www-authenticate']);
      if (answer.statusCode !== 401 || !isOutcome || !challenge.startsWith('Bearer'))
        wrong.push(`${route.method} ${route.url}`);
    }
    t.same(wrong, [], `${closed.length} routes with ${name}`);
  }
  t.same(house.calls, []);
  t.same(house.audited, []);
});

t.test('a path that does not exist says 401 first, and only then 404', async (t) => {
  for (const url of [
    '/nothing',
    '/fhir/R4/Nonsense/1',
    '/fhir/R4/Task/1/$explode',
    '/admin',
    '/docs/../board/caseload',
  ]) {
    t.equal((await app.inject({ url })).statusCode, 401, url);
  }
  const authorization = `Bearer ${await tokenOf(OWN)}`;
  const answer = await app.inject({ url: '/nothing', headers: { authorization } });
  t.equal(answer.statusCode, 404);
  t.equal(answer.json().resourceType, 'OperationOutcome');
});

t.test('with the token of another practice nothing is seen, counted or guessed, on any route', async (t) => {
  const authorization = `Bearer ${await tokenOf(OTHER)}`;
  const wrong: string[] = [];
  for (const route of closed) {
    const request = requestFor(route);
    const answer = await app.inject({ ...request, headers: { ...request.headers, authorization } });
    const isInstance = route.url.includes(':id');
    const isConditional = request.url.endsWith('?identifier=x') && answer.statusCode === 404;
    const isAbsent = answer.statusCode === 404;
    const isEmpty = answer.statusCode < 300 && (answer.body === '' || !answer.body.includes('own-'));
    const isMade = route.method === 'POST' && answer.statusCode === 201;
    const isRefused = isForOperators(route) && answer.statusCode === 403;
    const isFine = isInstance ? isAbsent : isEmpty || isMade || isConditional || isRefused;
    if (!isFine || answer.body.includes(MARK)) wrong.push(`${route.method} ${route.url} → ${answer.statusCode}`);
  }
  t.same(wrong, []);
});

t.test('what belongs to another practice answers as what does not exist', async (t) => {
  const authorization = `Bearer ${await tokenOf(OTHER)}`;
  for (const route of closed.filter(({ url, method }) => url.includes(':id') && method !== 'HEAD')) {
    const theirs = requestFor(route);
    const nobodys = JSON.parse(
      JSON.stringify(theirs)
        .replaceAll(/own-[a-z]+|(?<=_async\/)0/g, 'no-such-thing')
        .replace(`Organization/${OWN}`, 'Organization/no-such-thing'),
    );
    const [one, other] = await Promise.all(
      [theirs, nobodys].map((request) => app.inject({ ...request, headers: { ...request.headers, authorization } })),
    );
    const shape = ({ statusCode, headers, body }: NonNullable<typeof one>) => {
      const { 'x-request-id': _id, date: _date, ...rest } = headers;
      return { statusCode, headers: rest, body };
    };
    if (!one || !other) throw new Error('no answers');
    t.same(shape(one), shape(other), `${route.method} ${route.url}`);
  }
});

t.test('the owner does see it, on the same routes, but for those of operators', async (t) => {
  const authorization = `Bearer ${await tokenOf(OWN)}`;
  for (const route of closed) {
    if (isForOperators(route)) {
      t.equal((await app.inject({ url: route.url, headers: { authorization } })).statusCode, 403, route.url);
      continue;
    }
    const request = requestFor(route);
    const answer = await app.inject({ ...request, headers: { ...request.headers, authorization } });
    t.ok(answer.statusCode < 300, `${route.method} ${route.url} → ${answer.statusCode}`);
  }
});

t.test('every operation leaves one event, whether it answered or was refused', async (t) => {
  const authorization = `Bearer ${await tokenOf(OWN)}`;
  const operations = closed.filter(({ url, method }) => url.includes('/$') && method !== 'HEAD');
  t.ok(operations.length > 50, `${operations.length} operations`);
  for (const route of operations) {
    const before = house.audited.length;
    const request = requestFor(route);
    const answer = await app.inject({ ...request, headers: { ...request.headers, authorization } });
    const [event, ...more] = house.audited.slice(before);
    const name = route.url.slice(route.url.lastIndexOf('$'));
    t.match(event, { operation: new RegExp(`\\${name}$`), outcome: answer.statusCode < 300 ? '0' : '4' }, route.url);
    t.same(more, [], route.url);
  }
});
