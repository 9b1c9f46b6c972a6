/**
 * The embedded default: PostgreSQL, stand-ins, an identity provider and a synthetic network on this machine, behind the
 * same adapters as live. Everything it keeps is in one folder; a killed run is taken up where it was.
 */
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createTokenVerifier } from '#auth/token.ts';
import type { SandboxConfig } from '#config.ts';
import { addDays, epochMilliseconds, londonDate, londonInstant } from '#fhir/date.ts';
import { idFrom } from '#fhir/id.ts';
import { notifyKeysOf } from '#http/deps.ts';
import { createClock } from '#sandbox/clock.ts';
import { takeFolder } from '#sandbox/folder-lock.ts';
import { createGpSystems } from '#sandbox/gp-system.ts';
import { type Role, startIdentityProvider } from '#sandbox/identity.ts';
import { openJournal } from '#sandbox/journal.ts';
import { deprivationOf } from '#sandbox/population/deprivation.ts';
import { generateNetwork } from '#sandbox/population/network.ts';
import { startPostgres } from '#sandbox/postgres.ts';
import type { Practice } from '#sandbox/practice.ts';
import { removeSandboxFile, writeSandboxFile } from '#sandbox/sandbox-file.ts';
import { createSimulation, type Simulation } from '#sandbox/simulation.ts';
import { type StandIns, startStandIns } from '#sandbox/stand-ins/start.ts';
import { writeWhole } from '#sandbox/whole-file.ts';
import { createDatabase } from '#store/create-database.ts';
import type { PracticeLink } from '#workflow/shell.ts';
import { version } from './http-deps.ts';
import { createOutside } from './outside.ts';
import type { Parts } from './parts.ts';

export const AUDIENCE = 'https://holdfast.example/fhir/R4';
const APPLICATION = 'holdfast-sandbox';
const ORDERED: ReadonlySet<string> = new Set(['called', 'book']);

export type Sandbox = {
  readonly parts: Parts;
  readonly clock: { now(): string; advanceTo(instant: string): void };
  /** The first simulated day (London). */
  readonly startDate: string;
  /** The simulated instant after which the clock stands still. */
  readonly end: string;
  readonly standIns: StandIns;
  /** The people and systems around Holdfast; made once the server's address is known. `settled` waits until its work is done. */
  readonly simulation: (baseUrl: string, settled: () => Promise<void>) => Simulation;
  readonly token: (role: Role, ods?: string) => Promise<string>;
  readonly setUrl: (url: string) => void;
  close(): Promise<void>;
};

type Kept = {
  seed: string;
  patients: number;
  startDate: string;
  secret: string;
  applicationKey: string;
  callbackKey: string;
  letterSeed: string;
  sdsKey: string;
};

type SandboxOptions = {
  /** One job at a time: slower, and the same path in every run. */
  readonly isInOrder?: boolean;
  /** Whether `npm run sandbox:token` finds this sandbox without being told its folder; it does unless this is false. */
  readonly isAnnounced?: boolean;
};

/** Starts everything but Holdfast itself. */
export async function startSandbox(
  config: SandboxConfig,
  say: (line: string) => void,
  { isInOrder = false, isAnnounced = true }: SandboxOptions = {},
): Promise<Sandbox> {
  const folder = resolve(config.data);
  mkdirSync(folder, { recursive: true });
  const giveBack = await takeFolder(folder);
  const kept = keptSettings(folder, config, say);
  // The network is being made while PostgreSQL starts.
  const starting = config.databaseUrl ? undefined : startPostgres(folder, say);
  const network = generateNetwork({
    seed: kept.seed,
    patientsPerPractice: kept.patients,
    startDate: kept.startDate,
    weeks: Math.ceil(config.days / 7) + 6,
  });
  const gp = createGpSystems(network);
  const journal = openJournal(folder);
  const clock = createClock(journal, londonInstant(kept.startDate, '04:00'));
  const { privateKey, jwk } = platformKey(kept);
  const standIns = await startStandIns({
    gp,
    journal,
    clock,
    options: {
      seed: kept.seed,
      jwksOf: (clientId) => (clientId === APPLICATION ? { keys: [jwk] } : undefined),
      sdsApiKey: kept.sdsKey,
      letterServices: network.practices.map(({ ods }) => ({ ods, ...letterKey(kept, ods) })),
      im1: { applicationId: APPLICATION },
    },
  });
  const links = network.practices.map((practice) => linkFor(practice, folder));
  const identity = await startIdentityProvider({
    organisations: network.practices.map(({ ods, name }) => ({ ods, name })),
    users: network.practices.flatMap(coordinatorOf),
    audience: AUDIENCE,
    keysFolder: join(folder, 'identity'),
  });
  const notes = [folder, ...(isAnnounced ? [resolve('.holdfast')] : [])];
  for (const note of notes) writeSandboxFile(note, identity.file);
  const postgres = await starting;
  const databaseUrl = config.databaseUrl ?? (postgres ? await createDatabase(postgres.url, 'holdfast') : '');
  let url = '';
  const token: Sandbox['token'] = async (role, ods) => {
    const issued = await identity.issueToken(role, ods);
    if (!issued.ok) throw new Error(issued.failure.message);
    return issued.value;
  };
  const parts: Parts = {
    databaseUrl,
    now: () => clock.now(),
    clock: () => clock.now(),
    fhirPackages: config.fhirPackages,
    practices: links,
    deprivationOf,
    outside: createOutside({
      now: () => clock.now(),
      version,
      practices: links.map((link, index) => ({ ...link, asid: String(200_000_000_000 + index) })),
      platform: { tokenUrl: standIns.urls.token, clientId: APPLICATION, keyId: 'sandbox', privateKey },
      notifyUrl: standIns.urls.notify,
      letters: {
        url: standIns.urls.govukNotify,
        serviceOf: (ods) => ({
          apiKey: `sandbox-${letterKey(kept, ods).serviceId}-${letterKey(kept, ods).secret}`,
          templateId: LETTER_TEMPLATE,
        }),
      },
      sds: { url: standIns.urls.sds, apiKey: kept.sdsKey },
      sspUrl: standIns.urls.spineProxy,
      gpConnectIssuer: 'https://holdfast.example/token',
      // The stand-in has no limit: time is simulated, and five a second would be real seconds.
      ...(config.pds ? { pds: { url: standIns.urls.pds, perSecond: 200 } } : {}),
      im1: { url: standIns.urls.im1, applicationId: APPLICATION },
    }),
    verifyToken: createTokenVerifier({ issuer: identity.issuer, audience: AUDIENCE }),
    notifyKeys: notifyKeysOf(APPLICATION, [kept.callbackKey]),
    secret: kept.secret,
    publicUrl: () => url,
    nextIntake: (at) => nextAt(at, '05:30'),
    subscriptions: { privateHosts: ['localhost', '127.0.0.0/8', '::1', ...config.privateHosts] },
    // Who answers first is booked first, also after a kill: one worker for what competes for slots, no pause before a retry.
    workers: {
      concurrency: (queue) => (ORDERED.has(queue) ? 1 : 3),
      retryDelaySeconds: 0,
      // The clock and the journal belong to one process, and so does the work.
      isOnlyProcess: true,
      isInOrder,
    },
  };
  return {
    parts,
    clock,
    startDate: kept.startDate,
    end: londonInstant(addDays(kept.startDate, config.days), '23:00'),
    standIns,
    token,
    setUrl: (value) => {
      url = value;
    },
    simulation: (baseUrl, settled) =>
      createSimulation({
        gp,
        journal,
        clock,
        ledger: standIns.ledger,
        seed: kept.seed,
        holdfast: {
          baseUrl,
          callback: { apiKey: kept.callbackKey, secret: `${APPLICATION}.${kept.callbackKey}` },
          coordinatorToken: (ods) => token('coordinator', ods),
        },
        inbox: (ods) => join(folder, 'inbox', ods),
        post: fetch,
        settled,
      }),
    close: async () => {
      for (const note of notes) removeSandboxFile(note);
      await standIns.close();
      await identity.close();
      await postgres?.stop();
      journal.close();
      giveBack();
    },
  };
}

const LETTER_TEMPLATE = '5f8a2c1e-7d34-4b6a-9c0f-2e1d3a4b5c6d';

/** What the first start chose stays: another seed or size would be another world than the database's. */
function keptSettings(folder: string, config: SandboxConfig, say: (line: string) => void): Kept {
  const file = join(folder, 'settings.json');
  const wanted = { seed: config.seed, patients: config.patients, startDate: config.startDate };
  if (existsSync(file)) {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as Kept;
    if (kept.seed !== wanted.seed || kept.patients !== wanted.patients)
      say(
        `Going on with the network of the first start (seed ${kept.seed}, ${kept.patients} patients a practice); remove ${folder} for another`,
      );
    return kept;
  }
  const key = () => randomBytes(24).toString('hex');
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kept: Kept = {
    ...wanted,
    // Ids of patients hang on it: the same seed gives the same ids.
    secret: `sandbox|${config.seed}|${'x'.repeat(32)}`,
    applicationKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    callbackKey: key(),
    letterSeed: key(),
    sdsKey: key(),
  };
  writeWhole(file, JSON.stringify(kept));
  return kept;
}

function platformKey({ applicationKey }: Kept) {
  const jwk = createPublicKey(applicationKey).export({ format: 'jwk' });
  return { privateKey: applicationKey, jwk: { ...jwk, kid: 'sandbox', alg: 'RS512', use: 'sig' } };
}

function letterKey({ letterSeed }: Kept, ods: string) {
  return { serviceId: idFrom('letter-service', ods), secret: idFrom('letter-secret', letterSeed, ods) };
}

const RECORD = { emis: 'emis', tpp: 'tpp', 'gp-connect-only': 'gp-connect' } as const;

function linkFor({ ods, name, supplier, phone }: Practice, folder: string): PracticeLink {
  return {
    organisation: ods,
    name,
    record: RECORD[supplier],
    inbox: join(folder, 'inbox', ods),
    writeback: supplier === 'emis' ? 'im1' : 'manual',
    telephone: phone,
  };
}

function coordinatorOf({ ods, staff }: Practice) {
  const person = staff.find((one) => /coordinator/i.test(one.jobTitle)) ?? staff[0];
  if (!person) return [];
  const { given, family, sdsUserId, sdsRoleProfileId } = person;
  return [{ ods, role: 'coordinator' as const, given, family, sdsUserId, sdsRoleProfileId }];
}

/** The next London time of day after an instant. */
export function nextAt(instant: string, time: string): string {
  const today = londonInstant(londonDate(instant), time);
  return epochMilliseconds(today) > epochMilliseconds(instant)
    ? today
    : londonInstant(addDays(londonDate(instant), 1), time);
}
