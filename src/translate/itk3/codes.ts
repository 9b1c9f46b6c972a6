/** The names ITK3 and GP Connect Send Document are spoken with, and what an answer's code means. facts: gp-connect §4.1, §4.3 */

export const MESSAGE_HANDLING = 'https://fhir.nhs.uk/STU3/StructureDefinition/Extension-ITK-MessageHandling-2';
export const MESSAGE_EVENT = 'https://fhir.nhs.uk/STU3/CodeSystem/ITK-MessageEvent-2';
export const RECIPIENT_TYPE = 'https://fhir.nhs.uk/STU3/CodeSystem/ITK-RecipientType-1';
export const SEND_DOCUMENT_DEFINITION =
  'https://fhir.nhs.uk/STU3/MessageDefinition/ITK-GPConnectSendDocument-MessageDefinition-1';

/** The event of GP Connect Send Document, and of every answer. */
export const SEND_DOCUMENT_EVENT = 'ITK007C';
export const RESPONSE_EVENT = 'ITK008M';

/** The MESH workflow of Send Document from a federated service, and of its answers. */
export const SEND_DOCUMENT_WORKFLOW = 'GPFED_CONSULT_REPORT';
export const SEND_DOCUMENT_ACK_WORKFLOW = 'GPFED_CONSULT_REPORT_ACK';

/**
 * `infrastructure`: whether the receiver's system could process the message. `business`: whether the patient is known
 * there. `duplicate` says that another copy came before, whose own answer counts.
 */
export type Answer = {
  readonly level: 'infrastructure' | 'business';
  readonly outcome: 'success' | 'failure' | 'duplicate';
  /** In words for a person; never from the message, whose diagnostics may hold patient data. */
  readonly meaning: string;
};

const infrastructure: Readonly<Record<string, string>> = {
  10001: 'the handling specification is wrong',
  10002: 'the value for the infrastructure response is wrong',
  10003: 'the value for the business response is wrong',
  10004: 'the message definition is not supported',
  10005: 'the version of the message definition is not supported',
  10007: 'the sender reference is wrong',
  10008: 'a business rule was broken',
  10009: 'the message could not be read',
  10010: 'the recipient type is not supported',
  20001: 'the recipient person is not known',
  20002: 'the recipient organisation is not known',
  20003: 'the sender is not known',
  20004: 'the type of the attachment is not supported',
  20005: 'the type of an attachment is not supported',
  20006: 'the header failed its validation',
  20009: 'the payload failed its validation',
  20010: 'the recipient organisation in the payload is not known',
  20011: 'the recipient person in the payload is not known',
  20012: 'the sender is not authorised',
  20014: 'the replacement failed',
  20015: 'the message is too large',
};

const business: Readonly<Record<string, string>> = {
  30002: 'the patient is not known at the practice',
  30003: 'the patient is not registered at the practice any more',
  30004: 'the patient is recorded as deceased',
};

/** What a response code says; undefined for one that is not known here. */
export function answerOf(code: string): Answer | undefined {
  if (code === '20013')
    return { level: 'infrastructure', outcome: 'success', meaning: 'the message could be processed' };
  if (code === '30001') return { level: 'business', outcome: 'success', meaning: 'the patient is known' };
  if (code === '20007' || code === '20008')
    return { level: 'infrastructure', outcome: 'duplicate', meaning: 'the same message came before' };
  const refused = Object.hasOwn(infrastructure, code) ? infrastructure[code] : undefined;
  if (refused) return { level: 'infrastructure', outcome: 'failure', meaning: refused };
  const unmatched = Object.hasOwn(business, code) ? business[code] : undefined;
  return unmatched ? { level: 'business', outcome: 'failure', meaning: unmatched } : undefined;
}
