/** The log: one JSON line per event, constant event names, and no patient data even where a caller slips. */
import { type LogFn, type Logger, pino } from 'pino';

export type { Logger };

/** Every event name that a line may carry. A new kind of line is a new name here. */
export const EVENTS = {
  request: 'http.request',
  requestFailed: 'http.request-failed',
  auditFailed: 'http.audit-failed',
  callbackRefused: 'http.callback-refused',
  callbackOdd: 'http.callback-odd',
  issuerUnreachable: 'auth.issuer-unreachable',
  started: 'process.started',
  stopping: 'process.stopping',
  stopped: 'process.stopped',
  jobDone: 'job.done',
  jobFailed: 'job.failed',
  databaseLost: 'database.connection-lost',
} as const;

/** Names under which identifying or secret data could be logged by mistake, at any depth. */
const sensitive: ReadonlySet<string> = new Set(
  `authorization token secret password apiKey nhsNumber birthDate name given family address telecom phone mobile email url
  query body raw content text detail`.split(/\s+/),
);

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof levels)[number];

/** A logger that writes to stdout, or to `destination`. */
export function createLog(options: { level: LogLevel; destination?: { write(line: string): void } }): Logger {
  const settings = {
    level: options.level,
    base: { service: 'holdfast' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: {
      // Here and not in a serializer: given an error, pino has made its message the line's message before any of those.
      logMethod(this: Logger, args: Parameters<LogFn>, method: LogFn) {
        const [first, ...rest] = args as [unknown, ...unknown[]];
        const object = first instanceof Error ? { err: first } : first;
        const isObject = typeof object === 'object' && object !== null;
        method.apply(this, (isObject ? [harmless(object), ...rest] : args) as Parameters<LogFn>);
      },
    },
  };
  const log = options.destination ? pino(settings, options.destination) : pino(settings);
  const { child } = log;
  // The bindings of a child come through no hook. Children inherit this one, so theirs are covered as well.
  log.child = function harmlessChild(this: Logger, bindings: object, ...rest: []) {
    return child.call(this, harmless(bindings), ...rest);
  } as typeof child;
  return log;
}

/** A copy without what must not be logged, at any depth. Own code: pino's wildcard redaction costs more than the rest of a request's log line. */
function harmless(object: object, depth = 0): Record<string, unknown> {
  const entries = Object.entries(object).map(([name, value]) => [
    name,
    sensitive.has(name) ? '[redacted]' : harmlessValue(value, depth),
  ]);
  return Object.fromEntries(entries);
}

function harmlessValue(value: unknown, depth: number): unknown {
  if (value instanceof Error) return describeError(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > 5) return '[too deep]';
  return Array.isArray(value) ? value.map((one) => harmlessValue(one, depth + 1)) : harmless(value, depth + 1);
}

/**
 * An error as it may be logged: its class, its code and where it happened. Never its message: database and parser
 * messages quote the values that they choked on.
 */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const { code, constraint, table } = error as { code?: unknown; constraint?: unknown; table?: unknown };
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    type: error.name,
    ...(code === undefined ? {} : { code }),
    ...(constraint === undefined ? {} : { constraint }),
    ...(table === undefined ? {} : { table }),
    at: frames.slice(0, 8).map((line) => line.trim()),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}
