/**
 * What STU3 slots and appointments share: how a provider's ids stay reachable in R4, and the extensions that GP Connect
 * puts on scheduling resources. facts: gp-connect §2.3, §6
 */
import { idFrom } from '#fhir/id.ts';
import { HOLDFAST, ukCoreExtension } from '#fhir/systems.ts';
import type { CodeableConcept, Coding, Extension, Identifier, Reference, Resource } from '#fhir/types.ts';

const N = 'https://fhir.nhs.uk/STU3/StructureDefinition/';
export const STU3_APPOINTMENT_PROFILE = `${N}GPConnect-Appointment-1`;
export const STU3_ORGANIZATION_PROFILE = `${N}CareConnect-GPC-Organization-1`;
export const BOOKING_ORGANISATION = `${N}Extension-GPConnect-BookingOrganisation-1`;
export const CANCELLATION_REASON = `${N}Extension-GPConnect-AppointmentCancellationReason-1`;
export const ORGANISATION_TYPE = 'https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-OrganisationType-1';
export const JOB_ROLE = 'https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName';
const DELIVERY_CHANNEL = 'https://fhir.hl7.org.uk/CodeSystem/UKCore-DeliveryChannel';

/** Only what is read here; the rest of an STU3 resource passes unseen. */
export type Stu3Extension = {
  readonly url?: string;
  readonly valueCode?: string;
  readonly valueString?: string;
  readonly valueCodeableConcept?: CodeableConcept;
  readonly valueReference?: { readonly reference?: string };
};

export type Stu3Reference = { readonly reference?: string };

/** An STU3 resource of the named type that has an id, or undefined. */
export function stu3Resource<T>(type: string, value: unknown): (T & { readonly id: string }) | undefined {
  if (!isObject(value) || value['resourceType'] !== type || typeof value['id'] !== 'string') return undefined;
  return value as T & { readonly id: string };
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The objects of an element that should be an array of them, may be missing, and is sometimes sent bare (`telecom` in the specification's own examples). */
export function listOf<T>(value: T | readonly T[] | null | undefined): readonly T[] {
  return (Array.isArray(value) ? value : [value]).filter(isObject) as readonly T[];
}

/** A text that is one and not empty; what the types say of another party's JSON is only what it should be. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The identifier system of a provider's own ids for one type of resource at one practice. */
export function providerSystem(organisation: string, type: string): string {
  return `${HOLDFAST}/Id/gp-connect/${organisation}/${type.toLowerCase()}`;
}

/** The R4 id of what a provider calls `<type>/<id>`. */
export function providerId(organisation: string, type: string, id: string): string {
  return idFrom(organisation, 'gp-connect', type, id);
}

export function providerIdentifier(organisation: string, type: string, id: string): Identifier {
  return { system: providerSystem(organisation, type), value: id };
}

/** The provider's own id among identifiers (or in a reference's identifier), for sending back. */
export function providerValue(
  organisation: string,
  type: string,
  identifiers: Identifier | readonly Identifier[] | undefined,
): string | undefined {
  const system = providerSystem(organisation, type);
  return listOf(identifiers).find((identifier) => identifier.system === system)?.value;
}

type Target = 'Slot' | 'Schedule' | 'Location' | 'Practitioner' | 'HealthcareService' | 'Patient';

/**
 * A provider's relative (or, wrongly, absolute) reference as one to the R4 resource, with the provider's own id beside
 * it; undefined when it points at another type. A patient gets no literal reference: the provider's patient id is no
 * identity, only the caller knows who it is.
 */
export function r4Reference<K extends Target>(
  organisation: string,
  source: Stu3Reference | undefined,
  types: readonly K[],
): Reference<Extract<Resource, { resourceType: K }>> | undefined {
  const [, named, id] = /(?:^|\/)([A-Z][A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})$/.exec(text(source?.reference) ?? '') ?? [];
  const type = types.find((one) => one === named);
  if (!type || !id) return undefined;
  const identifier = providerIdentifier(organisation, type, id);
  if (type === 'Patient') return { type, identifier };
  return { reference: `${type}/${providerId(organisation, type, id)}`, type, identifier };
}

const codes = ['In-person', 'Telephone', 'Video'];

/** GP Connect's delivery channel (a code in version 2, a concept in version 1) as UK Core's; "Visit" has no code there and stays text. */
export function deliveryChannel(extensions: unknown): Extension[] {
  const found = extensionNamed(extensions, `${N}Extension-GPConnect-DeliveryChannel-`);
  const [coding] = listOf(found?.valueCodeableConcept?.coding);
  const code = text(found?.valueCode) ?? text(coding?.code) ?? text(found?.valueCodeableConcept?.text);
  if (!code) return [];
  const concept = codes.includes(code)
    ? { coding: [{ system: DELIVERY_CHANNEL, code, display: code }] }
    : { text: code };
  return [{ url: ukCoreExtension('DeliveryChannel'), valueCodeableConcept: concept }];
}

/** The job role of whoever holds the session, its code system UK Core's where that has the code. */
export function jobRole(extensions: unknown): CodeableConcept | undefined {
  const concept = extensionNamed(extensions, `${N}Extension-GPConnect-PractitionerRole-1`)?.valueCodeableConcept;
  const coding = listOf(concept?.coding).map(
    (one): Coding => (text(one.system)?.endsWith('CareConnect-SDSJobRoleName-1') ? { ...one, system: JOB_ROLE } : one),
  );
  const words = text(concept?.text);
  if (coding.length === 0 && !words) return undefined;
  return { ...(coding.length > 0 ? { coding } : {}), ...(words ? { text: words } : {}) };
}

/** The first extension whose URL starts so. */
export function extensionNamed(extensions: unknown, url: string): Stu3Extension | undefined {
  return listOf(extensions as Stu3Extension | readonly Stu3Extension[] | undefined).find((extension) =>
    text(extension.url)?.startsWith(url),
  );
}
