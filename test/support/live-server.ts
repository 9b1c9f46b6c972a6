/** Holdfast in live mode as a process of its own, and an issuer of tokens for it: for benchmarks and trials by force. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { freePort } from '#sandbox/postgres.ts';

const root = join(import.meta.dirname, '..', '..');
const AUDIENCE = 'https://holdfast.example/fhir/R4';

export type Server = {
  readonly origin: string;
  readonly pid: number;
  readonly startMs: number;
  stop(signal?: NodeJS.Signals): Promise<void>;
};

/** An issuer with one key, and the token of a system that may do everything at the given practices. */
export async function startIssuer(
  organisations: readonly string[],
): Promise<{ issuer: string; token: string; stop: () => void }> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'bench', alg: 'RS256', use: 'sig' };
  const server = createServer((request, response) => {
    const found = request.url?.endsWith('openid-configuration')
      ? { issuer, jwks_uri: `${issuer}/jwks` }
      : { keys: [jwk] };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(found));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const token = await new SignJWT({
    scope: 'system/*.cruds',
    organisations,
    client_id: 'bench',
    role: 'record-intake',
  })
    .setProtectedHeader({ alg: 'RS256', kid: 'bench' })
    .setSubject('bench')
    .setIssuer(issuer)
    .setAudience(AUDIENCE)
    .setIssuedAt()
    .setExpirationTime('4h')
    .sign(privateKey);
  return { issuer, token, stop: () => server.close() };
}

export type Live = {
  readonly databaseUrl: string;
  readonly issuer: string;
  /** For its files. */
  readonly folder: string;
  readonly organisations: readonly string[];
  readonly role?: 'all' | 'api' | 'worker';
  readonly port?: number;
  readonly environment?: Readonly<Record<string, string>>;
};

/** Starts it and waits until it says that it is ready. */
export async function startHoldfast(live: Live): Promise<Server> {
  const { databaseUrl, issuer, folder, organisations } = live;
  const port = live.port ?? (await freePort());
  const file = (name: string, content: string) => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const practices = organisations.map((organisation, index) => ({
    organisation,
    name: 'The Example Surgery',
    record: 'emis',
    inbox: folder,
    writeback: 'im1',
    telephone: '07700 900123',
    asid: String(200_000_000_000 + index),
  }));
  const environment = {
    HOLDFAST_MODE: 'live',
    DATABASE_URL: databaseUrl,
    PORT: String(port),
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    HOLDFAST_SECRET_FILE: file('secret', 'x'.repeat(32)),
    HOLDFAST_PRACTICES_FILE: file('practices.json', JSON.stringify(practices)),
    OIDC_ISSUER: issuer,
    OIDC_AUDIENCE: AUDIENCE,
    NOTIFY_APPLICATION_ID: 'application',
    NOTIFY_CALLBACK_KEYS: 'first',
    PLATFORM_CLIENT_ID: 'client',
    PLATFORM_KEY_ID: 'key-1',
    PLATFORM_KEY_FILE: file('key.pem', 'a private key'),
    LETTERS_KEY_FILE: file('letters', 'a letters key'),
    LETTERS_TEMPLATE: 'template',
    SDS_KEY_FILE: file('sds', 'an sds key'),
    SSP_URL: 'http://127.0.0.1:9',
    GP_CONNECT_ISSUER: 'http://127.0.0.1:9/token',
    IM1_URL: 'http://127.0.0.1:9',
    ...live.environment,
  };
  return startProcess(['src/main.ts', live.role ?? 'api'], {
    origin: `http://127.0.0.1:${port}`,
    said: 'Holdfast is ready',
    environment,
  });
}

/** Those with which `npm start` runs Node. */
function nodeFlags(): string[] {
  const { config } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { config: { node: string } };
  return config.node.split(' ');
}

/** A process that serves, once it has said so. */
export async function startProcess(
  args: string[],
  { origin, said, environment }: { origin: string; said: string; environment: Record<string, string> },
): Promise<Server> {
  const begun = performance.now();
  const child: ChildProcess = spawn(process.execPath, [...nodeFlags(), ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((done, failed) => {
    child.stdout?.on('data', (chunk: Buffer) => chunk.toString().includes(said) && done());
    child.on('exit', (code) => failed(new Error(`${args[0]} ended with ${code}`)));
  });
  return {
    origin,
    pid: child.pid ?? 0,
    startMs: Math.round(performance.now() - begun),
    stop: (signal = 'SIGTERM') => {
      const ended = new Promise<void>((done) => child.once('exit', () => done()));
      child.kill(signal);
      return ended;
    },
  };
}
