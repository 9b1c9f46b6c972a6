/** How we prove ourselves to the NHS API platform: client credentials with a signed assertion. facts: nhs-apis §1.2 */
import { importPKCS8 } from 'jose';
import {
  allowInsecureRequests,
  ClientError,
  Configuration,
  clientCredentialsGrant,
  customFetch,
  modifyAssertion,
  PrivateKeyJwt,
  ResponseBodyError,
} from 'openid-client';
import { epochMilliseconds } from '#fhir/date.ts';
import { fail, ok, type Result } from '#result.ts';

export type PlatformTokenSettings = {
  /** The full token URL: it is also the assertion's audience. */
  readonly tokenEndpoint: string;
  /** The application's API key. */
  readonly clientId: string;
  /** Of the registered public key. Publish a new key an hour before signing with it. */
  readonly keyId: string;
  /** The private key, PEM (PKCS #8). */
  readonly privateKey: string;
  readonly now: () => string;
  /** A token this near its end is renewed. */
  readonly marginSeconds?: number;
  readonly fetch?: typeof fetch;
  readonly timeoutMs?: number;
};

/**
 * A function that gives a token that still holds for the margin. Callers at the same time share one request. Nothing is
 * repeated here: the platform remembers an assertion's `jti` for 30 days, and every call of the library makes a new one.
 */
export function createPlatformToken(settings: PlatformTokenSettings): () => Promise<Result<string>> {
  const margin = (settings.marginSeconds ?? 120) * 1000;
  const configured = configuration(settings);
  let kept: { readonly token: string; readonly until: number } | undefined;
  let pending: Promise<Result<string>> | undefined;
  const renew = async (): Promise<Result<string>> => {
    const asked = epochMilliseconds(settings.now());
    const ready = await configured;
    if (!ready.ok) return ready;
    try {
      const answer = await clientCredentialsGrant(ready.value);
      // Sent as a string ("599"), which the library makes a number. A token without it is used once.
      kept = { token: answer.access_token, until: asked + (answer.expires_in ?? 0) * 1000 - margin };
      return ok(answer.access_token);
    } catch (error) {
      return refused(error);
    }
  };
  return () => {
    if (kept && kept.until > epochMilliseconds(settings.now())) return Promise.resolve(ok(kept.token));
    pending ??= renew().finally(() => {
      pending = undefined;
    });
    return pending;
  };
}

async function configuration(settings: PlatformTokenSettings): Promise<Result<Configuration>> {
  const { tokenEndpoint, clientId, keyId, fetch: ours } = settings;
  const key = await importPKCS8(settings.privateKey, 'RS512').catch(() => undefined);
  if (!key)
    return fail('fault', 'the private key for the NHS API platform cannot be read; wanted RSA in PEM (PKCS #8)');
  const authentication = PrivateKeyJwt(
    { key, kid: keyId },
    {
      [modifyAssertion]: (header, payload) => {
        header['typ'] = 'JWT';
        payload['aud'] = tokenEndpoint;
      },
    },
  );
  const server = { issuer: new URL(tokenEndpoint).origin, token_endpoint: tokenEndpoint };
  const configured = new Configuration(server, clientId, {}, authentication);
  configured.timeout = (settings.timeoutMs ?? 10_000) / 1000;
  if (ours) {
    configured[customFetch] = (url, { body, signal, ...rest }) =>
      ours(url, { ...rest, ...(body ? { body } : {}), ...(signal ? { signal } : {}) });
  }
  // A stand-in on this machine speaks plain HTTP.
  if (tokenEndpoint.startsWith('http://')) allowInsecureRequests(configured);
  return ok(configured);
}

/** An error body is only read from a 4xx; everything else may pass. */
function refused(error: unknown): Result<never> {
  if (error instanceof ResponseBodyError) {
    const code = /^[a-z_ ]{1,40}$/.test(error.error) ? error.error : 'no known error';
    const message = `the NHS API platform gave no token: ${error.status} (${code})`;
    if (error.status === 429) return fail('busy', message, { retryAfter: 60 });
    return fail('fault', `${message}; check client id, key id, key and token address`);
  }
  if (error instanceof ClientError && error.cause instanceof Response && error.cause.status === 429) {
    return fail('busy', 'the NHS API platform gave no token: 429', { retryAfter: 60 });
  }
  return fail(
    'unavailable',
    'the NHS API platform gave no token: it could not be reached, or its answer was no OAuth one',
  );
}
