/** pg-boss behind two words: queue a job inside the caller's transaction, and work the queues. Only this room knows pg-boss. */
import { type JobResult, PgBoss } from 'pg-boss';
import { type Failure, type FailureKind, fail, type Result } from '#result.ts';
import { checker } from '#schema.ts';
import { type InOrder, openInOrder } from './in-order.ts';
import { DEAD_LETTER, type Job, type Payload, policy, type QueueName, queues } from './queues.ts';

/** What pg-boss needs of a running transaction. */
type Executor = { executeSql(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> };

export type Handlers = { readonly [Q in QueueName]: (payload: Payload<Q>) => Promise<Result<unknown>> };

export type Jobs = {
  /** Queues jobs in the given transaction: they exist exactly when it commits. */
  enqueue(tx: Executor, jobs: readonly Job[]): Promise<void>;
  /** Starts the workers. */
  work(handlers: Handlers): Promise<void>;
  /** Jobs waiting or being done, over all queues. */
  pending(): Promise<number>;
  /** Comes back when no job is waiting or being done. Where jobs are done in order, they are done in here and nowhere else. */
  settle(): Promise<void>;
  stop(): Promise<void>;
};

export type JobsOptions = {
  readonly databaseUrl: string;
  /** Workers of each queue in this process. */
  readonly concurrency: (queue: QueueName) => number;
  readonly retryDelaySeconds?: number;
  /** One job at a time, in the order of queueing, and only within `settle`. */
  readonly isInOrder?: boolean;
  /** True when no other process can be working: jobs that a killed process had begun are taken up at once. */
  readonly isOnlyProcess: boolean;
  /** Hears of each failed job: queue, kind and message, never the payload. */
  readonly onFailure: (queue: string, failure: Failure, attempt: number) => void;
  readonly onError: (error: Error) => void;
};

const RETRIED: ReadonlySet<FailureKind> = new Set([
  'busy',
  'unavailable',
  'unknown-outcome',
  'conflict',
  'precondition',
  'fault',
]);

const names = Object.keys(queues) as QueueName[];
const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

export async function openJobs(options: JobsOptions): Promise<Jobs> {
  const boss = new PgBoss({
    connectionString: options.databaseUrl,
    max: 6,
    useListenNotify: true,
    schedule: false,
    application_name: 'holdfast jobs',
  });
  boss.on('error', options.onError);
  await boss.start();
  await boss.createQueue(DEAD_LETTER, { retentionSeconds: policy.retentionSeconds });
  const { retryDelayMax, ...rest } = policy;
  const retryDelay = options.retryDelaySeconds ?? policy.retryDelay;
  const pauses =
    retryDelay > 0 ? { retryDelay, retryDelayMax, retryBackoff: true } : { retryDelay, retryBackoff: false };
  for (const name of names) await boss.createQueue(name, { ...rest, ...pauses, deadLetter: DEAD_LETTER, notify: true });
  if (options.isOnlyProcess) await takeUpInterrupted(boss);
  const stop = () => boss.stop({ graceful: true, timeout: 20_000 });
  if (options.isInOrder) return inOrder(boss, options, stop);
  return {
    enqueue: (tx, jobs) => enqueue(boss, tx, jobs),
    work: async (handlers) => {
      for (const name of names) await workOn(boss, name, workerOf(name, handlers, options), options);
    },
    pending: () => pending(boss),
    settle: async () => {
      for (let wait = 5; (await pending(boss)) > 0; wait = Math.min(wait * 2, 50)) await pause(wait);
    },
    stop,
  };
}

async function inOrder(boss: PgBoss, options: JobsOptions, stop: () => Promise<void>): Promise<Jobs> {
  const workers = new Map<QueueName, Work>();
  const runner = await openInOrder(boss, names, (name, job) => {
    const work = workers.get(name);
    if (!work) throw new Error('jobs were to be done before anybody said how: call work() first');
    return work(job);
  });
  return {
    enqueue: (tx, jobs) => enqueue(boss, tx, jobs, runner),
    work: async (handlers) => {
      for (const name of names) workers.set(name, workerOf(name, handlers, options));
    },
    pending: () => pending(boss),
    settle: runner.settle,
    stop: async () => {
      await runner.stop();
      await stop();
    },
  };
}

async function pending(boss: PgBoss): Promise<number> {
  const { rows } = await boss
    .getDb()
    .executeSql(
      `select count(*)::int as n from pgboss.job where state in ('created', 'retry', 'active') and name <> '${DEAD_LETTER}'`,
    );
  return (rows[0] as { n: number } | undefined)?.n ?? 0;
}

async function enqueue(boss: PgBoss, tx: Executor, jobs: readonly Job[], order?: InOrder): Promise<void> {
  const placed = jobs.map(({ queue, payload }) => ({
    queue,
    insert: { data: payload, ...(order ? { priority: order.nextPlace() } : {}) },
  }));
  for (const [queue, some] of Map.groupBy(placed, (job) => job.queue)) {
    await boss.insert(
      queue,
      some.map(({ insert }) => insert),
      { db: tx },
    );
  }
}

/** A job that was active when its process was killed would wait for its expiry; here nobody else can be doing it. */
async function takeUpInterrupted(boss: PgBoss): Promise<void> {
  await boss.getDb().executeSql(`update pgboss.job set state = 'retry', start_after = now() where state = 'active'`);
}

type Work = (job: {
  readonly data: unknown;
  readonly retryCount: number;
}) => Promise<Pick<JobResult, 'status' | 'output'>>;

/** How a queue's jobs are done: the payload is checked, the stage called, its answer told to pg-boss. */
function workerOf(name: QueueName, handlers: Handlers, options: JobsOptions): Work {
  const check = checker(`job ${name}`, queues[name]);
  const handle = handlers[name] as (payload: unknown) => Promise<Result<unknown>>;
  return async (job) => {
    const payload = check(job.data);
    const result = payload.ok ? await guarded(handle, payload.value) : payload;
    if (!result.ok) options.onFailure(name, result.failure, job.retryCount);
    return dispositionOf(result);
  };
}

async function workOn(boss: PgBoss, name: QueueName, work: Work, options: JobsOptions): Promise<void> {
  const settings = {
    localConcurrency: options.concurrency(name),
    pollingIntervalSeconds: 2,
    notifyPollingIntervalSeconds: 10,
    batchSize: 1,
    includeMetadata: true,
    perJobResults: true,
  } as const;
  const worker = await boss.work(name, settings, async (jobs): Promise<JobResult[]> => {
    const results: JobResult[] = [];
    for (const job of jobs) results.push({ id: job.id, ...(await work(job)) });
    // Where there was work there may be more: look again at once, and sleep only after an empty look.
    boss.notifyWorker(worker);
    return results;
  });
}

/** What another try could mend is tried again; anything else waits for a person in the dead-letter queue. */
function dispositionOf(result: Result<unknown>): Pick<JobResult, 'status' | 'output'> {
  if (result.ok) return { status: 'completed' };
  const { kind, message } = result.failure;
  return { status: RETRIED.has(kind) ? 'failed' : 'deadletter', output: { kind, message } };
}

/** A thrown error is a bug or a lost database: reported like a failure, and retried. */
async function guarded(
  handle: (payload: unknown) => Promise<Result<unknown>>,
  payload: unknown,
): Promise<Result<unknown>> {
  try {
    return await handle(payload);
  } catch (error) {
    return fail('fault', error instanceof Error ? error.message : String(error), { cause: error });
  }
}
