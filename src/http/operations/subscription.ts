/** $status, $events and $get-ws-binding-token of Subscription. http://hl7.org/fhir/uv/subscriptions-backport/operations.html */
import type { FastifyInstance } from 'fastify';
import { mayDo } from '#auth/access.ts';
import type { Parameters } from '#fhir/types.ts';
import type { Deps, NameValue } from '#http/deps.ts';
import { type Action, type Call, type Served, serve } from '#http/fhir/action.ts';
import { resourceBody } from '#http/fhir/json-body.ts';
import { isId, notVisible } from '#http/fhir/read.ts';
import { scopesOf } from '#http/fhir/routes.ts';
import { answerOf, bearer, closedAnswers, pathParameters } from '#http/openapi.ts';
import { ok, type Result } from '#result.ts';
import type { SubscriptionReader } from '#workflow/subscription/operations.ts';

const TYPE = 'Subscription';
const BASE = `/fhir/R4/${TYPE}`;
/** Where sockets are opened; `$get-ws-binding-token` gives the whole address. */
export const SOCKET_PATH = '/fhir/R4/$subscription-socket';

/** The caller as subscriptions know it. */
export function readerOf({ principal, access }: Pick<Call, 'principal' | 'access'>): SubscriptionReader {
  return { client: principal.clientId, access, mayRead: (type) => mayDo(principal, type, 'read') };
}

export function routeSubscriptionOperations(app: FastifyInstance, deps: Deps): void {
  const status = action('$status', (call, given) => statusOf(deps, call, given));
  const events = action('$events', (call, given) => eventsOf(deps, call, given));
  const token = action('$get-ws-binding-token', (call, given) => tokenOf(deps, call, given));
  const summaries = {
    status: 'How subscriptions of this client stand: state, last event number, why one failed',
    events: 'Events of a subscription that were missed, in order of their numbers, at most 1,000',
    token: 'A token, valid for an hour, with which a socket is bound to subscriptions',
  };
  register(app, deps, { paths: ['/$status', '/:id/$status'], action: status, summary: summaries.status });
  register(app, deps, { paths: ['/:id/$events'], action: events, summary: summaries.events });
  const paths = ['/$get-ws-binding-token', '/:id/$get-ws-binding-token'];
  register(app, deps, { paths, action: token, summary: summaries.token });
}

type Route = { readonly paths: readonly string[]; readonly action: Action; readonly summary: string };

function register(app: FastifyInstance, deps: Deps, { paths, action: done, summary }: Route): void {
  for (const path of paths) {
    const schema = {
      summary,
      description: `Only of what this client itself created. Scope: ${scopesOf(done)}.`,
      tags: [TYPE],
      security: bearer,
      ...(path.includes(':id') ? { params: pathParameters({ id: 'Id of the Subscription' }) } : {}),
      response: {
        200: answerOf('Bundle or Parameters'),
        404: answerOf('No such Subscription of this client'),
        ...closedAnswers,
      },
    };
    app.get(`${BASE}${path}`, { schema, handler: serve(deps, done) });
    const body = { type: 'object', description: 'Parameters; may be left out', additionalProperties: true };
    const posted = { ...schema, consumes: ['application/fhir+json'], body };
    app.post(`${BASE}${path}`, { schema: posted, handler: serve(deps, done) });
  }
}

type Run = (call: Call, given: readonly NameValue[]) => Promise<Result<Served>>;

function action(name: string, run: Run): Action {
  return {
    interaction: 'operation',
    operation: `${TYPE}/${name}`,
    type: TYPE,
    needs: [{ type: TYPE, interaction: 'read' }],
    run: async (call) => {
      const isNamed = 'id' in (call.request.params as object);
      if (isNamed && !isId(call.id)) return notVisible(TYPE);
      const given = inputsOf(call);
      return given.ok ? run(call, given.value) : given;
    },
  };
}

async function statusOf(deps: Deps, call: Call, given: readonly NameValue[]): Promise<Result<Served>> {
  const found = await deps.subscriptions.status(readerOf(call), {
    ids: idsIn(call, given),
    statuses: valuesIn(given, 'status'),
  });
  if (!found.ok) return found;
  const isMissing = call.id !== '' && found.value.total === 0;
  return isMissing
    ? notVisible(TYPE)
    : ok({ status: 200, content: JSON.stringify(found.value), found: found.value.total ?? 0 });
}

async function eventsOf(deps: Deps, call: Call, given: readonly NameValue[]): Promise<Result<Served>> {
  const [since, until, content] = ['eventsSinceNumber', 'eventsUntilNumber', 'content'].map(
    (name) => valuesIn(given, name)[0],
  );
  const found = await deps.subscriptions.events(readerOf(call), { id: call.id, query: { since, until, content } });
  if (!found.ok) return found;
  const { bundle, events } = found.value;
  const patients = events.map(({ patient }) => patient);
  return ok({ status: 200, content: JSON.stringify(bundle), found: events.length, patients });
}

async function tokenOf(deps: Deps, call: Call, given: readonly NameValue[]): Promise<Result<Served>> {
  const socketUrl = `${deps.baseUrl().replace(/^http/, 'ws')}${SOCKET_PATH}`;
  const token = await deps.subscriptions.bindingToken(readerOf(call), { ids: idsIn(call, given), socketUrl });
  return token.ok ? ok({ status: 200, content: JSON.stringify(token.value) }) : token;
}

/** Of the URL and of a Parameters body alike. */
function inputsOf(call: Call): Result<readonly NameValue[]> {
  const { body } = call.request;
  if (!Buffer.isBuffer(body) || body.length === 0) return ok(call.parameters);
  const read = resourceBody(call.request, 'Parameters');
  if (!read.ok) return read;
  const posted = ((read.value as Parameters).parameter ?? []).flatMap(({ name = '', ...rest }): NameValue[] => {
    const value = Object.entries(rest).find(([key]) => key.startsWith('value'))?.[1];
    return typeof value === 'string' || typeof value === 'number' ? [[name, String(value)]] : [];
  });
  return ok([...call.parameters, ...posted]);
}

function valuesIn(given: readonly NameValue[], name: string): string[] {
  return given.filter(([one]) => one === name).flatMap(([, value]) => value.split(',').filter((one) => one !== ''));
}

function idsIn(call: Call, given: readonly NameValue[]): readonly string[] | undefined {
  if (call.id !== '') return [call.id];
  const ids = valuesIn(given, 'id');
  return ids.length > 0 ? ids : undefined;
}
