/**
 * One GP Connect call, however it ends: look the system up, make headers and token, send by the Spine Secure Proxy, and
 * sort the answer. facts: gp-connect §1.1, §1.3, §1.6
 */
import type { Destination, Limits } from '#adapters/destination.ts';
import { callHttp, type HttpReply, type HttpRequest } from '#adapters/http-call.ts';
import { fail, ok, type Result } from '#result.ts';
import { refusalOf } from './errors.ts';
import type { Interaction } from './interactions.ts';
import type { Directory } from './sds.ts';
import { claimsOf, type Device, type Organisation, type User, unsignedToken } from './token.ts';

export type GpConnectSettings = {
  readonly fetch?: typeof fetch;
  readonly now: () => string;
  /** A new GUID. */
  readonly newTraceId: () => string;
  /** Who we are to the providers, for the practice on whose behalf a call is made: one ASID per organisation. */
  readonly consumer: {
    readonly asid: (ods: string) => string;
    readonly organisation: (ods: string) => Organisation;
    readonly device: Device;
    readonly issuerUrl: string;
  };
  readonly directory: Directory;
  /** The Spine Secure Proxy, `https://host`. Without it providers are called directly, as in a test network. */
  readonly sspBase?: string;
  readonly timeoutMs?: number;
  readonly structuredTimeoutMs?: number;
  /** Wait before the one repeat of a GET. */
  readonly pauseMs?: number;
  /** How a practice's system is spared. */
  readonly limits?: Limits;
};

export type Call = {
  /** The practice that is asked. */
  readonly organisation: string;
  /** The practice whose staff asks; the same where it is left out. */
  readonly booker?: string | undefined;
  readonly user: User;
  readonly interaction: Interaction;
  readonly method: HttpRequest['method'];
  /** Path and query after the base address, starting with a slash, already encoded. */
  readonly path: string;
  readonly body?: unknown;
  readonly ifMatch?: string;
  /** A POST that only reads. */
  readonly repeatable?: boolean;
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
};

export type Send = (call: Call) => Promise<Result<HttpReply>>;

/** Sends calls; only a 2xx answer is `ok`. Each practice's capability is a destination of its own: one that fails keeps no other waiting. */
export function createSender(settings: GpConnectSettings, destinationOf: (organisation: string) => Destination): Send {
  return async (call) => {
    const provider = await settings.directory.lookup(call.organisation, call.interaction.id);
    if (!provider.ok) return provider;
    const { asid, address } = provider.value;
    const options = {
      party: 'GP Connect',
      fetch: settings.fetch,
      timeoutMs: call.timeoutMs ?? settings.timeoutMs ?? 30_000,
      maxBytes: call.maxBytes ?? 5_000_000,
      repeatable: call.repeatable === true,
      pauseMs: settings.pauseMs,
    };
    return destinationOf(nameOf(call)).run(async () =>
      settle(settings, call, await callHttp(() => requestOf(settings, call, { asid, address }), options)),
    );
  };
}

/** A practice's capabilities have systems of their own: a long queue for records keeps no booking waiting. */
function nameOf({ organisation, interaction }: Call): string {
  const capability = /structured|documents/.exec(interaction.id)?.[0] ?? 'appointments';
  return `GP Connect ${organisation} ${capability}`;
}

/** The answer if it is a success; else what it means. What shows that the directory is out of date makes it forget. */
function settle(settings: GpConnectSettings, call: Call, reply: Result<HttpReply>): Result<HttpReply> {
  if (!reply.ok) {
    if (reply.failure.kind === 'unavailable') settings.directory.bust(call.organisation);
    return reply;
  }
  if (reply.value.status >= 200 && reply.value.status < 300) return ok(reply.value);
  const { failure, stale } = refusalOf(reply.value, call.method !== 'GET' && call.repeatable !== true);
  if (stale) settings.directory.bust(call.organisation);
  return { ok: false, failure };
}

/** A token and a trace id are for one request, so this is made anew for a repeat. */
function requestOf(
  settings: GpConnectSettings,
  call: Call,
  provider: { readonly asid: string; readonly address: string },
): HttpRequest {
  const { consumer } = settings;
  const asking = call.booker ?? call.organisation;
  const claims = claimsOf({
    issuerUrl: consumer.issuerUrl,
    audience: provider.address,
    scope: call.interaction.scope,
    device: consumer.device,
    organisation: consumer.organisation(asking),
    user: call.user,
    now: settings.now(),
  });
  // By plain joining: the provider's https:// stands inside the proxy's path and must keep both its slashes.
  const base = settings.sspBase ? `${settings.sspBase.replace(/\/$/, '')}/${provider.address}` : provider.address;
  return {
    method: call.method,
    url: `${base}${call.path}`,
    headers: {
      'Ssp-TraceID': settings.newTraceId(),
      'Ssp-From': consumer.asid(asking),
      'Ssp-To': provider.asid,
      'Ssp-InteractionID': call.interaction.id,
      Authorization: `Bearer ${unsignedToken(claims)}`,
      Accept: 'application/fhir+json',
      ...(call.body === undefined ? {} : { 'Content-Type': 'application/fhir+json;charset=utf-8' }),
      ...(call.ifMatch === undefined ? {} : { 'If-Match': call.ifMatch }),
    },
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
  };
}

/**
 * A query string in which only what must be is encoded: `|` (left bare it is refused), and not the slashes of a system.
 */
export function queryOf(parameters: readonly (readonly [string, string])[]): string {
  const encode = (text: string): string => encodeURIComponent(text).replaceAll('%3A', ':').replaceAll('%2F', '/');
  return parameters.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
}

/** An id that may stand in a path as it is. */
export function checkId(id: string): Result<string> {
  return /^[A-Za-z0-9\-.]{1,64}$/.test(id) ? ok(id) : fail('invalid', 'the appointment id is not a FHIR id');
}
