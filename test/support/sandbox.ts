/** A small synthetic network with its journal, clock and stand-ins, and how a consumer speaks to them. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, SignJWT } from 'jose';
import { type Clock, createClock } from '#sandbox/clock.ts';
import { createGpSystems, type GpSystems } from '#sandbox/gp-system.ts';
import { openJournal } from '#sandbox/journal.ts';
import { generateNetwork } from '#sandbox/population/network.ts';
import type { Practice, SimPatient } from '#sandbox/practice.ts';
import type { Journal } from '#sandbox/records.ts';
import { consumerAsid, providerAddress, providerAsid } from '#sandbox/stand-ins/sds.ts';
import { type StandInOptions, type StandIns, startStandIns } from '#sandbox/stand-ins/start.ts';

export const SEED = 'sandbox-test';
export const START = '2026-06-01T07:00:00.000Z';
export const NOTIFY_CLIENT = 'client-1';
export const LETTER_SERVICE = {
  ods: 'A81001',
  serviceId: '6a3c5d2e-1111-4000-8000-000000000001',
  secret: '6a3c5d2e-2222-4000-8000-000000000002',
};

export type World = { folder: string; gp: GpSystems; journal: Journal; clock: Clock };

/** What a test is to this file: something that can clean up. */
export type Teardown = { teardown(done: () => unknown): void };

/** Parsed JSON, as loose as JSON.parse gives it. */
export type Json = ReturnType<typeof JSON.parse>;

export function temporaryFolder(t: Teardown): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sandbox-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The same folder again is the same world after a restart. */
export function openWorld(folder: string, patientsPerPractice = 60): World {
  const network = generateNetwork({ seed: SEED, patientsPerPractice, startDate: '2026-06-01', weeks: 4 });
  const journal = openJournal(folder);
  return { folder, gp: createGpSystems(network), journal, clock: createClock(journal, START) };
}

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'test-1', alg: 'RS512', use: 'sig' }] };

export function standInsFor(world: World, more: Partial<StandInOptions> = {}): Promise<StandIns> {
  const options: StandInOptions = {
    seed: SEED,
    jwksOf: (clientId) => (clientId === NOTIFY_CLIENT ? jwks : undefined),
    sdsApiKey: 'sds-key',
    letterServices: [LETTER_SERVICE],
    im1: { applicationId: 'holdfast' },
    ...more,
  };
  return startStandIns({ ...world, options });
}

export type Assertion = { claims?: Record<string, unknown>; header?: Record<string, unknown>; expiresIn?: number };

/** A signed client assertion for the platform's token endpoint. */
export function assertionFor(
  audience: string,
  { claims = {}, header = {}, expiresIn = 240 }: Assertion = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const payload = {
    iss: NOTIFY_CLIENT,
    sub: NOTIFY_CLIENT,
    aud: audience,
    jti: randomUUID(),
    exp: now + expiresIn,
    ...claims,
  };
  return new SignJWT(payload)
    .setProtectedHeader({ alg: 'RS512', typ: 'JWT', kid: 'test-1', ...header })
    .sign(privateKey);
}

export function askForToken(url: string, assertion: string): Promise<Response> {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  });
  return fetch(url, { method: 'POST', body });
}

export async function tokenFrom(url: string): Promise<string> {
  const response = await askForToken(url, await assertionFor(url));
  return ((await response.json()) as { access_token: string }).access_token;
}

export type GpCall = {
  method?: string;
  path: string;
  interaction: string;
  scope?: string;
  body?: unknown;
  headers?: Record<string, string | undefined>;
  claims?: Record<string, unknown>;
  ods?: string;
  token?: string;
};

export type GpAnswer = { status: number; headers: Headers; body: Json; code: string | undefined };

/** Calls a practice's GP Connect provider through the proxy as a well-behaved consumer; `headers` and `claims` make it a worse one. */
export async function callGpConnect(standIns: StandIns, call: GpCall): Promise<GpAnswer> {
  const { method = 'GET', path, interaction, ods = 'A81001' } = call;
  const capability = interaction.includes('structured')
    ? 'structured'
    : interaction.startsWith('documents:')
      ? 'documents'
      : 'appointments';
  const address = providerAddress(ods, capability);
  const headers = {
    'Ssp-TraceID': randomUUID(),
    'Ssp-From': consumerAsid(ods),
    'Ssp-To': providerAsid(ods),
    'Ssp-InteractionID': `urn:nhs:names:services:gpconnect:${interaction}`,
    Authorization: `Bearer ${call.token ?? unsigned(claimsFor(address, call.scope ?? 'patient/*.read', call.claims))}`,
    Accept: 'application/fhir+json',
    ...(call.body === undefined ? {} : { 'Content-Type': 'application/fhir+json' }),
    ...call.headers,
  };
  const sent = Object.entries(headers).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const body = typeof call.body === 'string' ? call.body : JSON.stringify(call.body);
  const response = await fetch(`${standIns.urls.spineProxy}/${address}${path}`, {
    method,
    headers: sent,
    ...(call.body === undefined ? {} : { body }),
  });
  const text = await response.text();
  const parsed = text.startsWith('{') ? JSON.parse(text) : text;
  return {
    status: response.status,
    headers: response.headers,
    body: parsed,
    code: parsed?.issue?.[0]?.details?.coding?.[0]?.code,
  };
}

export function claimsFor(
  audience: string,
  scope: string,
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  const iat = Math.floor(Date.now() / 1000);
  return {
    iss: 'https://consumer.example/',
    sub: 'user-1',
    aud: audience,
    iat,
    exp: iat + 300,
    reason_for_request: 'directcare',
    requested_scope: scope,
    requesting_device: {
      resourceType: 'Device',
      identifier: [{ system: 'https://consumer.example/Id/device', value: 'd' }],
      model: 'Test',
      version: '1',
    },
    requesting_organization: {
      resourceType: 'Organization',
      identifier: [{ system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: 'A81001' }],
      name: 'Riverside Surgery',
    },
    requesting_practitioner: {
      resourceType: 'Practitioner',
      id: 'user-1',
      identifier: [
        { system: 'https://fhir.nhs.uk/Id/sds-user-id', value: 'UNK' },
        { system: 'https://fhir.nhs.uk/Id/sds-role-profile-id', value: 'UNK' },
        { system: 'https://consumer.example/Id/user', value: 'user-1' },
      ],
      name: [{ family: 'Coordinator', given: ['Cleo'] }],
    },
    ...more,
  };
}

export function unsigned(claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.`;
}

/** A patient on the practice's list who can be found, if need be one of a certain kind. */
export function someone(
  practice: Practice | undefined,
  isWanted: (patient: SimPatient) => boolean = () => true,
): SimPatient {
  const found = practice?.patients.find(
    (patient) => !patient.sensitive && !patient.deathDate && !patient.deregisteredOn && isWanted(patient),
  );
  if (!found) throw new Error('The small network has no such patient: choose another seed');
  return found;
}
