/** A stand-in of GOV.UK Notify, its letters and text messages: each practice's own service, keyed by its API key. facts: nhs-apis §4; contract: govuk-notify OAS */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { decodeJwt, jwtVerify } from 'jose';
import { type Static, Type } from 'typebox';
import { addDays, epochMilliseconds, londonDate } from '#fhir/date.ts';
import { idFrom } from '#fhir/id.ts';
import type { Clock } from '#sandbox/clock.ts';
import type { Ledger } from '#sandbox/ledger.ts';
import type { AcceptedLetter, Journal } from '#sandbox/records.ts';
import { checker } from '#schema.ts';
import { acceptedText, isForgotten, shownText, takeText } from './govuk-texts.ts';
import { type Answer, createServer, header, parseJson, send, textBody } from './serving.ts';

export type LetterService = {
  /** The practice whose service it is. */
  readonly ods: string;
  /** The two UUIDs of the API key. */
  readonly serviceId: string;
  readonly secret: string;
};

export type LetterContext = {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly services: readonly LetterService[];
  /** Milliseconds by the real clock. */
  readonly realNow: () => number;
};

const PAGE = 250;

/** `POST /v2/notifications/letter` and `/sms`, `GET /v2/notifications`, `GET /v2/notifications/{id}`. */
export function createGovukNotify(context: LetterContext): FastifyInstance {
  const server = createServer('govuk-notify', context.ledger);
  const add = (method: 'GET' | 'POST', url: string, act: (service: LetterService, request: FastifyRequest) => Answer) =>
    server.route({
      method,
      url,
      handler: async (request, reply) => {
        const service = await serviceOf(context, header(request, 'authorization'));
        return send(
          reply,
          typeof service === 'string' ? refuse(403, 'AuthError', service) : act(service, request),
          'application/json',
        );
      },
    });
  add('POST', '/v2/notifications/letter', (service, request) => acceptLetter(context, service, request));
  add('POST', '/v2/notifications/sms', (service, request) => acceptText(context, service, request));
  add('GET', '/v2/notifications', (service, request) => listNotifications(context, service, request));
  add('GET', '/v2/notifications/:id', (service, request) => readNotification(context, service, request));
  return server;
}

/** The service that signed the call; a token is good for 30 seconds either way of the real clock (or the simulated one, for callers who live by that). */
async function serviceOf(context: LetterContext, authorization = ''): Promise<LetterService | string> {
  const token = authorization.replace(/^Bearer /, '');
  try {
    const { iss } = decodeJwt(token);
    const service = context.services.find(({ serviceId }) => serviceId === iss);
    if (!service) return 'Invalid token: service not found';
    const { payload } = await jwtVerify(token, new TextEncoder().encode(service.secret), { algorithms: ['HS256'] });
    const presents = [context.realNow(), epochMilliseconds(context.clock.now())];
    const isFresh = presents.some((now) => Math.abs(Number(payload.iat) - now / 1000) <= 30);
    return isFresh ? service : 'Error: Your system clock must be accurate to within 30 seconds';
  } catch {
    return 'Invalid token: signature, api token not found';
  }
}

const letterSchema = Type.Object({
  template_id: Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' }),
  personalisation: Type.Record(Type.String(), Type.Unknown()),
  reference: Type.Optional(Type.Union([Type.String({ maxLength: 1000 }), Type.Null()])),
});

const checkLetter = checker('letter', letterSchema);

function acceptLetter(
  { journal, clock, ledger }: LetterContext,
  service: LetterService,
  request: FastifyRequest,
): Answer {
  const checked = checkLetter(parseJson(textBody(request)));
  if (!checked.ok) return refuse(400, 'ValidationError', checked.failure.message);
  const fault = addressFault(checked.value.personalisation);
  if (fault) return refuse(400, 'ValidationError', fault);
  const letter: AcceptedLetter = {
    id: idFrom('letter', service.serviceId, String(ledger.letters.length)),
    reference: checked.value.reference ?? null,
    at: clock.now(),
    serviceId: service.serviceId,
    ods: service.ods,
    templateId: checked.value.template_id,
    personalisation: checked.value.personalisation,
  };
  journal.append({ kind: 'letter', letter });
  const host = `http://${request.host}`;
  const { id, reference } = letter;
  const links = { uri: `${host}/v2/notifications/${id}`, template: template(host, letter), scheduled_for: null };
  return { status: 201, body: { id, reference, content: contentOf(checked.value), ...links } };
}

function contentOf({ personalisation }: Static<typeof letterSchema>) {
  const words = Object.entries(personalisation).filter(([name]) => !name.startsWith('address_line_'));
  return { subject: 'Letter from your GP practice', body: words.map(([, value]) => String(value)).join('\n\n') };
}

/** The lines of a letter's address, in their order, without gaps. */
export function addressLines(personalisation: Readonly<Record<string, unknown>>): readonly string[] {
  return Array.from({ length: 7 }, (_, at) => String(personalisation[`address_line_${at + 1}`] ?? '').trim()).filter(
    Boolean,
  );
}

function addressFault(personalisation: Readonly<Record<string, unknown>>): string | undefined {
  const lines = addressLines(personalisation);
  if (lines.length < 3) return 'Address must be at least 3 lines';
  const isPostcode = /^[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}$/i.test(lines.at(-1) ?? '');
  return isPostcode ? undefined : 'Last line of address must be a real UK postcode or another country';
}

function acceptText(
  { journal, clock, ledger }: LetterContext,
  service: LetterService,
  request: FastifyRequest,
): Answer {
  const taken = takeText(parseJson(textBody(request)), service, { at: clock.now(), nth: ledger.texts.length });
  if ('error' in taken) return refuse(400, taken.error, taken.message);
  journal.append({ kind: 'text', text: taken.text });
  return acceptedText(`http://${request.host}`, taken.text);
}

/** What a service has sent and still knows of, newest first. */
function notificationsOf({ clock, ledger }: LetterContext, { serviceId }: LetterService, host: string) {
  const now = clock.now();
  const letters = ledger.letters.filter((one) => one.serviceId === serviceId).map((one) => shown(host, one, now));
  const texts = ledger.texts
    .filter((one) => one.serviceId === serviceId && !isForgotten(one, now))
    .map((one) => shownText(host, one, now));
  return [...letters, ...texts]
    .toReversed()
    .toSorted((one, other) => epochMilliseconds(other.created_at) - epochMilliseconds(one.created_at));
}

function listNotifications(context: LetterContext, service: LetterService, request: FastifyRequest): Answer {
  const query = new URL(request.url, 'http://letters.invalid').searchParams;
  const references = query.getAll('reference');
  const kinds = query.getAll('template_type');
  const host = `http://${request.host}`;
  const own = notificationsOf(context, service, host).filter(
    ({ type, reference }) => isNamed(references, reference) && isNamed(kinds, type),
  );
  const older = query.get('older_than');
  const from = older ? own.findIndex(({ id }) => id === older) + 1 : 0;
  const notifications = own.slice(from, from + PAGE);
  return { status: 200, body: { notifications, links: { current: `${host}${request.url}` } } };
}

/** Whether one of the names asked for is its own; none asked for is any. */
function isNamed(asked: readonly string[], own: string | null): boolean {
  return asked.length === 0 || (own !== null && asked.includes(own));
}

function readNotification(context: LetterContext, service: LetterService, request: FastifyRequest): Answer {
  const id = request.url.split('/').at(-1);
  const found = notificationsOf(context, service, `http://${request.host}`).find((one) => one.id === id);
  return found ? { status: 200, body: found } : refuse(404, 'NoResultFound', 'No result found');
}

/** A letter is `accepted` until the day after, when it has been printed and sent: then `received`. */
function shown(host: string, letter: AcceptedLetter, now: string) {
  const isSent = londonDate(now) >= addDays(londonDate(letter.at), 1);
  const address = addressLines(letter.personalisation);
  const lines = Array.from({ length: 6 }, (_, at) => [`line_${at + 1}`, address[at] ?? null]);
  return {
    id: letter.id,
    reference: letter.reference,
    ...Object.fromEntries(lines),
    postcode: address.at(-1) ?? null,
    email_address: null,
    phone_number: null,
    type: 'letter',
    postage: 'second',
    status: isSent ? 'received' : 'accepted',
    template: template(host, letter),
    body: contentOf({ template_id: letter.templateId, personalisation: letter.personalisation }).body,
    subject: 'Letter from your GP practice',
    created_at: letter.at,
    created_by_name: null,
    sent_at: isSent ? letter.at : null,
    completed_at: isSent ? letter.at : null,
    scheduled_for: null,
    one_click_unsubscribe: null,
    is_cost_data_ready: false,
    cost_in_pounds: 0,
  };
}

function template(host: string, { templateId }: AcceptedLetter) {
  return { id: templateId, version: 1, uri: `${host}/v2/template/${templateId}` };
}

function refuse(status: number, error: string, message: string): Answer {
  return { status, body: { status_code: status, errors: [{ error, message }] } };
}
