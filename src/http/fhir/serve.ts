/** An action as a route: format agreed first, then done, then written as JSON or XML. */
import type { FastifyReply, RouteHandlerMethod } from 'fastify';
import { scopeFor } from '#auth/access.ts';
import { FHIR_JSON, FHIR_XML, sendFailure } from '#http/answer.ts';
import type { Deps } from '#http/deps.ts';
import type { Failure } from '#result.ts';
import { type Action, perform, permit, type Served } from './action.ts';
import { putOff } from './async.ts';
import { type Call, callOf } from './call.ts';
import { type Format, formatOf, preference } from './negotiation.ts';

/** The handler of a route that reads or changes data. The answer leaves only after its audit entry is kept. */
export function serve(deps: Deps, action: Action): RouteHandlerMethod {
  return async (request, reply) => {
    const call = callOf(request);
    const format = formatOf(call.headers, call.parameters, deps.xml !== undefined);
    if (!format.ok) return sendFailure(reply, format.failure, 406);
    const isPutOff = action.mayWait === true && preference(call.headers, 'respond-async') !== undefined;
    const result = isPutOff ? await putOff(deps, action, call) : await perform(deps, action, call);
    if (result.ok) return send(reply, result.value, { deps, call, format: format.value });
    return refuse(reply, { action, call, failure: result.failure, xml: format.value === 'xml' ? deps.xml : undefined });
  };
}

function send(
  reply: FastifyReply,
  served: Served,
  { deps, call, format }: { deps: Deps; call: Call; format: Format },
): FastifyReply {
  reply.code(served.status);
  if (served.content === undefined) return reply.headers(served.headers ?? {}).send();
  reply.header('content-type', format === 'xml' ? FHIR_XML : FHIR_JSON);
  reply.headers(served.headers ?? {});
  const isResource = served.headers?.['content-type'] === undefined;
  if (format === 'xml' && deps.xml && isResource) return reply.send(deps.xml.fromJson(served.content));
  return reply.send(isPretty(call) ? JSON.stringify(JSON.parse(served.content), null, 2) : served.content);
}

function isPretty({ parameters }: Call): boolean {
  return parameters.some(([name, value]) => name === '_pretty' && value === 'true');
}

type Refusing = { action: Action; call: Call; failure: Failure; xml: Deps['xml'] };

function refuse(reply: FastifyReply, { action, call, failure, xml }: Refusing): FastifyReply {
  if (permit(action, call)) {
    const scopes = action.needs.map((need) => scopeFor(call.principal, need.type, need.interaction)).join(' ');
    reply.header('www-authenticate', `Bearer realm="holdfast", error="insufficient_scope", scope="${scopes}"`);
  }
  return sendFailure(reply, failure, undefined, xml);
}
