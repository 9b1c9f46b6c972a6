/** The token of one MESH request: who, a nonce, when, and a keyed hash over these and the password. facts: nhs-apis §8 */
import { createHmac } from 'node:crypto';

export type MeshCredentials = {
  readonly mailbox: string;
  readonly password: string;
  /** The shared key of the environment. */
  readonly sharedKey: string;
};

/** The `Authorization` header. It is good for one request, within two hours of the server's clock. `now` is an instant, `nonce` a UUID. */
export function meshToken({ mailbox, password, sharedKey }: MeshCredentials, nonce: string, now: string): string {
  const id = mailbox.toUpperCase();
  const timestamp = new Date(now).toISOString().replace(/\D/g, '').slice(0, 12);
  const hash = createHmac('sha256', sharedKey).update([id, nonce, '0', password, timestamp].join(':')).digest('hex');
  return `NHSMESH ${[id, nonce, '0', timestamp, hash].join(':')}`;
}
