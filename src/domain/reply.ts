/**
 * What a patient's answer means. An answer is recorded as it came; free text is for a person to read and closes
 * nothing. facts: care-needs §4.2, §6.1 H3, H26
 */
import { londonDate } from '#fhir/date.ts';
import { digest, idFrom } from '#fhir/id.ts';
import { IDEMPOTENCY_KEY, STATUS_REASON, ukCore } from '#fhir/systems.ts';
import type { Communication, CommunicationRequest, Flag, Task } from '#fhir/types.ts';
import { concept, linkOf, linkTo } from './link.ts';
import { communicationId } from './sequence.ts';
import { type Answer, isEnded, type TaskEvent } from './task-event.ts';
import { standingBookings } from './task-facts.ts';

/** `book`: offer or make a booking; `call`: a person rings back; `stop-all`: every Task of the person; `read`: a person reads the answer. */
export type ReplyIntent = 'book' | 'call' | 'stop-all' | 'read';

export type Reply = {
  /** The inbound message. The same answer to the same request has the same id. */
  readonly communication: Communication;
  /** Events for this Task, in order. */
  readonly events: readonly TaskEvent[];
  readonly intents: readonly ReplyIntent[];
  /** For `stop`: no more SMS and App messages to this person. */
  readonly flag?: Flag;
};

/** Decides one answer. An answer that comes after the end, or against a standing booking, goes to a person. */
export function decideReply(reply: {
  readonly answer: Answer;
  /** What the patient wrote, if anything. */
  readonly text?: string;
  readonly task: Task;
  readonly request: CommunicationRequest;
  readonly now: string;
}): Reply {
  const { answer, task } = reply;
  const communication = inbound(reply);
  const replied: TaskEvent = { kind: 'replied', answer, communication: linkTo('Communication', communication.id) };
  const only = (...intents: ReplyIntent[]): Reply => ({ communication, events: [replied], intents });
  const isOver = isEnded(task.status);
  const isBooked = standingBookings(task).length > 0;
  switch (answer) {
    case 'book':
      // A second press of the button must not make a second booking.
      if (isBooked && !isOver) return only();
      return only(isOver ? 'read' : 'book');
    case 'call-me':
      return only('call');
    case 'decline':
      if (isBooked || isOver) return only('read');
      return { communication, events: [replied, { kind: 'declined' }], intents: [] };
    case 'stop':
      return {
        communication,
        events: [replied, { kind: 'opted-out' }],
        intents: ['stop-all'],
        flag: doNotContact(task, reply.now),
      };
    case 'other':
      return only('read');
  }
}

function inbound(reply: {
  readonly answer: Answer;
  readonly text?: string;
  readonly request: CommunicationRequest;
  readonly now: string;
}): Communication {
  const { answer, text, request, now } = reply;
  const id = idFrom(request.id ?? '', 'reply', text ? `${answer} ${digest(text)}` : answer);
  const patient = linkOf(request.subject);
  const practice = linkOf(request.sender);
  return {
    resourceType: 'Communication',
    id,
    meta: { profile: [ukCore('Communication')] },
    identifier: [{ system: IDEMPOTENCY_KEY, value: id }],
    inResponseTo: [linkTo('Communication', communicationId(request))],
    ...(request.about ? { partOf: request.about } : {}),
    about: [...(request.basedOn ?? [])],
    status: 'completed',
    ...(request.medium ? { medium: request.medium } : {}),
    ...(patient ? { subject: patient, sender: patient } : {}),
    sent: now,
    received: now,
    ...(practice ? { recipient: [practice] } : {}),
    reasonCode: [concept(STATUS_REASON, `replied-${answer}`)],
    ...(text ? { payload: [{ contentString: text }] } : {}),
  };
}

/** The flag under which no SMS or App message goes to the person, whatever the programme. */
export function doNotContact(task: Pick<Task, 'for'>, now: string): Flag {
  const subject = linkOf(task.for) ?? linkTo('Patient', undefined);
  return {
    resourceType: 'Flag',
    id: idFrom(subject.reference ?? '', 'do-not-contact'),
    meta: { profile: [ukCore('Flag')] },
    status: 'active',
    code: concept(STATUS_REASON, 'do-not-contact', 'Asked not to be sent messages'),
    subject,
    period: { start: londonDate(now) },
    author: subject,
  };
}
