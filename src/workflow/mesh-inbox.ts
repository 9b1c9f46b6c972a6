/**
 * The MESH mailbox: everything in it is kept as received and committed, then acknowledged, then understood. A message that
 * comes twice is kept once; answers to a document move its writeback. facts: nhs-apis §8; gp-connect §4.2, §4.3
 */
import { type DocumentEvent, moveDocument } from '#domain/writeback-document.ts';
import { londonDate } from '#fhir/date.ts';
import { idOf } from '#fhir/reference.ts';
import type { Task } from '#fhir/types.ts';
import { type Failure, fail, ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { keepInbound, noteInboundProblem, readInbound } from '#store/inbound.ts';
import { load, ownerOf, saveResources } from '#store/resources.ts';
import { setTimers } from '#store/timers.ts';
import { SEND_DOCUMENT_ACK_WORKFLOW } from '#translate/itk3/codes.ts';
import { type Acknowledgement, readResponse } from '#translate/itk3/response.ts';
import { keyOfLocalId } from '#translate/mesh/address.ts';
import { type Mail, unpackMail } from '#translate/mesh/mail.ts';
import { meshStatus, shownCode } from '#translate/mesh/status.ts';
import { isWriteback, loadPathway } from './pathway.ts';
import type { Mailbox } from './ports.ts';
import type { DocumentShell } from './send-document.ts';
import { inside, type Transaction } from './shell.ts';
import { deadlinesOf } from './writeback-deadlines.ts';

/** Under which system received mail is kept. */
export const MESH = 'mesh';

export type MailboxShell = DocumentShell & Mailbox;

/**
 * Empties the mailbox. One message that cannot be had holds up no other; the first failure that another try could mend is
 * told at the end. `validatedOn` is the London date on which the mailbox was last validated; answers with the one of now.
 */
export async function collectMail(
  shell: MailboxShell,
  { validatedOn }: { readonly validatedOn?: string },
): Promise<Result<{ readonly validatedOn: string | undefined; readonly kept: number }>> {
  const today = londonDate(shell.now());
  const isValid = validatedOn === today || (await shell.validateMailbox()).ok;
  const listed = await shell.listMail();
  if (!listed.ok) return listed;
  let kept = 0;
  let failure: Failure | undefined;
  for (const id of listed.value) {
    const taken = await take(shell, id);
    if (taken.ok) kept += taken.value ? 1 : 0;
    else failure ??= taken.failure;
  }
  if (failure) return { ok: false, failure };
  return ok({ validatedOn: isValid ? today : validatedOn, kept });
}

/** Keeps one message and takes it out of the mailbox, in this order. */
async function take(shell: MailboxShell, id: string): Promise<Result<boolean>> {
  const known = await readInbound(shell.pool, MESH, id);
  let isNew = false;
  if (!known) {
    const fetched = await shell.fetchMail(id);
    if (!fetched.ok) return isAway(fetched.failure) ? ok(false) : fetched;
    isNew = await inTransaction(shell.pool, async (tx) => {
      const raw = Buffer.from(fetched.value);
      const first = await keepInbound(tx, { system: MESH, key: id, raw, now: shell.now() });
      if (first) await shell.enqueue(tx, [{ queue: 'receipt', payload: { system: MESH, key: id } }]);
      return first;
    });
  }
  const acknowledged = await shell.acknowledgeMail(id);
  return acknowledged.ok ? ok(isNew) : acknowledged;
}

/** Another process took it, or it expired between list and fetch. */
function isAway({ kind }: Failure): boolean {
  return kind === 'not-found' || kind === 'gone';
}

/** Understands one message that was kept. What cannot be understood is noted for a person and not tried again. */
export async function understandMail(shell: DocumentShell, job: { readonly key: string }): Promise<Result<unknown>> {
  const kept = await readInbound(shell.pool, MESH, job.key);
  if (!kept) return ok('nothing kept under this key');
  const news = newsOf(kept.raw);
  return inTransaction(shell.pool, async (tx) => {
    const problem = news.ok ? await apply(shell, tx, news.value) : news.failure.message;
    if (problem) await noteInboundProblem(tx, MESH, job.key, problem);
    return ok(problem ?? 'applied');
  });
}

type News = { readonly keys: readonly string[]; readonly eventFor: (organisation: string) => DocumentEvent };

function newsOf(raw: Uint8Array): Result<News> {
  const unpacked = unpackMail(raw);
  if (!unpacked.ok) return unpacked;
  const { mail, body } = unpacked.value;
  if (mail.type === 'REPORT') return reportOf(mail);
  if (mail.workflowId !== SEND_DOCUMENT_ACK_WORKFLOW)
    return fail('unsupported', 'The message is of a workflow that is not read here');
  const response = readResponse(new TextDecoder().decode(body));
  if (!response.ok) return response;
  return ok({ keys: response.value.keys, eventFor: (organisation) => eventOf(response.value, organisation) });
}

function reportOf(mail: Mail): Result<News> {
  const key = keyOfLocalId(mail.localId);
  if (!key) return fail('unsupported', 'The report is about a message that was not sent from here');
  const { meaning } = meshStatus(mail.statusCode);
  const text = `MESH could not deliver the document (${shownCode(mail.statusCode)}): ${meaning}`;
  return ok({ keys: [key], eventFor: () => ({ kind: 'rejected', answer: { text } }) });
}

/** MESH finds the practice by itself: when another one accepts, the patient's own practice has not got the document. */
function eventOf({ code, level, outcome, meaning, by }: Acknowledgement, organisation: string): DocumentEvent {
  if (outcome === 'failure')
    return {
      kind: 'rejected',
      answer: { code, text: `The practice's system refused the document (${code}): ${meaning}` },
    };
  if (level === 'infrastructure') return { kind: 'received', answer: { code, text: meaning } };
  if (by !== undefined && by !== organisation)
    return {
      kind: 'rejected',
      answer: { code, text: 'Another organisation accepted the document, not this practice' },
    };
  return { kind: 'accepted', answer: { code, text: meaning } };
}

/** Applies news to the one writeback that it names; answers with what was wrong, if anything. */
async function apply(shell: DocumentShell, tx: Transaction, { keys, eventFor }: News): Promise<string | undefined> {
  const found = [];
  for (const key of keys) {
    const organisation = await ownerOf(tx, 'Task', key);
    if (organisation) found.push({ key, organisation });
  }
  const [one, another] = found;
  if (!one) return 'names a document that this installation did not send';
  if (another) return 'names two documents of this installation';
  const { key, organisation } = one;
  const written = await load<Task>(tx, inside(organisation), 'Task', key);
  const whole = written && isWriteback(written) ? idOf('Task', written.partOf?.[0]) : undefined;
  const pathway = whole ? await loadPathway(tx, organisation, whole, shell.rules) : undefined;
  const task = pathway?.parts.find((part) => part.id === key);
  if (!whole || !task) return 'names a Task that is no writeback';
  const moved = moveDocument(task, eventFor(organisation), shell.now());
  if (!moved.ok) return moved.failure.message;
  if (!moved.value.changed) return undefined;
  await saveResources(tx, { organisation, resources: [moved.value.task], source: 'holdfast' });
  await setTimers(tx, deadlinesOf({ organisation, task: whole }, [moved.value.task], shell.policy));
  return undefined;
}
