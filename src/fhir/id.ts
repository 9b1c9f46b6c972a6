/** Ids and keys made from what they stand for, so that doing a thing twice makes it once. */
import { createHash } from 'node:crypto';

/**
 * A UUID (version 8, RFC 9562) from the given parts: the same parts always give the same id.
 * Never pass an NHS number, a name or a phone number: ten digits can be guessed back from a hash.
 */
export function idFrom(...parts: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest();
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x80, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = hash.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** A short fingerprint of a text, for "is this the same as before". Not for identities. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
