/** The note that a running sandbox leaves for the command line: where its issuer is, and the demonstration clients. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Type, { type Static } from 'typebox';
import { fail, ok, type Result } from '#result.ts';
import { checker } from '#schema.ts';

const schema = Type.Object({
  issuer: Type.String(),
  tokenEndpoint: Type.String(),
  audience: Type.String(),
  practices: Type.Array(Type.Object({ ods: Type.String(), name: Type.String() })),
  clients: Type.Array(
    Type.Object({
      role: Type.String(),
      /** The practice's ODS code; absent for a client that sees all practices. */
      ods: Type.Optional(Type.String()),
      clientId: Type.String(),
      clientSecret: Type.String(),
      scope: Type.String(),
    }),
  ),
});
const check = checker('the sandbox file', schema);

export type SandboxFile = Static<typeof schema>;

/** Writes `sandbox.json` into the folder, readable by its owner only: it holds this sandbox's own client secrets. */
export function writeSandboxFile(folder: string, content: SandboxFile): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'sandbox.json'), `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
}

/** Takes the note away when the sandbox stops. */
export function removeSandboxFile(folder: string): void {
  rmSync(join(folder, 'sandbox.json'), { force: true });
}

export function readSandboxFile(folder: string): Result<SandboxFile> {
  let text: string;
  try {
    text = readFileSync(join(folder, 'sandbox.json'), 'utf8');
  } catch {
    return fail('not-found', 'No sandbox is running here. Start it with "npm start" and leave it running.');
  }
  try {
    return check(JSON.parse(text));
  } catch {
    return fail('invalid', 'sandbox.json is not JSON. Restart the sandbox with "npm start": it writes the file anew.');
  }
}

export type SandboxClient = SandboxFile['clients'][number];

/**
 * The client for a role and a practice (ODS code, or the start of its name). Without a practice: a coordinator or
 * manager works at the first one, an analyst or system sees all.
 */
export function findClient(file: SandboxFile, role: string, practice?: string): Result<SandboxClient> {
  const ofRole = file.clients.filter((client) => client.role === role);
  if (ofRole.length === 0) {
    const roles = [...new Set(file.clients.map((client) => client.role))].join(', ');
    return fail('not-found', `There is no such role; choose one of: ${roles}.`);
  }
  if (practice === undefined) {
    const client = ofRole.find(({ ods }) => ods === undefined) ?? ofRole[0];
    return client ? ok(client) : fail('not-found', 'The sandbox has no practices.');
  }
  const asked = practice.toLowerCase();
  const named = file.practices.find(
    ({ ods, name }) => ods.toLowerCase() === asked || name.toLowerCase().startsWith(asked),
  );
  const client = ofRole.find(({ ods }) => ods !== undefined && ods === named?.ods);
  if (client) return ok(client);
  const known = file.practices.map(({ ods, name }) => `${ods} (${name})`).join(', ');
  return fail('not-found', `There is no such practice; choose one of: ${known}.`);
}

const tokenAnswer = checker('the token answer', Type.Object({ access_token: Type.String() }));

/** Asks the issuer for an access token by client credentials. RFC 6749 §4.4, RFC 8707 */
export async function requestToken(
  file: Pick<SandboxFile, 'tokenEndpoint' | 'audience'>,
  client: SandboxClient,
): Promise<Result<string>> {
  const credentials = Buffer.from(`${client.clientId}:${client.clientSecret}`).toString('base64');
  let answer: Response;
  try {
    answer = await fetch(file.tokenEndpoint, {
      method: 'POST',
      headers: { authorization: `Basic ${credentials}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: client.scope, resource: file.audience }),
      signal: AbortSignal.timeout(10_000),
    });
  } catch (cause) {
    return fail('unavailable', 'The sandbox does not answer. Start it with "npm start" and leave it running.', {
      cause,
    });
  }
  if (!answer.ok) {
    return fail(
      'unauthenticated',
      `The sandbox's issuer refused (${answer.status}). Restart the sandbox and try again.`,
    );
  }
  const read = tokenAnswer(await answer.json());
  return read.ok ? ok(read.value.access_token) : read;
}
