/** Who and where: organisations, staff, their roles, places and services. Shared by the practice's patients. facts: gp-connect §6.5 */
import { ODS_CODE, SDS_ROLE_PROFILE_ID, ukCoreExtension } from '#fhir/systems.ts';
import type {
  HealthcareService,
  Identifier,
  Location,
  Organization,
  Practitioner,
  PractitionerRole,
} from '#fhir/types.ts';
import { concept, concepts } from './coding.ts';
import { addresses, identifierIn, names, period, telecoms } from './datatype.ts';
import { extension, extensions } from './extension.ts';
import { frame, identifiers } from './frame.ts';
import { child, children, isJson, lose, missing, type Part, partOf, present, some } from './node.ts';
import { boolean, date, decimal, minorCode, text, texts } from './primitive.ts';
import { landing, reference, references } from './reference.ts';

const GENDERS = ['male', 'female', 'other', 'unknown'] as const;

/** An organisation. R4 requires an identifier or a name. */
export function translateOrganization(part: Part): Organization | undefined {
  const identifier = identifiers(part)?.map((one) =>
    one.system === ODS_CODE && one.value ? { ...one, value: one.value.toUpperCase() } : one,
  );
  const name = text(part, 'name');
  if (identifier === undefined && name === undefined) return missing(part, { 'identifier or name': undefined });
  const mainPart = extension(part, 'mainlocation');
  const [target] = mainPart ? children(mainPart, 'valueReference') : [];
  const main = target && landing(target, ['Location']);
  return {
    resourceType: 'Organization',
    ...frame(part, 'Organization'),
    ...present({
      extension: main && [{ url: ukCoreExtension('MainLocation'), valueReference: main }],
      identifier,
      active: boolean(part, 'active'),
      type: concepts(part, 'type'),
      name,
      alias: texts(part, 'alias'),
      telecom: telecoms(part),
      address: addresses(part),
      partOf: reference(part, 'partOf', ['Organization']),
    }),
  };
}

/** A person who works there. The SDS role profile is a matter of the role: it is moved there if the record has one. */
export function translatePractitioner(part: Part): Practitioner | undefined {
  const all = identifiers(part);
  const hasRole = part.work.resolver.hasRole(part.node);
  return {
    resourceType: 'Practitioner',
    ...frame(part, 'Practitioner'),
    ...present({
      identifier: all && some(all.filter(({ system }) => !hasRole || system !== SDS_ROLE_PROFILE_ID)),
      active: boolean(part, 'active'),
      name: names(part),
      telecom: telecoms(part),
      address: addresses(part),
      gender: minorCode(part, 'gender', GENDERS),
      birthDate: date(part, 'birthDate'),
      communication: some([...(concepts(part, 'communication') ?? []), ...languages(part)]),
    }),
  };
}

function languages(part: Part) {
  return extensions(part, 'nhscommunication').map((one) => {
    const found = extension(one, 'language');
    return found && concept(found, 'valueCodeableConcept');
  });
}

export function translatePractitionerRole(part: Part): PractitionerRole | undefined {
  const own = identifiers(part) ?? [];
  return {
    resourceType: 'PractitionerRole',
    ...frame(part, 'PractitionerRole'),
    ...present({
      identifier: some([...own, ...roleProfiles(part)]),
      active: boolean(part, 'active'),
      period: period(part, 'period'),
      practitioner: reference(part, 'practitioner', ['Practitioner']),
      organization: reference(part, 'organization', ['Organization']),
      code: concepts(part, 'code'),
      specialty: concepts(part, 'specialty'),
      location: references(part, 'location', ['Location']),
      healthcareService: references(part, 'healthcareService', ['HealthcareService']),
      telecom: telecoms(part),
    }),
  };
}

/** The role profile ids that STU3 keeps on the practitioner. */
function roleProfiles(part: Part): Identifier[] {
  const { practitioner: named } = part.node;
  const literal = isJson(named) && typeof named.reference === 'string' ? named.reference : undefined;
  const node = literal === undefined ? undefined : part.work.resolver.find(literal)?.entry.node;
  if (node === undefined) return [];
  const practitioner = partOf(part.work, { identifier: node.identifier }, `${part.path}.practitioner`);
  return children(practitioner, 'identifier').flatMap((one) => {
    const found = identifierIn(one);
    return found?.system === SDS_ROLE_PROFILE_ID ? [found] : [];
  });
}

export function translateLocation(part: Part): Location | undefined {
  const [address, ...others] = addresses(part) ?? [];
  for (const _other of others) lose(part, 'second-address');
  const positionPart = child(part, 'position');
  const longitude = positionPart && decimal(positionPart, 'longitude');
  const latitude = positionPart && decimal(positionPart, 'latitude');
  return {
    resourceType: 'Location',
    ...frame(part, 'Location'),
    ...present({
      identifier: identifiers(part),
      status: minorCode(part, 'status', ['active', 'suspended', 'inactive']),
      name: text(part, 'name'),
      alias: texts(part, 'alias'),
      description: text(part, 'description'),
      mode: minorCode(part, 'mode', ['instance', 'kind']),
      type: concepts(part, 'type'),
      telecom: telecoms(part),
      address,
      physicalType: concept(part, 'physicalType'),
      position: longitude !== undefined && latitude !== undefined ? { longitude, latitude } : undefined,
      managingOrganization: reference(part, 'managingOrganization', ['Organization']),
      partOf: reference(part, 'partOf', ['Location']),
    }),
  };
}

/** A service. The directory's identifier has changed its name since STU3. */
export function translateHealthcareService(part: Part): HealthcareService | undefined {
  const identifier = identifiers(part)?.map((one) =>
    one.system === 'https://fhir.nhs.uk/Id/uec-dos-service-id'
      ? { ...one, system: 'https://fhir.nhs.uk/Id/dos-service-id' }
      : one,
  );
  return {
    resourceType: 'HealthcareService',
    ...frame(part, 'HealthcareService'),
    ...present({
      identifier,
      active: boolean(part, 'active'),
      providedBy: reference(part, 'providedBy', ['Organization']),
      category: concepts(part, 'category'),
      type: concepts(part, 'type'),
      specialty: concepts(part, 'specialty'),
      location: references(part, 'location', ['Location']),
      name: text(part, 'name'),
      comment: text(part, 'comment'),
      extraDetails: text(part, 'extraDetails'),
      telecom: telecoms(part),
      program: concepts(part, 'programName'),
    }),
  };
}
