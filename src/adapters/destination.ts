/**
 * One other system as somebody to be spared: so many calls at once, and none for a while after several in a row failed.
 * Who fails fast keeps workers free for the destinations that answer.
 */
import {
  BrokenCircuitError,
  BulkheadRejectedError,
  bulkhead,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhenResult,
} from 'cockatiel';
import { type FailureKind, fail, type Result } from '#result.ts';

export type Limits = {
  /** Calls in a row that fail before it is left alone. */
  readonly failures: number;
  /** How long it is left alone; then one call tries it. Milliseconds. */
  readonly openMs: number;
  readonly atOnce: number;
  /** Calls that may wait for their turn; more are refused at once. */
  readonly waiting: number;
};

export type DestinationState = {
  /** `GP Connect A81001`, `Spine Directory Service`. */
  readonly name: string;
  /** `open`: not called now. `half-open`: the next call tries it. */
  readonly state: 'closed' | 'open' | 'half-open';
  readonly running: number;
  readonly waiting: number;
  /** Since the process began. */
  readonly calls: number;
  readonly failures: number;
  /** Not made, because it was left alone or had enough to do. */
  readonly refused: number;
  readonly lastFailure?: { readonly kind: FailureKind; readonly at: string };
};

export type Destination = {
  /** Makes a call unless the destination is to be spared: then `unavailable` or `busy`, and nothing was sent. */
  readonly run: <T>(work: () => Promise<Result<T>>) => Promise<Result<T>>;
  readonly state: () => DestinationState;
};

/**
 * A few calls at once, as practices' systems bear them (facts: gp-connect §1.6); five failures in a row, then half a
 * minute's rest. Few may wait: a booking holds a connection to the database while it does.
 */
export const USUAL_LIMITS: Limits = { failures: 5, openMs: 30_000, atOnce: 4, waiting: 20 };

/** What shows that the destination is not well: a refusal or a limit does not. */
const UNWELL: ReadonlySet<FailureKind> = new Set(['unavailable', 'unknown-outcome']);

export function createDestination(
  name: string,
  limits: Limits = USUAL_LIMITS,
  now: () => string = realNow,
): Destination {
  const { failures, openMs, atOnce, waiting } = limits;
  const breaker = circuitBreaker(handleWhenResult(isUnwell), {
    halfOpenAfter: openMs,
    breaker: new ConsecutiveBreaker(failures),
  });
  const crowd = bulkhead(atOnce, waiting);
  const counted = { calls: 0, failures: 0, refused: 0 };
  let lastFailure: DestinationState['lastFailure'];
  const call = async <T>(work: () => Promise<Result<T>>): Promise<Result<T>> => {
    counted.calls += 1;
    const result = await work();
    if (isUnwell(result) && !result.ok) {
      counted.failures += 1;
      lastFailure = { kind: result.failure.kind, at: now() };
    }
    return result;
  };
  return {
    run: async (work) => {
      try {
        // Whoever has waited meets the breaker as it is then.
        return await crowd.execute(() => breaker.execute(() => call(work)));
      } catch (error) {
        const refusal = refusalOf(error, name, limits);
        if (!refusal) throw error;
        counted.refused += 1;
        return refusal;
      }
    },
    state: () => ({
      name,
      state: stateOf(breaker.state),
      running: atOnce - crowd.executionSlots,
      waiting: waiting - crowd.queueSlots,
      ...counted,
      ...(lastFailure ? { lastFailure } : {}),
    }),
  };
}

function realNow(): string {
  return new Date().toISOString();
}

function isUnwell(result: unknown): result is { readonly ok: false; readonly failure: { readonly kind: FailureKind } } {
  const { ok, failure } = result as Result<unknown> & { failure?: { kind: FailureKind } };
  return !ok && failure !== undefined && UNWELL.has(failure.kind);
}

function refusalOf(error: unknown, name: string, { openMs, atOnce, waiting }: Limits): Result<never> | undefined {
  if (error instanceof BrokenCircuitError) {
    const message = `${name} failed several times in a row and is left alone for up to ${openMs / 1000} s; nothing was sent`;
    return fail('unavailable', message, { retryAfter: Math.ceil(openMs / 1000) });
  }
  if (error instanceof BulkheadRejectedError)
    return fail('busy', `${name} has ${atOnce} calls under way and ${waiting} waiting; nothing was sent`, {
      retryAfter: 5,
    });
  return undefined;
}

function stateOf(state: CircuitState): DestinationState['state'] {
  if (state === CircuitState.Closed) return 'closed';
  return state === CircuitState.HalfOpen ? 'half-open' : 'open';
}

/** Destinations by name, each made when it is first called. */
export function createDestinations(limits: Limits = USUAL_LIMITS) {
  const known = new Map<string, Destination>();
  return {
    of: (name: string): Destination => {
      const found = known.get(name) ?? createDestination(name, limits);
      known.set(name, found);
      return found;
    },
    states: (): readonly DestinationState[] => [...known.values()].map((one) => one.state()),
  };
}
