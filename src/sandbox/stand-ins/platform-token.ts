/**
 * A stand-in of the NHS API platform's token endpoint for application-restricted access: a signed JWT in, an access
 * token out. It lives by the real clock, as the callers' cryptography does. facts: nhs-apis §1.2
 */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
} from 'jose';
import type { Journal } from '#sandbox/records.ts';
import { type Answer, header, send, textBody } from './serving.ts';
import { type Cis2, createUserSessions, TOKEN_EXCHANGE, type UserSessions } from './user-session.ts';

export type TokenContext = {
  readonly journal: Journal;
  /** The public keys that an application registered, by its API key (client id). */
  readonly jwksOf: (clientId: string) => JSONWebKeySet | undefined | Promise<JSONWebKeySet | undefined>;
  /** Milliseconds by the real clock. */
  readonly realNow: () => number;
  /** The public keys of CIS2, where users' tokens are exchanged. */
  readonly cis2?: Cis2 | undefined;
};

export type Tokens = {
  /** Whether an Authorization header holds a token that was issued and has not expired. */
  isGood(authorization: string | undefined): boolean;
};

const GRANTS: readonly string[] = ['client_credentials', TOKEN_EXCHANGE, 'refresh_token'];
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** The tokens that the platform has issued, for any of its APIs. */
export function issuedTokens({ journal, realNow }: Pick<TokenContext, 'journal' | 'realNow'>): Tokens {
  const expiryByToken = new Map<string, number>();
  journal.follow((record) => {
    if (record.kind === 'token') expiryByToken.set(record.token, record.expiresAt);
  });
  return {
    isGood: (authorization) => {
      const token = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1];
      return token !== undefined && (expiryByToken.get(token) ?? 0) > realNow();
    },
  };
}

/** Adds `POST /oauth2/token` to a server. Each assertion is good for one token, across restarts. */
export function addTokenEndpoint(server: FastifyInstance, context: TokenContext): Tokens {
  const usedIds = new Set<string>();
  const sessions = createUserSessions(context);
  context.journal.follow((record) => {
    if (record.kind === 'token') usedIds.add(record.jti);
  });
  server.post('/oauth2/token', async (request, reply) => {
    return send(reply, await exchange(context, { usedIds, sessions }, request), 'application/json');
  });
  return issuedTokens(context);
}

type Kept = { readonly usedIds: ReadonlySet<string>; readonly sessions: UserSessions };

async function exchange(context: TokenContext, { usedIds, sessions }: Kept, request: FastifyRequest): Promise<Answer> {
  if (!/^application\/x-www-form-urlencoded/.test(header(request, 'content-type') ?? '')) {
    return refuse('the request is not form-encoded');
  }
  const form = new URLSearchParams(textBody(request));
  const grant = form.get('grant_type') ?? '';
  if (!GRANTS.includes(grant)) return refuse('grant_type is missing or invalid');
  if (form.get('client_assertion_type') !== ASSERTION_TYPE)
    return refuse('client_assertion_type is missing or invalid');
  const assertion = form.get('client_assertion') ?? '';
  const read = readAssertion(assertion);
  if (typeof read === 'string') return refuse(read);
  const fault = assertionFault(read, usedIds, context.realNow() / 1000);
  if (fault) return refuse(fault);
  const { iss: clientId = '', jti = '' } = read.claims;
  const jwks = await context.jwksOf(clientId);
  if (!jwks)
    return { status: 403, body: { error: 'public_key error', error_description: 'no public key is registered' } };
  if (!(await isSigned(assertion, jwks, { clientId, audience: `http://${request.host}/oauth2/token` }))) {
    return { status: 401, body: { error: 'public_key error', error_description: 'JWT signature verification failed' } };
  }
  if (grant === 'client_credentials') return issue(context, jti, form.get('_access_token_expiry_ms'));
  const user = await sessions.open(grant, form);
  if (!user.isOpen) return user.answer;
  const issued = issue(context, jti, form.get('_access_token_expiry_ms'));
  return { ...issued, body: { ...(issued.body as object), ...user.more } };
}

function issue({ journal, realNow }: TokenContext, jti: string, shortened: string | null): Answer {
  const life = Math.min(599_000, Number(shortened ?? 599_000) || 599_000);
  const token = randomUUID();
  const issuedAt = realNow();
  journal.append({ kind: 'token', jti, token, expiresAt: issuedAt + life });
  // The platform sends numbers as text.
  const times = { expires_in: String(Math.floor(life / 1000)), issued_at: String(issuedAt) };
  return { status: 200, body: { access_token: token, token_type: 'Bearer', ...times } };
}

type Assertion = { header: { alg?: string; kid?: string; typ?: string }; claims: JWTPayload };

function readAssertion(assertion: string): Assertion | string {
  try {
    return { header: decodeProtectedHeader(assertion), claims: decodeJwt(assertion) };
  } catch {
    return 'client_assertion is not a JWT';
  }
}

/** The complaints in the platform's own order; the expiry time may be at most 5 minutes off, and it allows 10 seconds. */
function assertionFault(
  { header: head, claims }: Assertion,
  usedIds: ReadonlySet<string>,
  now: number,
): string | undefined {
  const { exp, iss, sub, jti } = claims;
  if (head.alg !== 'RS512')
    return "Invalid 'alg' header in client_assertion JWT - unsupported JWT algorithm - must be 'RS512'";
  if (Number.isInteger(exp) && Number(exp) < now - 10)
    return 'Invalid exp claim in client_assertion JWT - JWT has expired';
  if (!head.kid) return "Missing 'kid' header in client_assertion JWT";
  if (head.typ?.toUpperCase() !== 'JWT') return "Invalid 'typ' header in client_assertion JWT - must be 'JWT'";
  if (exp === undefined) return 'Missing exp claim in client_assertion JWT';
  if (!Number.isInteger(exp)) return 'exp claim in client_assertion JWT must be an integer';
  if (!iss || iss !== sub) return 'Missing or non-matching iss/sub claims in client_assertion JWT';
  if (typeof jti !== 'string' || jti === '') return 'Missing jti claim in client_assertion JWT';
  if (usedIds.has(jti)) return "Non-unique 'jti' claim in client_assertion JWT";
  return exp > now + 310 ? 'Invalid exp claim in client_assertion JWT - more than 5 minutes in future' : undefined;
}

async function isSigned(
  assertion: string,
  jwks: JSONWebKeySet,
  expected: { clientId: string; audience: string },
): Promise<boolean> {
  try {
    await jwtVerify(assertion, createLocalJWKSet(jwks), {
      algorithms: ['RS512'],
      audience: expected.audience,
      issuer: expected.clientId,
      clockTolerance: 10,
    });
    return true;
  } catch {
    return false;
  }
}

function refuse(description: string): Answer {
  return { status: 400, body: { error: 'invalid_request', error_description: description } };
}
