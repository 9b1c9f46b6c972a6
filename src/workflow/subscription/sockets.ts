/**
 * Subscriptions over sockets: the table of events is the truth and each socket reads on from its own number, so it does
 * not matter which process made an event. A client that was away says from which number it goes on.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type NotificationType, notificationBundle } from '#domain/subscription/notification.ts';
import type { Asked } from '#domain/subscription/subscription.ts';
import { epochMilliseconds } from '#fhir/date.ts';
import { inTransaction } from '#store/database.ts';
import { readEvents, type StoredEvent } from '#store/subscription-events.ts';
import { boundSubscriptions, type SubscriptionState } from '#store/subscriptions.ts';
import { disclosureOf, openBinding, told } from './operations.ts';
import type { SubscriptionShell } from './shell.ts';

/** The far end, as little of it as is needed. */
export type Socket = {
  readonly send: (text: string) => void;
  /** Bytes that the far end has not taken yet. */
  readonly waiting: () => number;
  readonly close: (code: number, reason: string) => void;
};

export type Connection = { readonly receive: (message: string) => Promise<void>; readonly closed: () => void };

export type SocketHub = { readonly connect: (socket: Socket) => Connection; readonly close: () => Promise<void> };

type Bound = { last: number; sentAt: number; expires: string };
type Peer = { readonly socket: Socket; readonly bindings: Map<string, Bound> };

/** More than this unread and the far end is too slow: it is let go and can come back for what it missed. */
const MOST_WAITING = 1_000_000;
const MESSAGE = /^bind-with-token:\s*(\S+)(?:\s+events-since-number:\s*(\d{1,15}))?\s*$/;
/** Close codes 4000 to 4999 are for applications (RFC 6455 §7.4.2). */
const REFUSED = 4401;
const SLOW = 1013;

export function openSocketHub(
  shell: SubscriptionShell,
  { everyMs, onError }: { readonly everyMs: number; readonly onError: (error: unknown) => void },
): SocketHub {
  const peers = new Set<Peer>();
  const stopping = new AbortController();
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      await round(shell, peers).catch(onError);
      await pause(everyMs, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
    }
  })();
  return {
    connect: (socket) => {
      const peer: Peer = { socket, bindings: new Map() };
      peers.add(peer);
      return { receive: (message) => receive(shell, peer, message), closed: () => void peers.delete(peer) };
    },
    close: async () => {
      stopping.abort();
      for (const { socket } of peers) socket.close(1001, 'the server stops: bind again with events-since-number');
      await loop;
    },
  };
}

/** Binds, or prolongs what is bound: the same message with a newer token loses and repeats nothing. */
async function receive(shell: SubscriptionShell, peer: Peer, message: string): Promise<void> {
  const [, token = '', since] = MESSAGE.exec(message) ?? [];
  const binding = openBinding(shell, token);
  if (!binding) return peer.socket.close(REFUSED, 'send "bind-with-token: [token]" with a token that is valid');
  for (const state of await boundSubscriptions(shell.pool, binding.bound)) {
    const before = peer.bindings.get(state.id);
    const last = since === undefined ? (before?.last ?? state.lastEvent) : Number(since) - 1;
    const sentAt = before?.sentAt ?? epochMilliseconds(shell.realNow());
    if (!before) push(shell, peer, { state, type: 'handshake' });
    peer.bindings.set(state.id, { last, sentAt, expires: binding.expires });
  }
}

async function round(shell: SubscriptionShell, peers: ReadonlySet<Peer>): Promise<void> {
  const ids = [...new Set([...peers].flatMap(({ bindings }) => [...bindings.keys()]))];
  if (ids.length === 0) return;
  const states = await boundSubscriptions(shell.pool, ids);
  for (const peer of peers) {
    for (const state of states) {
      const bound = peer.bindings.get(state.id);
      if (bound) await serve(shell, peer, { state, bound });
    }
  }
}

async function serve(
  shell: SubscriptionShell,
  peer: Peer,
  { state, bound }: { readonly state: SubscriptionState; readonly bound: Bound },
): Promise<void> {
  const now = epochMilliseconds(shell.realNow());
  if (state.status === 'off' || epochMilliseconds(bound.expires) <= now) {
    peer.bindings.delete(state.id);
    if (peer.bindings.size === 0) peer.socket.close(REFUSED, 'the binding has ended: bind again with a new token');
    return;
  }
  if (peer.socket.waiting() > MOST_WAITING)
    return peer.socket.close(SLOW, 'too slow: bind again with events-since-number');
  const { content, maxCount, heartbeatSeconds } = state.asked as Asked;
  if (state.lastEvent > bound.last) {
    const events = await readEvents(shell.pool, {
      subscription: state.id,
      since: bound.last + 1,
      until: state.lastEvent,
      limit: maxCount,
      access: state.access,
      withContent: content === 'full-resource',
    });
    if (events.length > 0) {
      await inTransaction(shell.pool, (tx) => shell.audit(tx, disclosureOf(state, events)));
      push(shell, peer, { state, type: 'event-notification', events });
    }
    bound.last = events.at(-1)?.number ?? state.lastEvent;
    bound.sentAt = now;
  } else if (heartbeatSeconds !== undefined && now - bound.sentAt >= heartbeatSeconds * 1000) {
    push(shell, peer, { state, type: 'heartbeat' });
    bound.sentAt = now;
  }
}

type Pushed = {
  readonly state: SubscriptionState;
  readonly type: NotificationType;
  readonly events?: readonly StoredEvent[];
};

function push(shell: SubscriptionShell, { socket }: Peer, { state, ...pushed }: Pushed): void {
  socket.send(JSON.stringify(notificationBundle(told(shell, state, pushed))));
}
