/**
 * The sandbox's identity service: a real OpenID provider on loopback with one client per role and practice. Its keys and
 * secrets are made at the first start and kept in a folder, so that tokens outlive a restart.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import Provider, { type Adapter, errors, type JWK } from 'oidc-provider';
import Type, { type Static } from 'typebox';
import type { Result } from '#result.ts';
import { checker } from '#schema.ts';
import { findClient, requestToken, type SandboxClient, type SandboxFile } from './sandbox-file.ts';
import { writeWhole } from './whole-file.ts';

export const ROLES = ['coordinator', 'manager', 'analyst', 'system', 'record-intake'] as const;
export type Role = (typeof ROLES)[number];

/** A person behind a coordinator's or manager's login. */
export type DemoUser = {
  readonly ods: string;
  readonly role: 'coordinator' | 'manager';
  readonly given: string;
  readonly family: string;
  readonly sdsUserId: string;
  readonly sdsRoleProfileId: string;
};

export type IdentityOptions = {
  /** Taken if free; otherwise that of the last start if free, otherwise any. */
  readonly port?: number;
  readonly organisations: readonly { readonly ods: string; readonly name: string }[];
  /** People for the logins; where one is missing an invented one steps in. */
  readonly users?: readonly DemoUser[];
  /** An absolute URI: what the API expects in `aud`. */
  readonly audience: string;
  readonly keysFolder: string;
  readonly tokenSeconds?: number;
};

export type IdentityProvider = {
  readonly issuer: string;
  /** What `writeSandboxFile` wants. */
  readonly file: SandboxFile;
  /** A token for a role; without a practice, as `findClient` says. */
  issueToken(role: Role, ods?: string): Promise<Result<string>>;
  close(): Promise<void>;
};

const working = 'user/*.rs user/Task.u user/Appointment.cu user/Flag.cu user/RequestGroup.c';
const counting = ['Task', 'Group', 'ServiceRequest', 'RequestGroup', 'Organization', 'PlanDefinition', 'ValueSet'];
const scopes: Readonly<Record<Role, string>> = {
  coordinator: working,
  manager: working,
  analyst: counting.map((type) => `system/${type}.rs`).join(' '),
  system: 'system/*.cruds',
  'record-intake': 'system/*.cruds',
};

const kept = Type.Object({
  port: Type.Integer(),
  keys: Type.Array(Type.Record(Type.String(), Type.Unknown()), { minItems: 1 }),
  secrets: Type.Record(Type.String(), Type.String()),
});
type Kept = Static<typeof kept>;
const checkKept = checker('identity.json', kept);

export async function startIdentityProvider(options: IdentityOptions): Promise<IdentityProvider> {
  const before = readKept(options.keysFolder) ?? (await makeKept());
  const server = await listen([options.port, before.port, 0]);
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  const clients = clientsFor(options, before.secrets);
  const secrets = Object.fromEntries(clients.map((client) => [client.clientId, client.clientSecret]));
  writeKept(options.keysFolder, { ...before, port, secrets: { ...before.secrets, ...secrets } });
  server.on('request', providerFor(options, { issuer, clients, keys: before.keys as unknown as JWK[] }).callback());
  const { audience } = options;
  const practices = options.organisations.map(({ ods, name }) => ({ ods, name }));
  const file: SandboxFile = { issuer, tokenEndpoint: `${issuer}/token`, audience, practices, clients };
  return {
    issuer,
    file,
    issueToken: async (role, ods) => {
      const client = findClient(file, role, ods);
      return client.ok ? requestToken(file, client.value) : client;
    },
    close: () => stop(server),
  };
}

type Parts = { readonly issuer: string; readonly clients: SandboxClient[]; readonly keys: JWK[] };

function providerFor(options: IdentityOptions, { issuer, clients, keys }: Parts): Provider {
  const claims = claimsFor(options, clients);
  return new Provider(issuer, {
    adapter: () => keepsNothing,
    clients: clients.map(({ clientId, clientSecret, scope }) => ({
      client_id: clientId,
      client_secret: clientSecret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      scope,
    })),
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    jwks: { keys },
    ttl: { ClientCredentials: options.tokenSeconds ?? 3600 },
    scopes: [...new Set(clients.flatMap(({ scope }) => scope.split(' ')))],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource, client) => {
          if (resource !== options.audience) throw new errors.InvalidTarget();
          const accessTokenTTL = options.tokenSeconds ?? 3600;
          const scope = client.scope ?? '';
          return {
            scope,
            audience: resource,
            accessTokenTTL,
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: 'RS256' } },
          };
        },
      },
    },
    extraTokenClaims: (_context, token) => claims.get(token.clientId ?? ''),
  });
}

/** Client credentials with JWTs leave nothing to keep. */
const keepsNothing: Adapter = {
  upsert: async () => undefined,
  find: async () => undefined,
  findByUserCode: async () => undefined,
  findByUid: async () => undefined,
  consume: async () => undefined,
  destroy: async () => undefined,
  revokeByGrantId: async () => undefined,
};

function clientsFor(options: IdentityOptions, secrets: Kept['secrets']): SandboxClient[] {
  const each = options.organisations.flatMap(({ ods }) => ROLES.map((role) => ({ role, ods })));
  const all = [{ role: 'analyst' as const }, { role: 'system' as const }];
  return [...each, ...all].map((one) => {
    const clientId = `${one.role}-${'ods' in one ? one.ods.toLowerCase() : 'all'}`;
    const clientSecret = secrets[clientId] ?? randomBytes(32).toString('base64url');
    return { ...one, clientId, clientSecret, scope: scopes[one.role] };
  });
}

function claimsFor(options: IdentityOptions, clients: readonly SandboxClient[]): Map<string, Record<string, unknown>> {
  const everywhere = options.organisations.map(({ ods }) => ods);
  return new Map(
    clients.map(({ clientId, role, ods }, index) => {
      const person = role === 'coordinator' || role === 'manager' ? personFor(options, { role, ods, index }) : {};
      return [clientId, { organisations: ods === undefined ? everywhere : [ods], role, name: clientId, ...person }];
    }),
  );
}

function personFor(
  { users = [] }: IdentityOptions,
  { role, ods, index }: { role: string; ods: string | undefined; index: number },
): Record<string, string> {
  const user = users.find((one) => one.ods === ods && one.role === role);
  const given = user?.given ?? 'Demonstration';
  const family = user?.family ?? (role === 'manager' ? 'Manager' : 'Coordinator');
  return {
    name: `${given} ${family}`,
    given_name: given,
    family_name: family,
    sds_user_id: user?.sdsUserId ?? `555${String(index).padStart(9, '0')}`,
    sds_role_profile_id: user?.sdsRoleProfileId ?? `556${String(index).padStart(9, '0')}`,
  };
}

function readKept(folder: string): Kept | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, 'identity.json'), 'utf8');
  } catch {
    return undefined;
  }
  // A file that a crash cut short is as good as none: new keys, and old tokens end.
  try {
    const read = checkKept(JSON.parse(text));
    return read.ok ? read.value : undefined;
  } catch {
    return undefined;
  }
}

function writeKept(folder: string, content: Kept): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeWhole(join(folder, 'identity.json'), JSON.stringify(content));
}

async function makeKept(): Promise<Kept> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const key = await exportJWK(privateKey);
  const kid = randomBytes(8).toString('hex');
  return { port: 0, keys: [{ ...key, kty: 'RSA', kid, alg: 'RS256', use: 'sig' }], secrets: {} };
}

async function listen(ports: readonly (number | undefined)[]): Promise<Server> {
  for (const port of ports) {
    const server = port === undefined ? undefined : await tryPort(port);
    if (server) return server;
  }
  throw new Error('no port of the loopback interface is free for the sandbox identity service');
}

function tryPort(port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
