/**
 * The token of a reply link, and the pass of who has proved by it who they are: which request it answers and until when,
 * sealed with this installation's secret. No identity in either, and neither opens as the other.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { epochMilliseconds, instantOf } from '#fhir/date.ts';
import { fail, ok, type Result } from '#result.ts';

type Link = { readonly organisation: string; readonly request: string; readonly expires: string };
type Opened = Omit<Link, 'expires'>;
type Purpose = 'reply' | 'pass';

const keyOf = (secret: string, purpose: Purpose) => createHash('sha256').update(`${purpose}|${secret}`).digest();

/** A URL-safe token; the same link sealed twice differs. */
export function sealReplyLink(secret: string, link: Link): string {
  return seal(keyOf(secret, 'reply'), link);
}

/** What a token stands for: `not-found` when it is none of ours, `gone` when its time is over. */
export function openReplyLink(secret: string, token: string, now: string): Result<Opened> {
  return open(keyOf(secret, 'reply'), token, now);
}

/** As `sealReplyLink`, for the forms that follow the second factor. */
export function sealPass(secret: string, link: Link): string {
  return seal(keyOf(secret, 'pass'), link);
}

/** As `openReplyLink`. */
export function openPass(secret: string, pass: string, now: string): Result<Opened> {
  return open(keyOf(secret, 'pass'), pass, now);
}

function seal(key: Buffer, { organisation, request, expires }: Link): string {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  // Bare hex of the request's UUID keeps the link short enough for a text message.
  const plain = `${organisation}|${request}|${Math.floor(epochMilliseconds(expires) / 1000).toString(36)}`;
  const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
}

function open(key: Buffer, token: string, now: string): Result<Opened> {
  const unknown = fail('not-found', 'This link is not known. Please call your practice.');
  const bytes = Buffer.from(token, 'base64url');
  if (bytes.length < 40) return unknown;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
    decipher.setAuthTag(bytes.subarray(12, 28));
    const plain = Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
    const [organisation = '', request = '', seconds = ''] = plain.split('|');
    const expires = instantOf(Number.parseInt(seconds, 36) * 1000);
    if (epochMilliseconds(expires) < epochMilliseconds(now))
      return fail('gone', 'This link has expired. Please call your practice.');
    return ok({ organisation, request });
  } catch {
    return unknown;
  }
}
