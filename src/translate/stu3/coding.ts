/** Codes: the STU3 names of code systems, and the SNOMED CT description that was chosen. facts: gp-connect §3.3, §6 */
import { SNOMED, ukCoreExtension } from '#fhir/systems.ts';
import type { CodeableConcept, Coding, Extension } from '#fhir/types.ts';
import { extensions } from './extension.ts';
import { children, has, isJson, lose, type Part, partOf, present, some, take } from './node.ts';
import { boolean, text } from './primitive.ts';

const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem/';
const UK_CORE = 'https://fhir.hl7.org.uk/CodeSystem/UKCore-';
export const DATA_ABSENT_REASON = `${TERMINOLOGY}data-absent-reason`;
export const DATA_ABSENT_EXTENSION = 'http://hl7.org/fhir/StructureDefinition/data-absent-reason';

/** The last part of a STU3 code system's name, and what the system is called in R4. */
const RENAMED = new Map<string, string>([
  ['CareConnect-ConditionCategory-1', `${TERMINOLOGY}condition-category`],
  ['CareConnect-ObservationInterpretation-1', `${TERMINOLOGY}v3-ObservationInterpretation`],
  ['v2-0078', `${TERMINOLOGY}v3-ObservationInterpretation`],
  ['GPConnect-ParticipantType-1', `${TERMINOLOGY}v3-ParticipationType`],
  ['v3-ParticipantType', `${TERMINOLOGY}v3-ParticipationType`],
  ['CareConnect-SDSJobRoleName-1', `${UK_CORE}SDSJobRoleName`],
  ['CareConnect-NHSNumberVerificationStatus-1', `${UK_CORE}NHSNumberVerificationStatusEngland`],
  ['CareConnect-ListEmptyReasonCode-1', `${UK_CORE}ListEmptyReasonCode`],
  ['CareConnect-ListWarningCode-1', `${UK_CORE}ListWarningCode`],
  ['CareConnect-PrescribingAgency-1', `${UK_CORE}MedicationPrescribingOrganizationType`],
  ['CareConnect-ResidentialStatus-1', `${UK_CORE}ResidentialStatus`],
  ['CareConnect-DeathNotificationStatus-1', `${UK_CORE}DeathNotificationStatus`],
  ['CareConnect-EthnicCategory-1', `${UK_CORE}EthnicCategoryEngland`],
  ['CareConnect-HumanLanguage-1', 'urn:ietf:bcp:47'],
  ['CareConnect-LanguageAbilityMode-1', `${TERMINOLOGY}v3-LanguageAbilityMode`],
  ['CareConnect-LanguageAbilityProficiency-1', `${TERMINOLOGY}v3-LanguageAbilityProficiency`],
  ['codesystem-list-order.html', `${TERMINOLOGY}list-order`],
  ['valueset-immunization-role.html', `${TERMINOLOGY}v2-0443`],
]);

/** HL7's own systems that moved from `http://hl7.org/fhir/` to terminology.hl7.org under the same name. */
const MOVED = new Set(
  'observation-category condition-category list-order data-absent-reason allergyintolerance-clinical condition-clinical allergy-clinical-status allergy-verification-status list-empty-reason referencerange-meaning organization-type encounter-type diagnosis-role location-physical-type service-type immunization-origin contactentity-type v2 v3'.split(
    ' ',
  ),
);

/** The R4 name of a code system; one that has not changed is answered as it is. */
export function r4System(system: string): string {
  const versioned = /^http:\/\/hl7\.org\/fhir\/(v[23])\/([A-Za-z0-9]+)$/.exec(system);
  const name = versioned ? `${versioned[1]}-${versioned[2]}` : (system.split('/').at(-1) ?? '');
  const renamed = RENAMED.get(name);
  if (renamed !== undefined) return renamed;
  if (versioned) return TERMINOLOGY + name;
  return system === `http://hl7.org/fhir/${name}` && MOVED.has(name) ? TERMINOLOGY + name : system;
}

/** One concept. Of several, where R4 has room for one, the first; the others are counted as lost. */
export function concept(part: Part, name: string): CodeableConcept | undefined {
  const [first, ...others] = concepts(part, name) ?? [];
  for (const _other of others) lose(part, `${name}-second`);
  return first;
}

/** The concepts of an element. A lone text in place of a concept, as one supplier sends, becomes the concept's text. */
export function concepts(part: Part, name: string): CodeableConcept[] | undefined {
  const value = part.node[name];
  const list = Array.isArray(value) ? value : [value];
  if (list.some((one) => typeof one === 'string' && one.trim() !== '')) {
    take(part, name);
    return some(
      list.map((one) => (isJson(one) ? conceptIn(partOf(part.work, one, `${part.path}.${name}`)) : textConcept(one))),
    );
  }
  return some(children(part, name).map(conceptIn));
}

export function conceptIn(part: Part): CodeableConcept | undefined {
  const codings = some(children(part, 'coding').map(codingIn));
  const words = text(part, 'text');
  return codings === undefined && words === undefined ? undefined : present({ coding: codings, text: words });
}

/** All codings are kept in their order; a reader picks by system, never by position. */
export function codingIn(part: Part): Coding | undefined {
  const written = text(part, 'system')?.trim();
  const system = written !== undefined && /^\S+$/.test(written) ? r4System(written) : undefined;
  if (written !== undefined && system === undefined) lose(part, 'system:malformed');
  const display = text(part, 'display');
  const symbol = codeSymbol(part);
  if (symbol === undefined && display === undefined) return undefined;
  const userSelected = has(part, 'userSelected') ? boolean(part, 'userSelected') : undefined;
  const extension = description(part, display);
  return present({ extension, system, version: text(part, 'version'), code: symbol, display, userSelected });
}

/** A concept of our own making. */
export function codeableConcept(system: string, code: string, display?: string): CodeableConcept {
  return { coding: [{ system, code, ...present({ display }) }] };
}

/** The SNOMED CT concept id of a concept. */
export function snomedCodes(found: CodeableConcept | undefined): string[] {
  const codings = found?.coding?.filter(({ system }) => system === SNOMED) ?? [];
  return codings.flatMap(({ code }) => code ?? []);
}

function textConcept(value: unknown): CodeableConcept | undefined {
  return typeof value === 'string' && value.trim() !== '' ? { text: value } : undefined;
}

/** FHIR's codes have no spaces at the ends and no two together; legacy ones may. Such a one would not be the code any more. */
function codeSymbol(part: Part): string | undefined {
  const value = take(part, 'code');
  const symbol = typeof value === 'number' ? String(value) : typeof value === 'string' ? value.trim() : undefined;
  if (symbol !== undefined && /^\S+( \S+)*$/.test(symbol)) return symbol;
  if (value !== undefined) lose(part, 'code:malformed');
  return undefined;
}

/** Which SNOMED CT description was chosen: its id, and its term where it differs from the display. */
function description(part: Part, display: string | undefined): Extension[] | undefined {
  const [chosen] = extensions(part, 'coding-sctdescid', 'coding-sctdecsid');
  if (chosen === undefined) return undefined;
  const [idPart] = extensions(chosen, 'descriptionid');
  const [termPart] = extensions(chosen, 'descriptiondisplay');
  const id = idPart && (text(idPart, 'valueId') ?? text(idPart, 'valueString'));
  const term = termPart && text(termPart, 'valueString');
  return some([
    id !== undefined && /^[A-Za-z0-9\-.]{1,64}$/.test(id)
      ? { url: 'http://hl7.org/fhir/StructureDefinition/coding-sctdescid', valueId: id }
      : undefined,
    term !== undefined && term !== display
      ? { url: ukCoreExtension('CodingSCTDescDisplay'), valueString: term }
      : undefined,
  ]);
}
