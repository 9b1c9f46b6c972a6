/**
 * Asking the Organisation Data Service where a practice belongs: its network, its board, whether it is open, and who
 * took it over. The Organisation Data Terminology FHIR API, with an API key. facts: nhs-apis §7, §1.3; contract: odt OAS
 */
import { callHttp, jsonOf, retryAfterOf } from '#adapters/http-call.ts';
import { epochMilliseconds, londonDate } from '#fhir/date.ts';
import { ODS_CODE } from '#fhir/systems.ts';
import type { Organization } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import {
  GP_PRACTICE,
  type OdsOrganisation,
  PRIMARY_CARE_NETWORK,
  translateOdsOrganization,
} from '#translate/ods/organization.ts';
import {
  type Affiliations,
  IS_COMMISSIONED_BY,
  IS_PARTNER_TO,
  translateAffiliations,
  translateLookup,
} from '#translate/ods/structure.ts';

export type OdsSettings = {
  /** With the product's path: `https://api.service.nhs.uk/organisation-data-terminology-api/fhir`. */
  readonly baseUrl: string;
  readonly apiKey: string;
  /** How long an answer is kept. Codes change by the day at most. */
  readonly ttlMs: number;
  readonly now: () => string;
  readonly fetch?: typeof fetch;
  readonly timeoutMs?: number;
  readonly pauseMs?: number;
};

export type PracticeStructure = {
  /** `partOf` its network, or its board where it is in none. */
  readonly practice: Organization;
  readonly network?: Organization;
  /** The sub-ICB location that commissions it. */
  readonly place?: Organization;
  readonly board?: Organization;
  /** Open on the day, as a GP practice: only then may it be named as a sender. */
  readonly isOpenPractice: boolean;
  readonly successors: readonly string[];
};

/** Creates the look-up. `not-found` when ODS has no such code. Failures are not kept. */
export function createOds(settings: OdsSettings) {
  const known = new Map<string, { readonly structure: PracticeStructure; readonly until: number }>();
  return {
    findStructure: async (ods: string): Promise<Result<PracticeStructure>> => {
      const now = epochMilliseconds(settings.now());
      const kept = known.get(ods);
      if (kept && kept.until > now) return ok(kept.structure);
      const found = await find(settings, ods);
      if (found.ok) known.set(ods, { structure: found.value, until: now + settings.ttlMs });
      return found;
    },
  };
}

async function find(settings: OdsSettings, ods: string): Promise<Result<PracticeStructure>> {
  if (!/^[A-Z0-9]{3,12}$/.test(ods)) return fail('invalid', 'this is no ODS code; ODS was not asked');
  const today = londonDate(settings.now());
  const practice = await organisation(settings, ods, today);
  if (!practice.ok) return practice;
  const around = await ask(
    settings,
    `OrganizationAffiliation?primary-organization=${ods}&active=true&_include=OrganizationAffiliation%3Aparticipating-organization&_count=200`,
  );
  if (!around.ok) return around;
  const affiliations = translateAffiliations(around.value, today);
  if (!affiliations.ok) return affiliations;
  const looked = await ask(
    settings,
    `CodeSystem/$lookup?system=${encodeURIComponent(ODS_CODE)}&code=${ods}&property=*`,
  );
  if (!looked.ok) return looked;
  const lookup = translateLookup(looked.value);
  if (!lookup.ok) return lookup;
  const { icb, successors } = lookup.value;
  const board = icb === undefined ? undefined : await organisation(settings, icb, today);
  if (board?.ok === false && board.failure.kind !== 'not-found') return board;
  return ok({
    ...structure(practice.value, affiliations.value, board?.ok ? board.value : undefined),
    successors,
  });
}

function structure(
  practice: OdsOrganisation,
  { relations, organisations }: Affiliations,
  board: OdsOrganisation | undefined,
): Omit<PracticeStructure, 'successors'> {
  const related = (code: string) =>
    relations.flatMap((relation) => (relation.code === code ? (organisations.get(relation.target) ?? []) : []));
  const network = related(IS_PARTNER_TO).find(({ roles }) => roles.includes(PRIMARY_CARE_NETWORK));
  const [place] = related(IS_COMMISSIONED_BY);
  const above = network ?? place ?? board;
  const below = (one: OdsOrganisation) => (one === board ? one.organization : within(one, board));
  return {
    practice: within(practice, above),
    ...(network ? { network: below(network) } : {}),
    ...(place ? { place: below(place) } : {}),
    ...(board ? { board: board.organization } : {}),
    isOpenPractice: practice.organization.active === true && practice.roles.includes(GP_PRACTICE),
  };
}

function within({ organization }: OdsOrganisation, above: OdsOrganisation | undefined): Organization {
  return above ? { ...organization, partOf: { reference: `Organization/${above.ods}` } } : organization;
}

async function organisation(settings: OdsSettings, ods: string, today: string): Promise<Result<OdsOrganisation>> {
  const answer = await ask(settings, `Organization/${ods}`);
  return answer.ok ? translateOdsOrganization(answer.value, today) : answer;
}

/** The JSON of an answer. Its errors are a FHIR server's own (HAPI): the status says what they mean. */
async function ask(settings: OdsSettings, path: string): Promise<Result<unknown>> {
  const headers = { apikey: settings.apiKey, accept: 'application/fhir+json' };
  const reply = await callHttp(
    () => ({ method: 'GET', url: `${settings.baseUrl.replace(/\/$/, '')}/${path}`, headers }),
    {
      party: 'ODS',
      fetch: settings.fetch,
      timeoutMs: settings.timeoutMs ?? 15_000,
      // Its own cap on an answer.
      maxBytes: 10_000_000,
      pauseMs: settings.pauseMs,
    },
  );
  if (!reply.ok) return reply;
  const { status } = reply.value;
  const body = jsonOf(reply.value);
  if (status === 200 && body !== undefined) return ok(body);
  const answered = `ODS answered ${status}`;
  if (status === 404 && /HAPI-2001/.test(reply.value.text))
    return fail('not-found', `${answered}: it has no such code`);
  if (status === 429)
    return fail('busy', `${answered}: its limit is reached`, { retryAfter: retryAfterOf(reply.value) ?? 60 });
  if (status >= 500 || status === 200) return fail('unavailable', `${answered} and nothing usable; ask again later`);
  return fail('fault', `${answered}; check its address and key`);
}
