/** The route by document: sent once. What its answers do is in `mesh-inbox.ts`. */
import { entryDateOf, entryOf } from '#domain/writeback.ts';
import { type DocumentEvent, documentStateOf, moveDocument } from '#domain/writeback-document.ts';
import type { Patient, Task } from '#fhir/types.ts';
import { type Failure, ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { saveResources } from '#store/resources.ts';
import { setTimers } from '#store/timers.ts';
import type { OutreachShell } from './hand-over.ts';
import { loadPathway } from './pathway.ts';
import type { DocumentToSend, SendDocument } from './ports.ts';
import { nhsNumberOf } from './send-check.ts';
import { linkOf } from './shell.ts';
import { deadlinesOf, type WritebackJob } from './writeback-deadlines.ts';

export type DocumentShell = OutreachShell & { readonly sendDocument: SendDocument };

const AGAIN: ReadonlySet<Failure['kind']> = new Set(['busy', 'unavailable', 'unknown-outcome']);

/**
 * Sends the document of one writeback under the patient's lock, so that no two processes send it at once. What may be
 * tried again fails, and the job comes back with the same key; what was refused for good becomes the work of a person.
 */
export async function sendOne(shell: DocumentShell, job: WritebackJob, asked: Task): Promise<Result<unknown>> {
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
