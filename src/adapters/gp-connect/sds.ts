/**
 * The Spine Directory Service: which system at a practice answers an interaction, and where. Two calls, as the address
 * and the ASID stand on different resources, tied by the party key. facts: nhs-apis §6, gp-connect §1.2
 */
import { createDestination, type Destination, type DestinationState, USUAL_LIMITS } from '#adapters/destination.ts';
import { callHttp, type HttpReply, jsonOf, listOf, propertyOf } from '#adapters/http-call.ts';
import { epochMilliseconds } from '#fhir/date.ts';
import { ODS_CODE } from '#fhir/systems.ts';
import { fail, ok, type Result } from '#result.ts';

/** A provider system: its ASID (`Ssp-To`) and its base address, without a slash at the end. */
export type ProviderSystem = { readonly asid: string; readonly address: string };

export type Directory = {
  /** `unsupported` when the practice has no system for the interaction. */
  readonly lookup: (ods: string, interactionId: string) => Promise<Result<ProviderSystem>>;
  /** Forgets all that is known of a practice, after an answer that says it is wrong. */
  readonly bust: (ods: string) => void;
  /** How the directory itself fares. */
  readonly states?: () => readonly DestinationState[];
};

export type SdsSettings = {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly now: () => string;
  /** How long an answer is used. Minutes: the rules allow a session, not days. */
  readonly ttlMs: number;
  readonly fetch?: typeof fetch;
  readonly timeoutMs?: number;
  /** Comes back when the next request may go out: its limit is one for all processes. */
  readonly admit?: (() => Promise<Result<unknown>>) | undefined;
};

const INTERACTION = 'https://fhir.nhs.uk/Id/nhsServiceInteractionId';
const PARTY_KEY = 'https://fhir.nhs.uk/Id/nhsMhsPartyKey';
const ASID = 'https://fhir.nhs.uk/Id/nhsSpineASID';

export function createSds(given: SdsSettings): Directory {
  const destination = createDestination('Spine Directory Service', { ...USUAL_LIMITS, atOnce: 8 });
  const settings = { ...given, destination };
  const known = new Map<string, Map<string, { readonly system: ProviderSystem; readonly until: number }>>();
  return {
    lookup: async (ods, interactionId) => {
      const now = epochMilliseconds(settings.now());
      const kept = known.get(ods)?.get(interactionId);
      if (kept && kept.until > now) return ok(kept.system);
      const found = await find(settings, ods, interactionId);
      if (!found.ok) return found;
      const ofPractice = known.get(ods) ?? new Map();
      known.set(ods, ofPractice.set(interactionId, { system: found.value, until: now + settings.ttlMs }));
      return found;
    },
    bust: (ods) => {
      known.delete(ods);
    },
    states: () => [destination.state()],
  };
}

type Settings = SdsSettings & { readonly destination: Destination };

async function find(settings: Settings, ods: string, interactionId: string): Promise<Result<ProviderSystem>> {
  const devices = await search(settings, 'Device', [ods, interactionId]);
  if (!devices.ok) return devices;
  const pairs = devices.value.map((device) => ({ asid: identifier(device, ASID), key: identifier(device, PARTY_KEY) }));
  const keys = [...new Set(pairs.flatMap(({ key }) => key ?? []))];
  if (keys.length === 0) return none();
  const endpoints = await search(settings, 'Endpoint', [ods, interactionId, ...(keys.length === 1 ? keys : [])]);
  if (!endpoints.ok) return endpoints;
  const systems = endpoints.value.flatMap((endpoint) => {
    const address = addressOf(endpoint);
    const key = identifier(endpoint, PARTY_KEY);
    return pairs.flatMap((pair) => (pair.asid && address && pair.key === key ? { asid: pair.asid, address } : []));
  });
  return only(systems);
}

function only(systems: readonly ProviderSystem[]): Result<ProviderSystem> {
  const different = [...new Map(systems.map((system) => [JSON.stringify(system), system])).values()];
  const [first, second] = different;
  if (!first) return none();
  if (!second) return ok(first);
  // While a practice changes supplier two systems can be registered; writing to the wrong one is worse than waiting.
  return fail(
    'fault',
    `the directory names ${different.length} systems of this practice for one interaction; wanted one: have its entry corrected`,
  );
}

function none(): Result<never> {
  return fail('unsupported', 'the directory has no system of this practice for this interaction: it does not offer it');
}

async function search(
  settings: Settings,
  type: 'Device' | 'Endpoint',
  [ods = '', interactionId = '', partyKey]: readonly string[],
): Promise<Result<readonly unknown[]>> {
  const query = [
    ['organization', ODS_CODE, ods],
    ['identifier', INTERACTION, interactionId],
    ...(partyKey ? [['identifier', PARTY_KEY, partyKey]] : []),
  ].map(([name, system, value]) => `${name}=${encodeURIComponent(`${system}|${value}`)}`);
  const url = `${settings.baseUrl.replace(/\/$/, '')}/${type}?${query.join('&')}`;
  const headers = { apikey: settings.apiKey, accept: 'application/fhir+json' };
  const options = {
    party: 'the Spine Directory Service',
    fetch: settings.fetch,
    timeoutMs: settings.timeoutMs ?? 10_000,
    maxBytes: 1_000_000,
    admit: settings.admit,
  };
  return settings.destination.run(async () => {
    const reply = await callHttp(() => ({ method: 'GET', url, headers }), options);
    return reply.ok ? entries(reply.value, type) : reply;
  });
}

function entries(reply: HttpReply, type: string): Result<readonly unknown[]> {
  const { status } = reply;
  const answered = `the Spine Directory Service answered ${status}`;
  if (status === 429) return fail('busy', `${answered}: its limit is 300 a minute`, { retryAfter: 60 });
  if (status >= 500) return fail('unavailable', `${answered}; try again later`);
  const body = jsonOf(reply);
  if (status !== 200 || propertyOf(body, 'resourceType') !== 'Bundle') {
    return fail('fault', `${answered} and no Bundle; check its address and key`);
  }
  const resources = listOf(propertyOf(body, 'entry')).map((entry) => propertyOf(entry, 'resource'));
  return ok(resources.filter((resource) => propertyOf(resource, 'resourceType') === type));
}

function identifier(resource: unknown, system: string): string | undefined {
  const found = listOf(propertyOf(resource, 'identifier')).find((one) => propertyOf(one, 'system') === system);
  const value = propertyOf(found, 'value');
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Some endpoints have an empty address: the system is registered, but not there. */
function addressOf(endpoint: unknown): string | undefined {
  const address = propertyOf(endpoint, 'address');
  return typeof address === 'string' && /^https?:\/\//.test(address) ? address.replace(/\/$/, '') : undefined;
}
