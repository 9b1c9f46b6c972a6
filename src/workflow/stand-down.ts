/** A sequence that has ended or come to a halt: what it had still open is taken back, calls that nobody has begun too. */
import { codeIn, concept } from '#domain/link.ts';
import { revoked } from '#domain/outreach/request.ts';
import { communicationId, stopReason } from '#domain/sequence.ts';
import { isEnded } from '#domain/task-event.ts';
import { idOf } from '#fhir/reference.ts';
import { STATUS_REASON, TASK_CODE } from '#fhir/systems.ts';
import type { Task } from '#fhir/types.ts';
import { saveResources } from '#store/resources.ts';
import { clearTimers } from '#store/timers.ts';
import type { Pathway } from './pathway.ts';
import type { Shell, Transaction } from './shell.ts';

/** Whether nothing more is sent for a Task unless something new happens. A hold is no halt: it ends by itself or by a person. */
export function isHalted(task: Task): boolean {
  const why = stopReason(task);
  return why !== undefined && why !== 'on-hold';
}

/** Takes back what a halted Task asked for and nobody has carried out. Safe to run twice. */
export async function standDown(shell: Shell, tx: Transaction, pathway: Pathway): Promise<void> {
  const { organisation, task, requests, communications } = pathway;
  const now = shell.now();
  const calls = pathway.parts.filter((part) => codeIn(TASK_CODE, part.code) === 'telephone');
  // Somebody is on the telephone: what they learn is still wanted.
  const underWay = new Set(calls.filter(({ status }) => status === 'in-progress').map(requestOf));
  const sent = new Set(communications.map(({ id }) => id));
  const open = requests.filter((request) => !sent.has(communicationId(request)) && !underWay.has(request.id));
  const calledOff = calls
    .filter((call) => call.status === 'requested' && (isGone(task) || requestOf(call) !== undefined))
    .map(
      (call): Task => ({
        ...call,
        status: 'cancelled',
        statusReason: concept(STATUS_REASON, 'task-ended'),
        lastModified: now,
      }),
    );
  const resources = [...revoked(open, 'task-ended'), ...calledOff];
  await saveResources(tx, { organisation, resources, source: 'holdfast' });
  if (isEnded(task.status)) await clearTimers(tx, organisation, 'reach', [task.id ?? '']);
}

const requestOf = (call: Task) => idOf('CommunicationRequest', call.basedOn?.[0]);

/** Died or left the practice: also the call that the person had asked for is not made any more. */
function isGone({ statusReason }: Task): boolean {
  return ['deceased', 'moved'].includes(codeIn(STATUS_REASON, statusReason) ?? '');
}
