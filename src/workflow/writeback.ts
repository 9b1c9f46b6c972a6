/**
 * An outcome goes back: which codes are due is decided from what was proved to have happened, filed by the practice's
 * route, and believed only when read back from the record. Facts: care-needs §2.8; gp-connect §4.5
 */

import { codeIn } from '#domain/link.ts';
import { entryDateOf, entryOf, type WritebackInput, writebacksFor } from '#domain/writeback.ts';
import { moveWriteback } from '#domain/writeback-move.ts';
import { TASK_CODE } from '#fhir/systems.ts';
import type { ConceptMap, Task } from '#fhir/types.ts';
import { type Failure, ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { findEntry } from '#store/findings.ts';
import { saveResources } from '#store/resources.ts';
import type { OutreachShell } from './hand-over.ts';
import { loadPathway, type Pathway } from './pathway.ts';
import type { FileEntry } from './ports.ts';
import { nhsNumberOf } from './send-check.ts';
import { linkOf, type Transaction } from './shell.ts';

export type WritebackShell = OutreachShell & {
  readonly conceptMaps: readonly ConceptMap[];
  readonly fileEntry: FileEntry;
};

type Job = { readonly organisation: string; readonly task: string };

/** Makes, files and proves the writebacks of one coordination Task, as far as each can go now. Safe to run twice. */
export async function writeBack(shell: WritebackShell, job: Job): Promise<Result<unknown>> {
  const open = await inTransaction(shell.pool, (tx) => decide(shell, tx, job));
  for (const task of open) {
    const filed = await inTransaction(shell.pool, (tx) => file(shell, tx, job, task));
    if (!filed.ok) return filed;
  }
  return ok(open.length);
}

/** Saves what is due and what was found in the record; answers with those to be filed by the transaction link. */
async function decide(
  shell: WritebackShell,
  tx: Transaction,
  { organisation, task: taskId }: Job,
): Promise<readonly Task[]> {
  const pathway = await loadPathway(tx, organisation, taskId, shell.rules);
  if (!pathway) return [];
  const now = shell.now();
  const existing = pathway.parts.filter(isWriteback);
  const { tasks: due } = writebacksFor(inputOf(shell, pathway, existing));
  const proved: Task[] = [];
  for (const task of [...existing, ...due]) proved.push(await readBack(tx, pathway, task, now));
  await saveResources(tx, { organisation, resources: proved, source: 'holdfast' });
  return proved.filter((task) => task.status === 'requested' && routeOf(task) === 'im1');
}

function inputOf(
  shell: WritebackShell,
  { task, rule, communications, appointments, organisation }: Pathway,
  existing: readonly Task[],
): WritebackInput {
  const route = linkOf(shell, organisation)?.writeback ?? 'manual';
  return {
    task,
    topic: rule?.topic.code ?? '',
    communications,
    appointments,
    conceptMaps: shell.conceptMaps,
    existing,
    route,
    organisation,
    now: shell.now(),
  };
}

/** An entry that stands in the record is proof, however it came there. */
async function readBack(tx: Transaction, { organisation, patientId }: Pathway, task: Task, now: string): Promise<Task> {
  const [code, date] = [entryOf(task)?.code, entryDateOf(task)];
  if (task.status === 'completed' || !code || !date) return task;
  const reference = await findEntry(tx, organisation, { patient: patientId, code, date });
  const moved = reference ? moveWriteback(task, { kind: 'read-back', reference: { reference } }, now) : undefined;
  return moved?.ok ? moved.value.task : task;
}

async function file(
  shell: WritebackShell,
  tx: Transaction,
  { organisation, task: taskId }: Job,
  asked: Task,
): Promise<Result<unknown>> {
  const pathway = await loadPathway(tx, organisation, taskId, shell.rules);
  const task = pathway?.parts.find((part) => part.id === asked.id);
  const [entry, date, nhsNumber] = [task && entryOf(task), task && entryDateOf(task), nhsNumberOf(pathway?.patient)];
  if (task?.status !== 'requested' || !entry?.code || !date || !nhsNumber || !pathway?.user)
    return ok('not to be filed now');
  const { user } = pathway;
  const filed = await shell.fileEntry({
    key: task.id ?? '',
    organisation,
    nhsNumber,
    code: entry.code,
    term: entry.display ?? '',
    date,
    user,
  });
  if (!filed.ok && AGAIN.has(filed.failure.kind)) return filed;
  const now = shell.now();
  const event = filed.ok
    ? { kind: 'filed' as const, recordId: filed.value.recordId }
    : { kind: 'failed' as const, reason: filed.failure.message, retry: false };
  const moved = moveWriteback(task, event, now);
  if (moved.ok) await saveResources(tx, { organisation, resources: [moved.value.task], source: 'holdfast' });
  return ok(event.kind);
}

const AGAIN: ReadonlySet<Failure['kind']> = new Set(['busy', 'unavailable', 'unknown-outcome']);

export function isWriteback(task: Task): boolean {
  return codeIn(TASK_CODE, task.code) === 'writeback';
}

function routeOf(task: Task): string | undefined {
  return task.input?.find((input) => codeIn(TASK_CODE, input.type) === 'route')?.valueCode;
}
