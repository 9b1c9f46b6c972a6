/**
 * The CommunicationRequest: written before anything is sent, one for each step of a Task, its id the key under which
 * the message is sent. facts: care-needs §4.2, §4.3 I5
 */
import { codeIn, concept, linkOf, linkTo } from '#domain/link.ts';
import { requestId, type Step } from '#domain/sequence.ts';
import type { Channel } from '#domain/task-event.ts';
import { CHANNEL, IDEMPOTENCY_KEY, MESSAGE_TEMPLATE, STATUS_REASON, TASK_ID } from '#fhir/systems.ts';
import type { CodeableConcept, CommunicationRequest, ServiceRequest, Task } from '#fhir/types.ts';
import type { Choice } from './channel-choice.ts';
import { choiceInWords, choiceParts } from './channel-record.ts';
import type { CheckMade } from './checklist.ts';
import type { Composed, Template } from './message.ts';

const CHANNELS: Record<Channel, string> = {
  nhsapp: 'NHS App message',
  sms: 'Text message',
  letter: 'Letter',
  telephone: 'Telephone call',
};

/** A step of the sequence; where its channel was chosen by evidence, with the choice. */
export type ChosenStep = Step & { readonly choice?: Choice };

type Outreach = {
  readonly task: Task;
  readonly need: ServiceRequest;
  /** Further needs that the same message speaks of. */
  readonly others?: readonly ServiceRequest[];
  readonly step: ChosenStep;
  /** The practice: Organization id, which is its ODS code. */
  readonly organisation: string;
  readonly checks: readonly CheckMade[];
  readonly now: string;
};

/** The request for a step that passed the checklist. Its text still holds the blank of the reply link. */
export function communicationRequest(of: Outreach & { readonly message: Composed }): CommunicationRequest {
  const { body, template, parameters } = of.message;
  const { reasonCode, extension } = choiceParts(of.step.choice);
  return {
    ...base(of),
    ...(extension.length > 0 ? { extension } : {}),
    status: 'active',
    payload: [
      { contentString: body },
      {
        contentReference: {
          type: 'ActivityDefinition',
          identifier: { system: MESSAGE_TEMPLATE, value: `${template.id}|${template.version}` },
        },
      },
      {
        contentAttachment: {
          contentType: 'application/json',
          title: 'parameters',
          data: Buffer.from(JSON.stringify(parameters)).toString('base64'),
        },
      },
    ],
    occurrenceDateTime: of.now,
    reasonCode: [{ ...concept(STATUS_REASON, 'sequence-step'), text: of.step.id }, ...reasonCode],
  };
}

/** The mark of a step that was left out (no consent for the channel, no address), so that the sequence goes past it. */
export function skippedRequest(of: Outreach & { readonly reason: string }): CommunicationRequest {
  return { ...base(of), status: 'revoked', statusReason: concept(STATUS_REASON, of.reason) };
}

/** The requests that may not be carried out any more, because their Task has ended or was stopped. */
export function revoked(requests: readonly CommunicationRequest[], reason: string): readonly CommunicationRequest[] {
  return requests
    .filter((request) => request.status === 'active' || request.status === 'on-hold' || request.status === 'draft')
    .map((request) => ({ ...request, status: 'revoked', statusReason: concept(STATUS_REASON, reason) }));
}

export function channelOf(resource: { readonly medium?: readonly CodeableConcept[] }): Channel | undefined {
  const code = codeIn(CHANNEL, resource.medium?.[0]);
  return code === 'nhsapp' || code === 'sms' || code === 'letter' || code === 'telephone' ? code : undefined;
}

/** The template that a request was written with; undefined when it is not loaded any more. */
export function templateOf(
  { payload = [] }: CommunicationRequest,
  templates: Iterable<Template>,
): Template | undefined {
  const named = payload.find((part) => part.contentReference?.identifier?.system === MESSAGE_TEMPLATE);
  const value = named?.contentReference?.identifier?.value;
  return [...templates].find(({ id, version }) => `${id}|${version}` === value);
}

export function medium(channel: Channel): CodeableConcept[] {
  return [concept(CHANNEL, channel, CHANNELS[channel])];
}

/** The Task for which a request was made. */
export function taskIdOf(request: CommunicationRequest): string | undefined {
  const group = request.groupIdentifier;
  return group?.system === TASK_ID ? group.value : undefined;
}

function base({ task, need, others = [], step, organisation, checks, now }: Outreach): CommunicationRequest {
  const id = requestId(task, step);
  const patient = linkOf(task.for) ?? {};
  const practice = linkTo('Organization', organisation);
  return {
    resourceType: 'CommunicationRequest',
    id,
    identifier: [{ system: IDEMPOTENCY_KEY, value: id }],
    basedOn: [need, ...others].map((one) => linkTo('ServiceRequest', one.id)),
    groupIdentifier: { system: TASK_ID, value: task.id ?? '' },
    status: 'active',
    priority: task.priority ?? 'routine',
    medium: medium(step.channel),
    subject: patient,
    about: [linkTo('Task', task.id)],
    authoredOn: now,
    requester: practice,
    recipient: [patient],
    sender: practice,
    note: [
      { time: now, text: checks.map((made) => `${made.check}: ${made.result}`).join('; ') },
      ...(step.choice ? [{ time: now, text: choiceInWords(step.choice) }] : []),
    ],
  };
}
