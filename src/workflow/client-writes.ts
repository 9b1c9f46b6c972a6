/** What clients write: one operation, or a whole transaction with what is to be read after it. All of it, or nothing. */
import { type Failure, fail, ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { applyOperations, type WriteShell, type Writing } from './client-apply.ts';
import type { WriteOperation, Writer, Written } from './client-operation.ts';
import { alone, inBundle } from './client-place.ts';
import type { Transaction } from './shell.ts';

/** Seconds after which a collision is worth trying again: the other transaction is over by then. */
const RETRY_AFTER_S = 1;
const COLLISIONS: ReadonlySet<string> = new Set(['40001', '40P01', '23505', '55P03']);

/** Carries a refusal out of the transaction, so that it is rolled back. */
class Refusal extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** One write, then `finish` inside the same transaction. */
export async function writeByClient(
  shell: WriteShell,
  writer: Writer,
  { operation, finish }: { operation: WriteOperation; finish: (tx: Transaction, written: Written) => Promise<void> },
): Promise<Result<Written>> {
  const done = await transact(shell, { writer, operations: [operation] }, async (tx, [written]) =>
    written ? finish(tx, written) : undefined,
  );
  if (!done.ok) return { ok: false, failure: alone(done.failure) };
  const [written] = done.value.written;
  return written ? ok(written) : fail('fault', 'Nothing was written');
}

type Finish<T> = (tx: Transaction, written: readonly Written[]) => Promise<T>;
type Transacted<T> = { readonly written: readonly Written[]; readonly read: T };

/**
 * All operations or none, then `finish` inside the same transaction. Collisions with others are tried again by the
 * server; one that lasts is a `conflict` with a time to wait.
 */
export async function transactByClient<T>(
  shell: WriteShell,
  writing: Writing,
  finish: Finish<T>,
): Promise<Result<Transacted<T>>> {
  const done = await transact(shell, writing, finish);
  if (done.ok) return done;
  const { failure } = done;
  return { ok: false, failure: writing.operations.length > 1 ? inBundle(failure) : alone(failure) };
}

async function transact<T>(shell: WriteShell, writing: Writing, finish: Finish<T>): Promise<Result<Transacted<T>>> {
  try {
    return await inTransaction(shell.pool, async (tx) => {
      const written = writing.operations.length > 0 ? await applyOperations(shell, tx, writing) : ok([]);
      if (!written.ok) throw new Refusal(written.failure);
      return ok({ written: written.value, read: await finish(tx, written.value) });
    });
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, failure: error.failure };
    if (!COLLISIONS.has((error as { code?: string }).code ?? '')) throw error;
    const message = 'Others are changing the same resources. Nothing was written: try again after Retry-After.';
    return fail('conflict', message, { retryAfter: RETRY_AFTER_S });
  }
}
