/**
 * Asking the Personal Demographics Service about a person, as an application (no user): one by NHS number, or one match
 * by what is known. It reads only. facts: nhs-apis §5, §1.5; contract: pds OAS
 */
import { callHttp, type HttpReply, jsonOf } from '#adapters/http-call.ts';
import { londonDate } from '#fhir/date.ts';
import { isNhsNumber } from '#fhir/nhs-number.ts';
import { fail, ok, type Result } from '#result.ts';
import { type Demographics, translateDemographics } from '#translate/pds/patient.ts';
import { spineCodesOf, type Trace, translateTrace } from '#translate/pds/trace.ts';
import { pdsFailure } from './errors.ts';

export type PdsSettings = {
  /** With the product's path: `https://api.service.nhs.uk/personal-demographics/FHIR/R4`. */
  readonly baseUrl: string;
  /** `refused`: a token that PDS has just refused. */
  readonly accessToken: (refused?: string) => Promise<Result<string>>;
  /** Comes back when a request may go out: the limit of the application is one for all its processes. */
  readonly admit: () => Promise<Result<unknown>>;
  /** A UUID. */
  readonly newRequestId: () => string;
  readonly now: () => string;
  readonly fetch?: typeof fetch;
  readonly timeoutMs?: number;
  readonly pauseMs?: number;
};

/** On whose behalf: the practice's ODS code, never one that a client sent (facts §14.21). */
type Asking = { readonly organisation: string };

/** What a person is looked for by. PDS wants the family name and the date of birth at least. */
export type TraceQuery = {
  readonly family: string;
  /** Whole, or its first letters and `*`. */
  readonly given?: string;
  /** `YYYY-MM-DD` */
  readonly birthDate: string;
  readonly gender?: 'male' | 'female' | 'other' | 'unknown';
  /** Whole, or its beginning and `*`. */
  readonly postcode?: string;
};

/**
 * Creates the two calls. `readDemographics` fails with `not-found` when nobody has the number, `gone` when it was
 * withdrawn, `invalid` when it is none; it succeeds under another number when the one asked for is superseded.
 * `traceDemographics` gives at most one match: more than one is `too-many`.
 */
export function createPds(settings: PdsSettings) {
  return {
    readDemographics: async (
      request: Asking & { readonly nhsNumber: string },
    ): Promise<Result<Demographics & { readonly etag?: string }>> => {
      const { nhsNumber, organisation } = request;
      if (!isNhsNumber(nhsNumber))
        return fail('invalid', 'the NHS number fails its check; PDS was not asked, correct it in the record');
      const reply = await ask(settings, `/Patient/${nhsNumber}`, organisation);
      if (!reply.ok) return reply;
      const body = jsonOf(reply.value);
      if (reply.value.status !== 200 || body === undefined) return pdsFailure(reply.value);
      const told = translateDemographics(body, { asked: nhsNumber, today: londonDate(settings.now()) });
      if (!told.ok) return told;
      const etag = reply.value.headers.get('etag') ?? undefined;
      return ok({ ...told.value, ...(etag === undefined ? {} : { etag }) });
    },
    traceDemographics: async (request: Asking & TraceQuery): Promise<Result<Trace>> => {
      const reply = await ask(settings, `/Patient?${searchParams(request)}`, request.organisation);
      if (!reply.ok) return reply;
      if (isSeveral(reply.value)) return ok({ result: 'too-many' });
      const body = jsonOf(reply.value);
      if (reply.value.status !== 200 || body === undefined) return pdsFailure(reply.value);
      return translateTrace(body, londonDate(settings.now()));
    },
  };
}

/**
 * One question. A repeat of it (a lost connection, a token that ended early) goes out under the same X-Request-ID, by
 * which PDS knows it again; every try has its turn in the budget.
 */
async function ask(settings: PdsSettings, path: string, organisation: string): Promise<Result<HttpReply>> {
  const requestId = settings.newRequestId();
  const token = await settings.accessToken();
  if (!token.ok) return token;
  const first = await call(settings, path, { organisation, requestId, token: token.value });
  if (!first.ok || first.value.status !== 401) return first;
  const renewed = await settings.accessToken(token.value);
  if (!renewed.ok) return renewed;
  return call(settings, path, { organisation, requestId, token: renewed.value });
}

function call(
  settings: PdsSettings,
  path: string,
  of: { readonly organisation: string; readonly requestId: string; readonly token: string },
): Promise<Result<HttpReply>> {
  const headers = {
    authorization: `Bearer ${of.token}`,
    accept: 'application/fhir+json',
    'x-request-id': of.requestId,
    // One question, one trace: it says nothing of the person.
    'x-correlation-id': of.requestId,
    'nhsd-end-user-organisation-ods': of.organisation,
  };
  return callHttp(() => ({ method: 'GET', url: `${settings.baseUrl.replace(/\/$/, '')}${path}`, headers }), {
    party: 'PDS',
    fetch: settings.fetch,
    timeoutMs: settings.timeoutMs ?? 15_000,
    maxBytes: 2_000_000,
    pauseMs: settings.pauseMs,
    admit: settings.admit,
  });
}

/** No parameter but those PDS knows: another one is an error to it. As an application at most one match may be asked for. */
function searchParams(query: TraceQuery): string {
  const params = [
    ['family', query.family],
    ['given', query.given],
    ['birthdate', `eq${query.birthDate}`],
    ['gender', query.gender],
    ['address-postalcode', query.postcode],
    ['_history', 'true'],
    ['_max-results', '1'],
  ] as const;
  return params.flatMap(([name, value]) => (value === undefined ? [] : `${name}=${encoded(value)}`)).join('&');
}

/** PDS wants its wildcard encoded too. */
function encoded(value: string): string {
  return encodeURIComponent(value).replaceAll('*', '%2A');
}

/** To an application, which may be shown one match alone, several are a refusal. */
function isSeveral(reply: HttpReply): boolean {
  return reply.status === 403 && spineCodesOf(jsonOf(reply)).includes('INVALID_VALUE');
}
