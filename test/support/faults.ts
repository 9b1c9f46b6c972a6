/** Jobs as the queue runs them at its worst: again while they fail, several at once, some delivered twice. */

/** Runs a job again while it fails, whatever it threw; answers with the number of tries. */
export async function persist(work: () => Promise<{ readonly ok: boolean }>, most = 60): Promise<number> {
  for (let attempt = 1; attempt <= most; attempt += 1) {
    const done = await work().catch(() => ({ ok: false }));
    if (done.ok) return attempt;
  }
  throw new Error(`${most} tries were not enough`);
}

/** Runs `work` for all, so many at a time. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
