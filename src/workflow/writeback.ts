/**
 * An outcome goes back: which codes are due is decided from what was proved to have happened, filed by the practice's
 * route, and believed only when read back from the record. Facts: care-needs §2.8; gp-connect §4.5
 */

import { entryDateOf, entryOf, entryValueOf, routeOf, type WritebackInput, writebacksFor } from '#domain/writeback.ts';
import { moveWriteback } from '#domain/writeback-move.ts';
import { routed } from '#domain/writeback-route.ts';
import type { ConceptMap, Task } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { findEntry } from '#store/findings.ts';
import { saveResources } from '#store/resources.ts';
import { setTimers } from '#store/timers.ts';
import { type FilingShell, fileOne } from './file-entry.ts';
import { isWriteback, loadPathway, type Pathway } from './pathway.ts';
import { type DocumentShell, sendOne } from './send-document.ts';
import type { Transaction } from './shell.ts';
import { chase, deadlinesOf, type WritebackJob } from './writeback-deadlines.ts';
import { declaredRoute } from './writeback-link.ts';

export type WritebackShell = DocumentShell & FilingShell & { readonly conceptMaps: readonly ConceptMap[] };

/** Makes, files and proves the writebacks of one coordination Task, as far as each can go now. Safe to run twice. */
export async function writeBack(shell: WritebackShell, job: WritebackJob): Promise<Result<unknown>> {
  const open = await inTransaction(shell.pool, (tx) => decide(shell, tx, job));
  for (const task of open) {
    const filed = routeOf(task) === 'send-document' ? await sendOne(shell, job, task) : await fileOne(shell, job, task);
    if (!filed.ok) return filed;
  }
  return ok(open.length);
}

/** Saves what is due and what was found in the record; answers with those to be filed by a link. */
async function decide(
  shell: WritebackShell,
  tx: Transaction,
  { organisation, task: taskId }: WritebackJob,
): Promise<readonly Task[]> {
  const pathway = await loadPathway(tx, organisation, taskId, shell.rules);
  if (!pathway) return [];
  const now = shell.now();
  const existing = pathway.parts.filter(isWriteback);
  const declared = await declaredRoute(shell, tx, organisation);
  const { tasks: due } = writebacksFor(inputOf(shell, pathway, { existing, route: declared.route }));
  const proved: Task[] = [];
  for (const task of [...existing, ...due])
    proved.push(routed(chase(await readBack(tx, pathway, task, now), shell.policy, now), declared));
  await saveResources(tx, { organisation, resources: proved, source: 'holdfast' });
  await setTimers(tx, deadlinesOf({ organisation, task: taskId }, proved, shell.policy));
  return proved.filter((task) => task.status === 'requested' && LINKS.has(routeOf(task)));
}

function inputOf(
  shell: WritebackShell,
  { task, rule, communications, appointments, parts, organisation }: Pathway,
  { existing, route }: Pick<WritebackInput, 'existing' | 'route'>,
): WritebackInput {
  return {
    task,
    topic: rule?.topic.code ?? '',
    calls: parts,
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
  const value = entryValueOf(task)?.value;
  const entry = { patient: patientId, code, date, ...(value === undefined ? {} : { value }) };
  const reference = await findEntry(tx, organisation, entry);
  const moved = reference ? moveWriteback(task, { kind: 'read-back', reference: { reference } }, now) : undefined;
  return moved?.ok ? moved.value.task : task;
}

/** Routes that a program takes; the others are for people. */
const LINKS: ReadonlySet<string | undefined> = new Set(['im1', 'send-document']);
