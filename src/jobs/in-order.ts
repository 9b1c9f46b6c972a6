/**
 * Jobs one at a time, in the order in which they were queued, over all queues: for the sandbox, whose simulated
 * programme must take the same path whether its process was killed and started again or not. docs/adr/0005
 */
import type { JobResult, PgBoss } from 'pg-boss';
import type { QueueName } from './queues.ts';

export type InOrder = {
  /** The place of the next job in the queue of queues; the first is the highest. */
  nextPlace(): number;
  /** Does everything that waits and everything that follows from it; then comes back. */
  settle(): Promise<void>;
  /** Ends after the job that is being done. */
  stop(): Promise<void>;
};

type Job = { readonly id: string; readonly data: unknown; readonly retryCount: number };
export type Do = (name: QueueName, job: Job) => Promise<Pick<JobResult, 'status' | 'output'>>;

/** Takes the places up where an earlier run left them. pg-boss serves higher priorities first, so a place is one, counted down. */
export async function openInOrder(boss: PgBoss, names: readonly QueueName[], work: Do): Promise<InOrder> {
  const { rows } = await boss.getDb().executeSql('select coalesce(min(priority), 0)::int as last from pgboss.job');
  let place = (rows[0] as { last: number } | undefined)?.last ?? 0;
  let isStopped = false;
  let running: Promise<void> | undefined;
  const run = async () => {
    while (!isStopped) {
      const name = await first(boss, names);
      const [job] = name ? await boss.fetch(name, { includeMetadata: true, ignoreStartAfter: true }) : [];
      if (!name || !job) return;
      await close(boss, name, job, await work(name, job));
    }
  };
  const begin = () =>
    run().finally(() => {
      running = undefined;
    });
  return {
    nextPlace: () => {
      place -= 1;
      return place;
    },
    settle: async () => {
      // One that is running may have looked for the last time already.
      if (running) await running;
      running ??= begin();
      await running;
    },
    stop: async () => {
      isStopped = true;
      await running;
    },
  };
}

/** The queue of the job that has waited longest; each queue's first is found by its index. */
async function first(boss: PgBoss, names: readonly QueueName[]): Promise<QueueName | undefined> {
  const { rows } = await boss.getDb().executeSql(
    `select queue.name from unnest($1::text[]) as queue (name)
     cross join lateral (
       select priority from pgboss.job where name = queue.name and state < 'active' and not blocked
       order by priority desc, created_on limit 1
     ) waiting
     order by waiting.priority desc limit 1`,
    [names],
  );
  const found = (rows[0] as { name: string } | undefined)?.name;
  return names.find((name) => name === found);
}

async function close(
  boss: PgBoss,
  name: QueueName,
  job: Job,
  { status, output }: Pick<JobResult, 'status' | 'output'>,
): Promise<void> {
  const said = (output ?? null) as object | null;
  if (status === 'completed') {
    await boss.complete(name, job, said);
    return;
  }
  // What no other try could mend goes to the dead letters at once.
  if (status === 'deadletter')
    await boss
      .getDb()
      .executeSql('update pgboss.job set retry_limit = retry_count where name = $1 and id = $2', [name, job.id]);
  await boss.fail(name, job, said);
}
