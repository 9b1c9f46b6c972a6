/**
 * User-restricted access: the id token of a person who logged in with NHS CIS2 is exchanged for an access token of the
 * NHS API platform, which then acts for that person. RFC 8693; facts: nhs-apis §1.4 ("separate", as GP software must)
 */
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { genericGrantRequest, refreshTokenGrant, type TokenEndpointResponse } from 'openid-client';
import { epochMilliseconds, instantOf } from '#fhir/date.ts';
import { fail, ok, type Result } from '#result.ts';
import { type PlatformClientSettings, platformClient, platformRefusal } from './platform-client.ts';

const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';

export type UserToken = {
  readonly accessToken: string;
  /** Instant at which it ends, unless the user logs out of CIS2 before: a 401 means the same. */
  readonly expiresAt: string;
  readonly refreshToken?: string;
  /** After this instant the user must log in again. */
  readonly refreshExpiresAt?: string;
};

export type TokenExchange = {
  /** Exchanges a CIS2 id token. `unauthenticated` when it has ended or the platform does not take it: log in again. */
  exchange(idToken: string): Promise<Result<UserToken>>;
  /** A new access token of the same session. `unauthenticated` when the session has ended. */
  refresh(refreshToken: string): Promise<Result<UserToken>>;
};

/**
 * The exchange. What the platform would refuse of an id token is refused here without a call; its signature is for the
 * platform to check, and for whoever logged the user in. Tokens are the user's: never kept beyond their session.
 */
export function createTokenExchange(settings: PlatformClientSettings & { readonly now: () => string }): TokenExchange {
  const configured = platformClient(settings);
  const ask = async (
    request: (client: Extract<Awaited<typeof configured>, { ok: true }>['value']) => Promise<TokenEndpointResponse>,
  ): Promise<Result<UserToken>> => {
    const client = await configured;
    if (!client.ok) return client;
    const asked = settings.now();
    try {
      return ok(userToken(await request(client.value), asked));
    } catch (error) {
      return platformRefusal(error);
    }
  };
  return {
    exchange: async (idToken) => {
      const fault = faultOf(idToken, epochMilliseconds(settings.now()) / 1000);
      if (fault) return fail('unauthenticated', `the id token ${fault}; the user must log in again`);
      return ask((client) =>
        genericGrantRequest(client, GRANT, { subject_token_type: ID_TOKEN, subject_token: idToken }),
      );
    },
    refresh: (refreshToken) => ask((client) => refreshTokenGrant(client, refreshToken)),
  };
}

function userToken(answer: TokenEndpointResponse, asked: string): UserToken {
  const after = (seconds: number) => instantOf(epochMilliseconds(asked) + seconds * 1000);
  // The platform sends numbers as text; the library converts only the one that the standard names.
  const refreshSeconds = Number(answer['refresh_token_expires_in']);
  return {
    accessToken: answer.access_token,
    expiresAt: after(answer.expires_in ?? 0),
    ...(answer.refresh_token === undefined ? {} : { refreshToken: answer.refresh_token }),
    ...(refreshSeconds > 0 ? { refreshExpiresAt: after(refreshSeconds) } : {}),
  };
}

/** What the platform's own checks would complain of first. */
function faultOf(idToken: string, now: number): string | undefined {
  try {
    const { alg, kid, typ } = decodeProtectedHeader(idToken);
    const { exp, iss, aud } = decodeJwt(idToken);
    if (alg !== 'RS256' && alg !== 'RS512') return 'is not signed with RS256 or RS512';
    if (!kid || typ?.toUpperCase() !== 'JWT') return 'names no key, or is not said to be a JWT';
    if (!iss || !aud) return 'names no issuer or no audience';
    return Number.isInteger(exp) && Number(exp) > now ? undefined : 'has ended';
  } catch {
    return 'is not a JWT';
  }
}
