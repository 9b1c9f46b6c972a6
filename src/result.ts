/**
 * Failures as data: the words every room shares.
 * Expected failures are returned as a `Result`; a bug or a lost database is thrown and caught once at the edge.
 */

/** What went wrong, in the words the HTTP edge and the job policy decide by. */
export type FailureKind =
  | 'invalid'
  /** Understood, and against a rule or a profile. */
  | 'unprocessable'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'gone'
  | 'conflict'
  | 'precondition'
  | 'unsupported'
  /** Refused for now by the other side (429, 425): safe to try again later. */
  | 'busy'
  /** Not reached, or failed before anything was done: safe to try again. */
  | 'unavailable'
  /** A write was sent and no answer came: it may have happened. Look before trying again. */
  | 'unknown-outcome'
  | 'fault';

/** One thing that is wrong: what was found, what was wanted, what to do. Never patient data. */
export type Issue = {
  readonly code: string;
  readonly diagnostics: string;
  readonly expression?: string;
  readonly severity?: 'fatal' | 'error' | 'warning' | 'information';
};

export type Failure = {
  readonly kind: FailureKind;
  readonly message: string;
  readonly issues?: readonly Issue[];
  /** Seconds to wait before trying again, when the other side said so. */
  readonly retryAfter?: number;
  /** Of several things that were asked together, which one it is about: its place, from 0. */
  readonly entry?: number;
  readonly cause?: unknown;
};

export type Result<T, F = Failure> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: F };

export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function fail(
  kind: FailureKind,
  message: string,
  more: Omit<Failure, 'kind' | 'message'> = {},
): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure: { kind, message, ...more } };
}
