/** pg-boss behind two words: queue a job inside the caller's transaction, and work the queues. The only file that knows pg-boss. */
import { type JobResult, PgBoss } from 'pg-boss';
import { type Failure, type FailureKind, fail, type Result } from '#result.ts';
import { checker } from '#schema.ts';
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
  stop(): Promise<void>;
};

export type JobsOptions = {
  readonly databaseUrl: string;
  /** Workers of each queue in this process. */
  readonly concurrency: number;
  readonly retryDelaySeconds?: number;
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
  await boss.createQueue(DEAD_LETTER);
  const { retryDelayMax, ...rest } = policy;
  const retryDelay = options.retryDelaySeconds ?? policy.retryDelay;
  const pauses =
    retryDelay > 0 ? { retryDelay, retryDelayMax, retryBackoff: true } : { retryDelay, retryBackoff: false };
  for (const name of names) await boss.createQueue(name, { ...rest, ...pauses, deadLetter: DEAD_LETTER, notify: true });
  if (options.isOnlyProcess) await takeUpInterrupted(boss);
  return {
    enqueue: (tx, jobs) => enqueue(boss, tx, jobs),
    work: async (handlers) => {
      for (const name of names)
        await workOn(boss, name, handlers[name] as (payload: unknown) => Promise<Result<unknown>>, options);
    },
    pending: async () => {
      const { rows } = await boss
        .getDb()
        .executeSql(
          `select count(*)::int as n from pgboss.job where state in ('created', 'retry', 'active') and name <> '${DEAD_LETTER}'`,
        );
      return (rows[0] as { n: number } | undefined)?.n ?? 0;
    },
    stop: () => boss.stop({ graceful: true, timeout: 20_000 }),
  };
}

async function enqueue(boss: PgBoss, tx: Executor, jobs: readonly Job[]): Promise<void> {
  const byQueue = Map.groupBy(jobs, (job) => job.queue);
  for (const [queue, some] of byQueue) {
    await boss.insert(
      queue,
      some.map((job) => ({ data: job.payload })),
      { db: tx },
    );
  }
}

/** A job that was active when its process was killed would wait for its expiry; here nobody else can be doing it. */
async function takeUpInterrupted(boss: PgBoss): Promise<void> {
  await boss.getDb().executeSql(`update pgboss.job set state = 'retry', start_after = now() where state = 'active'`);
}

async function workOn(
  boss: PgBoss,
  name: QueueName,
  handle: (payload: unknown) => Promise<Result<unknown>>,
  options: JobsOptions,
): Promise<void> {
  const check = checker(`job ${name}`, queues[name]);
  const settings = {
    localConcurrency: options.concurrency,
    pollingIntervalSeconds: 2,
    notifyPollingIntervalSeconds: 10,
    batchSize: 1,
    includeMetadata: true,
    perJobResults: true,
  } as const;
  const worker = await boss.work(name, settings, async (jobs): Promise<JobResult[]> => {
    const results: JobResult[] = [];
    for (const job of jobs) {
      const payload = check(job.data);
      const result = payload.ok ? await guarded(handle, payload.value) : payload;
      if (!result.ok) options.onFailure(name, result.failure, job.retryCount);
      results.push({ id: job.id, ...settle(result) });
    }
    // Where there was work there may be more: look again at once, and sleep only after an empty look.
    boss.notifyWorker(worker);
    return results;
  });
}

/** What another try could mend is tried again; anything else waits for a person in the dead-letter queue. */
function settle(result: Result<unknown>): Pick<JobResult, 'status' | 'output'> {
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
