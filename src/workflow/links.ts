/**
 * What each practice's links can do, as resources that clients find: a HealthcareService for the practice and an Endpoint
 * for each link. First as configured, then as the practice's systems say themselves when somebody asks them.
 */
import { abilitiesOf } from '#domain/writeback-route.ts';
import { HOLDFAST, holdfastExtension, ODS_CODE, ukCore } from '#fhir/systems.ts';
import type { Bundle, Endpoint, HealthcareService, Resource } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { readMany, saveResources } from '#store/resources.ts';
import { type Caller, type LiveShell, personOf } from './live.ts';
import type { ReadCapability } from './ports.ts';
import { inside, type PracticeLink } from './shell.ts';

export type LinkShell = LiveShell & { readonly readCapability: ReadCapability };

const AS_OF = holdfastExtension('as-of');
const ABILITY = holdfastExtension('link-ability');
const VERSION = holdfastExtension('link-version');

type Told = { readonly state: 'on' | 'off' | 'unknown'; readonly version?: string; readonly can: readonly string[] };

const GP_CONNECT = ['appointments', 'structured', 'documents'] as const;
const NAMES = {
  appointments: 'Free slots, booking, amending and cancelling by GP Connect',
  structured: 'Structured record by GP Connect',
  documents: 'Documents by GP Connect',
} as const;
const RECORDS = {
  emis: 'Record by EMIS extract',
  tpp: 'Record by TPP extract',
  'gp-connect': 'Record by GP Connect, patient by patient from a list',
} as const;
const WRITEBACKS = {
  im1: 'Coded entries by IM1 (unverified against the licensed specification)',
  'send-document': 'Coded entries asked for by GP Connect Send Document',
  manual: 'Coded entries by hand, from a work list',
} as const;

/** The id of a practice's HealthcareService. */
export function serviceId(organisation: string): string {
  return `gp-connect-${organisation}`;
}

/** Keeps what the configuration says of every practice. What a practice's system has said of itself stays. */
export async function declareLinks(shell: LinkShell): Promise<void> {
  for (const practice of shell.practices) {
    const { organisation } = practice;
    const resources: Resource[] = [serviceOf(practice), ...configured(practice, shell.baseUrl())];
    const ids = GP_CONNECT.map((name) => endpointId(name, organisation));
    const known = await readMany<Endpoint>(shell.pool, inside(organisation), 'Endpoint', ids);
    for (const name of GP_CONNECT)
      if (!known.some(({ id }) => id === endpointId(name, organisation)))
        resources.push(gpConnectEndpoint(practice, shell.baseUrl(), { name }));
    await inTransaction(shell.pool, (tx) => saveResources(tx, { organisation, resources, source: 'holdfast' }));
  }
}

/** Asks a practice's GP Connect what it can do, in the name of the caller, and keeps the answer. */
export async function checkLinks(shell: LinkShell, caller: Caller, service: string): Promise<Result<Bundle>> {
  const practice = shell.practices.find(({ organisation }) => serviceId(organisation) === service);
  if (!practice || !caller.organisations.includes(practice.organisation))
    return fail('not-found', 'No HealthcareService of a linked practice with this id is visible to you');
  const user = personOf(caller);
  if (!user.ok) return user;
  const { organisation } = practice;
  const told = await shell.readCapability({ organisation, user: user.value });
  if (!told.ok) return told;
  const asOf = shell.now();
  const resources = told.value.map(({ name, ...said }) =>
    gpConnectEndpoint(practice, shell.baseUrl(), { name, told: said, asOf }),
  );
  // Its way to be written to cannot be asked; what a call was refused is tried again with the next entry.
  resources.push(writebackEndpoint(practice, shell.baseUrl()));
  await inTransaction(shell.pool, (tx) => saveResources(tx, { organisation, resources, source: 'holdfast' }));
  const entry = resources.map((resource) => ({
    fullUrl: `${shell.baseUrl()}/fhir/R4/Endpoint/${resource.id}`,
    resource,
  }));
  return ok({ resourceType: 'Bundle', type: 'collection', timestamp: asOf, entry });
}

function endpointId(name: string, organisation: string): string {
  return `${name}-${organisation}`;
}

function serviceOf({ organisation, name, telephone }: PracticeLink): HealthcareService {
  const ends = [...GP_CONNECT, 'record', 'writeback'].map((one) => endpointId(one, organisation));
  return {
    resourceType: 'HealthcareService',
    id: serviceId(organisation),
    meta: { profile: [ukCore('HealthcareService')], source: 'urn:holdfast:configuration' },
    identifier: [{ system: ODS_CODE, value: organisation }],
    active: true,
    providedBy: { reference: `Organization/${organisation}`, identifier: { system: ODS_CODE, value: organisation } },
    name: `General practice: ${name}`,
    telecom: [{ system: 'phone', value: telephone }],
    endpoint: ends.map((id) => ({ reference: `Endpoint/${id}` })),
  };
}

function configured(practice: PracticeLink, baseUrl: string): Endpoint[] {
  return [
    { ...endpoint(practice, baseUrl, { name: 'record', title: RECORDS[practice.record] }), status: 'active' },
    writebackEndpoint(practice, baseUrl),
  ];
}

function writebackEndpoint(practice: PracticeLink, baseUrl: string): Endpoint {
  const can = abilitiesOf({ route: practice.writeback, record: practice.record });
  return {
    ...endpoint(practice, baseUrl, { name: 'writeback', title: WRITEBACKS[practice.writeback] }),
    status: can.length > 0 ? 'active' : 'off',
    ...(can.length > 0 ? { extension: can.map((ability) => ({ url: ABILITY, valueString: ability })) } : {}),
  };
}

type Asked = { readonly name: (typeof GP_CONNECT)[number]; readonly told?: Told; readonly asOf?: string };

/** Without the instant of asking it is as configured: nobody has asked the practice yet. */
function gpConnectEndpoint(practice: PracticeLink, baseUrl: string, { name, told, asOf }: Asked): Endpoint {
  const bare = endpoint(practice, baseUrl, { name, title: NAMES[name] });
  if (!told || !asOf) return bare;
  const status = ({ on: 'active', off: 'off', unknown: 'error' } as const)[told.state];
  const extension = [
    { url: AS_OF, valueInstant: asOf },
    ...(told.version ? [{ url: VERSION, valueString: told.version }] : []),
    ...told.can.map((ability) => ({ url: ABILITY, valueString: ability })),
  ];
  return {
    ...bare,
    meta: { ...bare.meta, source: `urn:holdfast:live:gp-connect:${practice.organisation}` },
    extension,
    status,
  };
}

function endpoint(
  { organisation, name: practice }: PracticeLink,
  baseUrl: string,
  { name, title }: { name: string; title: string },
): Endpoint {
  return {
    resourceType: 'Endpoint',
    id: endpointId(name, organisation),
    meta: { source: 'urn:holdfast:configuration' },
    identifier: [{ system: `${HOLDFAST}/Id/link`, value: endpointId(name, organisation) }],
    status: 'active',
    connectionType: {
      system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
      code: 'hl7-fhir-rest',
    },
    name: `${title}: ${practice}`,
    managingOrganization: {
      reference: `Organization/${organisation}`,
      identifier: { system: ODS_CODE, value: organisation },
    },
    payloadType: [{ text: title }],
    // Through this server: a practice's own address is the Spine's to know.
    address: `${baseUrl}/fhir/R4`,
  };
}
