/** The one way to data: negotiate, permit, run, audit, answer. No route that hands out data goes round it. */
import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import { type Interaction, mayDo, type Principal, scopeFor } from '#auth/access.ts';
import { FHIR_JSON, sendFailure } from '#http/answer.ts';
import type { Access, AuditEntry, Deps, NameValue } from '#http/deps.ts';
import { principalOf } from '#http/gate.ts';
import { EVENTS } from '#ops/log.ts';
import { type Failure, fail, type Result } from '#result.ts';
import { checkFormat } from './negotiation.ts';

export type Call = {
  readonly request: FastifyRequest;
  readonly principal: Principal;
  readonly access: Access;
  /** The `:id` of the route, or empty. */
  readonly id: string;
  /** Of the URL, and of the form of a POST search, in the order sent. */
  readonly parameters: readonly NameValue[];
};

export type Served = {
  readonly status: number;
  /** JSON text; absent for an answer without a body. */
  readonly content?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the audit: whose data it is, how much, and the id where the server chose it. */
  readonly patients?: readonly (string | null | undefined)[];
  readonly found?: number;
  readonly id?: string;
};

export type Action = {
  readonly interaction: AuditEntry['interaction'];
  readonly operation?: string;
  readonly type: string;
  /** Every scope that the caller must hold. */
  readonly needs: readonly { readonly type: string; readonly interaction: Interaction }[];
  readonly run: (call: Call) => Promise<Result<Served>>;
};

/** The handler of a route that reads or changes data. The answer leaves only after its audit entry is kept. */
export function serve(deps: Deps, action: Action): RouteHandlerMethod {
  return async (request, reply) => {
    const call = callOf(request);
    const format = checkFormat(request, call.parameters);
    if (!format.ok) return sendFailure(reply, format.failure, 406);
    const result = permit(action, call) ?? (await run(deps, action, call));
    await audit(deps, { action, call, result });
    return result.ok ? send(reply, result.value) : refuse(reply, { action, call, failure: result.failure });
  };
}

function callOf(request: FastifyRequest): Call {
  const principal = principalOf(request);
  const { id = '' } = request.params as { id?: string };
  const query = new URLSearchParams(request.raw.url?.split('?', 2)[1] ?? '');
  const form = request.body instanceof URLSearchParams ? [...request.body] : [];
  return {
    request,
    principal,
    access: { organisations: principal.organisations },
    id,
    parameters: [...query, ...form],
  };
}

function permit(action: Action, { principal }: Call): Result<Served> | undefined {
  const missing = action.needs.find(({ type, interaction }) => !mayDo(principal, type, interaction));
  if (!missing) return undefined;
  const scope = scopeFor(principal, missing.type, missing.interaction);
  return fail('forbidden', `The access token lacks the scope ${scope}. Ask the issuer for a token with it.`);
}

/** What is thrown is a bug or a lost database: it is audited as failed, then goes on to the error handler. */
async function run(deps: Deps, action: Action, call: Call): Promise<Result<Served>> {
  try {
    return await action.run(call);
  } catch (error) {
    await audit(deps, { action, call, result: fail('fault', '') });
    throw error;
  }
}

async function audit(
  deps: Deps,
  { action, call, result }: { action: Action; call: Call; result: Result<Served> },
): Promise<void> {
  const served = result.ok ? result.value : undefined;
  const id = served?.id ?? call.id;
  const entry: AuditEntry = {
    principal: call.principal,
    interaction: action.interaction,
    ...(action.operation === undefined ? {} : { operation: action.operation }),
    type: action.type,
    ...(id === '' ? {} : { id }),
    patients: [...new Set((served?.patients ?? []).filter((patient) => typeof patient === 'string'))],
    organisations: call.access.organisations,
    outcome: outcomeCode(result),
    ...(served?.found === undefined ? {} : { found: served.found }),
    ...queryOf(call.request),
    requestId: call.request.id,
    address: call.request.ip,
  };
  try {
    await deps.audit(entry);
  } catch (error) {
    deps.log.error({ event: EVENTS.auditFailed, requestId: call.request.id });
    throw error;
  }
}

/** Exactly what was asked, malformed or malicious too: that is what a trail is read for. */
function queryOf({ raw, body }: FastifyRequest): { query?: string } {
  const [, query = ''] = /\?(.*)/s.exec(raw.url ?? '') ?? [];
  const form = body instanceof URLSearchParams ? String(body) : '';
  const whole = query && form ? `${query}&${form}` : query || form;
  return whole ? { query: whole } : {};
}

function outcomeCode(result: Result<Served>): AuditEntry['outcome'] {
  if (result.ok) return '0';
  return ['fault', 'unavailable', 'unknown-outcome'].includes(result.failure.kind) ? '8' : '4';
}

function send(reply: FastifyReply, served: Served): FastifyReply {
  reply.code(served.status);
  if (served.content !== undefined) reply.header('content-type', FHIR_JSON);
  reply.headers(served.headers ?? {});
  return reply.send(served.content);
}

function refuse(
  reply: FastifyReply,
  { action, call, failure }: { action: Action; call: Call; failure: Failure },
): FastifyReply {
  if (permit(action, call)) {
    const scopes = action.needs.map((need) => scopeFor(call.principal, need.type, need.interaction)).join(' ');
    reply.header('www-authenticate', `Bearer realm="holdfast", error="insufficient_scope", scope="${scopes}"`);
  }
  return sendFailure(reply, failure);
}
