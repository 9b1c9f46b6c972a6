/** What PDS says in extensions of a Patient. facts: nhs-apis §5.1; uk-core §9 */
import { ukCoreExtension } from '#fhir/systems.ts';
import type { CodeableConcept, Extension, PatientCommunication } from '#fhir/types.ts';
import { concept } from '#translate/stu3/coding.ts';
import { period } from '#translate/stu3/datatype.ts';
import { extension, extensions } from '#translate/stu3/extension.ts';
import { child, lose, type Part, present } from '#translate/stu3/node.ts';
import { boolean, dateTime, text } from '#translate/stu3/primitive.ts';
import { codeOf, odsReference, renamed } from './reading.ts';

const UK_CORE = 'https://fhir.hl7.org.uk/CodeSystem/UKCore-';

export type DeathNotification = {
  /** `removed`: a death that was taken back; the person lives. */
  readonly status: 'informal' | 'formal' | 'removed' | 'unknown';
  readonly extension: Extension;
};

const DEATH_CODES: Readonly<Record<string, DeathNotification['status']>> = {
  '1': 'informal',
  '2': 'formal',
  U: 'removed',
};

export function deathNotification(part: Part): DeathNotification | undefined {
  const found = extension(part, 'deathnotificationstatus');
  const statusPart = found && extension(found, 'deathnotificationstatus');
  const status = renamed(
    statusPart && concept(statusPart, 'valueCodeableConcept'),
    `${UK_CORE}DeathNotificationStatus`,
  );
  const fromPart = found && extension(found, 'systemeffectivedate');
  const from = fromPart && dateTime(fromPart, 'valueDateTime');
  if (status === undefined) return undefined;
  const inner: Extension[] = [
    { url: 'deathNotificationStatus', valueCodeableConcept: status },
    ...(from === undefined ? [] : [{ url: 'systemEffectiveDate', valueDateTime: from }]),
  ];
  return {
    status: DEATH_CODES[codeOf(status) ?? ''] ?? 'unknown',
    extension: { url: ukCoreExtension('DeathNotificationStatus'), extension: inner },
  };
}

export type Language = {
  readonly communication: PatientCommunication | undefined;
  readonly interpreterRequired: boolean | undefined;
};

/** The language a person is spoken to in, and whether that needs an interpreter. UK Core has both in R4's own places. */
export function language(part: Part): Language {
  const found = extension(part, 'nhscommunication');
  const languagePart = found && extension(found, 'language');
  const interpreterPart = found && extension(found, 'interpreterrequired');
  const spoken = languagePart && concept(languagePart, 'valueCodeableConcept');
  return {
    communication: spoken && { language: bcp47(spoken), preferred: true },
    interpreterRequired: interpreterPart && boolean(interpreterPart, 'valueBoolean'),
  };
}

/**
 * UK Core requires BCP 47. PDS's own list adds codes for what has none (Makaton): those stand beside `mis`, ISO 639's
 * word for a language without a code.
 */
function bcp47(spoken: CodeableConcept): CodeableConcept {
  const [coding] = spoken.coding ?? [];
  const isCoded = /^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/.test(coding?.code ?? '');
  const own = { system: 'urn:ietf:bcp:47', code: isCoded ? (coding?.code ?? 'und') : 'mis' };
  return {
    coding: isCoded ? [{ ...own, ...present({ display: coding?.display }) }] : [own, ...(coding ? [coding] : [])],
    ...present({ text: spoken.text }),
  };
}

export function interpreter(required: boolean | undefined): Extension | undefined {
  if (required === undefined) return undefined;
  return { url: 'http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired', valueBoolean: required };
}

/** How a person wants to be reached. Codes of UK Core's PreferredContactMethod and PreferredWrittenCommunicationFormat. */
export type ContactPreferences = {
  /** `8`: no telephone contact. */
  readonly method?: string;
  /** `11` large print, `12` Braille, `13` audio. */
  readonly writtenFormat?: string;
  readonly times?: string;
};

export function contactPreference(part: Part): { said: ContactPreferences; extension: Extension | undefined } {
  const found = extension(part, 'contactpreference');
  const coded = (name: string) => {
    const one = found && extension(found, name.toLowerCase());
    return renamed(one && concept(one, 'valueCodeableConcept'), `${UK_CORE}${name}`);
  };
  const method = coded('PreferredContactMethod');
  const format = coded('PreferredWrittenCommunicationFormat');
  const timesPart = found && extension(found, 'preferredcontacttimes');
  const times = timesPart && text(timesPart, 'valueString');
  const inner: Extension[] = [
    ...(method ? [{ url: 'PreferredContactMethod', valueCodeableConcept: method }] : []),
    ...(format ? [{ url: 'PreferredWrittenCommunicationFormat', valueCodeableConcept: format }] : []),
    ...(times === undefined ? [] : [{ url: 'PreferredContactTimes', valueString: times }]),
  ];
  return {
    said: present({ method: codeOf(method), writtenFormat: codeOf(format), times }),
    extension: inner.length > 0 ? { url: ukCoreExtension('ContactPreference'), extension: inner } : undefined,
  };
}

/** Why and when a person left the practices of England: `DEA`, `EMB`, `SCT`, `NIT`, `TRA`, `ORR`. It may lie ahead. */
export type Removal = { readonly code: string; readonly start?: string; readonly end?: string };

/** PDS's own extension; UK Core has no place for it, so it is said beside the Patient. */
export function removal(part: Part): Removal | undefined {
  const found = extension(part, 'pds-removalfromregistration');
  const reasonPart = found && extension(found, 'removalfromregistrationcode');
  const code = codeOf(reasonPart && concept(reasonPart, 'valueCodeableConcept'));
  const whenPart = found && extension(found, 'effectivetime');
  const when = whenPart && period(whenPart, 'valuePeriod');
  return code === undefined ? undefined : { code, ...present({ start: when?.start, end: when?.end }) };
}

const DISPENSERS = ['NominatedPharmacy', 'PreferredDispenserOrganization', 'MedicalApplianceSupplier'] as const;

/** Where a person has medicines and appliances from: by ODS code. */
export function dispensers(part: Part): Extension[] {
  return DISPENSERS.flatMap((name) =>
    extensions(part, name.toLowerCase()).flatMap((one) => {
      const written = child(one, 'valueReference');
      const found = written && odsReference(written);
      return found ? [{ url: ukCoreExtension(name), valueReference: found.reference }] : [];
    }),
  );
}

/** Takes the extensions of a name unread: what a restricted person's answer must not carry on. */
export function withholdExtensions(part: Part, ...names: readonly string[]): void {
  for (const one of extensions(part, ...names)) {
    for (const key of Object.keys(one.node)) one.taken.add(key);
    lose(one, 'withheld');
  }
}
