/**
 * Single writes of many callers in one transaction: each is answered as if it had come alone, and the journeys to the
 * database and the commit are shared. What one refuses concerns no other, and what cannot go together goes alone.
 * docs/adr/0021-calls-that-go-together.md
 */
import { type Failure, ok, type Result } from '#result.ts';
import { inTransaction, isUndone } from '#store/database.ts';
import { gather } from '#store/gather.ts';
import { applyOperations, type WriteShell } from './client-apply.ts';
import { isConditional } from './client-conditions.ts';
import type { WriteOperation, Writer, Written } from './client-operation.ts';
import { alone } from './client-place.ts';
import { writeByClient } from './client-writes.ts';
import type { Transaction } from './shell.ts';

/** One client's write, and what is kept beside it (its audit row) once it is known what was written. */
export type Asked<Kept> = {
  readonly writer: Writer;
  readonly operation: WriteOperation;
  readonly keep: (written: Written) => Kept;
};

type Keeping<Kept> = (tx: Transaction, kept: readonly Kept[]) => Promise<void>;

const LANES = 2;
const MOST = 32;
/** A group that waits longer than this for a lock is undone, and its members go alone: none waits for another's lock. */
const LOCK_TIMEOUT_MS = 100;
const PATIENCE_MS = 25;

/** What the workflow heeds under the locks of a person, and what is kept in more than one place, goes alone. */
const ALONE: ReadonlySet<string> = new Set(['Consent', 'Flag', 'Subscription']);

/** A way to write that shares transactions; `keeping` stores what is kept beside the writes, in the same transaction. */
export function writingTogether<Kept>(
  shell: WriteShell,
  keeping: Keeping<Kept>,
): (asked: Asked<Kept>) => Promise<Result<Written>> {
  const oneAlone = (asked: Asked<Kept>) => writeAlone(shell, keeping, asked);
  const together = gather((group: readonly Asked<Kept>[]) => writeGroup(shell, keeping, group), {
    lanes: LANES,
    most: MOST,
    patienceMs: PATIENCE_MS,
  });
  return (asked) => (mayGoTogether(asked.operation) ? together(asked) : oneAlone(asked));
}

function mayGoTogether(operation: WriteOperation): boolean {
  return !ALONE.has(operation.type) && !isConditional(operation);
}

function writeAlone<Kept>(
  shell: WriteShell,
  keeping: Keeping<Kept>,
  { writer, operation, keep }: Asked<Kept>,
): Promise<Result<Written>> {
  return writeByClient(shell, writer, { operation, finish: (tx, written) => keeping(tx, [keep(written)]) });
}

/** Those of one caller go together; a second write of a resource goes after the first, alone, and sees what that wrote. */
function writeGroup<Kept>(
  shell: WriteShell,
  keeping: Keeping<Kept>,
  group: readonly Asked<Kept>[],
): readonly Promise<Result<Written>>[] {
  const oneAlone = (asked: Asked<Kept>) => writeAlone(shell, keeping, asked);
  const first = new Map(group.toReversed().map((asked) => [keyOf(asked), asked]));
  const shared = new Map<string, Promise<Answers<Kept>>>();
  for (const [caller, those] of Map.groupBy(first.values(), ({ writer }) => callerOf(writer)))
    if (those.length > 1) shared.set(caller, allOf(shell, keeping, those));
  const latest = new Map<unknown, Promise<Result<Written>>>();
  return group.map((asked) => {
    const key = keyOf(asked);
    const together = shared.get(callerOf(asked.writer)) ?? Promise.resolve<Answers<Kept>>(new Map());
    const answer =
      first.get(key) === asked
        ? together.then((all) => all.get(asked) ?? oneAlone(asked))
        : Promise.allSettled([latest.get(key)]).then(() => oneAlone(asked));
    latest.set(key, answer);
    return answer;
  });
}

const callerOf = ({ client, organisations, role }: Writer) => JSON.stringify([client, role, organisations]);

/** Creates have no key in common with any other. */
function keyOf<Kept>(asked: Asked<Kept>): unknown {
  const { operation } = asked;
  return operation.method !== 'create' && 'id' in operation.which ? `${operation.type}/${operation.which.id}` : asked;
}

type Answers<Kept> = ReadonlyMap<Asked<Kept>, Result<Written>>;

/** One transaction; whoever is not among the answers is to go alone. */
async function allOf<Kept>(
  shell: WriteShell,
  keeping: Keeping<Kept>,
  asked: readonly Asked<Kept>[],
): Promise<Answers<Kept>> {
  try {
    return await inTransaction(shell.pool, (tx) => applyAll(shell, tx, keeping, asked), {
      lockTimeoutMs: LOCK_TIMEOUT_MS,
    });
  } catch (error) {
    // Undone as a whole: alone, each meets its own fault or none. Where it may have been committed, nothing is sent twice.
    if (!isUndone(error)) throw error;
    return new Map();
  }
}

/** A refusal comes before anything is written: the others go on without the one that is refused. */
async function applyAll<Kept>(
  shell: WriteShell,
  tx: Transaction,
  keeping: Keeping<Kept>,
  asked: readonly Asked<Kept>[],
): Promise<Answers<Kept>> {
  const answers = new Map<Asked<Kept>, Result<Written>>();
  let those = asked;
  for (let [first] = those; first; [first] = those) {
    const operations = those.map(({ operation }) => operation);
    const done = await applyOperations(shell, tx, { writer: first.writer, operations });
    const answered = done.ok ? pairs(those, done.value) : [refusedOf(those, done.failure)];
    for (const [one, answer] of answered) answers.set(one, answer);
    if (done.ok)
      await keeping(
        tx,
        answered.flatMap(([one, answer]) => (answer.ok ? [one.keep(answer.value)] : [])),
      );
    those = those.filter((one) => !answers.has(one));
  }
  return answers;
}

type Answered<Kept> = readonly [Asked<Kept>, Result<Written>];

function pairs<Kept>(asked: readonly Asked<Kept>[], written: readonly Written[]): Answered<Kept>[] {
  return asked.map((one, index) => {
    const answer = written[index];
    if (!answer) throw new Error('A write was not answered');
    return [one, ok(answer)];
  });
}

function refusedOf<Kept>(asked: readonly Asked<Kept>[], failure: Failure): Answered<Kept> {
  const refused = failure.entry === undefined ? undefined : asked[failure.entry];
  if (!refused) throw new Error('It cannot be told which write is refused');
  return [refused, { ok: false, failure: alone(failure) }];
}
