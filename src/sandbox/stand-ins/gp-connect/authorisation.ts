/** The unsigned JWT that every GP Connect call carries. facts: gp-connect §1.5 */
import { type Static, Type } from 'typebox';
import { parseJson } from '#sandbox/stand-ins/serving.ts';
import { checker } from '#schema.ts';
import { type Refusal, refuse } from './outcome.ts';

const identifiers = Type.Array(
  Type.Object({ system: Type.String({ minLength: 1 }), value: Type.String({ minLength: 1 }) }),
  {
    minItems: 1,
  },
);

const claimsSchema = Type.Object({
  iss: Type.String({ minLength: 1 }),
  sub: Type.String({ minLength: 1 }),
  aud: Type.String({ minLength: 1 }),
  iat: Type.Integer(),
  exp: Type.Integer(),
  reason_for_request: Type.Union([Type.Literal('directcare'), Type.Literal('migration')]),
  requested_scope: Type.String({ minLength: 1 }),
  requesting_device: Type.Object({ resourceType: Type.String() }),
  requesting_organization: Type.Object({
    resourceType: Type.Literal('Organization'),
    identifier: identifiers,
    name: Type.String({ minLength: 1 }),
  }),
  requesting_practitioner: Type.Object({ resourceType: Type.String() }),
});

const deviceSchema = Type.Object({
  resourceType: Type.Literal('Device'),
  identifier: identifiers,
  model: Type.String({ minLength: 1 }),
  version: Type.String({ minLength: 1 }),
});

const practitionerSchema = Type.Object({
  resourceType: Type.Literal('Practitioner'),
  id: Type.String({ minLength: 1 }),
  identifier: identifiers,
  name: Type.Array(
    Type.Object({ family: Type.String({ minLength: 1 }), given: Type.Array(Type.String(), { minItems: 1 }) }),
    {
      minItems: 1,
    },
  ),
});

const checkClaims = checker('JWT', claimsSchema);
const checkDevice = checker('requesting_device', deviceSchema);
const checkPractitioner = checker('requesting_practitioner', practitionerSchema);

type Claims = Static<typeof claimsSchema>;

/**
 * Refuses a call whose Authorization header does not hold what the specification asks. `now` are the instants, in
 * seconds, that count as the present: consumers may live by the real clock or by the simulated one.
 */
export function refuseAuthorisation(
  authorization: string | undefined,
  expected: { audiences: readonly string[]; scope: string; now: readonly number[] },
): Refusal {
  const claims = readToken(authorization);
  if (typeof claims === 'string') return refuse('BAD_REQUEST', claims);
  const device = checkDevice(claims.requesting_device);
  if (!device.ok) return refuse('INVALID_RESOURCE', device.failure.message);
  const practitioner = checkPractitioner(claims.requesting_practitioner);
  if (!practitioner.ok) return refuse('INVALID_RESOURCE', practitioner.failure.message);
  const fault = claimFault(claims, practitioner.value, expected);
  return fault === undefined ? undefined : refuse('BAD_REQUEST', fault);
}

function claimFault(
  claims: Claims,
  practitioner: Static<typeof practitionerSchema>,
  expected: { audiences: readonly string[]; scope: string; now: readonly number[] },
): string | undefined {
  const scopes = [expected.scope, `${expected.scope} conf/N`];
  const systems = new Set(practitioner.identifier.map(({ system }) => system));
  if (claims.exp !== claims.iat + 300) return 'JWT exp is not iat + 300';
  if (!expected.now.some((now) => now < claims.exp)) return 'JWT has expired';
  if (!expected.now.some((now) => claims.iat < now + 300)) return 'JWT iat is in the future';
  if (!expected.audiences.includes(claims.aud)) return 'JWT aud is not the base URL of this capability';
  if (!scopes.includes(claims.requested_scope)) return `JWT requested_scope is not ${expected.scope}`;
  if (claims.sub !== practitioner.id) return 'JWT sub is not requesting_practitioner.id';
  if (!systems.has('https://fhir.nhs.uk/Id/sds-user-id')) return 'requesting_practitioner has no sds-user-id';
  if (!systems.has('https://fhir.nhs.uk/Id/sds-role-profile-id'))
    return 'requesting_practitioner has no sds-role-profile-id';
  if (systems.size < 3) return 'requesting_practitioner has no local user identifier';
  return undefined;
}

function readToken(authorization: string | undefined): Claims | string {
  const match = /^Bearer ([\w-]+)\.([\w-]+)\.$/.exec(authorization ?? '');
  if (!match?.[1] || !match[2])
    return 'Authorization is not a bearer token with an empty signature and its trailing dot';
  const head = parseJson(Buffer.from(match[1], 'base64url').toString());
  if (JSON.stringify(head) !== '{"alg":"none","typ":"JWT"}') return 'JWT header is not alg none, typ JWT';
  const claims = checkClaims(parseJson(Buffer.from(match[2], 'base64url').toString()));
  return claims.ok ? claims.value : claims.failure.message;
}
