/** What the resources of every extract have in common. */
import { HOLDFAST, NHS_NUMBER, RECORD_ID, SNOMED, ukCore, ukCoreExtension } from '#fhir/systems.ts';
import type { CodeableConcept, Coding, Identifier, Meta, Patient, ResourceType } from '#fhir/types.ts';

export const CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';
export const REGISTRATION_TYPE = `${HOLDFAST}/CodeSystem/registration-type`;

/** The UK Core profile, and the label that keeps a confidential entry or a sensitive patient off every list. */
export function metaOf(profile: string | undefined, isRestricted: boolean): { meta?: Meta } {
  const meta: Meta = {
    ...(profile ? { profile: [ukCore(profile)] } : {}),
    ...(isRestricted ? { security: [{ system: CONFIDENTIALITY, code: 'R', display: 'restricted' }] } : {}),
  };
  return Object.keys(meta).length > 0 ? { meta } : {};
}

/** The entry's own id in the practice's system. */
export function recordId(value: string): { identifier: Identifier[] } {
  return { identifier: [{ system: RECORD_ID, value }] };
}

/** An NHS number with the outcome of its tracing, where the supplier says that it was traced. */
export function nhsNumberIdentifier(value: string, isVerified: boolean): Identifier {
  const status = {
    url: ukCoreExtension('NHSNumberVerificationStatus'),
    valueCodeableConcept: {
      coding: [
        {
          system: 'https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland',
          code: '01',
          display: 'Number present and verified',
        },
      ],
    },
  };
  return { ...(isVerified ? { extension: [status] } : {}), system: NHS_NUMBER, value };
}

const genders: Readonly<Record<string, NonNullable<Patient['gender']>>> = { M: 'male', F: 'female', I: 'other' };

/** Both suppliers write the same letters; `unknown` for U, for nothing and for anything else. */
export function genderOf(letter: string | undefined): NonNullable<Patient['gender']> {
  return genders[letter?.trim().toUpperCase() ?? ''] ?? 'unknown';
}

/** A registration type, `Immediately Necessary` → `immediately-necessary`; the supplier's own words stay as text. */
export function registrationType(name: string, text: string = name): CodeableConcept {
  const code = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return { coding: [{ system: REGISTRATION_TYPE, code }], text };
}

/** A SNOMED CT coding if the text can be a concept id; suppliers write -1 or nothing when they have none. */
export function snomedCoding(code: string | undefined, display?: string): Coding | undefined {
  if (!/^[1-9]\d{5,17}$/.test(code ?? '')) return undefined;
  return { system: SNOMED, code: code ?? '', ...(display ? { display } : {}) };
}

/** A vaccination as UK Core wants it: what was done in the extension, the product (unknown here) in `vaccineCode`. */
export function vaccination(procedure: CodeableConcept, product?: CodeableConcept) {
  const unknown = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-NullFlavor', code: 'UNK' }] };
  return {
    extension: [{ url: ukCoreExtension('VaccinationProcedure'), valueCodeableConcept: procedure }],
    vaccineCode: product ?? { ...unknown, ...(procedure.text ? { text: procedure.text } : {}) },
  };
}

/** `ZZ999ZZ` → `ZZ99 9ZZ` */
export function postcodeOf(text: string | undefined): string | undefined {
  const plain = text?.replaceAll(' ', '').toUpperCase();
  if (!plain) return undefined;
  return /^[A-Z0-9]{5,7}$/.test(plain) ? `${plain.slice(0, -3)} ${plain.slice(-3)}` : text?.trim();
}

export function concept(system: string, code: string): CodeableConcept {
  return { coding: [{ system, code }] };
}

export function note(text: string | undefined): { note?: { text: string }[] } {
  return text ? { note: [{ text }] } : {};
}

/** A reference that fits wherever its target may stand (the general Reference type fits only where anything may). */
export type Link = { reference: string };

export function linkTo(type: ResourceType, id: string): Link {
  return { reference: `${type}/${id}` };
}

/** A member of staff, by reference or, when no resource is held of them, by the supplier's id. */
export type StaffLink = Link | { type: 'PractitionerRole'; identifier: Identifier };

export function namedStaff(id: string): StaffLink {
  return { type: 'PractitionerRole', identifier: { system: RECORD_ID, value: id } };
}

/** The properties that have a value, for spreading into a resource. */
export function given<T extends object>(properties: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const kept = Object.entries(properties).filter(([, value]) => value !== undefined && !isEmpty(value));
  return Object.fromEntries(kept) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** An empty list or object: FHIR has neither. */
function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
