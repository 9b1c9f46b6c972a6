/** What every callback has in common: compared in constant time, kept before it is acknowledged. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Deps } from '#http/deps.ts';
import { EVENTS } from '#ops/log.ts';
import type { Failure } from '#result.ts';
import type { CallbackReceived } from './deps.ts';

const RETRY_AFTER_S = 30;

/** Whatever goes wrong in keeping it must make the sender try again: 503, never a 4xx. */
export async function keep(deps: Deps, callback: CallbackReceived, requestId: string): Promise<Failure | undefined> {
  const failure: Failure = {
    kind: 'unavailable',
    message: 'The callback could not be kept. Send it again.',
    retryAfter: RETRY_AFTER_S,
  };
  try {
    return (await deps.receive(callback)).ok ? undefined : failure;
  } catch (error) {
    deps.log.error({ event: EVENTS.requestFailed, requestId, err: error });
    return failure;
  }
}

/** Constant-time for any two lengths: digests are compared, so a wrong length takes no other path. */
export function isSame(one: Buffer, other: Buffer): boolean {
  const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
  return timingSafeEqual(hash(one), hash(other));
}

/** SHA-256, lower-case hex. */
export function digestOf(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
