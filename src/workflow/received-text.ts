/** A patient wrote to the practice's number: kept, an opt-out obeyed at once, all else put before a person. */
import { linkTo } from '#domain/link.ts';
import { channelOf } from '#domain/outreach/request.ts';
import { readTask, receivedCommunication, understand, type Written } from '#domain/received-text.ts';
import { doNotContact } from '#domain/reply.ts';
import { epochMilliseconds } from '#fhir/date.ts';
import { idOf } from '#fhir/reference.ts';
import type { Communication, Resource, Task } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { inTransaction, lockPatients } from '#store/database.ts';
import { noteInboundProblem, readInbound } from '#store/inbound.ts';
import { patientsWithContactPoint } from '#store/outreach.ts';
import { load, loadOfPatients, saveResources } from '#store/resources.ts';
import { numberForms, parseReceivedText, type ReceivedText } from '#translate/govuk-notify/received-text.ts';
import type { OutreachShell } from './hand-over.ts';
import { stopAll } from './reply.ts';
import { inside, type Transaction } from './shell.ts';
import { keepChanges, moveTask } from './task.ts';

/** The name under which these callbacks are kept. Their key is the practice, a bar, and the digest of the body. */
export const RECEIVED_TEXT = 'govuk-text';

/** Understands one text that was kept; safe to run twice. What cannot be read is noted for a person. */
export async function receivedText(
  shell: OutreachShell,
  job: { system: string; key: string },
): Promise<Result<unknown>> {
  const kept = await readInbound(shell.pool, job.system, job.key);
  if (!kept) return ok('nothing kept under this key');
  const parsed = parseReceivedText(jsonOf(kept.raw));
  const organisation = job.key.split('|')[0] ?? '';
  await inTransaction(shell.pool, (tx) =>
    parsed.ok
      ? take(shell, tx, organisation, parsed.value)
      : noteInboundProblem(tx, job.system, job.key, parsed.failure.message),
  );
  return ok(parsed.ok ? 'taken' : 'not understood');
}

async function take(shell: OutreachShell, tx: Transaction, organisation: string, said: ReceivedText): Promise<void> {
  const patients = await patientsWithContactPoint(tx, organisation, numberForms(said.from));
  await lockPatients(tx, organisation, patients);
  const now = shell.now();
  const understood = understand(said.text);
  const only = patients.length === 1 ? patients[0] : undefined;
  const answers = only ? await lastText(tx, organisation, only) : undefined;
  const about = { ...(only ? { patient: only } : {}), ...(answers ? { answers } : {}) };
  const written: Written = { organisation, id: said.id, text: said.text, understood, now, ...about };
  const communication = receivedCommunication(written);
  // The supplier sends again what it thinks was lost; what a person did meanwhile with the Task stands.
  if (await load(tx, inside(organisation), 'Communication', communication.id ?? '')) return;
  const isStop = understood.meaning === 'stop';
  const flags = isStop ? patients.map((patient) => doNotContact({ for: linkTo('Patient', patient) }, now)) : [];
  const reads = isStop && only && !understood.isUrgent ? [] : [readTask(written, communication)];
  const resources: Resource[] = [communication, ...flags, ...reads];
  await saveResources(tx, { organisation, resources, source: 'holdfast' });
  // A number that several people share: whoever of them said it, nobody at this number is written to any more.
  if (isStop) for (const patient of patients) await stopAll(shell, tx, { organisation, patient });
  else await reply(shell, tx, { organisation, communication });
}

/** The sequence that was answered rests until the person has read it. A Task that has ended stays as it is. */
async function reply(
  shell: OutreachShell,
  tx: Transaction,
  { organisation, communication }: { organisation: string; communication: Communication },
): Promise<void> {
  const id = communication.partOf?.map((one) => idOf('Task', one)).find((one) => one !== undefined);
  const task = id && (await load<Task>(tx, inside(organisation), 'Task', id));
  if (!task) return;
  const event = { kind: 'replied', answer: 'other', communication: linkTo('Communication', communication.id) } as const;
  await keepChanges(shell, tx, [moveTask(task, event, { organisation, now: shell.now() })], organisation);
}

/** The latest text that a person was sent. */
async function lastText(tx: Transaction, organisation: string, patient: string): Promise<Communication | undefined> {
  const all = await loadOfPatients<Communication>(tx, organisation, ['Communication'], [patient]);
  return all
    .filter((one) => channelOf(one) === 'sms' && one.sent !== undefined && one.inResponseTo === undefined)
    .sort((one, other) => epochMilliseconds(other.sent ?? '') - epochMilliseconds(one.sent ?? ''))[0];
}

/** What a kept body says; undefined where it is no JSON. */
export function jsonOf(raw: Buffer): unknown {
  try {
    return JSON.parse(raw.toString('utf8'));
  } catch {
    return undefined;
  }
}
