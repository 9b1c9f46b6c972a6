/** The public keys that others check our signatures by: what the JWKS address answers. RFC 7517; facts: nhs-apis §1.2 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { fail, ok, type Result } from '#result.ts';

export type SigningKey = {
  readonly keyId: string;
  /** PEM (PKCS #8), RSA. */
  readonly privateKey: string;
};

export type PublicJwks = {
  readonly keys: readonly {
    readonly kty: 'RSA';
    readonly kid: string;
    readonly use: 'sig';
    readonly alg: 'RS512';
    readonly n: string;
    readonly e: string;
  }[];
};

/** What the platform takes; a shorter key signs, and is refused there. */
const LEAST_BITS = 2048;

/**
 * The JWKS of the given keys: the public halves alone. While keys are changed it holds two: the platform keeps the
 * document for about an hour, so the next key is published before anything is signed with it, and the last one after.
 * Fails with `fault` when a key is no RSA key, is too short, or shares its id with another.
 */
export function publicJwks(keys: readonly SigningKey[]): Result<PublicJwks> {
  if (new Set(keys.map(({ keyId }) => keyId)).size < keys.length)
    return fail('fault', 'two signing keys have the same id; give the next key another one');
  const found: PublicJwks['keys'][number][] = [];
  for (const { keyId, privateKey } of keys) {
    const key = rsaPublicKey(privateKey);
    if (!key) return fail('fault', `the private key ${keyId} cannot be read; wanted RSA in PEM (PKCS #8)`);
    if (key.bits < LEAST_BITS)
      return fail('fault', `the private key ${keyId} has ${key.bits} bits; wanted ${LEAST_BITS} or, better, 4096`);
    found.push({ kty: 'RSA', kid: keyId, use: 'sig', alg: 'RS512', n: key.n, e: key.e });
  }
  return ok({ keys: found });
}

function rsaPublicKey(pem: string): { n: string; e: string; bits: number } | undefined {
  try {
    const key = createPublicKey(createPrivateKey(pem));
    const { n, e } = key.export({ format: 'jwk' });
    const bits = key.asymmetricKeyDetails?.modulusLength;
    return key.asymmetricKeyType === 'rsa' && n && e && bits ? { n, e, bits } : undefined;
  } catch {
    return undefined;
  }
}
