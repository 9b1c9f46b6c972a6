/** A stand-in of the NHS Notify API (`/comms`) and of the platform's token endpoint beside it. facts: nhs-apis §3; contract: nhs-notify OAS */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { idFrom } from '#fhir/id.ts';
import type { Clock } from '#sandbox/clock.ts';
import type { Ledger } from '#sandbox/ledger.ts';
import type { AcceptedMessage, Journal } from '#sandbox/records.ts';
import { refuseNotify } from './notify-error.ts';
import { errorsIn, type NewMessage } from './notify-request.ts';
import { shownMessage } from './notify-status.ts';
import { addTokenEndpoint, type TokenContext } from './platform-token.ts';
import { routingPlanOf, shownPlan } from './routing-plans.ts';
import { type Answer, createServer, header, parseJson, send, textBody } from './serving.ts';

export type NotifyContext = TokenContext & { readonly clock: Clock; readonly ledger: Ledger };

const JSON_API = 'application/vnd.api+json';

/** `POST /oauth2/token`, `POST /comms/v1/messages`, `GET /comms/v1/messages/{id}`. */
export function createNotify(context: NotifyContext): FastifyInstance {
  const server = createServer((url) => (url.startsWith('/oauth2/') ? 'token' : 'notify'), context.ledger);
  const tokens = addTokenEndpoint(server, context);
  server.all('/comms/*', async (request, reply) => {
    const answer = tokens.isGood(header(request, 'authorization'))
      ? route(context, request)
      : refuseNotify(401, { code: 'CM_DENIED', title: 'Access denied', source: { header: 'Authorization' } });
    const correlation = header(request, 'x-correlation-id') ?? idFrom('correlation', request.url);
    const isPlain = header(request, 'accept')?.startsWith('application/json');
    const headers = { ...answer.headers, 'x-correlation-id': correlation };
    return send(reply, { ...answer, headers }, isPlain ? 'application/json' : JSON_API);
  });
  return server;
}

function route(context: NotifyContext, request: FastifyRequest): Answer {
  const path = request.url.split('?')[0] ?? '';
  if (!isAcceptable(header(request, 'accept')))
    return refuseNotify(406, { code: 'CM_NOT_ACCEPTABLE', title: 'Not acceptable' });
  const id = /^\/comms\/v1\/messages\/([A-Za-z0-9]+)$/.exec(path)?.[1];
  if (id) return request.method === 'GET' ? getMessage(context, request, id) : notAllowed;
  if (path !== '/comms/v1/messages') return refuseNotify(404, { code: 'CM_NOT_FOUND', title: 'Resource not found' });
  if (request.method !== 'POST') return notAllowed;
  if (!isJsonApi(header(request, 'content-type'))) {
    return refuseNotify(415, {
      code: 'CM_UNSUPPORTED_MEDIA',
      title: 'Unsupported media',
      source: { header: 'Content-Type' },
    });
  }
  return acceptMessage(context, request);
}

function acceptMessage({ journal, clock, ledger }: NotifyContext, request: FastifyRequest): Answer {
  const body = parseJson(textBody(request));
  const errors = errorsIn(body);
  if (errors.length > 0) return refuseNotify(400, ...errors);
  const { attributes } = (body as NewMessage).data;
  const plan = routingPlanOf(attributes.routingPlanId);
  const pointer = '/data/attributes/routingPlanId';
  if (!plan)
    return refuseNotify(404, { code: 'CM_NO_SUCH_ROUTING_PLAN', title: 'No such routing plan', source: { pointer } });
  const { messageReference: reference } = attributes;
  if (ledger.message(reference)) {
    refused(journal, clock, reference);
    return refuseNotify(422, { code: 'CM_DUPLICATE_REQUEST', title: 'Duplicate request' });
  }
  const message: AcceptedMessage = {
    id: ksuid(reference),
    reference,
    at: clock.now(),
    routingPlanId: plan.id,
    nhsNumber: attributes.recipient.nhsNumber,
    ods: attributes.originator.odsCode,
    personalisation: attributes.personalisation ?? {},
  };
  journal.append({ kind: 'message', message });
  const self = `http://${request.host}/comms/v1/messages/${message.id}`;
  const created = { messageReference: reference, messageStatus: 'created', timestamps: { created: message.at } };
  const data = {
    type: 'Message',
    id: message.id,
    attributes: { ...created, routingPlan: shownPlan(plan) },
    links: { self },
  };
  return { status: 201, headers: { location: `/comms/v1/messages/${message.id}` }, body: { data } };
}

function refused(journal: Journal, clock: Clock, key: string): void {
  journal.append({ kind: 'refused', at: clock.now(), system: 'notify', reason: 'CM_DUPLICATE_REQUEST', key });
}

function getMessage({ ledger }: NotifyContext, request: FastifyRequest, id: string): Answer {
  const message = ledger.messageById(id);
  if (!message) return refuseNotify(404, { code: 'CM_NOT_FOUND', title: 'Resource not found' });
  const self = `http://${request.host}/comms/v1/messages/${id}`;
  return { status: 200, body: { data: { ...shownMessage(message, ledger.statusesOf(id)), links: { self } } } };
}

/** 27 letters and digits, as Notify's own ids are; the same reference gives the same one. */
function ksuid(reference: string): string {
  const digits = BigInt(`0x${(idFrom('notify', reference) + idFrom('ksuid', reference)).replaceAll('-', '')}`);
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  return Array.from({ length: 27 }, (_, at) => alphabet[Number((digits / 62n ** BigInt(at)) % 62n)]).join('');
}

function isAcceptable(accept: string | undefined): boolean {
  return accept === undefined || /^(\*\/\*|application\/(vnd\.api\+)?json(; ?charset=utf-8)?)$/i.test(accept);
}

function isJsonApi(type: string | undefined): boolean {
  return /^application\/(vnd\.api\+)?json(; ?charset=utf-8)?$/i.test(type ?? '');
}

const notAllowed = refuseNotify(405, { code: 'CM_NOT_ALLOWED', title: 'Method not allowed' });
