/** The capability statement is the truth: all that it declares is called and answers, and what it does not is refused. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Bundle, OperationOutcome, Resource } from '#fhir/types.ts';
import { loadCapability } from '#http/capability.ts';
import { operationPlans } from '#http/operations/plans.ts';
import { inTransaction } from '#store/database.ts';
import { saveResources } from '#store/resources.ts';
import { clientPolicy } from '#workflow/client-policy.ts';
import { generate } from '../../capability-statements/generate.ts';
import { aPractice, ask, openHouse } from '../support/house.ts';
import { sampleOf } from '../support/samples.ts';

t.setTimeout(300_000);
const PRACTICE = 'A81001';
const house = await openHouse(t, {
  practices: [aPractice(PRACTICE)],
  now: () => new Date().toISOString(),
});
const token = await house.sign({
  organisations: [PRACTICE],
  role: 'record-intake',
  family_name: 'Doe',
  given_name: 'Jo',
  sds_user_id: '1',
  sds_role_profile_id: '2',
});
const operator = await house.sign({ organisations: [PRACTICE], role: 'operator' });
const capability = loadCapability();
const types = [...capability.types.values()];
const about = { patient: 'the-patient', organisation: PRACTICE };

type Headers = Record<string, string>;
const fhir = (method: string, path: string, body?: unknown, headers: Headers = {}) =>
  ask(house, method, `/fhir/R4${path}`, { token, headers, ...(body === undefined ? {} : { body }) });
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const PATCH = { 'content-type': 'application/json-patch+json' };
const formless = (method: string, path: string, raw: string) =>
  ask(house, method, `/fhir/R4${path}`, { token, raw, headers: FORM });

let calls = 0;
const wrong: string[] = [];
async function expect(wanted: readonly number[], what: string, answer: Promise<{ status: number; text: string }>) {
  calls += 1;
  const { status, text } = await answer;
  if (!wanted.includes(status)) wrong.push(`${what} → ${status} ${text.slice(0, 300)}`);
}

/** One resource of each type that nobody changes, put into the store as it is. */
async function seed(): Promise<void> {
  const seeded = types.filter(({ type }) => type !== 'Subscription' && type !== 'AuditEvent');
  const resources = seeded.map(({ type }) => ({
    ...sampleOf(type, about),
    id: type === 'Patient' ? about.patient : `the-${type.toLowerCase()}`,
  }));
  await inTransaction(house.pool, (tx) =>
    saveResources(tx, { organisation: PRACTICE, resources: resources as Resource[], source: 'client' }),
  );
}
await seed();
// A Subscription has a state beside it, which only its client makes; an AuditEvent is what the server did.
const subscribed = JSON.parse((await fhir('POST', '/Subscription', sampleOf('Subscription', about))).text) as Resource;
const audited = JSON.parse((await fhir('GET', '/AuditEvent?_count=1')).text) as Bundle;
const idsOf: Readonly<Record<string, string | undefined>> = {
  Patient: about.patient,
  Subscription: subscribed.id,
  AuditEvent: audited.entry?.[0]?.resource?.id,
};
const idOf = (type: string) => idsOf[type] ?? `the-${type.toLowerCase()}`;

t.test('the file is what its generator gives', async (t) => {
  const file = join(import.meta.dirname, '..', '..', 'capability-statements', 'CapabilityStatement-server.json');
  t.same(
    JSON.parse(readFileSync(file, 'utf8')),
    JSON.parse(JSON.stringify(generate())),
    'npm run capability writes it',
  );
  t.same([...capability.types.keys()].sort(), Object.keys(clientPolicy).sort());
});

/** What each interaction is called with, and what it may answer. */
const interactions: Readonly<Record<string, (type: string) => Promise<void>>> = {
  read: async (type) => {
    await expect([200], `${type} read`, fhir('GET', `/${type}/${idOf(type)}`));
    await expect([200], `${type} read HEAD`, fhir('HEAD', `/${type}/${idOf(type)}`));
    await expect(
      [304],
      `${type} read again`,
      fhir('GET', `/${type}/${idOf(type)}`, undefined, { 'if-none-match': '*' }),
    );
  },
  vread: (type) => expect([200], `${type} vread`, fhir('GET', `/${type}/${idOf(type)}/_history/1`)),
  'history-instance': (type) => expect([200], `${type} history`, fhir('GET', `/${type}/${idOf(type)}/_history`)),
  'history-type': (type) => expect([200], `${type} history-type`, fhir('GET', `/${type}/_history?_count=1`)),
  'search-type': async (type) => {
    await expect([200], `${type} search`, fhir('GET', `/${type}?_count=1`));
    await expect([200], `${type} search POST`, formless('POST', `/${type}/_search`, '_count=1'));
  },
  create: async (type) => {
    await expect([201], `${type} create`, fhir('POST', `/${type}`, sampleOf(type, about)));
    const none = { 'if-none-exist': '_id=nobody' };
    await expect([201], `${type} conditional create`, fhir('POST', `/${type}`, sampleOf(type, about), none));
    const one = { 'if-none-exist': `_id=${idOf(type)}` };
    await expect([200], `${type} conditional create`, fhir('POST', `/${type}`, sampleOf(type, about), one));
  },
  update: async (type) => {
    const body = { ...sampleOf(type, about), id: idOf(type), language: 'en' };
    await expect([200], `${type} update`, fhir('PUT', `/${type}/${idOf(type)}`, body));
    await expect([200], `${type} conditional update`, fhir('PUT', `/${type}?_id=${idOf(type)}`, body));
  },
  patch: async (type) => {
    const patch = [{ op: 'add', path: '/language', value: 'cy' }];
    await expect([200], `${type} patch`, fhir('PATCH', `/${type}/${idOf(type)}`, patch, PATCH));
    await expect([200], `${type} conditional patch`, fhir('PATCH', `/${type}?_id=${idOf(type)}`, patch, PATCH));
  },
  delete: async (type) => {
    const made = JSON.parse((await fhir('POST', `/${type}`, sampleOf(type, about))).text);
    await expect([204], `${type} delete`, fhir('DELETE', `/${type}/${made.id}`));
    await expect([410], `${type} read of a deleted one`, fhir('GET', `/${type}/${made.id}`));
    await expect([204], `${type} conditional delete`, fhir('DELETE', `/${type}?_id=nobody`));
  },
};

t.test('every interaction of every type answers', async (t) => {
  const before = calls;
  for (const { type, interactions: declared } of types) {
    for (const code of declared) {
      const tried = interactions[code];
      if (!tried) throw new Error(`nothing tries ${code}`);
      await tried(type);
    }
  }
  t.same(wrong.splice(0), []);
  t.comment(`${calls - before} calls of ${types.flatMap((one) => [...one.interactions]).length} declared interactions`);
});

t.test('every interaction of the system answers', async (t) => {
  const bundle = (type: string) => ({
    resourceType: 'Bundle',
    type,
    entry: [{ request: { method: 'GET', url: `Patient/${about.patient}` } }],
  });
  const system: Readonly<Record<string, () => Promise<void>>> = {
    batch: () => expect([200], 'batch', fhir('POST', '', bundle('batch'))),
    transaction: () => expect([200], 'transaction', fhir('POST', '/', bundle('transaction'))),
    'search-system': async () => {
      await expect([200], 'search-system', fhir('GET', '?_type=Patient,Task&_count=1'));
      await expect([200], 'search-system POST', formless('POST', '/_search', '_type=Task&_count=1'));
    },
    'history-system': () => expect([200], 'history-system', fhir('GET', '/_history?_count=1')),
  };
  for (const code of capability.system)
    await (system[code] ?? (() => Promise.reject(new Error(`nothing tries ${code}`))))();
  for (const path of [`/Patient/${about.patient}/Condition`, `/Patient/${about.patient}/*`])
    await expect([200], path, fhir('GET', path));
  t.same(wrong.splice(0), []);
});

/** A value that a parameter of each kind understands. */
const values: Readonly<Record<string, string>> = {
  token: 'https://example.org/code|x',
  string: 'x',
  date: 'ge2026-01-01',
  reference: 'Patient/the-patient',
  uri: 'https://example.org/x',
  number: '1',
  quantity: '1',
  special: '51.5|-0.1|1|km',
};
/** A composite by the kind of its second part, which its name ends with. */
function compositeOf(name: string): string {
  if (name.endsWith('-quantity')) return 'x$5';
  return name.endsWith('-date') ? 'x$2026-01-01' : 'x$x';
}

/** Parameters of one request; more than a search reads are refused as such. */
const AT_ONCE = 60;

/** Asks a type for parameters it does not declare: each must be named in the refusal. */
async function refuses(type: string, foreign: readonly string[]): Promise<void> {
  for (let from = 0; from < foreign.length; from += AT_ONCE) {
    const some = foreign.slice(from, from + AT_ONCE);
    const refused = await fhir('GET', `/${type}?${some.map((name) => `${name}=x`).join('&')}`);
    const named = (JSON.parse(refused.text) as OperationOutcome).issue.map(({ expression }) => expression?.[0]);
    calls += 1;
    if (refused.status !== 400 || String(named) !== String(some)) wrong.push(`${type} takes one of ${some}`);
  }
}

function valueFor(type: string, { name, type: kind }: { name: string; type: string }): string {
  if (name === '_id') return idOf(type);
  return kind === 'composite' ? compositeOf(name) : (values[kind] ?? 'x');
}

t.test('every search parameter is understood, and no other', async (t) => {
  const before = calls;
  let undeclared = 0;
  const known = new Set(types.flatMap(({ searchParameters }) => searchParameters.map(({ name }) => name)));
  for (const { type, searchParameters } of types) {
    const own = new Set(searchParameters.map(({ name }) => name));
    for (const parameter of searchParameters) {
      const query = `${parameter.name}=${encodeURIComponent(valueFor(type, parameter))}`;
      await expect([200], `${type}?${parameter.name}`, fhir('GET', `/${type}?${query}&_count=1`));
    }
    const foreign = [...known].filter((name) => !own.has(name));
    undeclared += foreign.length;
    await refuses(type, foreign);
  }
  t.same(wrong.splice(0), []);
  t.comment(
    `${calls - before} calls; ${undeclared} undeclared ones refused; ${types.reduce((sum, one) => sum + one.searchParameters.length, 0)} declared`,
  );
});

/** Includes that are followed by one search; more are refused as such. */
const FOLLOWED_AT_ONCE = 32;

type Including = '_include' | '_revinclude';

function* togetherOf(name: Including, values: readonly string[], most: number): Generator<[string, number]> {
  for (let from = 0; from < values.length; from += most) {
    const some = values.slice(from, from + most);
    yield [some.map((value) => `${name}=${value}`).join('&'), some.length];
  }
}

/** Asks a type for includes it declares, and for others: of those each must have its issue. */
async function includes(type: string, name: Including, of: Readonly<Record<'own' | 'foreign', readonly string[]>>) {
  for (const [query] of togetherOf(name, of.own, FOLLOWED_AT_ONCE))
    await expect([200], `${type}?${query}`, fhir('GET', `/${type}?_count=1&${query}`));
  for (const [query, count] of togetherOf(name, of.foreign, AT_ONCE)) {
    const { status, text } = await fhir('GET', `/${type}?${query}`);
    calls += 1;
    const issues = (JSON.parse(text) as OperationOutcome).issue ?? [];
    if (status !== 400 || issues.length !== count) wrong.push(`${type} follows one of ${query}`);
  }
}

t.test('every include is followed, in either direction, and no other', async (t) => {
  const before = calls;
  const resources = capability.statement.rest?.[0]?.resource ?? [];
  const known = new Set(resources.flatMap((one) => one.searchRevInclude ?? []));
  const counts = { _include: 0, _revinclude: 0, others: 0 };
  for (const { type = '', searchInclude = [], searchRevInclude = [], searchParam = [] } of resources) {
    // What is no reference, and what is of another type; what refers to other types only.
    const names = [...searchParam.map(({ name }) => `${type}:${name}`), `${type}:nonsense`, 'Nonsense:*'];
    const forward = names.filter((name) => !searchInclude.includes(name));
    const backward = [...known, '*', 'AuditEvent:*'].filter((name) => !searchRevInclude.includes(name));
    await includes(type, '_include', { own: searchInclude, foreign: forward });
    await includes(type, '_revinclude', { own: searchRevInclude, foreign: backward });
    counts._include += searchInclude.length;
    counts._revinclude += searchRevInclude.length;
    counts.others += forward.length + backward.length;
  }
  t.same(wrong.splice(0), []);
  t.comment(
    `${calls - before} calls; ${counts._include} _include and ${counts._revinclude} _revinclude declared; ${counts.others} undeclared ones refused`,
  );
});

const ofSubscriptions: ReadonlySet<string> = new Set(['status', 'events', 'get-ws-binding-token']);

const nothing = () => ({ resourceType: 'Parameters' });
/** What an operation is sent, where that is not a meta. */
const bodies: Readonly<Record<string, (type: string) => object | undefined>> = {
  validate: (type) => sampleOf(type, about),
  release: () => undefined,
  'plan-outreach': nothing,
  hold: () => ({ resourceType: 'Parameters', parameter: [{ name: 'reason', valueString: 'A try' }] }),
  'emergency-stop': nothing,
  expand: nothing,
  'validate-code': nothing,
  lookup: nothing,
  evaluate: nothing,
  impact: () => ({
    resourceType: 'Parameters',
    parameter: [{ name: 'candidate', resource: { resourceType: 'ValueSet', url: 'urn:x', status: 'draft' } }],
  }),
  match: () => ({
    resourceType: 'Parameters',
    parameter: [
      { name: 'resource', resource: { resourceType: 'Patient', birthDate: '1980-03-31', name: [{ family: 'X' }] } },
    ],
  }),
};

/** What stands in the URL of those that cannot go without. */
const GENDER = 'http://hl7.org/fhir/administrative-gender';
const queries: Readonly<Record<string, string>> = {
  'ValueSet/$expand': '?url=http://hl7.org/fhir/ValueSet/administrative-gender',
  'ValueSet/$validate-code': `?url=http://hl7.org/fhir/ValueSet/administrative-gender&system=${GENDER}&code=male`,
  'CodeSystem/$validate-code': `?url=${GENDER}&code=male`,
  'CodeSystem/$lookup': `?system=${GENDER}&code=male`,
  'Patient/$explain-need': '?rule=asthma-review',
};

function wantedOf(type: string, name: string): number[] {
  // One that a client brought is of no linked practice.
  if (name === 'check') return [404];
  // A definition of a group is no cohort, an Organization no practice of the token, and the Subscription was made by no client: all are reached, and say so.
  if (['release', 'residual', 'plan-outreach', 'hold', 'emergency-stop'].includes(name)) return [200, 404];
  if (type === 'Subscription' && ofSubscriptions.has(name)) return [200, 404];
  // A plan that a client brought is no need rule; test/e2e/need-evaluation.test.ts asks for those.
  if (name === 'evaluate' || name === 'impact') return [400, 422];
  // Nobody's system can be asked for a patient without an NHS number; test/e2e/live.test.ts asks for others.
  return name === 'record' || name === 'refresh' ? [422] : [200];
}

t.test('every operation answers', async (t) => {
  const before = calls;
  const meta = { resourceType: 'Parameters', parameter: [{ name: 'meta', valueMeta: { tag: [{ code: 'x' }] } }] };
  const places = types.flatMap(({ type, operations }) =>
    operations.flatMap((name) => (operationPlans[name] ?? []).map((plan) => ({ type, name, ...plan }))),
  );
  for (const { type, name, on, method } of places) {
    const path = `/${type}${on === 'instance' ? `/${idOf(type)}` : ''}/$${name}`;
    const sent = queries[`${type}/$${name}`] ?? '';
    const body = method === 'GET' ? undefined : (bodies[name] ?? (() => meta))(type);
    const as: Headers = name === 'explain' ? { authorization: `Bearer ${operator}` } : {};
    await expect(wantedOf(type, name), `${method} ${path}`, fhir(method, `${path}${sent}`, body, as));
  }
  t.same(wrong.splice(0), []);
  t.comment(`${calls - before} calls`);
});

const writes: readonly (readonly [code: string, method: string, path: (type: string) => string])[] = [
  ['create', 'POST', (type) => `/${type}`],
  ['update', 'PUT', (type) => `/${type}/${idOf(type)}`],
  ['update', 'PUT', (type) => `/${type}?_id=${idOf(type)}`],
  ['patch', 'PATCH', (type) => `/${type}/${idOf(type)}`],
  ['delete', 'DELETE', (type) => `/${type}/${idOf(type)}`],
  ['delete', 'DELETE', (type) => `/${type}?_id=${idOf(type)}`],
];
const elsewhere = ['everything', 'match', 'meta-add', 'release', 'expand', 'lookup', 'explode'];

t.test('interactions and operations that a type does not declare are refused', async (t) => {
  const before = calls;
  for (const { type, interactions: declared, operations } of types) {
    for (const [code, method, path] of writes.filter(([one]) => !declared.has(one)))
      await expect([405], `${code}: ${method} ${path(type)}`, fhir(method, path(type), sampleOf(type, about)));
    for (const name of elsewhere.filter((one) => !operations.includes(one)))
      await expect([404], `${type}/$${name}`, fhir('POST', `/${type}/${idOf(type)}/$${name}`, {}));
  }
  t.same(wrong.splice(0), []);
  t.comment(`${calls - before} calls`);
});

t.test('types and paths that are not declared are refused', async (t) => {
  const before = calls;
  for (const type of ['Coverage', 'Claim', 'Account', 'Binary', 'Bundle', 'Nonsense', 'patient'])
    for (const method of ['GET', 'POST', 'PUT', 'DELETE'])
      await expect([404], `${method} ${type}`, fhir(method, `/${type}/1`, { resourceType: type }));
  for (const method of ['PUT', 'DELETE', 'PATCH']) await expect([405], `${method} the base`, fhir(method, '', {}));
  await expect([405], 'POST _history', fhir('POST', '/_history', {}));
  // The audit trail is searched by itself: what would find nothing there is refused.
  await expect([400], '_has of AuditEvent', fhir('GET', '/Patient?_has:AuditEvent:patient:action=R'));
  const refused = await fhir('PUT', '/ValueSet/x', {});
  t.match(JSON.parse(refused.text), { resourceType: 'OperationOutcome', issue: [{ code: 'not-supported' }] });
  t.equal(refused.headers['allow'], 'GET, HEAD');
  t.same(wrong.splice(0), []);
  t.comment(`${calls - before} calls`);
});

t.test('the statement that is served is this one, and can be had short', async (t) => {
  const served = JSON.parse((await fhir('GET', '/metadata')).text);
  t.same(served.rest, JSON.parse(JSON.stringify(capability.statement.rest)));
  const terminology = JSON.parse((await fhir('GET', '/metadata?mode=terminology')).text);
  t.equal(terminology.resourceType, 'TerminologyCapabilities');
  t.comment(`${calls} calls in all`);
});
