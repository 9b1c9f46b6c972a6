/** The gate: every route is closed unless it says that it is public. RFC 6750 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '#auth/access.ts';
import type { VerifyToken } from '#auth/token.ts';
import { EVENTS, type Logger } from '#ops/log.ts';
import { type Failure, fail, type Result } from '#result.ts';
import { sendFailure } from './answer.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Needs no token: it holds no data, or it proves its caller in another way. */
    isPublic?: boolean;
  }
  interface FastifyRequest {
    principal: Principal | null;
  }
}

/** Before anything of the body is read: no token, no answer. Holds for routes that do not exist as well. */
export function closeByDefault(app: FastifyInstance, options: { verifyToken: VerifyToken; log: Logger }): void {
  app.decorateRequest('principal', null);
  app.addHook('onRequest', async (request, reply) => {
    if (!request.is404 && request.routeOptions.config.isPublic === true) return;
    const proof = await prove(request, options.verifyToken);
    if (proof.ok) {
      request.principal = proof.value;
      return;
    }
    if (proof.failure.kind === 'unavailable') {
      options.log.error({ event: EVENTS.issuerUnreachable, requestId: request.id, err: proof.failure.cause });
    }
    return refuse(request, reply, proof.failure);
  });
}

/** The caller of a closed route. Its absence is a bug of the gate, so it throws. */
export function principalOf(request: FastifyRequest): Principal {
  if (!request.principal) throw new Error('a closed route was reached without a principal');
  return request.principal;
}

async function prove(request: FastifyRequest, verifyToken: VerifyToken): Promise<Result<Principal>> {
  const header = request.headers.authorization;
  if (!header)
    return fail('unauthenticated', 'No access token was sent. Send the header "Authorization: Bearer <token>".');
  const [, token] = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i.exec(header) ?? [];
  if (!token) {
    return fail(
      'unauthenticated',
      'The Authorization header is not a bearer token. Send "Authorization: Bearer <token>".',
    );
  }
  return verifyToken(token);
}

function refuse(request: FastifyRequest, reply: FastifyReply, failure: Failure): FastifyReply {
  if (failure.kind === 'unauthenticated') {
    const error = request.headers.authorization
      ? `, error="invalid_token", error_description="${failure.message.replace(/["\\]/g, "'").replace(/[^\x20-\x7e]/g, '')}"`
      : '';
    reply.header('www-authenticate', `Bearer realm="holdfast"${error}`);
  }
  return sendFailure(reply, failure);
}
