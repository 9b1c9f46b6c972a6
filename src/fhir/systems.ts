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
export const CHANNEL = `${HOLDFAST}/CodeSystem/channel`;
export const CHANNEL_REASON = `${HOLDFAST}/CodeSystem/channel-reason`;
export const SEND_CHECK = `${HOLDFAST}/CodeSystem/send-check`;
export const CALL_OUTCOME = `${HOLDFAST}/CodeSystem/call-outcome`;
export const MESSAGE_SENSITIVITY = `${HOLDFAST}/CodeSystem/message-sensitivity`;
/** What PDS said of a person that changed what is done for them. */
export const DEMOGRAPHICS_EVENT = `${HOLDFAST}/CodeSystem/demographics-event`;
export const WRITEBACK_EVENT = `${HOLDFAST}/CodeSystem/writeback-event`;
/** How a receiver answers an ITK3 message. */
export const ITK_RESPONSE = 'https://fhir.nhs.uk/STU3/CodeSystem/ITK-ResponseCodes-1';
/** HL7's own codes for what a Task asks: fulfill, abort. https://hl7.org/fhir/R4/codesystem-task-code.html */
export const HL7_TASK_CODE = 'http://hl7.org/fhir/CodeSystem/task-code';
/** The identifier system of a supplier's own id for a message. */
export const MESSAGE_ID = `${HOLDFAST}/Id/message`;
/** The identifier system by which what was made for one coordination Task is found. */
export const TASK_ID = `${HOLDFAST}/Id/task`;
/** The identifier system of the canonical of the rule that something is about. */
export const RULE = `${HOLDFAST}/Id/rule`;
/** The identifier system of a message template, as `id|version`. */
export const MESSAGE_TEMPLATE = `${HOLDFAST}/Id/message-template`;
/** The identifier system of the id of a record entry in the practice's own system. */
export const RECORD_ID = `${HOLDFAST}/Id/record`;
/** The identifier system of the key under which one thing is done at most once. */
export const IDEMPOTENCY_KEY = `${HOLDFAST}/Id/key`;

export const ukCore = (profile: string): string => `https://fhir.hl7.org.uk/StructureDefinition/UKCore-${profile}`;
export const ukCoreExtension = (name: string): string =>
  `https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-${name}`;
export const holdfastExtension = (name: string): string => `${HOLDFAST}/StructureDefinition/${name}`;

/** The organisation that owns what belongs to no practice: definitions, value sets. Every authenticated caller sees it. */
export const SHARED = '*';
