/**
 * A stand-in of a supplier's transaction link, in the manner of EMIS PFS JSON. UNVERIFIED: the transaction interfaces are
 * not public, so names and codes here are modelled on the patient-facing ones and prove the seam, not the supplier.
 * facts: gp-connect §5.1, §5.3
 */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { isDate } from '#fhir/date.ts';
import type { Clock } from '#sandbox/clock.ts';
import { commit, isActive } from '#sandbox/gp-access.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import type { Ledger } from '#sandbox/ledger.ts';
import { supplierId } from '#sandbox/population/supplier-id.ts';
import type { CodedEntry, Practice, SimPatient } from '#sandbox/practice.ts';
import type { FiledEntry, Journal } from '#sandbox/records.ts';
import { checker } from '#schema.ts';
import { type Answer, createServer, header, parseJson, send, textBody } from './serving.ts';

export type Im1Context = {
  readonly gp: GpSystems;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly applicationId: string;
  /** How long a session lasts by the real clock. */
  readonly sessionSeconds: number;
  readonly realNow: () => number;
};

type Session = { readonly ods: string; readonly expiresAt: number };
type Sessions = Map<string, Session>;

const entrySchema = Type.Object({
  PatientNhsNumber: Type.String({ pattern: '^\\d{10}$' }),
  SnomedConceptId: Type.String({ pattern: '^\\d{6,18}$' }),
  CodeTerm: Type.String({ minLength: 1, maxLength: 255 }),
  EffectiveDate: Type.Union([
    Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}' }),
    Type.Object({ DatePart: Type.Literal('YearMonthDay'), Value: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}' }) }),
  ]),
  ExternalReference: Type.String({ minLength: 1, maxLength: 255 }),
});

const checkEntry = checker('entry', entrySchema);

/** `POST /im1/sessions`, `POST /im1/record/entries`, `GET /im1/record/entries?externalReference=`. Filing is not idempotent. */
export function createIm1(context: Im1Context): FastifyInstance {
  const server = createServer('im1', context.ledger);
  const sessions: Sessions = new Map();
  server.post('/im1/sessions', async (request, reply) =>
    send(reply, openSession(context, sessions, request), 'application/json'),
  );
  server.route({
    method: ['GET', 'POST'],
    url: '/im1/record/entries',
    handler: async (request, reply) => {
      const session = sessions.get(header(request, 'x-api-sessionid') ?? '');
      const isOpen = session && session.expiresAt > context.realNow();
      if (!isOpen) return send(reply, refuse(401, -1104, 'The session has expired'), 'application/json');
      const act = request.method === 'GET' ? findEntries : fileEntry;
      return send(reply, act(context, session.ods, request), 'application/json');
    },
  });
  return server;
}

function openSession(context: Im1Context, sessions: Sessions, request: FastifyRequest): Answer {
  if (header(request, 'x-api-applicationid') !== context.applicationId)
    return refuse(401, -1030, 'Unknown application');
  if (header(request, 'x-api-version') !== '2.1.0.0') return refuse(400, -1017, 'X-API-Version is not 2.1.0.0');
  const body = parseJson(textBody(request)) as { NationalPracticeCode?: unknown } | undefined;
  const practice = context.gp.practice(String(body?.NationalPracticeCode ?? ''));
  if (practice?.supplier !== 'emis') return refuse(400, -1401, 'The practice is not live');
  const id = randomUUID();
  sessions.set(id, { ods: practice.ods, expiresAt: context.realNow() + context.sessionSeconds * 1000 });
  return { status: 201, body: { SessionId: id, NationalPracticeCode: practice.ods } };
}

function fileEntry(context: Im1Context, ods: string, request: FastifyRequest): Answer {
  const checked = checkEntry(parseJson(textBody(request)));
  if (!checked.ok) return refuse(400, -1014, checked.failure.message);
  const date = dateOf(checked.value);
  if (!isDate(date)) return refuse(400, -1017, 'EffectiveDate is not a date');
  const practice = context.gp.practice(ods);
  const patient = context.gp.patientByNhsNumber(ods, checked.value.PatientNhsNumber);
  if (!practice || !patient) return refuse(400, -1551, 'Not registered at the practice');
  if (!isActive(patient)) return refuse(400, -1552, 'The patient is archived');
  const filed = file(context, { practice, patient, date }, checked.value);
  return { status: 201, body: shown(filed) };
}

/** The entry and the ledger's note of it go into the journal as one line. A second filing makes a second entry. */
function file(
  { gp, journal, clock, ledger }: Im1Context,
  { practice, patient, date }: { practice: Practice; patient: SimPatient; date: string },
  posted: Static<typeof entrySchema>,
): FiledEntry {
  const { SnomedConceptId: code, CodeTerm: term, ExternalReference: externalReference } = posted;
  const at = clock.now();
  const recordId = supplierId(practice.supplier, 'im1-entry', practice.ods, String(ledger.filed.length));
  const staffId = practice.staff[0]?.id ?? '';
  const entry: CodedEntry = {
    id: recordId,
    kind: 'observation',
    date,
    code,
    term,
    enteredAt: at,
    staffId,
    externalKey: externalReference,
  };
  const filed = { recordId, at, ods: practice.ods, patientId: patient.id, code, term, date, externalReference };
  const event = { kind: 'entries-added', ods: practice.ods, at, patientId: patient.id, entries: [entry] } as const;
  commit(gp, journal, { kind: 'gp', by: 'im1', event, filed });
  return filed;
}

function findEntries({ ledger }: Im1Context, ods: string, request: FastifyRequest): Answer {
  const query = new URL(request.url, 'http://im1.invalid').searchParams;
  const reference = query.get('externalReference');
  if (!reference) return refuse(400, -1014, 'externalReference is required');
  const entries = ledger.filed.filter((one) => one.ods === ods && one.externalReference === reference);
  return { status: 200, body: { Entries: entries.map(shown) } };
}

function shown({ recordId, code, term, date, externalReference }: FiledEntry) {
  return {
    RecordId: recordId,
    ExternalReference: externalReference,
    SnomedConceptId: code,
    CodeTerm: term,
    EffectiveDate: { DatePart: 'YearMonthDay', Value: `${date}T00:00:00` },
  };
}

function dateOf({ EffectiveDate: date }: Static<typeof entrySchema>): string {
  return (typeof date === 'string' ? date : date.Value).slice(0, 10);
}

function refuse(status: number, code: number, message: string): Answer {
  const exception = {
    CallStack: 'Not available',
    ExceptionId: randomUUID(),
    InnerExceptionId: '00000000-0000-0000-0000-000000000000',
    IsRootException: true,
    Message: message,
  };
  const body = {
    Exceptions: [exception],
    InternalResponseCode: code,
    InternalResponseMessage: 'Exception occurred during API processing.',
  };
  return { status, body };
}
