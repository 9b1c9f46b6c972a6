/** The real house for tests: PostgreSQL, workflow, HTTP server and OpenID provider as they are; the outside as the test chooses. */
import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type generateKeyPair, importJWK, type JWTPayload, SignJWT } from 'jose';
import { createTokenVerifier } from '#auth/token.ts';
import { addTo } from '#fhir/date.ts';
import { notifyKeysOf } from '#http/deps.ts';
import { readDefinitions } from '#main/definitions.ts';
import { buildHouse, type House } from '#main/house.ts';
import { createOutside } from '#main/outside.ts';
import type { Outside, Parts } from '#main/parts.ts';
import { tick } from '#main/ticker.ts';
import { createLog } from '#ops/log.ts';
import { fail } from '#result.ts';
import { type Role, startIdentityProvider } from '#sandbox/identity.ts';
import { batchOf } from '#sandbox/people/feeds.ts';
import type { StandInOptions } from '#sandbox/stand-ins/start.ts';
import { inTransaction } from '#store/database.ts';
import type { sql } from '#store/sql.ts';
import type { PracticeLink, StageJob } from '#workflow/shell.ts';
import { freshDatabase } from './database.ts';
import {
  LETTER_SERVICE,
  NOTIFY_CLIENT,
  openWorld,
  SEED,
  START,
  standInsFor,
  temporaryFolder,
  type World,
} from './sandbox.ts';

export const AUDIENCE = 'https://holdfast.example/fhir/R4';
export const CALLBACK_KEY = 'callback-key-of-the-tests';
export const SECRET = 'a secret of the tests, longer than thirty-two characters';

type Key = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];

/** What tap's `t` is to this file. */
type Test = { teardown(end: () => unknown): void };

/** Nobody answers: for tests in which nothing may go out, or only what a spy is given. */
export const silence: Outside = {
  findSlots: async () => fail('unavailable', 'nobody answers'),
  bookAppointment: async () => fail('unavailable', 'nobody answers'),
  listAppointments: async () => fail('unavailable', 'nobody answers'),
  amendAppointment: async () => fail('unavailable', 'nobody answers'),
  cancelAppointment: async () => fail('unavailable', 'nobody answers'),
  readCapability: async () => fail('unavailable', 'nobody answers'),
  fetchRecord: async () => fail('unavailable', 'nobody answers'),
  sendMessage: async () => fail('unavailable', 'nobody answers'),
  sendText: async () => fail('unavailable', 'nobody answers'),
  textStatus: async () => fail('unavailable', 'nobody answers'),
  sendLetter: async () => fail('unavailable', 'nobody answers'),
  closePrintFile: async () => fail('unavailable', 'nobody answers'),
  letterStatus: async () => fail('unavailable', 'nobody answers'),
  fileEntry: async () => fail('unavailable', 'nobody answers'),
  sendDocument: async () => fail('unavailable', 'nobody answers'),
  validateMailbox: async () => fail('unavailable', 'nobody answers'),
  listMail: async () => fail('unavailable', 'nobody answers'),
  fetchMail: async () => fail('unavailable', 'nobody answers'),
  acknowledgeMail: async () => fail('unavailable', 'nobody answers'),
};

/** A practice that nobody delivers to: for tests in which clients bring what there is. */
export function aPractice(organisation: string): PracticeLink {
  return {
    organisation,
    name: `Practice ${organisation}`,
    record: 'emis',
    inbox: '/nowhere',
    writeback: 'manual',
    telephone: '07700 900000',
  };
}

type HouseOptions = {
  readonly practices: readonly PracticeLink[];
  readonly now: () => string;
  readonly outside?: Partial<Outside>;
  /** Whether queued jobs are worked; without, a test runs the stages itself. */
  readonly isWorking?: boolean;
  readonly subscriptions?: Partial<Parts['subscriptions']>;
  readonly slotBudgetMs?: number;
  readonly textTokens?: Parts['textTokens'];
  /** Limits that differ from the product's own. */
  readonly policy?: Parts['policy'];
  readonly deprivationOf?: Parts['deprivationOf'];
  /** Workers of each queue; two where left out. */
  readonly workers?: number;
  /** Left out: a fresh one of the tests' own server. */
  readonly databaseUrl?: string;
};

export type TestHouse = House & {
  readonly logged: string[];
  /** The address of the running server. */
  readonly url: string;
  readonly server: Awaited<ReturnType<House['createServer']>>;
  readonly token: (role: Role, ods?: string) => Promise<string>;
  /** A token of the provider's own key with any claims. */
  readonly sign: (claims: JWTPayload, options?: { expires?: string | number; key?: Key }) => Promise<string>;
  /** Waits until no job is waiting or being done and no timer is due. */
  readonly settle: () => Promise<void>;
  readonly enqueue: (jobs: readonly StageJob[]) => Promise<void>;
  readonly count: (statement: ReturnType<typeof sql>) => Promise<number>;
};

/** Builds the house, starts its server and its identity provider; all of it ends with the test. */
export async function openHouse(t: Test, options: HouseOptions): Promise<TestHouse> {
  const folder = temporaryFolder(t);
  const databaseUrl = options.databaseUrl ?? (await freshDatabase(t));
  const organisations = options.practices.map(({ organisation, name }) => ({ ods: organisation, name }));
  const identity = await startIdentityProvider({ organisations, audience: AUDIENCE, keysFolder: folder });
  const logged: string[] = [];
  let url = 'http://holdfast.test';
  const house = await buildHouse(
    {
      databaseUrl,
      now: options.now,
      practices: options.practices,
      outside: { ...silence, ...options.outside },
      verifyToken: createTokenVerifier({ issuer: identity.issuer, audience: AUDIENCE }),
      notifyKeys: notifyKeysOf(NOTIFY_CLIENT, [CALLBACK_KEY]),
      secret: SECRET,
      publicUrl: () => url,
      nextIntake: (at) => addTo(at, { days: 1 }),
      ...(options.textTokens ? { textTokens: options.textTokens } : {}),
      ...(options.slotBudgetMs ? { slotBudgetMs: options.slotBudgetMs } : {}),
      subscriptions: { privateHosts: ['127.0.0.1'], ...options.subscriptions },
      ...(options.policy ? { policy: options.policy } : {}),
      ...(options.deprivationOf ? { deprivationOf: options.deprivationOf } : {}),
      workers: { concurrency: () => options.workers ?? 2, retryDelaySeconds: 0, isOnlyProcess: true },
    },
    readDefinitions(),
    createLog({ level: 'info', destination: { write: (line) => logged.push(line) } }),
  );
  const server = await house.createServer();
  url = await server.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(async () => {
    await server.close();
    await house.close();
    await identity.close();
  });
  if (options.isWorking) await house.work();
  const { keys } = JSON.parse(readFileSync(join(folder, 'identity.json'), 'utf8')) as { keys: [{ kid: string }] };
  const signer = (await importJWK(keys[0], 'RS256')) as Key;
  return {
    ...house,
    logged,
    url,
    server,
    token: async (role, ods) => must(await identity.issueToken(role, ods)),
    sign: (claims, { expires = '10m', key = signer } = {}) =>
      new SignJWT({ scope: 'system/*.cruds', ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: keys[0].kid })
        .setIssuer(claims.iss ?? identity.issuer)
        .setAudience(claims.aud ?? AUDIENCE)
        .setSubject(claims.sub ?? 'somebody')
        .setIssuedAt()
        .setExpirationTime(expires)
        .sign(key),
    settle: async () => {
      // What is of everybody (cohorts, campaigns) is brought up to date at the next tick.
      do while ((await house.jobs.pending()) > 0) await pause(10);
      while ((await tick(house.shell)) > 0);
    },
    enqueue: (jobs) => inTransaction(house.pool, (tx) => house.shell.enqueue(tx, jobs)),
    count: async (statement) => Number((await house.pool.query<{ n: number }>(statement)).rows[0]?.n ?? 0),
  };
}

export function must<T>(
  result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: { message: string } },
): T {
  if (!result.ok) throw new Error(result.failure.message);
  return result.value;
}

export type Town = TestHouse & {
  readonly world: World;
  readonly ledger: Awaited<ReturnType<typeof standInsFor>>['ledger'];
  /** The practice's inbox as it will be delivered next, as files that a test may spoil before they are put there. */
  readonly batch: (ods: string, n: number) => ReturnType<typeof batchOf>;
  readonly deliver: (ods: string, batch: ReturnType<typeof batchOf>) => void;
  /** Looks into the inboxes and does all work that follows. */
  readonly intake: (...ods: string[]) => Promise<void>;
  /** Moves the clock, fires what is due and does all work that follows. */
  readonly advanceTo: (instant: string) => Promise<void>;
};

const RECORD = { emis: 'emis', tpp: 'tpp', 'gp-connect-only': 'gp-connect' } as const;

/** The house between a small synthetic network and its stand-ins, spoken to through the real adapters. */
export async function openTown(
  t: Test,
  options: {
    readonly patients: number;
    readonly slotBudgetMs?: number;
    readonly around?: (real: Outside) => Partial<Outside>;
    /** With it PDS is asked; what it knows otherwise than the practice. */
    readonly pdsTruth?: NonNullable<StandInOptions['pdsTruth']>;
  },
): Promise<Town> {
  const world = openWorld(temporaryFolder(t), options.patients);
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const jwk = { ...createPublicKey(publicKey).export({ format: 'jwk' }), kid: 'town', alg: 'RS512', use: 'sig' };
  const letterServices = world.gp.practices().map(({ ods }) => ({ ...LETTER_SERVICE, ods }));
  const standIns = await standInsFor(world, {
    jwksOf: (clientId) => (clientId === NOTIFY_CLIENT ? { keys: [jwk] } : undefined),
    letterServices: letterServices.slice(0, 1),
    ...(options.pdsTruth ? { pdsTruth: options.pdsTruth } : {}),
  });
  t.teardown(() => standIns.close());
  const inboxes = temporaryFolder(t);
  const practices = world.gp.practices().map(
    ({ ods, name, supplier, phone }): PracticeLink => ({
      organisation: ods,
      name,
      record: RECORD[supplier],
      inbox: join(inboxes, ods),
      writeback: supplier === 'emis' ? 'im1' : 'manual',
      telephone: phone,
    }),
  );
  const real = createOutside({
    now: () => world.clock.now(),
    version: '0.0.0',
    practices: practices.map((link, index) => ({ ...link, asid: String(200_000_000_000 + index) })),
    platform: { tokenUrl: standIns.urls.token, clientId: NOTIFY_CLIENT, keyId: 'town', privateKey },
    notifyUrl: standIns.urls.notify,
    letters: {
      url: standIns.urls.govukNotify,
      serviceOf: () => ({
        apiKey: `town-${LETTER_SERVICE.serviceId}-${LETTER_SERVICE.secret}`,
        templateId: '5f8a2c1e-7d34-4b6a-9c0f-2e1d3a4b5c6d',
      }),
    },
    sds: { url: standIns.urls.sds, apiKey: 'sds-key' },
    sspUrl: standIns.urls.spineProxy,
    gpConnectIssuer: 'https://holdfast.example/token',
    ...(options.pdsTruth ? { pds: { url: standIns.urls.pds, perSecond: 100 } } : {}),
    im1: { url: standIns.urls.im1, applicationId: 'holdfast' },
  });
  const house = await openHouse(t, {
    practices,
    now: () => world.clock.now(),
    outside: { ...real, ...options.around?.(real) },
    ...(options.slotBudgetMs ? { slotBudgetMs: options.slotBudgetMs } : {}),
    isWorking: true,
  });
  const practice = (ods: string) => {
    const found = world.gp.practice(ods);
    if (!found) throw new Error(`no practice ${ods}`);
    return found;
  };
  const lastAt = new Map<string, string>();
  return {
    ...house,
    world,
    ledger: standIns.ledger,
    batch: (ods, n) => {
      const last = lastAt.get(ods);
      const at = world.clock.now();
      lastAt.set(ods, at);
      return batchOf(world.gp, practice(ods), { at, count: n - 1, ...(last ? { lastAt: last } : {}) });
    },
    deliver: (ods, { folder, files, encoding }) => {
      const place = join(inboxes, ods, folder);
      mkdirSync(place, { recursive: true });
      for (const { name, content } of files) writeFileSync(join(place, name), content, encoding);
    },
    intake: async (...ods) => {
      await house.enqueue(ods.map((organisation) => ({ queue: 'intake' as const, payload: { organisation } })));
      await house.settle();
    },
    advanceTo: async (instant) => {
      world.clock.advanceTo(instant);
      await house.settle();
    },
  };
}

type Sent = { token?: string; body?: unknown; raw?: string; headers?: Record<string, string> };

/** A request to the running server over its socket, the answer read whole. */
export async function call(house: Pick<TestHouse, 'url'>, method: string, path: string, sent: Sent = {}) {
  const { body, headers } = shaped(sent);
  const init = { method, headers, ...(body === undefined ? {} : { body }) };
  const response = await fetch(`${house.url}${path}`, init);
  return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
}

/** The same without a socket: for the thousands of requests of one test. */
export async function ask(house: Pick<TestHouse, 'server'>, method: string, path: string, sent: Sent = {}) {
  const { body, headers } = shaped(sent);
  const options = { method: method as 'GET', url: path, headers, ...(body === undefined ? {} : { body }) };
  const answer = await house.server.inject(options);
  return { status: answer.statusCode, headers: answer.headers, text: answer.body };
}

function shaped({ token, body: resource, raw, headers = {} }: Sent) {
  const body = raw ?? (resource === undefined ? undefined : JSON.stringify(resource));
  return {
    body,
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/fhir+json' }),
      ...headers,
    },
  };
}

/** A callback as NHS Notify signs it. */
export function signedCallback(raw: string): { raw: string; headers: Record<string, string> } {
  const signature = createHmac('sha256', `${NOTIFY_CLIENT}.${CALLBACK_KEY}`).update(raw).digest('hex');
  return {
    raw,
    headers: {
      'x-api-key': CALLBACK_KEY,
      'x-hmac-sha256-signature': signature,
      'content-type': 'application/vnd.api+json',
    },
  };
}

export { SEED, START };
