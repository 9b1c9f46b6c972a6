/** Those who did not answer: a clinician is asked whether that is to be recorded, once in a service year. Hazard H16 */
import { businessStatusOf } from '#domain/business-status.ts';
import { exceptionProposal } from '#domain/exception.ts';
import { isEnded } from '#domain/task-event.ts';
import { idOf } from '#fhir/reference.ts';
import type { Communication, Task } from '#fhir/types.ts';
import type { NeedRow } from '#store/cohort.ts';
import { loadOfPatients, readMany } from '#store/resources.ts';
import { inside, type Transaction } from './shell.ts';

/** The proposals that are not there yet. What a clinician has decided on stays as it is. */
export async function proposalsFor(
  tx: Transaction,
  organisation: string,
  { rows, topic, now }: { readonly rows: readonly NeedRow[]; readonly topic: string; readonly now: string },
): Promise<readonly Task[]> {
  const silent = rows.flatMap(({ need, task }) =>
    task && isEnded(task.status) && businessStatusOf(task) === 'exhausted' && need.status === 'active'
      ? [{ need, task, patient: idOf('Patient', need.subject) ?? '' }]
      : [],
  );
  if (silent.length === 0) return [];
  const all = await loadOfPatients<Communication>(
    tx,
    organisation,
    ['Communication'],
    silent.map(({ patient }) => patient),
  );
  const byPatient = Map.groupBy(all, (one) => idOf('Patient', one.subject) ?? '');
  const proposed = silent.flatMap(
    ({ need, task, patient }) =>
      exceptionProposal({ need, task, topic, communications: byPatient.get(patient) ?? [], now }) ?? [],
  );
  const known = await readMany<Task>(
    tx,
    inside(organisation),
    'Task',
    proposed.map(({ id = '' }) => id),
  );
  const there = new Set(known.map(({ id }) => id));
  return proposed.filter(({ id }) => !there.has(id));
}
