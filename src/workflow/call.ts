/** The telephone step: a Task for a person, and what their call means for the coordination Task. */
import { recordCall } from '#domain/outreach/call.ts';
import { CALL_OUTCOMES, type CallOutcome } from '#domain/task-event.ts';
import { idFrom } from '#fhir/id.ts';
import { idOf } from '#fhir/reference.ts';
import { CALL_OUTCOME, IDEMPOTENCY_KEY, TASK_CODE, ukCore } from '#fhir/systems.ts';
import type { CommunicationRequest, Task } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { load, saveResources } from '#store/resources.ts';
import type { OutreachShell } from './hand-over.ts';
import { loadPathway, type Pathway } from './pathway.ts';
import { inside } from './shell.ts';
import { moveThrough } from './task.ts';

/**
 * A telephone Task: `requested` until a member of staff completes it with a call outcome. `because` says what asked for
 * it (a request's id, a reply's, an appointment's): the same cause asks once, another one asks again.
 */
export function callTask(
  { task, organisation }: Pick<Pathway, 'task' | 'organisation'>,
  request: CommunicationRequest | undefined,
  now: string,
  because = 'asked-for',
): Task {
  const id = idFrom(task.id ?? '', 'call', request?.id ?? because);
  return {
    resourceType: 'Task',
    id,
    meta: { profile: [ukCore('Task')] },
    identifier: [{ system: IDEMPOTENCY_KEY, value: id }],
    ...(request ? { basedOn: [{ reference: `CommunicationRequest/${request.id}` }] } : {}),
    partOf: [{ reference: `Task/${task.id}` }],
    status: 'requested',
    intent: 'order',
    priority: task.priority ?? 'routine',
    code: { coding: [{ system: TASK_CODE, code: 'telephone', display: 'Telephone the patient' }] },
    for: task.for ?? {},
    authoredOn: now,
    lastModified: now,
    requester: { reference: `Organization/${organisation}` },
    owner: task.owner ?? { reference: `Organization/${organisation}` },
  };
}

/** A call outcome that a client wrote into a telephone Task; undefined when there is none that is known. */
export function callOutcome(call: Task): CallOutcome | undefined {
  const said = (call.output ?? []).filter((output) =>
    output.type.coding?.some((coding) => coding.code === 'call-outcome'),
  );
  const codes = said
    .flatMap((output) => output.valueCodeableConcept?.coding ?? [])
    .filter((coding) => coding.system === CALL_OUTCOME);
  return CALL_OUTCOMES.find((outcome) => codes.some((coding) => coding.code === outcome));
}

/** A member of staff finished a telephone Task: the call is recorded and the coordination Task moves. */
export async function called(
  shell: OutreachShell,
  job: { organisation: string; task: string },
): Promise<Result<unknown>> {
  const { organisation } = job;
  return inTransaction(shell.pool, async (tx) => {
    const call = await load<Task>(tx, inside(organisation), 'Task', job.task);
    const outcome = call && callOutcome(call);
    const pathway = await loadPathway(tx, organisation, idOf('Task', call?.partOf?.[0]) ?? '', shell.rules);
    if (!call || !outcome || !pathway) return ok('nothing to record');
    const now = shell.now();
    const request = pathway.requests.find((one) => one.id === idOf('CommunicationRequest', call.basedOn?.[0]));
    const about = { ...(request ? { request } : {}), ...(call.owner ? { caller: call.owner } : {}) };
    const recorded = recordCall({ task: pathway.task, outcome, key: call.id ?? '', now, ...about });
    const change = moveThrough(pathway.task, recorded.events, { organisation, now });
    const resources = [recorded.communication, ...(recorded.request ? [recorded.request] : []), ...change.saves];
    await saveResources(tx, { organisation, resources, source: 'holdfast' });
    // Whoever said yes on the telephone is booked by the same path as a reply.
    const book = { queue: 'book' as const, payload: { organisation, task: change.task.id ?? '' } };
    await shell.enqueue(tx, [...change.jobs, ...(outcome === 'spoke-will-book' ? [book] : [])]);
    return ok('recorded');
  });
}
