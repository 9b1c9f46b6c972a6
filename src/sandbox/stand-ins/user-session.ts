/** Users' sessions at the platform: CIS2 id tokens exchanged for access tokens, and refreshed. facts: nhs-apis §1.4 */
import { randomUUID } from 'node:crypto';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import type { Answer } from './serving.ts';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';
/** CIS2's own: 12 hours, less the second that has passed. */
const SESSION_SECONDS = 43_199;

export type Cis2 = { readonly issuer: string; readonly jwks: JSONWebKeySet };

type Opened =
  | { readonly isOpen: true; readonly more: Readonly<Record<string, string>> }
  | { readonly isOpen: false; readonly answer: Answer };

export type UserSessions = {
  /** Opens a session by an id token, or goes on with one by its refresh token. */
  open(grant: string, form: URLSearchParams): Promise<Opened>;
};

/** Sessions live in memory: a restart logs everybody out, as a logout at CIS2 would. */
export function createUserSessions(context: {
  readonly realNow: () => number;
  readonly cis2?: Cis2 | undefined;
}): UserSessions {
  const refreshable = new Map<string, { readonly until: number; readonly count: number }>();
  const answer = (token: string, count: number, until: number): Opened => ({
    isOpen: true,
    more: {
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      refresh_token: token,
      refresh_count: String(count),
      refresh_token_expires_in: String(Math.floor((until - context.realNow()) / 1000)),
    },
  });
  return {
    open: async (grant, form) => {
      const now = context.realNow();
      const token = randomUUID();
      if (grant === 'refresh_token') {
        const old = form.get('refresh_token') ?? '';
        const session = refreshable.get(old);
        refreshable.delete(old);
        if (!session || session.until <= now) return refused(401, 'invalid_grant', 'refresh token expired or unknown');
        refreshable.set(token, { ...session, count: session.count + 1 });
        return answer(token, session.count + 1, session.until);
      }
      const fault = await subjectFault(context.cis2, form, now / 1000);
      if (fault) return fault;
      const until = now + SESSION_SECONDS * 1000;
      refreshable.set(token, { until, count: 0 });
      return answer(token, 0, until);
    },
  };
}

/** The platform's complaints about a subject token: 400, but for a missing audience or a bad signature. */
async function subjectFault(cis2: Cis2 | undefined, form: URLSearchParams, now: number): Promise<Opened | undefined> {
  if (form.get('subject_token_type') !== ID_TOKEN) return refused(400, 'invalid_request', 'invalid subject_token_type');
  const token = form.get('subject_token') ?? '';
  const read = readToken(token);
  if (!read) return refused(400, 'invalid_request', 'malformed JWT in subject_token');
  const { head, claims } = read;
  if (!head.kid) return refused(400, 'invalid_request', "missing 'kid' header in subject_token JWT");
  if (head.typ?.toUpperCase() !== 'JWT')
    return refused(400, 'invalid_request', "invalid 'typ' header in subject_token");
  if (head.alg !== 'RS256' && head.alg !== 'RS512') return refused(400, 'invalid_request', 'unsupported algorithm');
  if (!Number.isInteger(claims.exp) || Number(claims.exp) <= now)
    return refused(400, 'invalid_request', 'exp claim in subject_token is missing, no integer or past');
  if (claims.aud === undefined) return refused(401, 'invalid_request', 'missing aud claim in subject_token');
  const isSigned =
    cis2 !== undefined &&
    (await jwtVerify(token, createLocalJWKSet(cis2.jwks), { issuer: cis2.issuer, algorithms: ['RS256', 'RS512'] }).then(
      () => true,
      () => false,
    ));
  return isSigned ? undefined : refused(401, 'public_key error', 'JWT signature verification failed');
}

function readToken(token: string) {
  try {
    return { head: decodeProtectedHeader(token), claims: decodeJwt(token) };
  } catch {
    return undefined;
  }
}

function refused(status: number, error: string, description: string): Opened {
  return { isOpen: false, answer: { status, body: { error, error_description: description } } };
}
