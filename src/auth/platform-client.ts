/** This application as a client of the NHS API platform: a signed assertion, new for every request. facts: nhs-apis §1.2 */
import { importPKCS8 } from 'jose';
import {
  allowInsecureRequests,
  ClientError,
  Configuration,
  customFetch,
  modifyAssertion,
  PrivateKeyJwt,
  ResponseBodyError,
} from 'openid-client';
import { fail, ok, type Result } from '#result.ts';

export type PlatformClientSettings = {
  /** The full token URL: it is also the assertion's audience. */
  readonly tokenEndpoint: string;
  /** The application's API key. */
  readonly clientId: string;
  /** Of the registered public key. Publish a new key an hour before signing with it. */
  readonly keyId: string;
  /** The private key, PEM (PKCS #8). */
  readonly privateKey: string;
  readonly fetch?: typeof fetch;
  readonly timeoutMs?: number;
};

/**
 * The client. Its assertions are RS512, live for a minute and have a `jti` of their own each: the platform remembers
 * them for 30 days, so that nothing may be sent twice. Fails with `fault` when the key cannot be read.
 */
export async function platformClient(settings: PlatformClientSettings): Promise<Result<Configuration>> {
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

/** Why the platform gave no token, in its own error code. An error body is only read from a 4xx; everything else may pass. */
export function platformRefusal(error: unknown): Result<never> {
  if (error instanceof ResponseBodyError) {
    const code = /^[a-z_ ]{1,40}$/.test(error.error) ? error.error : 'no known error';
    const message = `the NHS API platform gave no token: ${error.status} (${code})`;
    if (error.status === 429) return fail('busy', message, { retryAfter: 60 });
    // A user's session that has ended, or been ended by their logging out.
    if (code === 'invalid_grant') return fail('unauthenticated', `${message}; the user must log in again`);
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
