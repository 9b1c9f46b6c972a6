/** Bearer tokens: signed JWTs of one configured issuer, checked against its published keys. RFC 7519, RFC 9068, OpenID Connect Discovery 1.0 */
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import Type, { type Static } from 'typebox';
import { type Failure, fail, ok, type Result } from '#result.ts';
import { checker } from '#schema.ts';
import type { Principal } from './access.ts';
import { REMEMBERED_MS, remembering } from './token-memory.ts';

export type TokenVerifierOptions = {
  readonly issuer: string;
  readonly audience: string;
  /** Where the issuer's keys are; without it they are discovered from the issuer at the first token. */
  readonly jwksUrl?: string;
  readonly clockToleranceSeconds?: number;
};

export type VerifyToken = (token: string) => Promise<Result<Principal>>;

/** Asymmetric only: a server that holds no secret cannot be fooled into signing with its public key. */
const algorithms = ['RS256', 'ES256', 'PS256'];
const ASK_AGAIN_AFTER_MS = 2_000;
/** How long the issuer's keys are kept. */
const KEYS = { cacheMaxAge: REMEMBERED_MS };

const claims = Type.Object({
  sub: Type.String({ minLength: 1 }),
  client_id: Type.Optional(Type.String()),
  azp: Type.Optional(Type.String()),
  // No wildcard can be claimed: what is shared comes to every caller anyway.
  organisations: Type.Optional(Type.Array(Type.String({ pattern: '^[A-Za-z0-9]{2,12}$' }))),
  scope: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
  name: Type.Optional(Type.String()),
  role: Type.Optional(Type.String()),
  sds_user_id: Type.Optional(Type.String()),
  sds_role_profile_id: Type.Optional(Type.String()),
  family_name: Type.Optional(Type.String()),
  given_name: Type.Optional(Type.String()),
});
const checkClaims = checker('the claims of the access token', claims);

/**
 * Makes the check of access tokens. `unauthenticated` says what is wrong with the token and never repeats it;
 * `unavailable` means the issuer's keys could not be had, which says nothing about the token. Keys are fetched at the
 * first use, kept for a minute, and fetched again for an unknown key id, at most every 30 s. A token found good is not
 * checked again for a minute: a key that the issuer withdraws is refused at most two minutes later.
 */
export function createTokenVerifier(options: TokenVerifierOptions): VerifyToken {
  const getKey = issuerKeys(options);
  return remembering(async (token) => {
    try {
      const { payload } = await jwtVerify(token, getKey, {
        algorithms,
        issuer: options.issuer,
        audience: options.audience,
        clockTolerance: options.clockToleranceSeconds ?? 30,
        requiredClaims: ['exp', 'sub'],
      });
      const principal = principalOf(payload);
      return principal.ok ? ok({ principal: principal.value, expiresAt: (payload.exp ?? 0) * 1_000 }) : principal;
    } catch (error) {
      return { ok: false, failure: refusal(error) };
    }
  });
}

/** The issuer could not be asked. A class, so that it can be told from every fault of a token on its way through jose. */
class IssuerUnreachable extends Error {
  override readonly name = 'IssuerUnreachable';
}

function issuerKeys(options: TokenVerifierOptions): JWTVerifyGetKey {
  let keys: JWTVerifyGetKey | undefined = options.jwksUrl
    ? createRemoteJWKSet(new URL(options.jwksUrl), KEYS)
    : undefined;
  let failedAt = Number.NEGATIVE_INFINITY;
  const ask = async (...[header, token]: Parameters<JWTVerifyGetKey>) => {
    keys ??= createRemoteJWKSet(await discover(options.issuer), KEYS);
    return keys(header, token);
  };
  return async (header, token) => {
    if (Date.now() - failedAt < ASK_AGAIN_AFTER_MS) throw new IssuerUnreachable();
    try {
      // Once more at once: the first try may have met a kept connection that the issuer had closed.
      return await ask(header, token).catch((error: unknown) =>
        isAboutToken(error) ? Promise.reject(error) : ask(header, token),
      );
    } catch (error) {
      if (isAboutToken(error)) throw error;
      failedAt = Date.now();
      throw new IssuerUnreachable('', { cause: error });
    }
  };
}

/** An answer about keys is about the token; anything else is about the issuer. */
function isAboutToken(error: unknown): boolean {
  return error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys;
}

const checkDiscovery = checker(
  'the discovery document',
  Type.Object({ issuer: Type.String(), jwks_uri: Type.String() }),
);

async function discover(issuer: string): Promise<URL> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const answer = await fetch(address, { redirect: 'error', signal: AbortSignal.timeout(5_000) });
  if (!answer.ok) throw new Error(`the issuer's discovery document answered ${answer.status}`);
  const document = checkDiscovery(await answer.json());
  if (!document.ok) throw new Error(document.failure.message);
  if (document.value.issuer !== issuer) throw new Error('the discovery document names another issuer');
  return new URL(document.value.jwks_uri);
}

function principalOf(payload: JWTPayload): Result<Principal> {
  const checked = checkClaims(payload);
  if (!checked.ok) return fail('unauthenticated', `${checked.failure.message}. Ask the issuer to correct them.`);
  const { sub, client_id, azp, organisations = [], scope = '', role = '', name } = checked.value;
  const user = userOf(checked.value);
  return ok({
    subject: sub,
    clientId: client_id ?? azp ?? sub,
    organisations: [...new Set(organisations)],
    scopes: (typeof scope === 'string' ? scope.split(' ') : scope).filter((one) => one !== ''),
    role,
    ...(name === undefined ? {} : { name }),
    ...(user === undefined ? {} : { user }),
  });
}

/** A named person; without a smartcard the SDS identifiers are `UNK` (facts: gp-connect §1.5). */
function userOf(from: Static<typeof claims>): Principal['user'] {
  if (from.family_name === undefined || from.given_name === undefined) return undefined;
  return {
    sdsUserId: from.sds_user_id ?? 'UNK',
    sdsRoleProfileId: from.sds_role_profile_id ?? 'UNK',
    localId: from.sub,
    family: from.family_name,
    given: from.given_name,
  };
}

function refusal(error: unknown): Failure {
  if (error instanceof IssuerUnreachable) {
    const message = "The token could not be checked: the issuer's keys cannot be reached. Try again.";
    return { kind: 'unavailable', message, retryAfter: 5, cause: error.cause };
  }
  if (!(error instanceof errors.JOSEError)) throw error;
  return { kind: 'unauthenticated', message: `${whatIsWrong(error)} Get a new token from the configured issuer.` };
}

function whatIsWrong(error: InstanceType<typeof errors.JOSEError>): string {
  if (error instanceof errors.JWTExpired) return 'The access token has expired.';
  if (error instanceof errors.JWTClaimValidationFailed) return claimFault(error.claim);
  if (error instanceof errors.JWSSignatureVerificationFailed) return "The access token's signature is wrong.";
  if (error instanceof errors.JOSEAlgNotAllowed)
    return `The access token's algorithm is not one of ${algorithms.join(', ')}.`;
  if (error instanceof errors.JWKSNoMatchingKey)
    return 'The access token is signed with a key the issuer does not publish.';
  if (error instanceof errors.JWKSMultipleMatchingKeys)
    return 'The access token does not say which key signed it (kid).';
  return 'The access token is not a signed JWT.';
}

function claimFault(claim: string): string {
  if (claim === 'aud') return 'The access token is for another audience.';
  if (claim === 'iss') return 'The access token is from another issuer.';
  if (claim === 'nbf') return 'The access token is not valid yet.';
  return `The access token lacks a valid "${claim}" claim.`;
}
