/** A stand-in of the Organisation Data Terminology API: the practices, their network and their board. facts: nhs-apis §7; contract: odt OAS */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { londonDate } from '#fhir/date.ts';
import { ODS_CODE } from '#fhir/systems.ts';
import type { Clock } from '#sandbox/clock.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import type { Ledger } from '#sandbox/ledger.ts';
import { type Answer, createServer, header, send } from './serving.ts';

const ENGLAND = 'https://fhir.nhs.uk/England';
const SYSTEMS = 'https://digital.nhs.uk/services/organisation-data-service/CodeSystem';
/** Invented, as the practices are: a network, a sub-ICB location and a board, and a practice that a living one took over. */
const NETWORK = 'U99901';
const PLACE = '99Z';
const BOARD = 'QZZ';
const CLOSED = 'D84004';
const CLOSED_ON = '2024-03-31';

type Entry = {
  readonly ods: string;
  readonly name: string;
  readonly roles: readonly (readonly [code: string, display: string])[];
  readonly end?: string;
  readonly postcode?: string;
  readonly phone?: string;
  readonly relations?: readonly (readonly [code: string, target: string, end?: string])[];
  readonly successor?: string;
};

type Context = { readonly gp: GpSystems; readonly ledger: Ledger; readonly clock: Clock; readonly apiKey: string };

export function createOds(context: Context): FastifyInstance {
  const server = createServer('ods', context.ledger);
  server.all('/*', async (request, reply) => {
    const answer =
      header(request, 'apikey') === context.apiKey
        ? route(context, request)
        : { status: 401, body: { fault: { faultstring: 'Invalid ApiKey' } } };
    return send(reply, answer, 'application/fhir+json');
  });
  return server;
}

function route(context: Context, request: FastifyRequest): Answer {
  const url = new URL(request.url, `http://${request.host}`);
  const path = url.pathname.replace('/organisation-data-terminology-api/fhir', '');
  const entries = directory(context.gp);
  const today = londonDate(context.clock.now());
  if (request.method !== 'GET') return outcome(405, 'HAPI-0427: Method Not Allowed');
  const [, id] = /^\/Organization\/([^/]+)$/.exec(path) ?? [];
  if (id !== undefined) {
    const found = entries.get(id);
    return found
      ? { status: 200, body: organization(found) }
      : outcome(404, `HAPI-2001: Resource Organization/${id} is not known`);
  }
  if (path === '/OrganizationAffiliation') return affiliations(entries, url, today);
  if (path === '/CodeSystem/$lookup') return lookup(entries, url.searchParams);
  return outcome(404, 'HAPI-0302: Unknown resource type');
}

function directory(gp: GpSystems): ReadonlyMap<string, Entry> {
  const practiceRoles = [
    ['RO177', 'PRESCRIBING COST CENTRE'],
    ['RO76', 'GP PRACTICE'],
  ] as const;
  const practices = gp.practices().map(({ ods, name, address, phone, supplier }): Entry => {
    // The third practice is in no network.
    const network = supplier === 'gp-connect-only' ? [] : ([['RE8', NETWORK]] as const);
    const relations = [['RE4', PLACE] as const, ['RE4', '99X', '2022-06-30'] as const, ...network];
    return { ods, name: name.toUpperCase(), roles: practiceRoles, postcode: address.postcode, phone, relations };
  });
  const [first] = practices;
  const others: Entry[] = [
    { ods: NETWORK, name: 'RIVERFORD PCN', roles: [['RO272', 'PRIMARY CARE NETWORK']] },
    {
      ods: PLACE,
      name: 'NHS ZEDSHIRE ICB - 99Z',
      roles: [
        ['RO98', 'CLINICAL COMMISSIONING GROUP'],
        ['RO319', 'SUB ICB LOCATION'],
      ],
    },
    { ods: '99X', name: 'NHS OLDSHIRE CCG', roles: [['RO98', 'CLINICAL COMMISSIONING GROUP']], end: '2022-06-30' },
    {
      ods: BOARD,
      name: 'NHS ZEDSHIRE INTEGRATED CARE BOARD',
      roles: [
        ['RO261', 'STRATEGIC PARTNERSHIP'],
        ['RO318', 'INTEGRATED CARE BOARD'],
      ],
    },
    {
      ods: CLOSED,
      name: 'OLD MILL SURGERY',
      roles: practiceRoles,
      end: CLOSED_ON,
      relations: [['RE4', PLACE, CLOSED_ON]],
      ...(first ? { successor: first.ods } : {}),
    },
  ];
  return new Map([...practices, ...others].map((entry) => [entry.ods, entry]));
}

function typedPeriods(end: string | undefined) {
  const period = { start: '1974-04-01', ...(end === undefined ? {} : { end }) };
  return ['Legal', 'Operational'].map((code) => ({
    url: `${ENGLAND}/StructureDefinition/Extension-England-TypedPeriod`,
    extension: [
      { url: 'dateType', valueCoding: { system: `${ENGLAND}/CodeSystem/England-PeriodType`, code, display: code } },
      { url: 'period', valuePeriod: period },
    ],
  }));
}

function organization({ ods, name, roles, end, postcode, phone }: Entry) {
  return {
    resourceType: 'Organization',
    id: ods,
    meta: {
      versionId: '1',
      profile: [
        `${ENGLAND}/StructureDefinition/England-Organization-ODS`,
        'https://fhir.hl7.org.uk/StructureDefinition/UKCore-Organization',
      ],
    },
    extension: roles.map(([code, display], index) => ({
      url: `${ENGLAND}/StructureDefinition/Extension-England-OrganisationRole`,
      extension: [
        { url: 'instanceID', valueInteger: index + 1 },
        {
          url: 'roleCode',
          valueCodeableConcept: { coding: [{ system: `${SYSTEMS}/ODSOrganisationRole`, code, display }] },
        },
        ...typedPeriods(end),
        { url: 'active', valueBoolean: end === undefined },
      ],
    })),
    identifier: [{ use: 'official', system: ODS_CODE, value: ods, assigner: { display: 'HSCIC' } }],
    active: end === undefined,
    type: [{ coding: [{ system: `${ENGLAND}/CodeSystem/England-ODSRecordUseType`, code: 'Full', display: 'Full' }] }],
    name,
    ...(phone === undefined ? {} : { telecom: [{ system: 'phone', value: phone }] }),
    ...(postcode === undefined ? {} : { address: [{ postalCode: postcode, country: 'ENGLAND' }] }),
  };
}

const SEARCH_PARAMS = new Set([
  '_id',
  'primary-organization',
  'participating-organization',
  'active',
  '_count',
  '_include',
  '_summary',
  '_offset',
]);

function affiliations(entries: ReadonlyMap<string, Entry>, url: URL, today: string): Answer {
  const params = url.searchParams;
  const unknown = [...params.keys()].find((name) => !SEARCH_PARAMS.has(name));
  if (unknown !== undefined) return outcome(400, `HAPI-0524: Unknown search parameter "${unknown}"`);
  const source = entries.get(params.get('primary-organization') ?? '');
  const related = (source?.relations ?? []).filter(
    ([, , end]) => params.get('active') !== 'true' || end === undefined || end >= today,
  );
  const found = related.map(([code, target, end], index) => ({
    resourceType: 'OrganizationAffiliation',
    id: `${source?.ods}-${index + 1}`,
    extension: typedPeriods(end),
    active: end === undefined,
    period: { start: '1974-04-01', ...(end === undefined ? {} : { end }) },
    organization: logical(source?.ods ?? ''),
    participatingOrganization: logical(target),
    code: [{ coding: [{ system: `${SYSTEMS}/ODSRelationship`, code }] }],
  }));
  const isIncluding = params.getAll('_include').includes('OrganizationAffiliation:participating-organization');
  const included = isIncluding ? related.flatMap(([, target]) => entries.get(target) ?? []).map(organization) : [];
  const entry = (resource: { resourceType: string; id: string }, mode: string) => ({
    fullUrl: `${url.origin}/organisation-data-terminology-api/fhir/${resource.resourceType}/${resource.id}`,
    resource,
    search: { mode },
  });
  return {
    status: 200,
    body: {
      resourceType: 'Bundle',
      type: 'searchset',
      total: found.length,
      entry: [...found.map((one) => entry(one, 'match')), ...included.map((one) => entry(one, 'include'))],
    },
  };
}

function logical(ods: string) {
  return { reference: `Organization/${ods}`, identifier: { system: ODS_CODE, value: ods } };
}

function lookup(entries: ReadonlyMap<string, Entry>, params: URLSearchParams): Answer {
  const found = entries.get(params.get('code') ?? '');
  if (!found || params.get('system') !== ODS_CODE) return outcome(404, 'HAPI-1738: Unable to find code');
  const property = (code: string, value: object) => ({
    name: 'property',
    part: [{ name: 'code', valueCode: code }, value],
  });
  const geography = { system: `${SYSTEMS}/geography-name`, code: BOARD };
  return {
    status: 200,
    body: {
      resourceType: 'Parameters',
      parameter: [
        { name: 'code', valueCode: found.ods },
        { name: 'display', valueString: found.name },
        property('status', { name: 'value', valueCode: found.end === undefined ? 'active' : 'inactive' }),
        property('ICB', { name: 'value', valueCoding: geography }),
        ...(found.relations ?? []).map(([code, target]) => property(code, { name: 'value', valueCode: target })),
        ...(found.successor === undefined
          ? []
          : [property('successor', { name: 'value', valueCode: found.successor })]),
      ],
    },
  };
}

function outcome(status: number, diagnostics: string): Answer {
  return {
    status,
    body: { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'processing', diagnostics }] },
  };
}
