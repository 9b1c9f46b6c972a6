/** A MESH to speak to: the stand-in, or a real test endpoint that the environment names; every exchange held against the contract. */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import type { MeshSettings } from '#adapters/mesh/call.ts';
import { fetchWithCertificate } from '#adapters/mesh/client-certificate.ts';
import { openJournal } from '#sandbox/journal.ts';
import { createLedger, type Ledger } from '#sandbox/ledger.ts';
import type { Trace } from '#sandbox/stand-ins/mesh/mailroom.ts';
import { type MeshStandIn, startMesh } from '#sandbox/stand-ins/mesh.ts';
import { SEED, type Teardown, temporaryFolder } from './sandbox.ts';

export const SENDER = { id: 'X26OT001', ods: 'X26', name: 'Holdfast test', password: 'sender-password' };
export const SHARED_KEY = 'the shared key of the tests';

export type Exchange = {
  readonly method: string;
  readonly path: string;
  readonly sent: Headers;
  readonly status: number;
  readonly type: string;
  readonly body: string;
};

export type MeshUnderTest = {
  readonly settings: MeshSettings;
  /** Undefined at a real endpoint. */
  readonly standIn: MeshStandIn | undefined;
  readonly ledger: Ledger | undefined;
  readonly exchanges: Exchange[];
  readonly workflow: string;
  /** A mailbox that the sender may send to and read: its own. */
  readonly to: string;
};

type Options = {
  readonly now?: () => string;
  readonly trace?: Trace;
  readonly practices?: readonly { readonly id: string; readonly ods: string }[];
};

/** The stand-in and an adapter's settings for it. */
export async function openMesh(t: Teardown, options: Options = {}) {
  const journal = openJournal(temporaryFolder(t));
  const ledger = createLedger(journal, SEED);
  const { now = () => new Date().toISOString(), practices = [] } = options;
  const unknown: Trace = () => ({ error: { code: 'EPL-151', event: 'SEND', description: 'No mailbox matched' } });
  const mailboxes = [SENDER, ...practices.map((one) => ({ ...one, name: one.ods, password: `password of ${one.id}` }))];
  const standIn = await startMesh({
    mailboxes,
    now,
    trace: options.trace ?? unknown,
    ledger,
    sharedKey: SHARED_KEY,
  });
  t.teardown(async () => {
    await standIn.close();
    journal.close();
  });
  const settings: MeshSettings = {
    baseUrl: standIn.url,
    mailbox: SENDER.id,
    password: SENDER.password,
    sharedKey: SHARED_KEY,
    version: '0.0.0',
    now: () => new Date().toISOString(),
    newNonce: randomUUID,
    timeoutMs: 2_000,
    transferTimeoutMs: 2_000,
    pauseMs: 1,
  };
  return { standIn, ledger, settings };
}

/** What the environment names (docs/conformance/mesh.md says what to set), else the stand-in. */
export async function meshUnderTest(t: Teardown): Promise<MeshUnderTest> {
  const env = (name: string) => process.env[`MESH_TEST_${name}`];
  const url = env('URL');
  const exchanges: Exchange[] = [];
  if (!url) {
    const { standIn, ledger, settings } = await openMesh(t);
    const fetch = recording(exchanges, globalThis.fetch);
    return { settings: { ...settings, fetch }, standIn, ledger, exchanges, workflow: 'TEST_WORKFLOW', to: SENDER.id };
  }
  const file = (name: string) => (env(name) ? readFileSync(env(name) ?? '', 'utf8') : undefined);
  const [certificate, key, authorities] = [file('CERTIFICATE_FILE'), file('KEY_FILE'), file('CA_FILE')];
  const send =
    certificate && key
      ? fetchWithCertificate({ certificate, key, ...(authorities ? { authorities } : {}) })
      : globalThis.fetch;
  const mailbox = env('MAILBOX') ?? '';
  return {
    settings: {
      baseUrl: url,
      mailbox,
      password: env('PASSWORD') ?? '',
      sharedKey: env('SHARED_KEY') ?? '',
      version: '0.0.0',
      now: () => new Date().toISOString(),
      newNonce: randomUUID,
      fetch: recording(exchanges, send),
    },
    standIn: undefined,
    ledger: undefined,
    exchanges,
    workflow: env('WORKFLOW') ?? 'TEST_WORKFLOW',
    to: env('TO') ?? mailbox,
  };
}

function recording(exchanges: Exchange[], send: typeof fetch): typeof fetch {
  return async (input, init) => {
    const response = await send(input, init);
    const bytes = await response.arrayBuffer();
    exchanges.push({
      method: init?.method ?? 'GET',
      path: new URL(String(input)).pathname,
      sent: new Headers(init?.headers),
      status: response.status,
      type: response.headers.get('content-type')?.split(';')[0] ?? '',
      body: Buffer.from(bytes).toString(),
    });
    // Its own `fetch` has unpacked the body already.
    const isEmpty = [204, 304].includes(response.status) || bytes.byteLength === 0;
    return new Response(isEmpty ? null : bytes, { status: response.status, headers: response.headers });
  };
}

const contract = join(import.meta.dirname, '..', '..', '..', 'shared', 'contracts', 'mesh', 'mesh.oas.json');
export const hasContract = existsSync(contract);

type Operation = {
  parameters?: { name: string; in: string; required?: boolean; schema: { maxLength?: number; minLength?: number } }[];
  responses: Record<string, { content?: Record<string, { schema?: object }> }>;
};

/** Holds exchanges against the published OpenAPI document: path, required headers and their lengths, statuses, bodies. */
export function contractChecker(): (exchange: Exchange) => string[] {
  const oas = JSON.parse(readFileSync(contract, 'utf8')) as { paths: Record<string, Record<string, Operation>> };
  const ajv = new Ajv({ strict: false, allErrors: true });
  (formats as unknown as (instance: Ajv) => Ajv)(ajv);
  const paths = Object.keys(oas.paths).map((path) => ({
    path,
    // The most literal path first: `tracking/{local_id}` is no `{message_id}/{chunk_number}`.
    names: path.match(/\{/g)?.length ?? 0,
    pattern: new RegExp(`^${path.replace(/\{[^}]+\}/g, '[^/]+')}$`),
  }));
  paths.sort((one, other) => one.names - other.names);
  return ({ method, path, sent, status, type, body }) => {
    const found = paths.find(
      ({ pattern, path: name }) => pattern.test(path) && oas.paths[name]?.[method.toLowerCase()],
    );
    const operation = found && oas.paths[found.path]?.[method.toLowerCase()];
    if (!operation) return [`${method} ${path} is not in the contract`];
    const headers = (operation.parameters ?? []).filter((one) => one.in === 'header');
    const faults = headers.flatMap(({ name, required, schema: { maxLength } }) => {
      const value = sent.get(name);
      if (value === null) return required ? [`${found.path}: header ${name} is missing`] : [];
      return maxLength !== undefined && value.length > maxLength ? [`${found.path}: header ${name} is too long`] : [];
    });
    const response = operation.responses[String(status)];
    if (!response) return [...faults, `${method} ${found.path}: status ${status} is not in the contract`];
    if (type === 'application/octet-stream' || !response.content) return faults;
    // NHS England's own sandbox sends version 2 under the name of version 1: under that name either will do.
    const names = type === 'application/json' ? Object.keys(response.content) : [type];
    const schemas = names.flatMap((name) => response.content?.[name]?.schema ?? []);
    const checks = schemas.map((schema) => ajv.compile(schema));
    if (checks.length > 0 && !checks.some((isValid) => isValid(JSON.parse(body || 'null'))))
      faults.push(`${found.path} ${status}: ${ajv.errorsText(checks[0]?.errors)}`);
    return faults;
  };
}
