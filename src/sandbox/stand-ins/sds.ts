/** A stand-in of the Spine Directory Service's FHIR API: who serves which interaction for a practice, and where. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { ODS_CODE } from '#fhir/systems.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import type { Ledger } from '#sandbox/ledger.ts';
import { randomFrom } from '#sandbox/population/random.ts';
import { type Capability, interactions } from './gp-connect/interactions.ts';
import { type Answer, createServer, header, send } from './serving.ts';

const INTERACTION = 'https://fhir.nhs.uk/Id/nhsServiceInteractionId';
const PARTY_KEY = 'https://fhir.nhs.uk/Id/nhsMhsPartyKey';
const ASID = 'https://fhir.nhs.uk/Id/nhsSpineASID';
const extension = (name: string): string => `https://fhir.nhs.uk/StructureDefinition/Extension-SDS-${name}`;

/** The provider's base URL for a capability of a practice, as SDS gives it: the SSP takes exactly this one. */
export function providerAddress(ods: string, capability: Capability): string {
  const part = capability === 'appointments' ? '' : `/${capability}`;
  return `https://provider.${ods.toLowerCase()}.example/${ods}/STU3/1/gpconnect${part}`;
}

/** The practice's own system on the Spine. */
export const providerAsid = (ods: string): string => asid('provider', ods);
/** The system through which Holdfast calls for an organisation: one ASID per organisation. */
export const consumerAsid = (ods: string): string => asid('consumer', ods);
/** The manufacturer under which Holdfast's own systems are registered. */
export const CONSUMER_MANUFACTURER = 'HLD01';

function asid(side: string, ods: string): string {
  return `9${String(randomFrom('asid', side, ods).integer(0, 99_999_999_999)).padStart(11, '0')}`;
}

const partyKey = (side: string, ods: string): string =>
  `${ods}-8${String(randomFrom('party', side, ods).integer(0, 99_999)).padStart(5, '0')}`;

export function createSds(context: { gp: GpSystems; ledger: Ledger; apiKey: string }): FastifyInstance {
  const server = createServer('sds', context.ledger);
  for (const base of ['', '/spine-directory/FHIR/R4']) {
    for (const resource of ['Device', 'Endpoint'] as const) {
      server.get(`${base}/${resource}`, async (request, reply) => {
        const query = new URL(request.url, 'http://sds.invalid').searchParams;
        const answer =
          header(request, 'apikey') === context.apiKey
            ? search(context.gp, resource, query)
            : outcome(401, 'security', 'BAD_REQUEST', 'the apikey header is missing or not the agreed one');
        return send(reply, answer, 'application/fhir+json');
      });
    }
  }
  return server;
}

type Query = { ods?: string; interaction?: string; party?: string; manufacturer?: string };

function search(gp: GpSystems, resource: 'Device' | 'Endpoint', params: URLSearchParams): Answer {
  const query = parseQuery(params);
  if (typeof query === 'string') return outcome(400, 'invalid', 'BAD_REQUEST', query);
  const isComplete = resource === 'Device' ? query.ods && query.interaction : Object.keys(query).length >= 2;
  if (!isComplete) return outcome(400, 'required', 'BAD_REQUEST', `${resource} needs organization and identifier`);
  const resources = matches(gp, resource, query);
  return {
    status: 200,
    body: {
      resourceType: 'Bundle',
      id: randomUUID(),
      type: 'searchset',
      total: resources.length,
      link: [{ relation: 'self', url: `https://sds.invalid/${resource}?${params}` }],
      entry: resources.map((one) => ({
        fullUrl: `https://sds.invalid/${resource}/${one.id}`,
        resource: one,
        search: { mode: 'match' },
      })),
    },
  };
}

function parseQuery(params: URLSearchParams): Query | string {
  const query: Query = {};
  for (const [name, text] of params) {
    const bar = text.lastIndexOf('|');
    const [system, value] = [text.slice(0, Math.max(bar, 0)), text.slice(bar + 1)];
    if (name === 'organization' && system === ODS_CODE) query.ods = value;
    else if (name === 'manufacturing-organization' && system === ODS_CODE) query.manufacturer = value;
    else if (name === 'identifier' && system === INTERACTION) query.interaction = value;
    else if (name === 'identifier' && system === PARTY_KEY) query.party = value;
    else return `the parameter ${name} is not known or not of the form system|value`;
  }
  return query;
}

function matches(gp: GpSystems, resource: 'Device' | 'Endpoint', query: Query): { id: string }[] {
  const isConsumer = query.manufacturer === CONSUMER_MANUFACTURER;
  if (query.manufacturer && !isConsumer) return [];
  const found = Object.values(interactions).find(({ id }) => id === query.interaction);
  if (query.interaction && !found) return [];
  const side = isConsumer ? 'consumer' : 'provider';
  return gp
    .practices()
    .filter(({ ods }) => !query.ods || ods === query.ods)
    .filter(({ ods }) => !query.party || query.party === partyKey(side, ods))
    .map(({ ods }) =>
      resource === 'Device'
        ? device(ods, side, query.interaction ?? '')
        : endpoint(ods, query.interaction ?? '', found?.capability ?? 'appointments'),
    );
}

function device(ods: string, side: 'provider' | 'consumer', interaction: string) {
  return {
    resourceType: 'Device',
    id: randomUUID(),
    identifier: [
      { system: ASID, value: asid(side, ods) },
      { system: PARTY_KEY, value: partyKey(side, ods) },
    ],
    extension: [
      {
        url: extension('ManufacturingOrganisation'),
        valueReference: {
          identifier: { system: ODS_CODE, value: side === 'consumer' ? CONSUMER_MANUFACTURER : 'YGM24' },
        },
      },
      {
        url: extension('NhsServiceInteractionId'),
        valueReference: { identifier: { system: INTERACTION, value: interaction } },
      },
    ],
    owner: { identifier: { system: ODS_CODE, value: ods } },
  };
}

function endpoint(ods: string, interaction: string, capability: Capability) {
  const address = providerAddress(ods, capability);
  return {
    resourceType: 'Endpoint',
    id: randomUUID(),
    status: 'active',
    connectionType: { system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type', code: 'hl7-fhir-rest' },
    payloadType: [
      {
        coding: [
          { system: 'http://terminology.hl7.org/CodeSystem/endpoint-payload-type', code: 'any', display: 'Any' },
        ],
      },
    ],
    address,
    managingOrganization: { identifier: { system: ODS_CODE, value: ods } },
    identifier: [
      { system: 'https://fhir.nhs.uk/Id/nhsMhsFQDN', value: new URL(address).hostname },
      { system: PARTY_KEY, value: partyKey('provider', ods) },
    ],
    extension: [
      {
        url: extension('NhsServiceInteractionId'),
        valueReference: { identifier: { system: INTERACTION, value: interaction } },
      },
    ],
  };
}

function outcome(status: number, code: string, spine: string, diagnostics: string): Answer {
  const system = 'https://fhir.nhs.uk/STU3/ValueSet/Spine-ErrorOrWarningCode-1';
  const issue = { severity: 'error', code, details: { coding: [{ system, code: spine }] }, diagnostics };
  return { status, body: { resourceType: 'OperationOutcome', issue: [issue] } };
}
