/** OpenPGP files of a sender: decrypted with our key, and taken only when the sender's key signed them (facts: gp-extracts §1.1). */
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { decrypt, decryptKey, type Key, type PrivateKey, readKeys, readMessage, readPrivateKey } from 'openpgp';
import { fail, ok, type Result } from '#result.ts';

export type OpenPgpSettings = {
  /** Our private key, armoured. */
  readonly privateKey: string;
  readonly passphrase: string;
  /** The sender's public keys, armoured, one after the other; two while one is changed. */
  readonly senderKeys: string;
};

/** Writes the plain text of `from` to `to`; nothing stands there when it fails. */
export type DecryptFile = (from: string, to: string) => Promise<Result<string>>;

/** `fault` with what is wrong when a key cannot be used. */
export async function createDecryption(settings: OpenPgpSettings): Promise<Result<DecryptFile>> {
  try {
    const locked = await readPrivateKey({ armoredKey: settings.privateKey });
    const isOpen = locked.isDecrypted();
    const ours = isOpen ? locked : await decryptKey({ privateKey: locked, passphrase: settings.passphrase });
    const theirs = await readKeys({ armoredKeys: settings.senderKeys });
    if (theirs.length === 0) return fail('fault', "The file of the sender's keys holds no OpenPGP public key");
    return ok((from, to) => decryptFile({ ours, theirs }, from, to));
  } catch (error) {
    return fail('fault', `An OpenPGP key of the extracts cannot be used: ${(error as Error).message}`);
  }
}

async function decryptFile(
  { ours, theirs }: { ours: PrivateKey; theirs: Key[] },
  from: string,
  to: string,
): Promise<Result<string>> {
  const unchecked = `${to}.unchecked`;
  const name = basename(from);
  try {
    const source = Readable.toWeb(createReadStream(from)) as ReadableStream<Uint8Array>;
    const opened = await decrypt({
      message: await readMessage({ binaryMessage: source }),
      decryptionKeys: ours,
      verificationKeys: theirs,
      format: 'binary',
      // A file of gigabytes is not kept in memory until it is proved: it goes to a name under which nobody reads it.
      config: { allowUnauthenticatedStream: true },
    });
    const plain = opened.data as unknown as ReadableStream<Uint8Array>;
    await plain.pipeTo(Writable.toWeb(createWriteStream(unchecked)));
    const [signature] = opened.signatures;
    if (!signature) {
      await rm(unchecked, { force: true });
      return fail('invalid', `${name} is not signed; it may be of anybody`);
    }
    await signature.verified;
    await rename(unchecked, to);
    return ok(to);
  } catch (error) {
    await rm(unchecked, { force: true });
    return fail('invalid', `${name} cannot be decrypted or is not signed by the sender: ${(error as Error).message}`);
  }
}
