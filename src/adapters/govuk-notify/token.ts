/** The token of a GOV.UK Notify call. https://docs.notifications.service.gov.uk/rest-api.html */
import { SignJWT } from 'jose';
import { epochMilliseconds } from '#fhir/date.ts';
import { fail, ok, type Result } from '#result.ts';

export type ApiKey = { readonly serviceId: string; readonly secret: string };

const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';

/** The two UUIDs at the end of `name-<service id>-<secret>`. */
export function parseApiKey(text: string): Result<ApiKey> {
  const [, serviceId, secret] = new RegExp(`(${uuid})-(${uuid})$`, 'i').exec(text) ?? [];
  if (serviceId && secret) return ok({ serviceId, secret });
  return fail('fault', 'the GOV.UK Notify key has not the form name-<service id>-<secret>; check the configuration');
}

export function signedToken(key: ApiKey, now: string): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(key.serviceId)
    .setIssuedAt(Math.floor(epochMilliseconds(now) / 1000))
    .sign(new TextEncoder().encode(key.secret));
}
