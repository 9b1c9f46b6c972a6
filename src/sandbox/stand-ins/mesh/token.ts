/** Whether a MESH token is good: of the mailbox in the path, in time, rightly hashed, and not used before. facts: nhs-apis §8 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Mailroom } from './mailroom.ts';

export type TokenCheck = (authorization: string | undefined, mailbox: string) => boolean;

const FORM = /^NHSMESH ([A-Z0-9]+):([0-9a-f-]{36}):(\d+):(\d{12}):([0-9a-f]{64})$/;

/** `realNow` in milliseconds: tokens go by the real clock. */
export function createTokenCheck(mailroom: Mailroom, sharedKey: string, realNow: () => number): TokenCheck {
  const used = new Set<string>();
  return (authorization, mailbox) => {
    const [, id = '', nonce = '', count = '', timestamp = '', hash = ''] = FORM.exec(authorization ?? '') ?? [];
    const known = mailroom.mailboxes.get(id);
    if (!known || id !== mailbox) return false;
    const [year, month, day, hour, minute] = (timestamp.match(/^\d{4}|\d{2}/g) ?? []).map(Number);
    const at = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute);
    if (Math.abs(at - realNow()) > 2 * 3_600_000) return false;
    const wanted = createHmac('sha256', sharedKey)
      .update(`${id}:${nonce}:${count}:${known.password}:${timestamp}`)
      .digest();
    if (!timingSafeEqual(wanted, Buffer.from(hash, 'hex'))) return false;
    const token = `${nonce}:${count}`;
    if (used.has(token)) return false;
    used.add(token);
    return true;
  };
}
