/** A load on one server for a few seconds: rate, latencies, and what went wrong. */
import autocannon from 'autocannon';

export type Call = {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

export type Measured = {
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly bytes: number;
  /** Answers other than 2xx, and requests without an answer. */
  readonly bad: number;
};

/** Asks for `seconds` over `connections`, each request made anew by `next`. */
export async function load(
  origin: string,
  next: () => Call,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<Measured> {
  const result = await autocannon({
    url: origin,
    connections,
    duration: seconds,
    requests: [
      {
        setupRequest: (request: object) => {
          const { method, path, body, headers } = next();
          return { ...request, method, path, headers: { ...headers }, ...(body === undefined ? {} : { body }) };
        },
      },
    ],
  });
  return {
    rate: result.requests.total / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    bytes: result.throughput.total / Math.max(1, result.requests.total),
    bad: result.non2xx + result.errors + result.timeouts,
  };
}
