/** The token of a GP Connect call: who asks, for whom, with what. facts: gp-connect §1.5 */
import { epochMilliseconds } from '#fhir/date.ts';
import { ODS_CODE, SDS_ROLE_PROFILE_ID, SDS_USER_ID } from '#fhir/systems.ts';

/** The member of staff behind the call; a system user is not allowed. */
export type User = {
  readonly sdsUserId: string;
  readonly sdsRoleProfileId: string;
  readonly localId: string;
  readonly family: string;
  readonly given: string;
  readonly prefix?: string;
};

export type Organisation = {
  readonly ods: string;
  readonly name: string;
  /** One phone number, sent with bookings. */
  readonly telecom: string;
  readonly type?: 'gp-practice' | 'urgent-care';
};

export type Device = {
  readonly identifier: { readonly system: string; readonly value: string };
  readonly model: string;
  readonly version: string;
};

export type TokenParts = {
  readonly issuerUrl: string;
  /** The provider's base address, as the directory has it. */
  readonly audience: string;
  readonly scope: string;
  readonly device: Device;
  readonly organisation: Organisation;
  readonly user: User;
  /** The current instant. */
  readonly now: string;
};

const LIFE_SECONDS = 300;

/** The claims; `exp` is exactly 300 s after `iat`, as providers check. Without a smartcard the two SDS ids are `UNK`. */
export function claimsOf(parts: TokenParts): Readonly<Record<string, unknown>> {
  const { user, organisation, device } = parts;
  const iat = Math.floor(epochMilliseconds(parts.now) / 1000);
  return {
    iss: parts.issuerUrl,
    sub: user.localId,
    aud: parts.audience,
    exp: iat + LIFE_SECONDS,
    iat,
    reason_for_request: 'directcare',
    requested_scope: parts.scope,
    requesting_device: {
      resourceType: 'Device',
      identifier: [device.identifier],
      model: device.model,
      version: device.version,
    },
    requesting_organization: {
      resourceType: 'Organization',
      identifier: [{ system: ODS_CODE, value: organisation.ods }],
      name: organisation.name,
    },
    requesting_practitioner: {
      resourceType: 'Practitioner',
      id: user.localId,
      identifier: [
        { system: SDS_USER_ID, value: user.sdsUserId || 'UNK' },
        { system: SDS_ROLE_PROFILE_ID, value: user.sdsRoleProfileId || 'UNK' },
        { system: new URL('Id/user-guid', withSlash(parts.issuerUrl)).href, value: user.localId },
      ],
      name: [{ family: user.family, given: [user.given], ...(user.prefix ? { prefix: [user.prefix] } : {}) }],
    },
  };
}

/**
 * The claims as an unsigned token. Built by hand because libraries, rightly elsewhere, refuse `alg: none`; the proxy's
 * mutual TLS is what proves the caller here. The dot at the end stays: the third part is empty, not absent.
 */
export function unsignedToken(claims: Readonly<Record<string, unknown>>): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.`;
}

function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}
