/** The STU3 names that a GP Connect structured record is written with. facts: gp-connect §3.2 to §3.4 */

/** A resource or a part of one, as JSON. */
export type Json = Readonly<Record<string, unknown>>;

export const NHS_STU3 = 'https://fhir.nhs.uk/STU3';
export const HL7_UK_STU3 = 'https://fhir.hl7.org.uk/STU3';

export const gpcProfile = (name: string): Json => ({
  profile: [`${NHS_STU3}/StructureDefinition/CareConnect-GPC-${name}-1`],
});
export const gpcExtension = (name: string): string =>
  `${NHS_STU3}/StructureDefinition/Extension-CareConnect-GPC-${name}-1`;
export const careConnectExtension = (name: string): string =>
  `${HL7_UK_STU3}/StructureDefinition/Extension-CareConnect-${name}-1`;

/** A practice's own system of record keys: the key stays with a record, the logical id need not. */
export const recordKey = (ods: string, value: string): readonly Json[] => [
  { system: `https://${ods.toLowerCase()}.holdfast.example/id`, value },
];

export const snomed = (code: string, display: string): Json => ({
  coding: [{ system: 'http://snomed.info/sct', code, display }],
});

export const coded = (system: string, code: string, display: string): Json => ({ coding: [{ system, code, display }] });

export const refer = (type: string, id: string): Json => ({ reference: `${type}/${id}` });
