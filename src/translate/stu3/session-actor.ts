/** Who holds a session and where: STU3 Practitioner and Location → R4 UK Core. facts: gp-connect §2.3, §6.5 */
import { ODS_CODE, SDS_ROLE_PROFILE_ID, ukCore } from '#fhir/systems.ts';
import type {
  Address,
  ContactPoint,
  HumanName,
  Identifier,
  Location,
  Organization,
  Practitioner,
  Reference,
} from '#fhir/types.ts';
import { listOf, providerId, providerIdentifier, type Stu3Reference, stu3Resource, text } from './scheduling.ts';

type Stu3Practitioner = {
  readonly identifier?: readonly Identifier[];
  readonly name?: readonly HumanName[];
  readonly gender?: NonNullable<Practitioner['gender']>;
};
type Stu3Location = {
  readonly identifier?: readonly Identifier[];
  readonly name?: string;
  readonly address?: Address | readonly Address[];
  readonly telecom?: ContactPoint | readonly ContactPoint[];
  readonly managingOrganization?: Stu3Reference;
};
type Stu3Organization = { readonly identifier?: readonly Identifier[] };

export function practitioner(resource: unknown, organisation: string): Practitioner[] {
  const source = stu3Resource<Stu3Practitioner>('Practitioner', resource);
  if (!source) return [];
  // A role profile is a person in a role: R4 has it on PractitionerRole.
  const own = listOf(source.identifier).filter((identifier) => !isRoleProfile(identifier));
  const names = listOf(source.name);
  return [
    {
      resourceType: 'Practitioner',
      id: providerId(organisation, 'Practitioner', source.id),
      meta: { profile: [ukCore('Practitioner')] },
      identifier: [...own, providerIdentifier(organisation, 'Practitioner', source.id)],
      ...(names.length > 0 ? { name: [...names] } : {}),
      ...(text(source.gender) ? { gender: source.gender } : {}),
    },
  ];
}

export function location(resource: unknown, all: readonly unknown[], organisation: string): Location[] {
  const source = stu3Resource<Stu3Location>('Location', resource);
  if (!source) return [];
  const [address] = listOf(source.address);
  const telecom = listOf(source.telecom);
  const manager = managing(source.managingOrganization, all, organisation);
  return [
    {
      resourceType: 'Location',
      id: providerId(organisation, 'Location', source.id),
      meta: { profile: [ukCore('Location')] },
      identifier: [...listOf(source.identifier), providerIdentifier(organisation, 'Location', source.id)],
      ...(text(source.name) ? { name: source.name } : {}),
      ...(telecom.length > 0 ? { telecom: [...telecom] } : {}),
      ...(address ? { address } : {}),
      ...(manager ? { managingOrganization: manager } : {}),
    },
  ];
}

/** By ODS code where the answer holds the organisation; a literal reference only to the practice itself, which is known here. */
function managing(
  source: Stu3Reference | undefined,
  all: readonly unknown[],
  organisation: string,
): Reference<Organization> | undefined {
  const id = text(source?.reference)?.split('/').at(-1);
  const found = all
    .map((resource) => stu3Resource<Stu3Organization>('Organization', resource))
    .find((one) => one && one.id === id);
  const value = listOf(found?.identifier).find((identifier) => identifier.system === ODS_CODE)?.value;
  if (!value) return undefined;
  const identifier = { system: ODS_CODE, value };
  return value === organisation ? { reference: `Organization/${value}`, identifier } : { identifier };
}

/** The role profiles that a provider wrote on a practitioner, for the PractitionerRole. */
export function roleProfiles(practitionerId: string | undefined, all: readonly unknown[]): readonly Identifier[] {
  const person = all
    .map((resource) => stu3Resource<Stu3Practitioner>('Practitioner', resource))
    .find((one) => one && one.id === practitionerId);
  return listOf(person?.identifier).filter(isRoleProfile);
}

function isRoleProfile(identifier: Identifier): boolean {
  return identifier.system === SDS_ROLE_PROFILE_ID;
}
