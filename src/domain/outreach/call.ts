/** A telephone call that a person made, recorded with its outcome. facts: care-needs §2.8 */
import { codeIn, concept, linkOf, linkTo } from '#domain/link.ts';
import { CALL_OUTCOMES, type CallOutcome, type TaskEvent } from '#domain/task-event.ts';
import { idFrom } from '#fhir/id.ts';
import { CALL_OUTCOME, IDEMPOTENCY_KEY, ukCore } from '#fhir/systems.ts';
import type { Communication, CommunicationRequest, Reference, Task } from '#fhir/types.ts';
import { medium } from './request.ts';

export type Call = {
  readonly communication: Communication;
  /** The step's request, now carried out. */
  readonly request?: CommunicationRequest;
  readonly events: readonly TaskEvent[];
};

/** Records a call to the patient of a Task. `key` tells one call from the next: the same key is the same call. */
export function recordCall(call: {
  readonly task: Task;
  readonly request?: CommunicationRequest;
  readonly outcome: CallOutcome;
  readonly key: string;
  readonly caller?: Reference;
  readonly now: string;
}): Call {
  const { task, request, outcome, now } = call;
  const id = idFrom(task.id ?? '', 'call', call.key);
  const patient = linkOf(task.for);
  const caller = linkOf(call.caller) ?? linkOf(task.owner);
  const isAnswered = outcome.startsWith('spoke-');
  const communication: Communication = {
    resourceType: 'Communication',
    id,
    meta: { profile: [ukCore('Communication')] },
    identifier: [{ system: IDEMPOTENCY_KEY, value: id }],
    ...(request ? { basedOn: [linkTo('CommunicationRequest', request.id)] } : {}),
    partOf: [linkTo('Task', task.id)],
    about: task.focus ? [task.focus] : [],
    status: isAnswered ? 'completed' : 'not-done',
    statusReason: concept(CALL_OUTCOME, outcome),
    medium: medium('telephone'),
    ...(patient ? { subject: patient, recipient: [patient] } : {}),
    sent: now,
    ...(isAnswered ? { received: now } : {}),
    ...(caller ? { sender: caller } : {}),
  };
  const called: TaskEvent = { kind: 'called', communication: linkTo('Communication', id), outcome };
  return {
    communication,
    ...(request ? { request: { ...request, status: 'completed' } } : {}),
    events: outcome === 'spoke-declined' ? [called, { kind: 'declined' }] : [called],
  };
}

/** The outcome of a recorded call; undefined for any other Communication. */
export function callOutcomeOf(communication: Communication): CallOutcome | undefined {
  const code = codeIn(CALL_OUTCOME, communication.statusReason);
  return CALL_OUTCOMES.find((outcome) => outcome === code);
}
