/**
 * Places in a search's pages, handed out as tokens that only we can read: no state is kept for them, they hold no
 * patient data in the clear, and serve only the caller and the query they were made for.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/** Where a page begins. `keys`: the sort values of the entry before it, as text; null = it has none. */
export type Position = {
  readonly backward: boolean;
  readonly keys: readonly (string | null)[];
  readonly rid: string;
  readonly organisation: string;
  readonly type: string;
  /** The order of a search without `_sort`, where it is not that of resource numbers: code of a parameter. */
  readonly natural?: string;
  /** How many included resources of the page were handed out already. */
  readonly included?: number;
};

/** The key of all cursors, from the secret of the configuration. */
export function cursorKey(secret: string | Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, 'holdfast', 'search cursor', 32));
}

/** `bound`: the caller and the query. It is not in the token, but without it the token cannot be read. */
export function seal(key: Buffer, bound: string, position: Position): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(bound));
  const { backward, keys, rid, organisation, type, natural, included } = position;
  const text = JSON.stringify([backward ? 1 : 0, keys, rid, organisation, type, natural ?? 0, included ?? 0]);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** Undefined for a token that is not ours, is damaged, or is another caller's or query's. */
export function unseal(key: Buffer, bound: string, token: string): Position | undefined {
  const bytes = Buffer.from(token, 'base64url');
  if (bytes.length < 29 || bytes.length > 8_192) return undefined;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 });
    decipher.setAAD(Buffer.from(bound));
    decipher.setAuthTag(bytes.subarray(12, 28));
    const text = Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
    const [backward, keys, rid, organisation, type, natural, included] = JSON.parse(text) as [
      number,
      (string | null)[],
      string,
      string,
      string,
      string | 0,
      number,
    ];
    return {
      backward: backward === 1,
      keys,
      rid,
      organisation,
      type,
      ...(natural ? { natural } : {}),
      ...(included ? { included } : {}),
    };
  } catch {
    return undefined;
  }
}
