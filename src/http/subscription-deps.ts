/** What the routes of subscriptions need from the house, as functions. */
import type { Bundle, Parameters } from '#fhir/types.ts';
import type { Result } from '#result.ts';
import type { EventQuery, EventsFound, SubscriptionReader } from '#workflow/subscription/operations.ts';
import type { Connection, Socket } from '#workflow/subscription/sockets.ts';
import type { StreamAsked, StreamPart, StreamRequest } from '#workflow/subscription/stream.ts';

export type SubscriptionDeps = {
  readonly status: (
    reader: SubscriptionReader,
    asked: { readonly ids: readonly string[] | undefined; readonly statuses: readonly string[] },
  ) => Promise<Result<Bundle>>;
  readonly events: (
    reader: SubscriptionReader,
    asked: { readonly id: string; readonly query: EventQuery },
  ) => Promise<Result<EventsFound>>;
  readonly bindingToken: (
    reader: SubscriptionReader,
    asked: { readonly ids: readonly string[] | undefined; readonly socketUrl: string },
  ) => Promise<Result<Parameters>>;
  /** A socket that has opened and has proved nothing yet. */
  readonly connect: (socket: Socket) => Connection;
  readonly openStream: (reader: SubscriptionReader, asked: StreamAsked) => Promise<Result<StreamRequest>>;
  readonly nextInStream: (reader: SubscriptionReader, request: StreamRequest) => Promise<StreamPart>;
  /** Resolves when the feed has moved since `known`, or when the signal aborts. */
  readonly feedMoved: (known: string, signal: AbortSignal) => Promise<string>;
};
