/**
 * The Communication of one send, and what suppliers say became of it. Every receipt is kept with its time, and the
 * state is read from all of them, so their order of arrival does not matter. facts: nhs-apis §3.9, §3.10, §14
 */
import { codeIn, concept, linkOf, linkTo } from '#domain/link.ts';
import { communicationId } from '#domain/sequence.ts';
import type { TaskEvent } from '#domain/task-event.ts';
import { epochMilliseconds, instantOf } from '#fhir/date.ts';
import { IDEMPOTENCY_KEY, MESSAGE_ID, STATUS_REASON, ukCore, ukCoreExtension } from '#fhir/systems.ts';
import type { Communication, CommunicationRequest, Extension } from '#fhir/types.ts';
import { channelOf } from './request.ts';

export type Receipt = {
  /** The channel's status; for the NHS App "delivered" means read. */
  readonly status: 'sending' | 'delivered' | 'read' | 'failed';
  /** The supplier's own status where it was given: "notified" and "delivered" mean that the App has the message. */
  readonly supplierStatus?: string;
  readonly at: string;
  readonly failureCode?: string;
  readonly description?: string;
  readonly messageId?: string;
};

/**
 * What became of a message. `reached`: in the App, unread. `delivered`: an SMS on the phone, a letter printed and
 * posted. `suppressed`: the supplier will not write to this person at all, and neither may anyone else.
 */
export type MessageState = 'sent' | 'reached' | 'delivered' | 'read' | 'failed' | 'suppressed';

type ReceiptCode = 'sending' | 'reached' | 'delivered' | 'read' | 'failed' | 'suppressed';

/** What outweighs what, whenever it was said: an unread App message "fails" and may still be read. */
const WEIGHT: Record<ReceiptCode, number> = { sending: 0, failed: 1, reached: 1, delivered: 2, read: 3, suppressed: 4 };

const CODES: readonly ReceiptCode[] = ['sending', 'reached', 'delivered', 'read', 'failed', 'suppressed'];

/** Not found, invalidated, gone away (exit code), dead: these end every channel, not just this one. */
const SUPPRESSING = /PDSV_(0004|0006|0008|0110|0111|0112)$/;
const SUPPRESSING_TEXT = /\b(exit code|dead|deceased|invalidated|flagged)\b/i;

/** The Communication of a message that was handed over. Handed over is not delivered: it is in progress. */
export function sentCommunication(
  request: CommunicationRequest,
  of: { readonly messageId?: string; readonly now: string },
): Communication {
  const id = communicationId(request);
  const subject = linkOf(request.subject);
  const sender = linkOf(request.sender);
  return {
    resourceType: 'Communication',
    id,
    meta: { profile: [ukCore('Communication')] },
    identifier: [{ system: IDEMPOTENCY_KEY, value: id }, ...messageIdentifier(of.messageId)],
    basedOn: [linkTo('CommunicationRequest', request.id)],
    ...(request.about ? { partOf: request.about } : {}),
    about: [...(request.basedOn ?? [])],
    status: 'in-progress',
    ...(request.priority ? { priority: request.priority } : {}),
    ...(request.medium ? { medium: request.medium } : {}),
    ...(subject ? { subject, recipient: [subject] } : {}),
    sent: of.now,
    ...(sender ? { sender } : {}),
    ...(request.payload ? { payload: request.payload } : {}),
  };
}

/**
 * Adds one receipt. `changed` is false for one that is known; `event` is given when the message's state moved.
 * A supplier's refusal to write to the person holds the Task for a person: no other channel may be tried.
 */
export function applyReceipt(
  communication: Communication,
  receipt: Receipt,
): { readonly communication: Communication; readonly changed: boolean; readonly event?: TaskEvent } {
  const next = markOf(communication, receipt);
  const known = receiptsOf(communication).some((other) => isSame(other, next));
  const noted = known
    ? communication
    : { ...communication, extension: [...(communication.extension ?? []), extensionOf(next)] };
  const named = withMessageId(noted, receipt.messageId);
  if (named === communication) return { communication, changed: false };
  const state = stateOf(named);
  const event = state === stateOf(communication) ? undefined : eventOf(named, state);
  return { communication: settled(named, state), changed: true, ...(event ? { event } : {}) };
}

/** What became of a message, from all receipts together. */
export function stateOf(communication: Communication): MessageState {
  const last = weightiest(receiptsOf(communication));
  return last === undefined || last.code === 'sending' ? 'sent' : last.code;
}

type Mark = {
  readonly code: ReceiptCode;
  readonly at: string /** The supplier's failure code. */;
  readonly failure?: string;
};

function weightiest(marks: readonly Mark[]): Mark | undefined {
  const [first, ...others] = marks;
  return first && others.reduce((best, next) => (outweighs(next, best) ? next : best), first);
}

/** A whole order, so that no order of arrival can change who wins. */
function outweighs(one: Mark, other: Mark): boolean {
  if (WEIGHT[one.code] !== WEIGHT[other.code]) return WEIGHT[one.code] > WEIGHT[other.code];
  if (one.at !== other.at) return one.at > other.at;
  return `${one.code} ${one.failure ?? ''}` < `${other.code} ${other.failure ?? ''}`;
}

function isSame(one: Mark, other: Mark): boolean {
  return one.code === other.code && one.at === other.at && one.failure === other.failure;
}

function markOf(communication: Communication, receipt: Receipt): Mark {
  const code = codeOf(communication, receipt);
  const at = instantOf(epochMilliseconds(receipt.at));
  const failed = code === 'failed' || code === 'suppressed';
  return { code, at, ...(failed && receipt.failureCode ? { failure: receipt.failureCode } : {}) };
}

function codeOf(communication: Communication, receipt: Receipt): ReceiptCode {
  if (receipt.status === 'failed') return isSuppressing(receipt) ? 'suppressed' : 'failed';
  if (channelOf(communication) !== 'nhsapp') return receipt.status === 'read' ? 'delivered' : receipt.status;
  if (receipt.status !== 'sending') return 'read';
  return receipt.supplierStatus === 'notified' || receipt.supplierStatus === 'delivered' ? 'reached' : 'sending';
}

function isSuppressing(receipt: Receipt): boolean {
  return SUPPRESSING.test(receipt.failureCode ?? '') || SUPPRESSING_TEXT.test(receipt.description ?? '');
}

function eventOf(communication: Communication, state: MessageState): TaskEvent | undefined {
  const reference = linkTo('Communication', communication.id);
  switch (state) {
    case 'reached':
    case 'delivered':
      return { kind: 'delivered', communication: reference };
    case 'read':
      return { kind: 'read', communication: reference };
    case 'failed':
      return { kind: 'delivery-failed', communication: reference, reason: failureOf(communication) ?? 'not given' };
    case 'suppressed':
      return { kind: 'held', reason: 'review' };
    case 'sent':
      return undefined;
  }
}

function settled(communication: Communication, state: MessageState): Communication {
  const { statusReason: _before, received: _then, ...rest } = communication;
  const arrived = receiptsOf(communication)
    .filter((mark) => mark.code === 'delivered' || mark.code === 'read')
    .map((mark) => mark.at)
    .sort()[0];
  const failed = state === 'failed' || state === 'suppressed';
  const text = failed ? failureOf(communication) : undefined;
  return {
    ...rest,
    status: failed ? 'not-done' : state === 'delivered' || state === 'read' ? 'completed' : 'in-progress',
    // The supplier's code, never its description: that may tell why a person is flagged.
    statusReason: { ...concept(STATUS_REASON, state), ...(text ? { text } : {}) },
    ...(arrived ? { received: arrived } : {}),
  };
}

function failureOf(communication: Communication): string | undefined {
  return weightiest(receiptsOf(communication))?.failure;
}

function receiptsOf(communication: Communication): readonly Mark[] {
  return (communication.extension ?? []).flatMap((extension) => {
    if (extension.url !== TYPED_DATE_TIME) return [];
    const kind = extension.extension?.find((part) => part.url === 'dateTimeType')?.valueCodeableConcept;
    const at = extension.extension?.find((part) => part.url === 'dateTime')?.valueDateTime;
    const named = codeIn(STATUS_REASON, kind);
    const code = CODES.find((known) => known === named);
    return code && at ? [{ code, at, ...(kind?.text ? { failure: kind.text } : {}) }] : [];
  });
}

const TYPED_DATE_TIME = ukCoreExtension('TypedDateTime');

function extensionOf({ code, at, failure }: Mark): Extension {
  const kind = { ...concept(STATUS_REASON, code), ...(failure ? { text: failure } : {}) };
  return {
    url: TYPED_DATE_TIME,
    extension: [
      { url: 'dateTimeType', valueCodeableConcept: kind },
      { url: 'dateTime', valueDateTime: at },
    ],
  };
}

function withMessageId(communication: Communication, messageId: string | undefined): Communication {
  const identifiers = communication.identifier ?? [];
  if (!messageId || identifiers.some((identifier) => identifier.system === MESSAGE_ID)) return communication;
  return { ...communication, identifier: [...identifiers, ...messageIdentifier(messageId)] };
}

function messageIdentifier(messageId: string | undefined): { system: string; value: string }[] {
  return messageId ? [{ system: MESSAGE_ID, value: messageId }] : [];
}
