/**
 * The route by a practice's transaction link. Filing there is not idempotent and an answer may be lost, so that a try is
 * written down before it is made: after one of unknown outcome the entry is only looked for, until no call of that try
 * can arrive any more. Facts: gp-connect §5.3, §5.6
 */
import { entryDateOf, entryOf, routeOf } from '#domain/writeback.ts';
import { moveWriteback, triedAt, type WritebackEvent } from '#domain/writeback-move.ts';
import { epochMilliseconds } from '#fhir/date.ts';
import type { Task } from '#fhir/types.ts';
import { type Failure, ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { saveResources } from '#store/resources.ts';
import { setTimers } from '#store/timers.ts';
import type { OutreachShell } from './hand-over.ts';
import { loadPathway, type Pathway } from './pathway.ts';
import type { EntryToFile, FileEntry } from './ports.ts';
import { nhsNumberOf } from './send-check.ts';
import type { Transaction } from './shell.ts';
import { deadlinesOf, settledAt, type WritebackJob } from './writeback-deadlines.ts';
import { keepRefused } from './writeback-link.ts';

export type FilingShell = OutreachShell & { readonly fileEntry: FileEntry };

/**
 * Files one writeback, or looks whether an earlier try did, under the patient's lock. What may be tried again fails, and
 * the job comes back; what was refused for good becomes the work of a person.
 */
export async function fileOne(shell: FilingShell, job: WritebackJob, asked: Task): Promise<Result<unknown>> {
  const claim = await inTransaction(shell.pool, (tx) => claimTry(shell, tx, job, asked));
  if (claim === undefined) return ok('not to be filed now');
  return inTransaction(shell.pool, (tx) => file(shell, tx, job, { asked, claim }));
}

/** The instant of a try that may be made, committed before it is made; '' when the entry may only be looked for. */
async function claimTry(
  shell: FilingShell,
  tx: Transaction,
  job: WritebackJob,
  asked: Task,
): Promise<string | undefined> {
  const { task, entry } = await toFile(shell, tx, job, asked);
  if (!task || !entry) return undefined;
  const now = shell.now();
  const settled = settledAt(task, shell.policy);
  if (settled !== undefined && epochMilliseconds(now) < epochMilliseconds(settled)) return '';
  await keep(shell, tx, job, moved(task, { kind: 'tried' }, now));
  return now;
}

async function file(
  shell: FilingShell,
  tx: Transaction,
  job: WritebackJob,
  { asked, claim }: { readonly asked: Task; readonly claim: string },
): Promise<Result<unknown>> {
  const { task, entry } = await toFile(shell, tx, job, asked);
  if (!task || !entry) return ok('not to be filed now');
  const mayFile = triedAt(task) === claim && isFresh(shell, claim);
  const filed = await shell.fileEntry({ ...entry, mayFile });
  if (!filed.ok && AGAIN.has(filed.failure.kind)) {
    const didNothing = mayFile && filed.failure.kind !== 'unknown-outcome';
    await keep(shell, tx, job, didNothing ? moved(task, { kind: 'untried' }, shell.now()) : task);
    return filed;
  }
  if (!filed.ok && filed.failure.kind === 'unsupported') await keepRefused(tx, job.organisation, shell.now());
  const event: WritebackEvent = filed.ok
    ? { kind: 'filed', recordId: filed.value.recordId }
    : { kind: 'to-person', reason: reasonOf(filed.failure, mayFile) };
  await keep(shell, tx, job, moved(task, event, shell.now()));
  return ok(event.kind);
}

/** A worker that slept half that time over its own try leaves it to the next: its call could meet theirs. */
function isFresh({ now, policy }: FilingShell, claim: string): boolean {
  const sleptMs = epochMilliseconds(now()) - epochMilliseconds(claim);
  return sleptMs < policy.filingSettlesMinutes * 30_000;
}

function reasonOf({ message }: Failure, mayFile: boolean): string {
  return mayFile ? message : `${message}; an earlier try may have filed the entry: look into the record first`;
}

/** The Task as it is now, with what the link must be told; without that it waits until the record has it. */
async function toFile(
  shell: FilingShell,
  tx: Transaction,
  { organisation, task: taskId }: WritebackJob,
  asked: Task,
): Promise<{ readonly task?: Task; readonly entry?: Omit<EntryToFile, 'mayFile'> | undefined }> {
  const pathway = await loadPathway(tx, organisation, taskId, shell.rules);
  const task = pathway?.parts.find((part) => part.id === asked.id);
  if (!pathway || task?.status !== 'requested' || routeOf(task) !== 'im1') return {};
  return { task, entry: entryToFile(pathway, task) };
}

function entryToFile(pathway: Pathway, task: Task): Omit<EntryToFile, 'mayFile'> | undefined {
  const [entry, date, nhsNumber] = [entryOf(task), entryDateOf(task), nhsNumberOf(pathway.patient)];
  if (!task.id || !entry?.code || !date || !nhsNumber || !pathway.user) return undefined;
  return {
    key: task.id,
    organisation: pathway.organisation,
    nhsNumber,
    code: entry.code,
    term: entry.display ?? '',
    date,
    user: pathway.user,
  };
}

function moved(task: Task, event: WritebackEvent, now: string): Task {
  const next = moveWriteback(task, event, now);
  if (!next.ok) throw new Error(next.failure.message);
  return next.value.task;
}

async function keep(shell: FilingShell, tx: Transaction, job: WritebackJob, task: Task): Promise<void> {
  await saveResources(tx, { organisation: job.organisation, resources: [task], source: 'holdfast' });
  const timers = deadlinesOf(job, [task], shell.policy);
  const settled = settledAt(task, shell.policy);
  // The queue may have given up by then, and nothing else would look.
  await setTimers(tx, settled ? timers.map((timer) => ({ ...timer, dueAt: settled })) : timers);
}

/** Also what somebody must mend for the whole practice first, as a refused log-in: the days that it may take are limited. */
const AGAIN: ReadonlySet<Failure['kind']> = new Set(['busy', 'unavailable', 'unknown-outcome', 'forbidden']);
