/**
 * What a GP Connect answer that is no success means. Three kinds of body come: the provider's OperationOutcome, the
 * Spine Secure Proxy's, and none that is FHIR. Only known codes are repeated: diagnostics can hold an NHS number.
 * facts: gp-connect §1.7
 */
import { type HttpReply, jsonOf, listOf, propertyOf, retryAfterOf } from '#adapters/http-call.ts';
import { type Failure, type FailureKind, fail } from '#result.ts';

const PROXY_SYSTEM = 'http://fhir.nhs.net/ValueSet/gpconnect-schedule-response-code-1-0';

/** Spine code → what it means to a caller. Matched on the code alone: its system and the issue code vary by version. */
const providerCodes: Readonly<Record<string, FailureKind>> = {
  DUPLICATE_REJECTED: 'conflict',
  FHIR_CONSTRAINT_VIOLATION: 'precondition',
  // With a space in the specification, with an underscore in some guides.
  'ACCESS DENIED': 'unsupported',
  ACCESS_DENIED: 'unsupported',
  NOT_IMPLEMENTED: 'unsupported',
  NO_PATIENT_CONSENT: 'forbidden',
  NO_ORGANISATION_CONSENT: 'forbidden',
  NO_ORGANISATIONAL_CONSENT: 'forbidden',
  PATIENT_NOT_FOUND: 'not-found',
  PRACTITIONER_NOT_FOUND: 'not-found',
  ORGANISATION_NOT_FOUND: 'not-found',
  NO_RECORD_FOUND: 'not-found',
  INVALID_IDENTIFIER_SYSTEM: 'fault',
  INVALID_IDENTIFIER_VALUE: 'fault',
  INVALID_NHS_NUMBER: 'fault',
  INVALID_PATIENT_DEMOGRAPHICS: 'fault',
  BAD_REQUEST: 'fault',
  UNSUPPORTED_MEDIA_TYPE: 'fault',
  INVALID_RESOURCE: 'fault',
  INVALID_PARAMETER: 'fault',
  REFERENCE_NOT_FOUND: 'fault',
};

const proxyReasons = [
  'ENDPOINT',
  'ASID_CHECK_FAILED_MESSAGESENDER',
  'PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER',
  'FOT_CHECK_FAILED_MESSAGESENDER',
  'ERROR_COMMUNICATING_TO_ENDPOINT_URL',
];

const meanings: Readonly<Partial<Record<FailureKind, string>>> = {
  conflict: 'what was asked for is no longer free',
  precondition: 'the resource was changed meanwhile',
  unsupported: 'the practice does not offer this',
  forbidden: 'the practice or the patient does not share this',
  'not-found': 'no such thing is there, or it may not be seen',
  fault: 'the request was refused as wrong; a developer must look',
  unavailable: 'try again later',
  busy: 'try again later',
  'unknown-outcome': 'it may have been done; look before trying again',
};

export type Refusal = {
  readonly failure: Failure;
  /** The directory's entry for this practice may be out of date: forget it. */
  readonly stale: boolean;
};

/** Classifies an answer outside 2xx. `write`: whether doing the call twice could do harm. */
export function refusalOf(reply: HttpReply, write: boolean): Refusal {
  const codings = codingsOf(reply);
  const proxy = codings?.find((coding) => propertyOf(coding, 'system') === PROXY_SYSTEM);
  if (proxy !== undefined) return proxyRefusal(reply, proxy, write);
  if (codings === undefined) return refusal(reply, unreadableKind(reply.status, write), 'no FHIR answer');
  const code = codings.map((coding) => propertyOf(coding, 'code')).find(isKnown);
  if (code) return refusal(reply, providerCodes[code] ?? 'fault', code);
  return refusal(reply, kindOfStatus(reply.status, write), 'no known code');
}

function isKnown(code: unknown): code is string {
  return typeof code === 'string' && Object.hasOwn(providerCodes, code);
}

function codingsOf(reply: HttpReply): readonly unknown[] | undefined {
  const body = jsonOf(reply);
  if (propertyOf(body, 'resourceType') !== 'OperationOutcome') return undefined;
  return listOf(propertyOf(body, 'issue')).flatMap((issue) =>
    listOf(propertyOf(propertyOf(issue, 'details'), 'coding')),
  );
}

/** The proxy refuses before the provider sees the call, except where it could not get the provider's answer. */
function proxyRefusal(reply: HttpReply, coding: unknown, write: boolean): Refusal {
  const display = String(propertyOf(coding, 'display') ?? '');
  const reason = proxyReasons.find((known) => display.startsWith(known)) ?? 'no known reason';
  const wrong = [405, 406, 415].includes(reply.status);
  const kind = wrong ? 'fault' : reply.status < 500 ? 'unavailable' : kindOfStatus(reply.status, write);
  return { ...refusal(reply, kind, `Spine Secure Proxy, ${reason}`), stale: [400, 403, 502].includes(reply.status) };
}

/** From some other intermediary: a 404 in HTML says nothing about a patient. */
function unreadableKind(status: number, write: boolean): FailureKind {
  if (status === 429) return 'busy';
  return write && status >= 500 && status !== 503 ? 'unknown-outcome' : 'unavailable';
}

function kindOfStatus(status: number, write: boolean): FailureKind {
  const kinds: Readonly<Record<number, FailureKind>> = {
    401: 'forbidden',
    403: 'forbidden',
    404: 'not-found',
    409: 'conflict',
    412: 'precondition',
    429: 'busy',
    501: 'unsupported',
    503: 'unavailable',
  };
  const kind = kinds[status];
  if (kind) return kind;
  if (status < 500) return 'fault';
  // The provider, or the way back from it, failed half-way: a write may stand.
  return write ? 'unknown-outcome' : 'unavailable';
}

function refusal(reply: HttpReply, kind: FailureKind, what: string): Refusal {
  const retryAfter = kind === 'busy' || kind === 'unavailable' ? retryAfterOf(reply) : undefined;
  const { failure } = fail(
    kind,
    `GP Connect answered ${reply.status} (${what}): ${meanings[kind] ?? 'refused'}`,
    retryAfter === undefined ? {} : { retryAfter },
  );
  return { failure, stale: reply.status === 502 };
}
