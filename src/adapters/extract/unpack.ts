/**
 * A delivery as it came (`.csv.gpg`, `SRExtract.zip` with its parts, loose files) becomes a folder of plain files beside
 * it, hidden from whoever lists the inbox. It is scratch: made anew when the delivery has changed, removed when applied.
 */
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, ok, type Result } from '#result.ts';
import type { DecryptFile } from './openpgp.ts';
import { partsOf, unzip } from './zip.ts';

export type Unpacked = {
  readonly folder: string;
  /** Removes what was made; the delivery itself stays. */
  readonly release: () => Promise<void>;
};

const ENCRYPTED = /\.(gpg|pgp)$/i;
const ARCHIVE = /\.zip$/i;
const PART = /\.z\d{2,3}$/i;
const SOURCE = '.source';

/**
 * `isSigned`: the sender signs every file, so one that is not encrypted is refused. `invalid` when a file is not what
 * the sender made, `precondition` when there is no key for it.
 */
export async function unpack(
  inbox: string,
  name: string,
  { decrypt, isSigned }: { decrypt: DecryptFile | undefined; isSigned: boolean },
): Promise<Result<Unpacked>> {
  const delivery = join(inbox, name);
  const names = (await readdir(delivery)).filter((one) => !one.startsWith('.')).sort();
  const plain = names.filter((one) => !ENCRYPTED.test(one) && !ARCHIVE.test(one) && !PART.test(one));
  if (isSigned && plain[0])
    return fail('invalid', `${plain[0]} is not encrypted and signed, as the sender's files are`);
  if (plain.length === names.length) return ok({ folder: delivery, release: async () => undefined });
  if (names.includes('temp')) return fail('busy', 'the batch is still arriving: there is a temp folder in it');
  if (names.some((one) => ENCRYPTED.test(one)) && !decrypt)
    return fail('precondition', `${name} is encrypted, and no key is configured for it`);

  const folder = join(inbox, '.unpacked', name);
  const source = await fingerprintOf(delivery, names);
  const release = () => rm(folder, { recursive: true, force: true });
  if ((await readFile(join(folder, SOURCE), 'utf8').catch(() => '')) === source) return ok({ folder, release });
  const begun = `${folder}.begun`;
  await rm(begun, { recursive: true, force: true });
  await mkdir(begun, { recursive: true });
  const done = await fill({ delivery, names, into: begun, decrypt });
  if (!done.ok) {
    await rm(begun, { recursive: true, force: true });
    return done;
  }
  await writeFile(join(begun, SOURCE), source);
  await release();
  await rename(begun, folder);
  return ok({ folder, release });
}

type Filling = {
  readonly delivery: string;
  readonly names: readonly string[];
  readonly into: string;
  readonly decrypt: DecryptFile | undefined;
};

async function fill({ delivery, names, into, decrypt }: Filling): Promise<Result<unknown>> {
  for (const name of names) {
    const from = join(delivery, name);
    if (ENCRYPTED.test(name)) {
      const done = await decrypt?.(from, join(into, name.replace(ENCRYPTED, '')));
      if (done && !done.ok) return done;
    } else if (ARCHIVE.test(name)) {
      const parts = partsOf(names, name).map((part) => join(delivery, part));
      const done = await unzip(parts, into);
      if (!done.ok) return done;
    } else if (!PART.test(name)) await copyFile(from, join(into, name));
  }
  return ok('filled');
}

/** What a delivery is made of, so that one that has changed is not taken for the one before. */
async function fingerprintOf(folder: string, names: readonly string[]): Promise<string> {
  const files = await Promise.all(names.map(async (name) => ({ name, ...(await stat(join(folder, name))) })));
  return JSON.stringify(files.map(({ name, size, mtimeMs }) => [name, size, mtimeMs]));
}
