/** $status, $events and $get-ws-binding-token of Subscription. http://hl7.org/fhir/uv/subscriptions-backport/operations.html */
import { mayDo } from '#auth/access.ts';
import type { Parameters } from '#fhir/types.ts';
import type { Deps, NameValue } from '#http/deps.ts';
import type { Action, Served } from '#http/fhir/action.ts';
import { type Call, hasBody, resourceOf } from '#http/fhir/call.ts';
import { isId, notVisible } from '#http/fhir/read.ts';
import { ok, type Result } from '#result.ts';
import type { SubscriptionReader } from '#workflow/subscription/operations.ts';

const TYPE = 'Subscription';
/** Where sockets are opened; `$get-ws-binding-token` gives the whole address. */
export const SOCKET_PATH = '/fhir/R4/$subscription-socket';

/** The caller as subscriptions know it. */
export function readerOf({ principal, access }: Pick<Call, 'principal' | 'access'>): SubscriptionReader {
  return { client: principal.clientId, access, mayRead: (type) => mayDo(principal, type, 'read') };
}

export const subscriptionStatus = (deps: Deps): Action =>
  action(deps, '$status', (call, given) => statusOf(deps, call, given));
export const subscriptionEvents = (deps: Deps): Action =>
  action(deps, '$events', (call, given) => eventsOf(deps, call, given));
export const bindingToken = (deps: Deps): Action =>
  action(deps, '$get-ws-binding-token', (call, given) => tokenOf(deps, call, given));

type Run = (call: Call, given: readonly NameValue[]) => Promise<Result<Served>>;

function action(deps: Deps, name: string, run: Run): Action {
  return {
    interaction: 'operation',
    operation: `${TYPE}/${name}`,
    type: TYPE,
    needs: [{ type: TYPE, interaction: 'read' }],
    run: async (call) => {
      if (call.id !== '' && !isId(call.id)) return notVisible(TYPE);
      const given = inputsOf(deps, call);
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
function inputsOf(deps: Deps, call: Call): Result<readonly NameValue[]> {
  if (!hasBody(call)) return ok(call.parameters);
  const read = resourceOf(call, deps, { type: 'Parameters' });
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
