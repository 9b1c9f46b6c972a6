/** What a client does with its Subscriptions: create, change, resume, switch off. Only the client that made one may change it. */

import { type Header, maskHeaders, readHeaders, unmaskHeaders } from '#domain/subscription/header.ts';
import { type Asked, readSubscription } from '#domain/subscription/subscription.ts';
import { typesOf } from '#domain/subscription/topic.ts';
import type { Subscription } from '#fhir/types.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import type { Access } from '#store/access.ts';
import type { Transaction } from '#store/database.ts';
import { currentPosition } from '#store/feed.ts';
import { readResource, type StoredResource, saveResources } from '#store/resources.ts';
import { beginDispatcher } from '#store/subscription-events.ts';
import {
  changeSubscription,
  insertSubscription,
  lockSubscription,
  type SubscriptionState,
} from '#store/subscriptions.ts';
import type { SubscriptionShell } from './shell.ts';

export type SubscriptionCaller = {
  /** The client's own id, as its token says. */
  readonly client: string;
  readonly organisations: readonly string[];
  /** Whether the caller's scopes let it read a type. */
  readonly mayRead: (type: string) => boolean;
};

export type SubscriptionWrite = {
  readonly caller: SubscriptionCaller;
  readonly wanted: Subscription;
  /** The practice that keeps it. */
  readonly organisation: string;
  /** As it is kept; absent for a new one. */
  readonly current?: Pick<StoredResource, 'id'>;
};

/**
 * What comes before a Subscription is saved: checks what is wanted, writes its state, and answers with the resource as it
 * is to be saved (status as it stands, secrets masked). A new one, one that asks for `requested` and one whose channel
 * changed begin with a handshake. `invalid` names what is wrong, `forbidden` what it may not read.
 */
export async function keepSubscription(
  shell: SubscriptionShell,
  tx: Transaction,
  { caller, wanted, organisation, current }: SubscriptionWrite,
): Promise<Result<{ readonly resource: Subscription & { id: string } }>> {
  const state = current && (await lockSubscription(tx, current.id));
  if (current && state?.client !== caller.client)
    return fail('forbidden', 'A Subscription is changed by the client that created it');
  const checked = check(shell, caller, wanted);
  if (!checked.ok) return checked;
  const asked = checked.value;
  const status = statusOf(wanted, state, asked);
  if (!status.ok) return status;
  const headers = headersOf(shell, wanted, state);
  if (!headers.ok) return headers;
  const access = { ...accessOf(caller, asked), types: typesIn(shell, asked.topic) };
  const id = current?.id ?? wanted.id ?? shell.newId();
  const kept = { id, access, asked, headers: shell.seal(JSON.stringify(headers.value)), status: status.value };
  const position = await currentPosition(tx);
  if (position) await beginDispatcher(tx, position);
  if (state) await changeSubscription(tx, kept, position);
  else await insertSubscription(tx, { ...kept, organisation, client: caller.client }, position);
  const resource = shown({ ...wanted, id }, { status: status.value, headers: headers.value });
  return ok({ resource: { ...resource, id } });
}

function check(shell: SubscriptionShell, caller: SubscriptionCaller, wanted: Subscription): Result<Asked> {
  const read = readSubscription(wanted, { topics: shell.topics, now: shell.realNow() });
  if (!read.ok) return read;
  const { topic, endpoint } = read.value;
  const unreadable = typesIn(shell, topic).filter((type) => !caller.mayRead(type));
  if (unreadable.length > 0)
    return fail('forbidden', `This topic tells of ${unreadable.join(', ')}, which your scopes do not let you read`);
  const address = endpoint === undefined ? ok(endpoint) : shell.checkEndpoint(endpoint);
  if (!address.ok) return refused(address.failure.message, 'Subscription.channel.endpoint');
  return read;
}

function typesIn(shell: SubscriptionShell, topic: string): string[] {
  return shell.topics.filter(({ url }) => url === topic).flatMap(typesOf);
}

/** A client asks for `requested` or `off`; what the server has set may be sent back unchanged. */
function statusOf(
  { status }: Subscription,
  state: SubscriptionState | undefined,
  asked: Asked,
): Result<SubscriptionState['status']> {
  // A socket asks for itself when it is bound: there is nobody to shake hands with before.
  const begun = asked.channel === 'websocket' ? 'active' : 'requested';
  if (status === 'off') return ok('off');
  if (status === 'requested') return ok(begun);
  if (!state) return refused('A new Subscription wants status requested', 'Subscription.status');
  if (status !== state.status)
    return refused(`A client sets status requested or off, or leaves it ${state.status}`, 'Subscription.status');
  const before = state.asked as Asked;
  const isSameWay = before.channel === asked.channel && before.endpoint === asked.endpoint;
  return ok(isSameWay && status === 'active' ? 'active' : begun);
}

function headersOf(
  shell: SubscriptionShell,
  wanted: Subscription,
  state: SubscriptionState | undefined,
): Result<readonly Header[]> {
  const sent = readHeaders(wanted.channel.header ?? []);
  if (!sent.ok) return sent;
  const headers = unmaskHeaders(sent.value, state ? keptHeaders(shell, state) : []);
  return headers.ok ? headers : refused(headers.failure.message, 'Subscription.channel.header');
}

/** The receiver's headers as they were given. */
export function keptHeaders(
  shell: SubscriptionShell,
  { headers }: Pick<SubscriptionState, 'headers'>,
): readonly Header[] {
  return JSON.parse(shell.open(headers) ?? '[]') as readonly Header[];
}

/** What is told is what the caller can read: its practices, and of those only the ones it filters by. */
function accessOf(caller: SubscriptionCaller, { filters }: Asked): Access {
  const practices = filters.filter(({ parameter }) => parameter === 'practice').map(({ values }) => values);
  const organisations = caller.organisations.filter((one) => practices.every((some) => some.includes(one)));
  return { organisations };
}

type Standing = { readonly status: SubscriptionState['status']; readonly error?: string | undefined };

/** The Subscription as anybody may read it: its state as it is, its secrets masked. */
export function shown(
  subscription: Subscription,
  { status, error, headers }: Standing & { readonly headers: readonly Header[] },
): Subscription {
  const { error: _before, channel, ...rest } = subscription;
  const { header: _header, ...way } = channel;
  const masked = headers.length > 0 ? { header: maskHeaders(headers) } : {};
  return { ...rest, status, ...(error === undefined ? {} : { error }), channel: { ...way, ...masked } };
}

/** Writes a state that the server decided into the resource. */
export async function showStatus(
  shell: SubscriptionShell,
  tx: Transaction,
  { state, status, error }: Standing & { readonly state: SubscriptionState },
): Promise<void> {
  const stored = await readResource(tx, { organisations: [state.organisation] }, 'Subscription', state.id);
  if (!stored || stored.deleted) return;
  const resource = shown(JSON.parse(stored.content) as Subscription, {
    status,
    error,
    headers: keptHeaders(shell, state),
  });
  const { organisation } = state;
  // It stays the client's, whoever moved it.
  await saveResources(tx, { organisation, resources: [resource], source: 'client' });
}

function refused(diagnostics: string, expression: string): Result<never> {
  const issue: Issue = { code: 'business-rule', diagnostics, expression };
  return fail('invalid', diagnostics, { issues: [issue] });
}
