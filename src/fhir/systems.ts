/** The code and identifier systems that more than one room names. facts: uk-core §7, §10; nhs-apis; care-needs §4 */

export const SNOMED = 'http://snomed.info/sct';
export const DMD = 'https://dmd.nhs.uk';
export const NHS_NUMBER = 'https://fhir.nhs.uk/Id/nhs-number';
export const ODS_CODE = 'https://fhir.nhs.uk/Id/ods-organization-code';
export const SDS_USER_ID = 'https://fhir.nhs.uk/Id/sds-user-id';
export const SDS_ROLE_PROFILE_ID = 'https://fhir.nhs.uk/Id/sds-role-profile-id';
export const UCUM = 'http://unitsofmeasure.org';

/** The base of every canonical, identifier system and extension that Holdfast itself defines. */
export const HOLDFAST = 'https://holdfast.example/fhir';
export const BUSINESS_STATUS = `${HOLDFAST}/CodeSystem/business-status`;
export const STATUS_REASON = `${HOLDFAST}/CodeSystem/status-reason`;
export const TASK_CODE = `${HOLDFAST}/CodeSystem/task-code`;
export const NEED_STATE = `${HOLDFAST}/CodeSystem/need-state`;
/** The identifier system of the key under which one thing is done at most once. */
export const IDEMPOTENCY_KEY = `${HOLDFAST}/Id/key`;

export const ukCore = (profile: string): string => `https://fhir.hl7.org.uk/StructureDefinition/UKCore-${profile}`;
export const ukCoreExtension = (name: string): string =>
  `https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-${name}`;
export const holdfastExtension = (name: string): string => `${HOLDFAST}/StructureDefinition/${name}`;

/** The organisation that owns what belongs to no practice: definitions, value sets. Every authenticated caller sees it. */
export const SHARED = '*';
