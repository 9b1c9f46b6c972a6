/** A stand-in of the Personal Demographics Service, as an application meets it. facts: nhs-apis §5; contract: pds OAS */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isNhsNumber } from '#fhir/nhs-number.ts';
import type { Clock } from '#sandbox/clock.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import type { Ledger } from '#sandbox/ledger.ts';
import type { SimPatient } from '#sandbox/practice.ts';
import type { Journal } from '#sandbox/records.ts';
import { pdsPatient, versionOf } from './pds-patient.ts';
import { searchFault, searchPds } from './pds-search.ts';
import { type PdsPeople, type PdsTruth, pdsPeople } from './pds-truth.ts';
import { issuedTokens } from './platform-token.ts';
import { type Answer, createServer, header, send } from './serving.ts';

export type PdsContext = {
  readonly gp: GpSystems;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly realNow: () => number;
  readonly seed: string;
  readonly truthOf?: ((patient: SimPatient) => Partial<PdsTruth> | undefined) | undefined;
};

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** `GET /Patient/{id}` and `GET /Patient?…`. It serves several organisations' application, so that who asks must be named. */
export function createPds(context: PdsContext): FastifyInstance {
  const server = createServer('pds', context.ledger);
  const tokens = issuedTokens(context);
  const people = pdsPeople(context.gp, context.seed, context.truthOf);
  server.all('/*', async (request, reply) => {
    const answer = tokens.isGood(header(request, 'authorization'))
      ? route(context, people, request)
      : refusal(401, 'forbidden', 'ACCESS_DENIED');
    const mirrored = ['x-request-id', 'x-correlation-id'].flatMap((name) => {
      const value = header(request, name);
      return value === undefined ? [] : [[name, value]];
    });
    const headers = { ...Object.fromEntries(mirrored), ...answer.headers };
    return send(reply, { ...answer, headers }, 'application/fhir+json');
  });
  return server;
}

function route(context: PdsContext, people: PdsPeople, request: FastifyRequest): Answer {
  const url = new URL(request.url, 'http://pds.invalid');
  const [, id] = /^\/personal-demographics\/FHIR\/R4\/Patient(?:\/([^/]*))?$/.exec(url.pathname) ?? [];
  if (!/^\/personal-demographics\/FHIR\/R4\/Patient(\/|$)/.test(url.pathname))
    return refusal(404, 'not-supported', 'UNSUPPORTED_SERVICE');
  const requestId = header(request, 'x-request-id');
  const ods = header(request, 'nhsd-end-user-organisation-ods') ?? '';
  const answer =
    headerFault(request, requestId, ods) ?? (id === undefined ? search(people, url) : retrieve(people, id));
  const what = id === undefined ? 'search' : 'retrieve';
  const read = { at: context.clock.now(), what, requestId: requestId ?? '', ods, status: answer.status } as const;
  context.journal.append({
    kind: 'demographics-read',
    read: { ...read, ...(id === undefined ? {} : { nhsNumber: id }) },
  });
  return answer;
}

function headerFault(request: FastifyRequest, requestId: string | undefined, ods: string): Answer | undefined {
  if (request.method !== 'GET') return refusal(405, 'not-supported', 'INVALID_METHOD');
  if (requestId === undefined) return refusal(400, 'required', 'MISSING_VALUE', "Missing value - 'X-Request-ID'");
  if (!UUID.test(requestId)) return refusal(400, 'value', 'INVALID_VALUE', "Invalid value in header 'X-Request-ID'");
  return ods === ''
    ? refusal(400, 'required', 'MISSING_VALUE', "Missing value - 'NHSD-End-User-Organisation-ODS'")
    : undefined;
}

function retrieve(people: PdsPeople, id: string): Answer {
  if (!isNhsNumber(id)) return refusal(400, 'value', 'INVALID_RESOURCE_ID');
  const person = people.find(id);
  if (!person) return refusal(404, 'not-found', 'RESOURCE_NOT_FOUND', undefined, 'information');
  if (person.truth.isInvalidated) return refusal(404, 'processing', 'INVALIDATED_RESOURCE');
  return { status: 200, headers: { etag: `W/"${versionOf(person)}"` }, body: pdsPatient(person) };
}

/** As an application: one match, or none, or a refusal. */
function search(people: PdsPeople, url: URL): Answer {
  const fault = searchFault(url.searchParams);
  if (fault) return refusal(fault.status, 'invalid', fault.code, fault.diagnostics);
  const found = searchPds(people, url.searchParams);
  if (found.length > 1)
    return refusal(403, 'forbidden', 'INVALID_VALUE', 'Multiple results in application-restricted mode');
  return {
    status: 200,
    body: {
      resourceType: 'Bundle',
      type: 'searchset',
      timestamp: new Date(0).toISOString(),
      total: found.length,
      ...(found.length === 0
        ? {}
        : {
            entry: found.map((person) => ({
              fullUrl: `${url.origin}${url.pathname}/${person.nhsNumber}`,
              search: { score: 1 },
              resource: pdsPatient(person, true),
            })),
          }),
    },
  };
}

const DISPLAYS: Readonly<Record<string, string>> = {
  ACCESS_DENIED: 'Access Denied',
  RESOURCE_NOT_FOUND: 'Resource not found',
  INVALIDATED_RESOURCE:
    'Resource that has been marked as invalid was requested - invalid resources cannot be retrieved',
  INVALID_RESOURCE_ID: 'Resource Id is invalid',
  MISSING_VALUE: 'Required value is missing',
  INVALID_VALUE: 'Provided value is invalid',
  INVALID_SEARCH_DATA: 'Search data is invalid',
  ADDITIONAL_PROPERTIES: 'Additional properties are not allowed',
  UNSUPPORTED_SERVICE: 'Unsupported Service',
  INVALID_METHOD: 'Invalid Method',
};

function refusal(
  status: number,
  code: string,
  spine: string,
  diagnostics?: string,
  severity: 'error' | 'information' = 'error',
): Answer {
  const system = 'https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode';
  const coding = { system, version: '1', code: spine, display: DISPLAYS[spine] ?? spine };
  const issue = {
    severity,
    code,
    details: { coding: [coding] },
    ...(diagnostics === undefined ? {} : { diagnostics }),
  };
  return { status, body: { resourceType: 'OperationOutcome', issue: [issue] } };
}
