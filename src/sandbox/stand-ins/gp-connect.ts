/**
 * A stand-in of GP Connect providers behind a stand-in of the Spine Secure Proxy: every practice of the sandbox, its
 * appointments and its structured records, over the real protocol. facts: gp-connect §1, §2, §3.1
 * It answers below `/ssp/<the address that SDS gave>/…`, and directly below `/<ODS>/STU3/1/gpconnect/…`.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { epochMilliseconds } from '#fhir/date.ts';
import type { Clock } from '#sandbox/clock.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import type { Ledger } from '#sandbox/ledger.ts';
import type { ClinicSession, Practice } from '#sandbox/practice.ts';
import type { Journal } from '#sandbox/records.ts';
import { listAppointments, readAppointment } from './gp-connect/appointments.ts';
import { refuseAuthorisation } from './gp-connect/authorisation.ts';
import { bookAppointment, bookAtTheDesk } from './gp-connect/booking.ts';
import { amendAppointment, cancelAppointment } from './gp-connect/changing.ts';
import { readDocument, searchDocuments } from './gp-connect/documents.ts';
import { type Capability, fittingInteraction, type InteractionName, isKnownPath } from './gp-connect/interactions.ts';
import { capabilityStatement } from './gp-connect/metadata.ts';
import { type Refusal, refuse, refuseBySsp } from './gp-connect/outcome.ts';
import { findPatient, readPatient } from './gp-connect/patients.ts';
import { answerRecord } from './gp-connect/record.ts';
import { type Restriction, searchSlots } from './gp-connect/slots.ts';
import { providerAddress, providerAsid } from './sds.ts';
import { type Answer, createServer, faultOn, header, send, textBody } from './serving.ts';

/** What is switched off at a practice. */
export type PracticeSwitches = {
  readonly appointments?: boolean;
  readonly structured?: boolean;
  readonly documents?: boolean;
  readonly reachable?: boolean;
  /** Knows allergies and medication alone, as version 1.2 of the structured record. */
  readonly isOldRecord?: boolean;
  /** NHS numbers of patients who do not want their record shared. */
  readonly dissenting?: readonly string[];
};

export type GpConnectContext = {
  readonly gp: GpSystems;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly ledger: Ledger;
  /** Milliseconds by the real clock. */
  readonly realNow: () => number;
  readonly switches: Readonly<Record<string, PracticeSwitches>>;
  readonly restrictionOf: (session: ClinicSession) => Restriction | undefined;
};

const TYPE = 'application/fhir+json;charset=utf-8';

export function createGpConnect(context: GpConnectContext): FastifyInstance {
  const server = createServer('gp-connect', context.ledger);
  server.all('/*', async (request, reply) => {
    const answer = answerCall(context, request);
    const isMinimal = header(request, 'prefer') === 'return=minimal' && answer.status < 300;
    const headers = { ...answer.headers, 'cache-control': 'no-store' };
    return send(reply, { status: answer.status, headers, body: isMinimal ? undefined : answer.body }, TYPE);
  });
  return server;
}

type Target = { practice: Practice; capability: Capability; path: string; query: URLSearchParams; base: string };

function answerCall(context: GpConnectContext, request: FastifyRequest): Answer {
  const target = locate(context.gp, request.url, `http://${request.host}`);
  if ('status' in target) return target;
  const switches = context.switches[target.practice.ods] ?? {};
  if (switches.reachable === false)
    return refuseBySsp(502, 'transient', `ERROR_COMMUNICATING_TO_ENDPOINT_URL_${target.base}`);
  const refusal = refuseHeaders(target, request);
  if (refusal) return refusal;
  const fitting = fittingInteraction({
    id: header(request, 'ssp-interactionid'),
    method: request.method,
    path: target.path,
    capability: target.capability,
  });
  if (!fitting) return refuseUnfit(request.method, target.path);
  const skew = skewOf(request);
  const now = [context.realNow(), epochMilliseconds(context.clock.now())].map((at) => (at + skew) / 1000);
  const audiences = [target.base, providerAddress(target.practice.ods, target.capability)];
  const unauthorised = refuseAuthorisation(header(request, 'authorization'), {
    audiences,
    scope: fitting.interaction.scope,
    now,
  });
  if (unauthorised) return unauthorised;
  const isOn = switches[target.capability] ?? true;
  if (!isOn) return refuse('ACCESS DENIED', 'the capability is switched off at this practice');
  return handlers[fitting.name](context, target, { argument: fitting.argument, request });
}

/** How far the provider's clock is ahead of everybody's, in milliseconds. */
function skewOf(request: FastifyRequest): number {
  const fault = faultOn(request);
  return fault?.kind === 'clock-skew' ? (fault.milliseconds ?? 600_000) : 0;
}

/** The practice and capability of `/ssp/https://provider…/<ODS>/STU3/1/gpconnect…`; the proxy takes exactly the address that SDS gives. */
function locate(gp: GpSystems, url: string, host: string): Target | Answer {
  const match =
    /^(?:\/ssp\/(https:\/\/[^/]+))?(\/([A-Za-z0-9]+)\/STU3\/1\/gpconnect(?:\/(structured|documents))?)(\/[^?]*)(?:\?(.*))?$/.exec(
      url,
    );
  const practice = match?.[3] && gp.practice(match[3]);
  if (!match || !practice) return refuseBySsp(400, 'invalid', 'ENDPOINT_UNKNOWN_VARIES_FROM_TARGETURL');
  const [, proxied, basePath = '', , named, path = '', query = ''] = match;
  const capability: Capability = named === 'structured' || named === 'documents' ? named : 'appointments';
  const address = providerAddress(practice.ods, capability);
  const base = `${proxied ?? host}${basePath}`;
  if (proxied && base !== address)
    return refuseBySsp(400, 'invalid', `ENDPOINT_${address}_VARIES_FROM_TARGETURL_${base}`);
  return { practice, capability, path: decodeURIComponent(path), query: new URLSearchParams(query), base };
}

function refuseHeaders({ practice, query }: Target, request: FastifyRequest): Refusal {
  for (const name of ['Ssp-TraceID', 'Ssp-From', 'Ssp-To', 'Ssp-InteractionID']) {
    if (!header(request, name.toLowerCase())) return refuse('BAD_REQUEST', `${name} is missing`);
  }
  if (header(request, 'ssp-to') !== providerAsid(practice.ods))
    return refuse('BAD_REQUEST', 'Ssp-To is not this provider');
  if (!/^\d{12}$/.test(header(request, 'ssp-from') ?? '')) {
    return refuseBySsp(403, 'forbidden', 'ASID_CHECK_FAILED_MESSAGESENDER');
  }
  const accepted = query.get('_format') ?? header(request, 'accept') ?? '*/*';
  if (!/^(\*\/\*|application\/fhir\+json(;charset=utf-8)?)$/i.test(accepted)) {
    return refuse('UNSUPPORTED_MEDIA_TYPE', 'only application/fhir+json is served');
  }
  const sent = header(request, 'content-type');
  const hasRightBody = !textBody(request) || /^application\/fhir\+json(;charset=utf-8)?$/i.test(sent ?? '');
  return hasRightBody ? undefined : refuse('UNSUPPORTED_MEDIA_TYPE', 'the body is not application/fhir+json');
}

function refuseUnfit(method: string, path: string): Answer {
  if (!['GET', 'POST', 'PUT'].includes(method)) return refuseBySsp(405, 'not-supported', '405_Method_Not_Allowed');
  const why = isKnownPath(method, path) ? 'Ssp-InteractionID does not fit the method and path' : 'no such interaction';
  return refuse('BAD_REQUEST', why);
}

type Handler = (
  context: GpConnectContext,
  target: Target,
  call: { argument: string; request: FastifyRequest },
) => Answer;

const withNow = (context: GpConnectContext) => ({ ...context, now: context.clock.now() });

const putOf = (argument: string, request: FastifyRequest) => ({
  id: argument,
  body: textBody(request),
  ifMatch: header(request, 'if-match'),
});

const handlers: Readonly<Record<InteractionName, Handler>> = {
  metadata: () => capabilityStatement('appointments'),
  structuredMetadata: () => capabilityStatement('structured'),
  documentsMetadata: () => capabilityStatement('documents'),
  findDocumentsPatient: ({ gp }, { practice, query }) => findPatient(gp, practice, query),
  searchDocuments: (context, { practice, query, base }, { argument }) =>
    searchDocuments(withNow(context), practice, { patientId: argument, query, base }),
  readDocument: (context, { practice }, { argument }) => readDocument(context.gp, practice, argument),
  findPatient: ({ gp }, { practice, query }) => findPatient(gp, practice, query),
  readPatient: ({ gp }, { practice }, { argument }) => readPatient(gp, practice, argument),
  findSlots: (context, { practice, query }) => searchSlots(withNow(context), practice, query),
  readAppointment: (context, { practice }, { argument }) => readAppointment(withNow(context), practice, argument),
  listAppointments: (context, { practice, query }, { argument }) =>
    listAppointments(withNow(context), practice, { patientId: argument, query }),
  book: (context, { practice, base }, { request }) => {
    if (faultOn(request)?.kind === 'double-book') bookAtTheDesk(withNow(context), practice, textBody(request));
    const answer = bookAppointment(withNow(context), practice, textBody(request));
    const location = answer.headers?.['location'];
    return location ? { ...answer, headers: { ...answer.headers, location: `${base}/${location}` } } : answer;
  },
  amend: (context, { practice }, { argument, request }) =>
    amendAppointment(withNow(context), practice, putOf(argument, request)),
  cancel: (context, { practice }, { argument, request }) =>
    cancelAppointment(withNow(context), practice, putOf(argument, request)),
  structuredRecord: (context, { practice }, { request }) =>
    answerRecord(withNow(context), practice, {
      body: textBody(request),
      isOld: context.switches[practice.ods]?.isOldRecord === true,
      dissenting: context.switches[practice.ods]?.dissenting ?? [],
      traceId: header(request, 'ssp-traceid') ?? '',
    }),
};
