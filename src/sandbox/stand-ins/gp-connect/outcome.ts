/** The errors of GP Connect providers and of the Spine Secure Proxy, each in its own dialect. facts: gp-connect §1.7 */
import type { Answer } from '#sandbox/stand-ins/serving.ts';

const SPINE_CODES = 'https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1';
const SSP_CODES = 'http://fhir.nhs.net/ValueSet/gpconnect-schedule-response-code-1-0';
const PROFILE = 'https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-OperationOutcome-1';

/** Spine code → HTTP status, issue code and display. */
const errors = {
  BAD_REQUEST: [400, 'invalid', 'Bad request'],
  INVALID_IDENTIFIER_SYSTEM: [400, 'value', 'Invalid identifier system'],
  INVALID_NHS_NUMBER: [400, 'value', 'Invalid NHS number'],
  NO_PATIENT_CONSENT: [403, 'forbidden', 'Patient has not provided consent to share data'],
  'ACCESS DENIED': [403, 'forbidden', 'Access has been denied to process this request'],
  PATIENT_NOT_FOUND: [404, 'not-found', 'Patient record not found'],
  NO_RECORD_FOUND: [404, 'not-found', 'No record found'],
  DUPLICATE_REJECTED: [409, 'duplicate', 'Create would lead to creation of duplicate resource'],
  FHIR_CONSTRAINT_VIOLATION: [409, 'business-rule', 'FHIR constraint violated'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'not-supported', 'Unsupported media type'],
  INVALID_RESOURCE: [422, 'invalid', 'Submitted resource is not valid'],
  INVALID_PARAMETER: [422, 'invalid', 'Submitted parameter is not valid'],
  REFERENCE_NOT_FOUND: [422, 'invalid', 'FHIR reference not found'],
  NOT_IMPLEMENTED: [501, 'not-supported', 'FHIR resource or operation not implemented by server'],
} as const;

export type SpineCode = keyof typeof errors;

/** A refusal by the provider. */
export function refuse(code: SpineCode, diagnostics: string): Answer {
  const [status, issueCode, display] = errors[code];
  const details = { coding: [{ system: SPINE_CODES, code, display }] };
  return answerWith(status, { severity: 'error', code: issueCode, details, diagnostics });
}

/** A refusal by the proxy, which says its reason in `display`. */
export function refuseBySsp(status: number, issueCode: string, reason: string): Answer {
  const details = { coding: [{ system: SSP_CODES, code: String(status), display: reason }] };
  return answerWith(status, { severity: 'error', code: issueCode, details, diagnostics: reason });
}

/** The warning that goes into a structured record for each parameter the provider does not know. */
export function notSupported(names: readonly string[]) {
  const details = { coding: [{ system: SPINE_CODES, code: 'NOT_IMPLEMENTED', display: errors.NOT_IMPLEMENTED[2] }] };
  return {
    resourceType: 'OperationOutcome',
    meta: { profile: [PROFILE] },
    issue: names.map((diagnostics) => ({ severity: 'warning', code: 'not-supported', details, diagnostics })),
  };
}

function answerWith(status: number, issue: object): Answer {
  return { status, body: { resourceType: 'OperationOutcome', meta: { profile: [PROFILE] }, issue: [issue] } };
}

/** A check's result: undefined when all is well, else the refusal. */
export type Refusal = Answer | undefined;

/** The first refusal of a row of checks, which run in the order given and only as far as needed. */
export function firstRefusal(...checks: readonly (() => Refusal)[]): Refusal {
  for (const check of checks) {
    const refusal = check();
    if (refusal) return refusal;
  }
  return undefined;
}
