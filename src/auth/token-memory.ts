/** Tokens that were found good, so that a signature is not checked at every request. Bounded, and never for long. */
import { createHash } from 'node:crypto';
import type { Result } from '#result.ts';
import type { Principal } from './access.ts';

/** A token is checked again after so long: a key that the issuer withdrew is refused within this time and that of the kept keys. */
export const REMEMBERED_MS = 60_000;
const MOST = 10_000;

/** `expiresAt` in milliseconds since 1970. */
export type Proof = { readonly principal: Principal; readonly expiresAt: number };

type Known = { readonly principal: Principal; readonly until: number };

/** Remembers what `verify` found good, by the SHA-256 of the token; the least lately used are forgotten first. */
export function remembering(
  verify: (token: string) => Promise<Result<Proof>>,
  now: () => number = Date.now,
): (token: string) => Promise<Result<Principal>> {
  const known = new Map<string, Known>();
  return async (token) => {
    const key = createHash('sha256').update(token).digest('base64');
    const found = known.get(key);
    if (found) {
      known.delete(key);
      if (found.until > now()) {
        known.set(key, found);
        return { ok: true, value: found.principal };
      }
    }
    const proof = await verify(token);
    if (!proof.ok) return proof;
    const { principal, expiresAt } = proof.value;
    known.set(key, { principal, until: Math.min(expiresAt, now() + REMEMBERED_MS) });
    if (known.size > MOST) known.delete(known.keys().next().value ?? '');
    return { ok: true, value: principal };
  };
}
