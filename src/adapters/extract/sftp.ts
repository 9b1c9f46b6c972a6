/**
 * Fetches deliveries from a supplier's SFTP server into an inbox. A file has a hidden name until all of it is here, so
 * that no half of one is ever read; whether a batch has all its files is checked when it is opened. Nothing is removed at
 * the supplier's, and what is here in the same size is not fetched again.
 */
import { createHash } from 'node:crypto';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import SftpClient from 'ssh2-sftp-client';
import { fail, ok, type Result } from '#result.ts';

export type SftpSettings = {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** Private key, PEM or OpenSSH. */
  readonly privateKey: string;
  /** SHA-256 of the server's host key, base64 without padding, as `ssh-keygen -lf` prints it after `SHA256:`. */
  readonly hostKey: string;
  readonly folder: string;
};

export type Fetched = { readonly files: number; readonly bytes: number };

const TIMEOUT_MS = 30_000;
/** Files of one EMIS batch lie side by side, and are told by their names: agreement and time. */
const BATCH = /_(\d{14})_\{?([0-9A-Fa-f-]{36})\}?\.csv(\.gpg|\.pgp)?$/i;

/** Whether a batch was taken in before: its files may have been cleared away here, and are not wanted again. */
export type IsTaken = (batch: string) => Promise<boolean>;

/** Fetches what is new; `unavailable` when the server cannot be reached or is not the one that it should be. */
export async function fetchDeliveries(
  settings: SftpSettings,
  inbox: string,
  isTaken: IsTaken,
): Promise<Result<Fetched>> {
  const client = new SftpClient();
  const { host, port, username, privateKey, hostKey, folder } = settings;
  try {
    await client.connect({
      host,
      port,
      username,
      privateKey,
      readyTimeout: TIMEOUT_MS,
      hostVerifier: (key: Buffer) => createHash('sha256').update(key).digest('base64').replace(/=+$/, '') === hostKey,
    });
    let fetched: Fetched = { files: 0, bytes: 0 };
    const taken = new Map<string, boolean>();
    for (const file of await filesUnder(client, folder)) {
      const batch = batchOf(file);
      if (!taken.has(batch)) taken.set(batch, await isTaken(batch));
      if (taken.get(batch)) continue;
      const size = await fetchFile(client, file, join(inbox, batch));
      if (size !== undefined) fetched = { files: fetched.files + 1, bytes: fetched.bytes + size };
    }
    return ok(fetched);
  } catch (error) {
    return fail('unavailable', `SFTP ${host}: ${(error as Error).message}`, { cause: error });
  } finally {
    await client.end().catch(() => undefined);
  }
}

type RemoteFile = { readonly path: string; readonly name: string; readonly size: number };

/** All files below a folder; how deep they lie says nothing (facts: gp-extracts §1.1). */
async function filesUnder(client: SftpClient, folder: string): Promise<RemoteFile[]> {
  const files: RemoteFile[] = [];
  for (const { type, name, size } of await client.list(folder)) {
    const path = posix.join(folder, name);
    if (type === 'd') files.push(...(await filesUnder(client, path)));
    else if (type === '-') files.push({ path, name, size });
  }
  return files.sort((one, other) => (one.path < other.path ? -1 : 1));
}

/** The folder of the inbox in which a file belongs. Other suppliers' batches are folders already. */
function batchOf({ path, name }: RemoteFile): string {
  const [, time, agreement] = BATCH.exec(name) ?? [];
  return time && agreement ? `${time}_${agreement.toUpperCase()}` : posix.basename(posix.dirname(path));
}

/** Answers with its size, or undefined when it is here. */
async function fetchFile(client: SftpClient, { path, name, size }: RemoteFile, place: string) {
  const known = await stat(join(place, name)).catch(() => undefined);
  if (known?.size === size) return undefined;
  await mkdir(place, { recursive: true });
  const begun = join(place, `.${name}.part`);
  try {
    await client.fastGet(path, begun);
    const got = (await stat(begun)).size;
    if (got !== size) throw new Error(`${name} has ${size} bytes there and ${got} here`);
    await rename(begun, join(place, name));
    return size;
  } finally {
    await rm(begun, { force: true });
  }
}
