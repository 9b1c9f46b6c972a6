/** A patient answers by the link of a message: the link and the date of birth are proved, the answer kept, the Task moved. */
import { taskIdOf } from '#domain/outreach/request.ts';
import { decideReply } from '#domain/reply.ts';
import { type Answer, isEnded } from '#domain/task-event.ts';
import { idOf } from '#fhir/reference.ts';
import type { CommunicationRequest, Resource, Task } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { inTransaction, lockPatients } from '#store/database.ts';
import { keepInbound } from '#store/inbound.ts';
import { load, loadOfPatients, saveResources } from '#store/resources.ts';
import { callTask } from './call.ts';
import type { OutreachShell } from './hand-over.ts';
import { loadPathway } from './pathway.ts';
import { type OpenedLink, proveReply } from './reply-proof.ts';
import { inside, type StageJob, type Transaction } from './shell.ts';
import { keepChanges, moveTask, moveThrough } from './task.ts';

const ANSWERS: readonly Answer[] = ['book', 'call-me', 'decline', 'stop'];
type Kept = OpenedLink & { readonly answer: Answer };

export type ReplyShell = OutreachShell & {
  /** What a token stands for; `gone` when it has expired, `not-found` when it is none of ours. */
  readonly openLink: (token: string, now: string) => Result<OpenedLink>;
};

/**
 * Takes an answer in: kept and acted on before the patient is thanked, so that nothing is sent to someone who was told
 * that nothing more would be. The same answer again is thanked again.
 */
export async function takeReply(
  shell: ReplyShell,
  reply: { token: string; birthDate: string; answer: string },
): Promise<Result<{ outcome: string; text: string }>> {
  const link = shell.openLink(reply.token, shell.now());
  if (!link.ok) return link;
  const answer = ANSWERS.find((one) => one === reply.answer);
  if (!answer) return fail('invalid', `The answer wants one of ${ANSWERS.join(', ')}`);
  const { organisation, request } = link.value;
  return inTransaction(shell.pool, async (tx): Promise<Result<{ outcome: string; text: string }>> => {
    const proved = await proveReply(tx, link.value, { birthDate: reply.birthDate, now: shell.now() });
    if (!proved.ok) return proved;
    const key = `${request}|${answer}`;
    const raw = Buffer.from(JSON.stringify({ organisation, request, answer } satisfies Kept));
    if (await keepInbound(tx, { system: 'reply', key, raw, now: shell.now() }))
      await act(shell, tx, { organisation, request, answer });
    return ok({ outcome: 'accepted', text: THANKS[answer] });
  });
}

const THANKS: Readonly<Record<Answer, string>> = {
  book: 'Thank you. We are booking your appointment and will tell you the date and time.',
  'call-me': 'Thank you. Someone from your practice will call you.',
  decline: 'Thank you for telling us. You can change your mind at any time by calling your practice.',
  stop: 'Thank you. We will not send you more messages. Your practice may still write or call about your care.',
  other: 'Thank you. Someone from your practice will read this.',
};

async function act(shell: OutreachShell, tx: Transaction, { organisation, request, answer }: Kept): Promise<void> {
  const asked = await load<CommunicationRequest>(tx, inside(organisation), 'CommunicationRequest', request);
  const pathway = asked && (await loadPathway(tx, organisation, taskIdOf(asked) ?? '', shell.rules));
  if (!asked || !pathway) return;
  const now = shell.now();
  const decided = decideReply({ answer, task: pathway.task, request: asked, now });
  const change = moveThrough(pathway.task, decided.events, { organisation, now });
  const saves: Resource[] = [decided.communication, ...(decided.flag ? [decided.flag] : []), ...change.saves];
  const task = change.task.id ?? '';
  const jobs: StageJob[] = [...change.jobs];
  if (decided.intents.includes('book')) jobs.push({ queue: 'book', payload: { organisation, task } });
  // A person calls back, or reads what no rule may decide.
  if (decided.intents.includes('call') || decided.intents.includes('read'))
    saves.push(callTask(pathway, undefined, now, decided.communication.id));
  await saveResources(tx, { organisation, resources: saves, source: 'holdfast' });
  if (decided.intents.includes('stop-all'))
    await stopAll(shell, tx, { organisation, patient: pathway.patientId, except: task });
  await shell.enqueue(tx, jobs);
}

/** An opt-out is the person's, not one programme's: every open Task of theirs hears of it in the same transaction. */
export async function stopAll(
  shell: OutreachShell,
  tx: Transaction,
  of: { organisation: string; patient: string; except?: string },
): Promise<void> {
  const { organisation, patient } = of;
  await lockPatients(tx, organisation, [patient]);
  const now = shell.now();
  const tasks = await loadOfPatients<Task>(tx, organisation, ['Task'], [patient]);
  const open = tasks.filter(
    (task) => idOf('ServiceRequest', task.focus) && task.id !== of.except && !isEnded(task.status),
  );
  const changes = open.map((task) => moveTask(task, { kind: 'opted-out' }, { organisation, now }));
  await keepChanges(shell, tx, changes, organisation);
}
