/** The route by document: sent once, chased when no answer comes. What its answers do is in `mesh-inbox.ts`. */
import { entryDateOf, entryOf, routeOf } from '#domain/writeback.ts';
import { type DocumentEvent, documentStateOf, moveDocument } from '#domain/writeback-document.ts';
import { addTo, epochMilliseconds } from '#fhir/date.ts';
import type { Patient, Task } from '#fhir/types.ts';
import { type Failure, ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { saveResources } from '#store/resources.ts';
import { setTimers, type Timer } from '#store/timers.ts';
import type { OutreachShell } from './hand-over.ts';
import { loadPathway } from './pathway.ts';
import type { Policy } from './policy.ts';
import type { DocumentToSend, SendDocument } from './ports.ts';
import { nhsNumberOf } from './send-check.ts';
import { linkOf } from './shell.ts';

export type DocumentShell = OutreachShell & { readonly sendDocument: SendDocument };

type Job = { readonly organisation: string; readonly task: string };

const AGAIN: ReadonlySet<Failure['kind']> = new Set(['busy', 'unavailable', 'unknown-outcome']);

/**
 * Sends the document of one writeback under the patient's lock, so that no two processes send it at once. What may be
 * tried again fails, and the job comes back with the same key; what was refused for good becomes the work of a person.
 */
export async function sendOne(shell: DocumentShell, job: Job, asked: Task): Promise<Result<unknown>> {
  return inTransaction(shell.pool, async (tx): Promise<Result<unknown>> => {
    const { organisation } = job;
    const pathway = await loadPathway(tx, organisation, job.task, shell.rules);
    const task = pathway?.parts.find((part) => part.id === asked.id);
    const document = task && documentStateOf(task) === 'to-send' ? documentOf(task, pathway?.patient) : undefined;
    if (!task || !pathway?.user || !document) return ok('not to be sent now');
    const name = linkOf(shell, organisation)?.name ?? organisation;
    const sent = await shell.sendDocument({ ...document, practice: { ods: organisation, name }, author: pathway.user });
    if (!sent.ok && AGAIN.has(sent.failure.kind)) return sent;
    const moved = moveDocument(task, eventOf(sent), shell.now());
    if (!moved.ok) return moved;
    await saveResources(tx, { organisation, resources: [moved.value.task], source: 'holdfast' });
    await setTimers(tx, deadlinesOf(job, [moved.value.task], shell.policy));
    return ok(sent.ok ? 'sent' : 'rejected');
  });
}

function eventOf(sent: Awaited<ReturnType<SendDocument>>): DocumentEvent {
  if (!sent.ok) return { kind: 'rejected', answer: { text: sent.failure.message } };
  const { messageId } = sent.value;
  return { kind: 'sent', ...(messageId === undefined ? {} : { messageId }) };
}

/** Undefined when the record lacks what a document must say; the Task waits until the record has it. */
function documentOf(task: Task, patient: Patient | undefined): Omit<DocumentToSend, 'practice' | 'author'> | undefined {
  const [entry, date, nhsNumber] = [entryOf(task), entryDateOf(task), nhsNumberOf(patient)];
  const name = patient?.name?.find((one) => one.use === 'official') ?? patient?.name?.[0];
  if (!task.id || !entry?.code || !date || !nhsNumber) return undefined;
  return {
    key: task.id,
    // Not now: another try must give the same message.
    issued: task.authoredOn ?? `${date}T00:00:00.000Z`,
    patient: {
      nhsNumber,
      family: name?.family ?? '',
      given: name?.given ?? [],
      birthDate: patient?.birthDate ?? '',
    },
    entry: { code: entry.code, term: entry.display ?? '', date },
  };
}

/** The Task, or the same as a person's work when what it waits for is overdue at `now`. */
export function chase(task: Task, policy: Policy, now: string): Task {
  const deadline = deadlineOf(task, policy);
  if (!deadline || epochMilliseconds(now) < epochMilliseconds(deadline.at)) return task;
  const moved = moveDocument(task, { kind: 'overdue', reason: deadline.reason }, now);
  return moved.ok ? moved.value.task : task;
}

/** When each document that waits is to be looked at again: the whole coordination Task is, so one timer each is enough. */
export function deadlinesOf({ organisation, task }: Job, writebacks: readonly Task[], policy: Policy): Timer[] {
  return writebacks.flatMap((one) => {
    const dueAt = deadlineOf(one, policy)?.at;
    const key = one.id ?? '';
    return dueAt === undefined
      ? []
      : [{ organisation, queue: 'write-back', key, dueAt, payload: { organisation, task } }];
  });
}

type Deadline = { readonly at: string; readonly reason: string };

function deadlineOf(task: Task, { acknowledgementDays, readBackDays }: Policy): Deadline | undefined {
  const since = task.executionPeriod?.start ?? task.authoredOn;
  if (!since || routeOf(task) !== 'send-document') return undefined;
  const soon = addTo(since, { days: acknowledgementDays });
  switch (documentStateOf(task)) {
    // Its job may have been given up, or something that a document must say is not known.
    case 'to-send':
      return {
        at: soon,
        reason: `The document could not be sent within ${acknowledgementDays} days, or nobody can say whether it was: look into the record first`,
      };
    case 'sent':
      return {
        at: soon,
        reason: `The practice's system has not answered for the document within ${acknowledgementDays} days`,
      };
    case 'received':
      return {
        at: soon,
        reason: `The practice's system has not answered whether the patient is known within ${acknowledgementDays} days`,
      };
    case 'accepted':
      return {
        at: addTo(since, { days: readBackDays }),
        reason: `The practice accepted the document, and the entry is not in its record after ${readBackDays} days`,
      };
    default:
      return undefined;
  }
}
