/** What an attempt to deliver means: go on, wait how long, switch off and why. Pure: the dice and the clock come from outside. */
import type { Failure, Result } from '#result.ts';

export type Status = 'requested' | 'active' | 'error' | 'off';

export type RetryPolicy = {
  /** Wait after the first failure; doubled with each further one. Milliseconds. */
  readonly firstMs: number;
  readonly mostMs: number;
  /** Failures in a row after which the Subscription says `error`; trying goes on. */
  readonly errorAfter: number;
  /** Failures of a handshake after which trying ends. */
  readonly handshakes: number;
  /** 404 or 410 in a row after which trying ends. */
  readonly goneAfter: number;
  /** Failing for as long as this ends the trying. Milliseconds. */
  readonly giveUpMs: number;
};

/** Five seconds to six hours apart, for seven days. */
export const defaultRetry: RetryPolicy = {
  firstMs: 5_000,
  mostMs: 6 * 3_600_000,
  errorAfter: 5,
  handshakes: 3,
  goneAfter: 5,
  giveUpMs: 7 * 24 * 3_600_000,
};

/** The receiver's answer; a failure when there was none, or when its address may not be called. */
export type Answer = Result<{ readonly status: number; readonly retryAfterSeconds?: number }>;

export type Attempted = {
  readonly status: Status;
  /** Failures in a row before this attempt. */
  readonly failures: number;
  /** 404 or 410 in a row before this attempt. */
  readonly gone: number;
  /** Milliseconds since the first of them. */
  readonly failingForMs: number;
  readonly answer: Answer;
  /** 0 to 1: spreads receivers that failed together. */
  readonly jitter: number;
};

export type Verdict = {
  readonly isDelivered: boolean;
  readonly status: Status;
  readonly failures: number;
  readonly gone: number;
  /** Milliseconds until the next attempt; undefined: no further one. */
  readonly waitMs: number | undefined;
  /** Why it stands as it does: no address, no header, no content. */
  readonly error: string | undefined;
};

export function judge(attempted: Attempted, policy: RetryPolicy): Verdict {
  const { answer } = attempted;
  if (answer.ok && answer.value.status >= 200 && answer.value.status < 300)
    return { isDelivered: true, status: 'active', failures: 0, gone: 0, waitMs: 0, error: undefined };
  const failures = attempted.failures + 1;
  const isGone = answer.ok && (answer.value.status === 404 || answer.value.status === 410);
  const gone = isGone ? attempted.gone + 1 : 0;
  const what = answer.ok ? `The receiver answered ${answer.value.status}` : sayFailure(answer.failure);
  const end = endOf({ ...attempted, failures, gone }, policy);
  if (end)
    return { isDelivered: false, failures, gone, waitMs: undefined, status: end.status, error: `${what}; ${end.why}` };
  const asked = answer.ok ? (answer.value.retryAfterSeconds ?? 0) * 1000 : 0;
  const waitMs = Math.max(backOff(failures, attempted.jitter, policy), Math.min(asked, policy.giveUpMs / 4));
  const isError = attempted.status !== 'requested' && failures >= policy.errorAfter;
  return {
    isDelivered: false,
    status: isError ? 'error' : attempted.status,
    failures,
    gone,
    waitMs,
    error: `${what}, ${failures === 1 ? 'once' : `${failures} times in a row`}; it is tried again`,
  };
}

function endOf(
  { status, failures, gone, failingForMs, answer }: Attempted,
  policy: RetryPolicy,
): { status: Status; why: string } | undefined {
  const again = 'set status to requested to begin again';
  if (!answer.ok && answer.failure.kind === 'forbidden') return { status: 'off', why: `switched off: ${again}` };
  if (status === 'requested' && failures >= policy.handshakes)
    return { status: 'error', why: `the handshake failed ${failures} times: ${again}` };
  if (gone >= policy.goneAfter) return { status: 'off', why: `switched off, nobody is there any more: ${again}` };
  if (failingForMs >= policy.giveUpMs) return { status: 'off', why: `switched off after failing for days: ${again}` };
  return undefined;
}

/** Doubling from the first wait to the longest, a fifth up or down. Milliseconds. */
export function backOff(failures: number, jitter: number, { firstMs, mostMs }: RetryPolicy): number {
  const plain = Math.min(firstMs * 2 ** Math.min(failures - 1, 40), mostMs);
  return Math.round(plain * (0.8 + 0.4 * jitter));
}

function sayFailure({ message }: Failure): string {
  return message.replace(/\.$/, '');
}
