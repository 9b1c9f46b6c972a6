/**
 * A text message that a patient wrote. Only a plain "STOP" is understood; everything else is kept and read by a person.
 * The words looked for put a message higher in their list and do nothing else. facts: care-needs §6.1 H3, H26
 */
import { idFrom } from '#fhir/id.ts';
import { IDEMPOTENCY_KEY, STATUS_REASON, TASK_CODE, ukCore } from '#fhir/systems.ts';
import type { Communication, Task } from '#fhir/types.ts';
import { concept, linkOf, linkTo } from './link.ts';
import { medium } from './outreach/request.ts';

export type Meaning = 'stop' | 'changed-details' | 'other';
export type Understood = { readonly meaning: Meaning; readonly isUrgent: boolean };

/** The whole message, and no part of one: "do not stop my tablets" is for a person. */
const STOP =
  /^(?:please )?(?:stop|stop ?all|stop (?:texts?|texting|messages|messaging)(?: me)?|unsubscribe|opt ?out)(?: please| thanks| thank you)?$/;
const DETAILS =
  /\b(?:new|changed?|different|wrong) (?:my )?(?:number|phone|mobile|address|name|surname|person)\b|\bmoved (?:house|home|away|out|to)\b|\bnot (?:my|his|her|their) (?:number|phone)\b/;
const RED_FLAGS =
  /\b(?:chest pain|can ?t breathe|cannot breathe|short of breath|breathless|suicid\w*|kill (?:myself|me)|end my life|harm(?:ing)? myself|overdos\w+|stroke|bleeding|collapsed?|unconscious|seizure|emergency|ambulance|999)\b/;

/** What a message says as far as a rule may know. Not urgent means only that none of the words was found. */
export function understand(text: string): Understood {
  const plain = text
    .toLowerCase()
    .replace(/['’]/g, ' ')
    .replace(/[^\p{L}\p{N} ]/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  const isUrgent = RED_FLAGS.test(plain);
  if (STOP.test(plain)) return { meaning: 'stop', isUrgent };
  return { meaning: DETAILS.test(plain) ? 'changed-details' : 'other', isUrgent };
}

const REASONS: Readonly<Record<Meaning, string>> = {
  stop: 'replied-stop',
  'changed-details': 'replied-changed-details',
  other: 'replied-other',
};

export type Written = {
  readonly organisation: string;
  /** The supplier's id of the message: the same id is the same message. */
  readonly id: string;
  readonly text: string;
  readonly understood: Understood;
  /** The one person whose number it came from; left out when there is none, or several. */
  readonly patient?: string;
  /** The last message that person was sent. */
  readonly answers?: Communication;
  readonly now: string;
};

/** The message as it is kept. Whom it is from is said only when that is certain. */
export function receivedCommunication(written: Written): Communication {
  const { organisation, patient, answers, now, understood } = written;
  const id = idFrom(organisation, 'received-text', written.id);
  const from = patient ? linkTo('Patient', patient) : undefined;
  return {
    resourceType: 'Communication',
    id,
    meta: { profile: [ukCore('Communication')] },
    identifier: [{ system: IDEMPOTENCY_KEY, value: id }],
    ...(answers ? { inResponseTo: [linkTo('Communication', answers.id)] } : {}),
    ...(answers?.partOf ? { partOf: answers.partOf } : {}),
    ...(answers?.about ? { about: answers.about } : {}),
    status: 'completed',
    medium: medium('sms'),
    ...(from ? { subject: from, sender: from } : {}),
    received: now,
    recipient: [linkTo('Organization', organisation)],
    reasonCode: [concept(STATUS_REASON, REASONS[understood.meaning])],
    ...(written.text === '' ? {} : { payload: [{ contentString: written.text }] }),
  };
}

/** The Task by which a person reads it. Urgent when a word asks for it, or when an opt-out fits nobody. */
export function readTask(written: Written, communication: Communication): Task {
  const { organisation, understood, patient, now } = written;
  const id = idFrom(communication.id ?? '', 'read');
  const practice = linkTo('Organization', organisation);
  const isLostStop = understood.meaning === 'stop' && patient === undefined;
  return {
    resourceType: 'Task',
    id,
    meta: { profile: [ukCore('Task')] },
    identifier: [{ system: IDEMPOTENCY_KEY, value: id }],
    status: 'requested',
    intent: 'order',
    priority: understood.isUrgent || isLostStop ? 'urgent' : 'routine',
    code: concept(TASK_CODE, 'read-message', 'Read what a patient wrote'),
    reasonCode: concept(STATUS_REASON, REASONS[understood.meaning]),
    ...(communication.partOf ? { partOf: communication.partOf.flatMap((one) => linkOf(one) ?? []) } : {}),
    focus: linkTo('Communication', communication.id),
    ...(patient ? { for: linkTo('Patient', patient) } : {}),
    authoredOn: now,
    lastModified: now,
    requester: practice,
    owner: practice,
  };
}
