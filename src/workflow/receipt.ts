/** What became of a message: a supplier's callback, or an answer to our own question, moves the Communication and its Task. */
import { applyReceipt, type Receipt, sentCommunication } from '#domain/outreach/receipt.ts';
import { taskIdOf } from '#domain/outreach/request.ts';
import { communicationId } from '#domain/sequence.ts';
import { addTo, isInstant } from '#fhir/date.ts';
import type { CommunicationRequest } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { noteInboundProblem, readInbound } from '#store/inbound.ts';
import { load, ownerOf, saveResources } from '#store/resources.ts';
import { setTimers } from '#store/timers.ts';
import { type Receipt as NotifyReceipt, parseCallback, summarise } from '#translate/notify/callback.ts';
import type { OutreachShell } from './hand-over.ts';
import { loadPathway } from './pathway.ts';
import type { LetterStatus } from './ports.ts';
import { inside, type Transaction } from './shell.ts';
import { moveTask } from './task.ts';

/** Understands one callback that was kept. What cannot be understood is noted for a person and not tried again. */
export async function receipt(shell: OutreachShell, job: { system: string; key: string }): Promise<Result<unknown>> {
  const kept = await readInbound(shell.pool, job.system, job.key);
  if (!kept) return ok('nothing kept under this key');
  const parsed = parse(kept.raw);
  const problems: string[] = parsed.ok ? [] : [parsed.failure.message];
  for (const item of parsed.ok ? parsed.value.items : []) {
    const problem = await inTransaction(shell.pool, (tx) => applyItem(shell, tx, item));
    if (problem) problems.push(problem);
  }
  if (parsed.ok && parsed.value.unknown > 0) problems.push(`${parsed.value.unknown} items of a kind that is not known`);
  if (problems.length > 0)
    await inTransaction(shell.pool, (tx) => noteInboundProblem(tx, job.system, job.key, problems.join('; ')));
  return ok(problems.length);
}

export const NOT_OURS = 'names a message that this installation did not send';

function parse(raw: Buffer) {
  try {
    return parseCallback(JSON.parse(raw.toString('utf8')));
  } catch {
    return { ok: false as const, failure: { kind: 'invalid' as const, message: 'the body is not JSON' } };
  }
}

async function applyItem(shell: OutreachShell, tx: Transaction, item: NotifyReceipt): Promise<string | undefined> {
  if (!/^[A-Za-z0-9.-]{1,64}$/.test(item.messageReference)) return NOT_OURS;
  if (!isInstant(item.timestamp)) return 'an item has a timestamp that is no instant';
  const { status } = summarise(item);
  if (status === 'other') return 'an item has a status that is not known';
  return apply(shell, tx, item.messageReference, {
    status,
    at: item.timestamp,
    messageId: item.messageId,
    ...(item.supplierStatus ? { supplierStatus: item.supplierStatus } : {}),
    ...(item.failureCode ? { failureCode: item.failureCode } : {}),
    ...(item.description ? { description: item.description } : {}),
  });
}

/** Applies news of a message, known by the request that it was sent under; answers with what was wrong, if anything. */
export async function apply(
  shell: OutreachShell,
  tx: Transaction,
  requestId: string,
  news: Receipt,
): Promise<string | undefined> {
  const organisation = await ownerOf(tx, 'CommunicationRequest', requestId);
  const request =
    organisation && (await load<CommunicationRequest>(tx, inside(organisation), 'CommunicationRequest', requestId));
  const taskId = request && taskIdOf(request);
  const pathway = organisation && taskId ? await loadPathway(tx, organisation, taskId, shell.rules) : undefined;
  const current = pathway?.requests.find((one) => one.id === requestId);
  if (!organisation || !pathway || !current) return NOT_OURS;
  const now = shell.now();
  // The callback may come before the send was recorded, or after its record was lost: the message did go out.
  const known = pathway.communications.find((one) => one.id === communicationId(current));
  const before = known ?? sentCommunication(current, { now, ...(news.messageId ? { messageId: news.messageId } : {}) });
  const { communication, changed, event } = applyReceipt(before, news);
  if (known && !changed) return undefined;
  const change = event
    ? moveTask(pathway.task, event, { organisation, now })
    : { task: pathway.task, saves: [], jobs: [] };
  const carriedOut = known ? [] : [{ ...current, status: 'completed' as const }];
  const resources = [communication, ...carriedOut, ...change.saves];
  await saveResources(tx, { organisation, resources, source: 'holdfast' });
  // A receipt can be worth a code although it does not move the Task: a letter printed after the patient had booked.
  await shell.enqueue(tx, [
    ...change.jobs,
    { queue: 'write-back', payload: { organisation, task: pathway.task.id ?? '' } },
  ]);
  return undefined;
}

export type LetterShell = OutreachShell & { readonly letterStatus: LetterStatus };

/** Letters send no callback when they are printed: they are asked about until they have come to an end. */
export async function letterStatus(
  shell: LetterShell,
  job: { organisation: string; request: string },
): Promise<Result<unknown>> {
  const { organisation, request } = job;
  const asked = await shell.letterStatus({ organisation, key: request });
  if (!asked.ok) return asked;
  await inTransaction(shell.pool, async (tx) => {
    const now = shell.now();
    if (asked.value.status !== 'sending')
      await apply(shell, tx, request, { ...asked.value, at: asked.value.at ?? now });
    else
      await setTimers(tx, [
        { organisation, queue: 'letter-status', key: request, dueAt: addTo(now, { days: 1 }), payload: job },
      ]);
  });
  return ok(asked.value.status);
}
