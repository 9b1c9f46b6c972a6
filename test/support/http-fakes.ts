/** An issuer that signs what a test asks for, and the facade over an in-memory house of two practices. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { createTokenVerifier } from '#auth/token.ts';
import { SHARED } from '#fhir/systems.ts';
import type { Bundle, CodeSystem, Resource, Task, ValueSet } from '#fhir/types.ts';
import type { CallbackReceived } from '#http/callbacks/deps.ts';
import type { Access, AuditEntry, Deps, Reads, SearchPage, Stored } from '#http/deps.ts';
import { keyOf } from '#http/fhir/bundle.ts';
import { createServer as createFacade } from '#http/server.ts';
import { createLog } from '#ops/log.ts';
import { fail, ok, type Result } from '#result.ts';
import type { WriteOperation, Written } from '#workflow/client-operation.ts';

export const AUDIENCE = 'https://holdfast.example/fhir/R4';
export const OWN = 'A83001';
export const OTHER = 'B82002';

export type Signing = {
  readonly alg?: string;
  readonly kid?: string;
  readonly key?: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
  readonly expires?: string;
};

/** A published key set on loopback and the private keys to it. */
export async function startIssuer() {
  const rsa = await generateKeyPair('RS256', { extractable: true });
  const ec = await generateKeyPair('ES256', { extractable: true });
  const keys = [
    { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', use: 'sig' },
    { ...(await exportJWK(ec.publicKey)), kid: 'ec', use: 'sig' },
  ];
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const isDiscovery = request.url === '/.well-known/openid-configuration';
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(isDiscovery ? { issuer, jwks_uri: `${issuer}/keys` } : { keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sign = (claims: JWTPayload = {}, { alg = 'RS256', kid, key, expires = '10m' }: Signing = {}) =>
    new SignJWT({ scope: 'system/*.cruds', organisations: [OWN], ...claims })
      .setProtectedHeader({ alg, kid: kid ?? (alg === 'ES256' ? 'ec' : 'rsa') })
      .setIssuer(claims.iss ?? issuer)
      .setAudience(claims.aud ?? AUDIENCE)
      .setSubject(claims.sub ?? 'somebody')
      .setIssuedAt()
      .setExpirationTime(expires)
      .sign(key ?? (alg === 'ES256' ? ec.privateKey : rsa.privateKey));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { issuer, keys, asked, sign, close };
}

export type Row = Stored & { readonly organisation: string };

export function aRow(organisation: string, resource: object, more: Partial<Stored> = {}): Row {
  return {
    organisation,
    content: JSON.stringify(resource),
    version: 1,
    lastUpdated: '2026-11-20T09:00:00.000Z',
    deleted: false,
    ...more,
  };
}

/** What the fakes were asked for, by name, in order. */
export type Calls = { readonly name: string; readonly with: unknown }[];

export type House = {
  rows: Row[];
  readonly calls: Calls;
  readonly audited: AuditEntry[];
  readonly received: CallbackReceived[];
  /** What was answered later. */
  readonly putOff: { status: number; content: string }[];
  readonly logged: string[];
};

function emptyHouse(rows: Row[]): House {
  return { rows, calls: [], audited: [], received: [], putOff: [], logged: [] };
}

/** The facade with fakes that filter by the access they are given, as the store does. `over` replaces single functions. */
export async function openFacade(options: { issuer: string; rows?: Row[]; over?: Partial<Deps> }) {
  const house = emptyHouse(options.rows ?? []);
  const { demoLogins, ...over } = options.over ?? {};
  const deps: Deps = {
    log: createLog({ level: 'info', destination: { write: (line) => house.logged.push(line) } }),
    baseUrl: () => 'http://holdfast.test',
    version: '9.9.9',
    verifyToken: createTokenVerifier({ issuer: options.issuer, audience: AUDIENCE }),
    ...reads(house),
    ...acts(house),
    ...over,
    ...(demoLogins ? { demoLogins } : {}),
  };
  const app = await createFacade(deps);
  return { app, house, deps };
}

function seen(house: House, { organisations }: Access, type?: string, id?: string): Row[] {
  return house.rows.filter((row) => {
    const key = keyOf(row.content);
    const isVisible = row.organisation === SHARED || organisations.includes(row.organisation);
    return isVisible && (type === undefined || key.type === type) && (id === undefined || key.id === id);
  });
}

function reads(house: House): Reads & Pick<Deps, 'caseload' | 'needs' | 'explainNeed'> {
  const note = (name: string, what: unknown) => house.calls.push({ name, with: what });
  return {
    read: async (access, type, id) => {
      note('read', { access, type, id });
      return seen(house, access, type, id).at(-1);
    },
    readVersion: async (access, type, id, version) => {
      note('readVersion', { access, type, id, version });
      return seen(house, access, type, id).find((row) => row.version === version);
    },
    history: async (access, request) => {
      note('history', { access, ...request });
      return ok({ versions: seen(house, access, request.type, request.id).toReversed() });
    },
    search: async (access, type, parameters, options) => {
      note('search', { access, type, parameters, handling: options.handling });
      const entries = seen(house, access, type).map(({ content, patient }) => ({
        content,
        mode: 'match' as const,
        ...(patient === undefined ? {} : { patient }),
      }));
      return ok<SearchPage>({ entries, self: parameters });
    },
    searchTypes: async (access, types, parameters) => {
      note('searchTypes', { access, types, parameters });
      const rows = types.flatMap((type) => seen(house, access, type));
      return ok<SearchPage>({ entries: rows.map(({ content }) => ({ content, mode: 'match' })), self: parameters });
    },
    caseload: async ({ organisations }) => {
      note('caseload', { organisations });
      const cohorts = organisations.filter((one) => one === OWN).map((organisation) => ({ ...aCohort, organisation }));
      return ok({ asOf: '2026-11-20T09:00:00.000Z', clock: '2026-12-01T09:00:00.000Z', cohorts });
    },
    explainNeed: async ({ organisations }, id, rule) => {
      note('explain-need', { organisations, id, rule });
      if (seen(house, { organisations }, 'Patient', id).length === 0) return fail('not-found', 'No such Patient.');
      return ok({ resourceType: 'GuidanceResponse', id: 'guidance' } as Resource);
    },
    needs: async ({ organisations }, id) => {
      note('needs', { organisations, id });
      if (seen(house, { organisations }, 'Patient', id).length === 0) return fail('not-found', 'No such Patient.');
      return ok<Resource>({ resourceType: 'Parameters' });
    },
  };
}

type Reader = Parameters<Deps['subscriptions']['status']>[0];
const isOwn = ({ access }: Reader) => access.organisations.includes(OWN);

/** One Subscription of a client of OWN; a stream that ends at once. */
const subscriptions: Deps['subscriptions'] = {
  status: async (reader) => ok({ resourceType: 'Bundle', type: 'searchset', total: isOwn(reader) ? 1 : 0 }),
  events: async (reader) => {
    if (!isOwn(reader)) return fail('not-found', 'No such Subscription.');
    return ok({ bundle: { resourceType: 'Bundle', type: 'history' }, events: [] });
  },
  bindingToken: async (reader, { ids }) =>
    ids && !isOwn(reader) ? fail('not-found', 'No such Subscription.') : ok({ resourceType: 'Parameters' }),
  connect: () => ({ receive: async () => undefined, closed: () => undefined }),
  openStream: async () => ok({ topics: [], filters: [], content: 'id-only', after: undefined }),
  nextInStream: async () => ({ events: [], cursor: '', after: undefined, isMore: false }),
  feedMoved: async () => Promise.reject(new Error('the fake has no feed')),
};

export const aCodeSystem: CodeSystem = {
  resourceType: 'CodeSystem',
  url: 'https://holdfast.test/CodeSystem/colours',
  status: 'active',
  content: 'complete',
  concept: [{ code: 'red' }],
};

export const aValueSet: ValueSet = {
  resourceType: 'ValueSet',
  url: 'https://holdfast.test/ValueSet/colours',
  status: 'active',
  compose: { include: [{ system: 'https://holdfast.test/CodeSystem/colours' }] },
};

const aCohort = {
  organisation: OWN,
  organisationName: 'Fernhill Surgery',
  rule: 'asthma-review',
  title: 'Asthma review',
  total: 3,
  stages: { invited: 2, booked: 1 },
};

/** Saves nothing: answers as if it had, for what the access shows. */
function writeTo(house: House, organisations: readonly string[], operation: WriteOperation): Result<Written> {
  house.calls.push({ name: 'write', with: operation });
  const lastUpdated = '2026-11-20T10:00:00.000Z';
  const { method, type } = operation;
  if (method === 'create') {
    const content = JSON.stringify({ ...operation.resource, id: 'made' });
    return ok({ outcome: 'created', type, id: 'made', content, version: 1, lastUpdated, patient: null, issues: [] });
  }
  const [row] = seen(house, { organisations }, type, 'id' in operation.which ? operation.which.id : undefined);
  const id = row ? keyOf(row.content).id : '';
  if (!row) return fail('not-found', 'No such resource.');
  if (operation.ifMatch !== undefined && operation.ifMatch !== row.version)
    return fail('precondition', 'Changed meanwhile: read it again.');
  const content = method === 'update' ? JSON.stringify(operation.resource) : row.content;
  const outcome = method === 'delete' ? 'deleted' : 'updated';
  return ok({ outcome, type, id, content, version: row.version + 1, lastUpdated, patient: null, issues: [] });
}

function taskOf(house: House, access: Access, id: string): Result<Task> {
  const [row] = seen(house, access, 'Task', id);
  return row ? ok(JSON.parse(row.content) as Task) : fail('not-found', 'No such Task.');
}

function acts(
  house: House,
): Pick<
  Deps,
  | 'write'
  | 'transact'
  | 'validate'
  | 'async'
  | 'live'
  | 'outreach'
  | 'evaluation'
  | 'receive'
  | 'notifyKeys'
  | 'reply'
  | 'replyChoices'
  | 'audit'
  | 'ready'
  | 'subscriptions'
  | 'everything'
  | 'terminology'
  | 'explain'
  | 'work'
> {
  const note = (name: string, what: unknown) => house.calls.push({ name, with: what });
  return {
    write: async (principal, operation, audit) => {
      const written = writeTo(house, principal.organisations, operation);
      if (written.ok) house.audited.push(audit(written.value));
      return written;
    },
    transact: async (principal, { operations, read, audit }) => {
      const written: Written[] = [];
      for (const operation of operations) {
        const one = writeTo(house, principal.organisations, operation);
        if (!one.ok) return one;
        written.push(one.value);
      }
      const answers = await read(reads(house));
      house.audited.push(audit(written, answers));
      return ok({ written, read: answers });
    },
    validate: (resource) =>
      'status' in resource ? [] : [{ code: 'required', diagnostics: 'There is no status', expression: 'status' }],
    async: {
      start: async (_principal, work) => {
        house.putOff.push(await work());
        return ok({ id: String(house.putOff.length - 1) });
      },
      status: async ({ organisations }, id) => {
        const done = organisations.includes(OWN) ? house.putOff[Number(id)] : undefined;
        return done && { state: 'done', ...done };
      },
      forget: async ({ organisations }, id) => organisations.includes(OWN) && house.putOff[Number(id)] !== undefined,
    },
    live: liveOf(house),
    outreach: outreachOf(house, note),
    evaluation: {
      evaluate: async () => ok({ resourceType: 'Parameters' }),
      impact: async () => ok({ resourceType: 'Parameters' }),
    },
    terminology: {
      find: {
        valueSet: (url) => (url === aValueSet.url ? aValueSet : undefined),
        codeSystem: (url) => (url === aCodeSystem.url ? aCodeSystem : undefined),
      },
      now: () => '2026-11-20T10:00:00.000Z',
    },
    work: {
      queue: async () => ok({ resourceType: 'Bundle' as const, type: 'searchset' as const }),
      claim: async ({ organisations }, { task }) => taskOf(house, { organisations }, task),
      giveBack: async ({ organisations }, { task }) => taskOf(house, { organisations }, task),
      residual: async ({ organisations }, id) =>
        seen(house, { organisations }, 'Group', id).length === 0
          ? fail('not-found', 'No such Group.')
          : ok({ resourceType: 'List' as const, status: 'current' as const, mode: 'snapshot' as const }),
    },
    explain: async () => ok([{ sql: 'select $1', plan: 'Result' }]),
    everything: async (access, request) => {
      note('everything', request);
      const entries = seen(house, access).map(({ content }) => ({ content, mode: 'match' as const }));
      return ok<SearchPage>({ entries, self: [] });
    },
    receive: async (callback) => {
      house.received.push(callback);
      return ok(undefined);
    },
    notifyKeys: [{ apiKey: 'key-one', secret: 'app.key-one' }],
    reply: async (reply) => {
      note('reply', reply);
      if (reply.token === 'used') return fail('gone', 'The link was used.');
      if (reply.birthDate !== '1980-03-31') return fail('forbidden', 'Not the date of birth that is known.');
      return ok({ outcome: 'accepted', text: 'Your surgery has your reply.' });
    },
    replyChoices: [
      { answer: 'book', label: 'Book an appointment', hint: 'The surgery offers a time.' },
      { answer: 'decline', label: 'No, thank you' },
    ],
    audit: async (entry) => {
      house.audited.push(entry);
    },
    ready: async () => ok(undefined),
    subscriptions,
  };
}

/** Practices' systems that know nothing but whom they may show. */
function outreachOf(house: House, note: (name: string, what: unknown) => unknown): Deps['outreach'] {
  const acted = async (
    name: string,
    { organisations }: { organisations: readonly string[] },
    of: { type: string; id: string; wish?: unknown },
  ) => {
    note(name, { organisations, ...of });
    const isTheirs = of.type === 'Organization' && organisations.includes(of.id);
    return isTheirs || seen(house, { organisations }, of.type, of.id).length > 0
      ? ok({ resourceType: 'Parameters' as const })
      : fail('not-found', `No such ${of.type}.`);
  };
  return {
    plan: (principal, id, wish) => acted('plan-outreach', principal, { type: 'Group', id, wish }),
    release: (principal, id, wish) => acted('release', principal, { type: 'Group', id, wish }),
    holdCampaign: (principal, id, wish) => acted('hold', principal, { type: 'Group', id, wish }),
    holdPractice: (principal, id, wish) => acted('hold', principal, { type: 'Organization', id, wish }),
    stop: async ({ organisations }, wish) => {
      note('emergency-stop', { organisations, wish });
      return ok({ resourceType: 'Parameters' as const });
    },
  };
}

function liveOf(house: House): NonNullable<Deps['live']> {
  const shown = async <R>({ organisations }: { organisations: readonly string[] }, id: string, answer: R) =>
    seen(house, { organisations }, 'Patient', id).length > 0 ? ok(answer) : fail('not-found', 'No such Patient.');
  const parameters = { resourceType: 'Parameters' as const };
  return {
    linked: () => [],
    slots: async () => ok({ slots: [], included: [], parts: [] }),
    book: async () => fail('not-found', 'No such Slot.'),
    change: async () => fail('not-found', 'No such Appointment.'),
    record: (principal, id) => shown(principal, id, { resourceType: 'Bundle', type: 'collection' } as Bundle),
    check: async ({ organisations }, id) =>
      seen(house, { organisations }, 'HealthcareService', id).length > 0
        ? ok({ resourceType: 'Bundle', type: 'collection' } as Bundle)
        : fail('not-found', 'No such HealthcareService.'),
    refresh: (principal, id) => shown(principal, id, parameters),
    freshness: (principal, id) => shown(principal, id, parameters),
  };
}
