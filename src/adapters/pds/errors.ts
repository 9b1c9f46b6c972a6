/** What an answer of PDS that is not the one wanted means. facts: nhs-apis §5.1, §5.2; contract: pds OAS */
import { type HttpReply, jsonOf, retryAfterOf } from '#adapters/http-call.ts';
import { type FailureKind, fail } from '#result.ts';
import { spineCodesOf } from '#translate/pds/trace.ts';

/** By PDS's own code, which says more than the status; the severity beside it does not ("information" for a 404). */
const KINDS: Readonly<Record<string, FailureKind>> = {
  RESOURCE_NOT_FOUND: 'not-found',
  INVALIDATED_RESOURCE: 'gone',
  INVALID_RESOURCE_ID: 'invalid',
  UNSUPPORTED_SERVICE: 'fault',
  MISSING_VALUE: 'fault',
  ADDITIONAL_PROPERTIES: 'fault',
  INVALID_SEARCH_DATA: 'invalid',
  UNABLE_TO_CALL_SERVICE: 'unavailable',
  TOO_MANY_REQUESTS: 'busy',
};

const MEANINGS: Readonly<Record<string, string>> = {
  RESOURCE_NOT_FOUND: 'no patient has this NHS number',
  INVALIDATED_RESOURCE: 'the NHS number was withdrawn and no other took its place',
  INVALID_RESOURCE_ID: 'this is no NHS number',
  INVALID_SEARCH_DATA: 'the search names too little, or what may not be combined',
};

/** The failure that a reply stands for. Its codes are named, its diagnostics never: they can repeat what was sent. */
export function pdsFailure(reply: HttpReply): ReturnType<typeof fail> {
  if (reply.status === 200) return fail('unavailable', 'PDS answered 200 with a body that is no JSON; ask again later');
  const codes = spineCodesOf(jsonOf(reply));
  const code = codes.find((one) => KINDS[one] !== undefined);
  const kind = (code === undefined ? undefined : KINDS[code]) ?? kindOf(reply.status);
  const meaning = (code === undefined ? undefined : MEANINGS[code]) ?? advice[kind];
  const answered = `PDS answered ${reply.status} (${codes.join(', ') || 'no known code'})`;
  const seconds = retryAfterOf(reply) ?? (kind === 'busy' ? 5 : undefined);
  return fail(
    kind,
    meaning === undefined ? answered : `${answered}: ${meaning}`,
    seconds === undefined ? {} : { retryAfter: seconds },
  );
}

const advice: Readonly<Partial<Record<FailureKind, string>>> = {
  busy: 'its limit for this application is reached; ask again later',
  unavailable: 'ask again later',
  forbidden: 'this application may not ask this; see its onboarding',
  fault: 'the request is wrong, or the address is; a developer must look',
};

/** A 404 without PDS's code comes from the platform before it: nothing is known of the person. */
function kindOf(status: number): FailureKind {
  if (status === 429) return 'busy';
  if (status === 401 || status === 408 || status >= 500) return 'unavailable';
  return status === 403 ? 'forbidden' : 'fault';
}
