/** Resources that are each wrong in one way, with where the fault is and what the message must speak of. */
import type { Issue } from '#result.ts';

type Json = Readonly<Record<string, unknown>>;
export type Wrong = {
  readonly what: string;
  readonly resource: Json;
  readonly code: Issue['code'];
  readonly at: string;
  readonly says: RegExp;
  readonly severity?: 'warning';
};

const NHS = 'https://fhir.nhs.uk/Id/nhs-number';
const UK = 'https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-';
const SCT = 'http://snomed.info/sct';

const concept = (system: string, code: string) => ({ coding: [{ system, code }] });

export const valid = {
  Patient: {
    resourceType: 'Patient',
    identifier: [{ system: NHS, value: '9990000018' }],
    name: [{ family: 'Invented' }],
    gender: 'female',
    birthDate: '1970-02-28',
  },
  Observation: {
    resourceType: 'Observation',
    status: 'final',
    code: concept(SCT, '75367002'),
    subject: { reference: 'Patient/one' },
    effectiveDateTime: '2026-01-02T10:00:00Z',
    valueQuantity: { value: 5.1, unit: 'mmol/L', system: 'http://unitsofmeasure.org', code: 'mmol/L' },
  },
  Task: {
    resourceType: 'Task',
    status: 'requested',
    intent: 'order',
    authoredOn: '2026-01-02T10:00:00Z',
    lastModified: '2026-01-02T10:00:00Z',
    for: { reference: 'Patient/one' },
  },
  Appointment: {
    resourceType: 'Appointment',
    status: 'booked',
    start: '2026-01-02T10:00:00Z',
    end: '2026-01-02T10:10:00Z',
    participant: [{ actor: { reference: 'Patient/one' }, status: 'accepted' }],
  },
  Slot: {
    resourceType: 'Slot',
    schedule: { reference: 'Schedule/one' },
    status: 'free',
    start: '2026-01-02T10:00:00Z',
    end: '2026-01-02T10:10:00Z',
  },
  Condition: {
    resourceType: 'Condition',
    clinicalStatus: concept('http://terminology.hl7.org/CodeSystem/condition-clinical', 'active'),
    code: concept(SCT, '195967001'),
    subject: { reference: 'Patient/one' },
  },
  Immunization: {
    resourceType: 'Immunization',
    status: 'completed',
    vaccineCode: concept(SCT, '1324681000000101'),
    patient: { reference: 'Patient/one' },
    occurrenceDateTime: '2026-01-02',
  },
  MedicationRequest: {
    resourceType: 'MedicationRequest',
    status: 'active',
    intent: 'order',
    medicationCodeableConcept: { text: 'Metformin' },
    subject: { reference: 'Patient/one' },
    substitution: { allowedBoolean: false },
  },
  Organization: {
    resourceType: 'Organization',
    identifier: [{ system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: 'A99999' }],
    name: 'An invented practice',
  },
  Communication: { resourceType: 'Communication', status: 'completed' },
  DocumentReference: {
    resourceType: 'DocumentReference',
    status: 'current',
    content: [{ attachment: { contentType: 'text/plain', data: 'dGVzdA==' } }],
  },
} as const satisfies Readonly<Record<string, Json>>;

const patient = (more: Json) => ({ ...valid.Patient, ...more });
const observation = (more: Json) => ({ ...valid.Observation, ...more });
const without = (resource: Json, ...names: string[]) =>
  Object.fromEntries(Object.entries(resource).filter(([name]) => !names.includes(name)));
const extended = (url: string, more: Json) => patient({ extension: [{ url, ...more }] });
const nested = (depth: number): Json =>
  depth === 0
    ? { url: 'https://other.example/x', valueString: 'x' }
    : { url: 'https://other.example/x', extension: [nested(depth - 1)] };

const structure: readonly Wrong[] = [
  {
    what: 'an unknown property',
    resource: patient({ nickname: 'x' }),
    code: 'structure',
    at: 'Patient',
    says: /"nickname"/,
  },
  {
    what: 'an unknown property of a datatype',
    resource: patient({ name: [{ surname: 'x' }] }),
    code: 'structure',
    at: 'Patient.name[0]',
    says: /HumanName/,
  },
  {
    what: 'a property of the prototype',
    resource: JSON.parse('{"resourceType":"Patient","__proto__":{"a":1}}'),
    code: 'structure',
    at: 'Patient',
    says: /property/,
  },
  {
    what: 'one where a list belongs',
    resource: patient({ name: { family: 'x' } }),
    code: 'structure',
    at: 'Patient.name',
    says: /an object; it wants a list/,
  },
  {
    what: 'a list where one belongs',
    resource: patient({ gender: ['female'] }),
    code: 'structure',
    at: 'Patient.gender',
    says: /one value/,
  },
  { what: 'an empty list', resource: patient({ name: [] }), code: 'structure', at: 'Patient.name', says: /empty list/ },
  {
    what: 'an empty object',
    resource: patient({ maritalStatus: {} }),
    code: 'structure',
    at: 'Patient.maritalStatus',
    says: /empty/,
  },
  { what: 'null', resource: patient({ gender: null }), code: 'value', at: 'Patient.gender', says: /null/ },
  {
    what: 'null in a list with nothing beside it',
    resource: patient({ name: [{ given: [null] }] }),
    code: 'structure',
    at: 'Patient.name[0].given[0]',
    says: /nothing beside/,
  },
  {
    what: 'text where an object belongs',
    resource: patient({ maritalStatus: 'married' }),
    code: 'structure',
    at: 'Patient.maritalStatus',
    says: /object/,
  },
  {
    what: 'text beside a primitive',
    resource: patient({ _birthDate: 'x' }),
    code: 'structure',
    at: 'Patient.birthDate',
    says: /id or extension/,
  },
  {
    what: 'a choice twice',
    resource: observation({ valueString: 'x' }),
    code: 'structure',
    at: 'Observation',
    says: /value\[x\] twice/,
  },
  {
    what: 'a choice of a type it does not have',
    resource: observation({ valueAddress: { text: 'x' } }),
    code: 'structure',
    at: 'Observation',
    says: /valueAddress/,
  },
  {
    what: 'nesting without end',
    resource: patient({ extension: [nested(80)] }),
    code: 'too-long',
    at: 'Patient.extension',
    says: /64 deep/,
  },
  {
    what: 'a required element missing',
    resource: without(valid.Observation, 'status'),
    code: 'required',
    at: 'Observation.status',
    says: /missing/,
  },
  {
    what: 'a required choice missing',
    resource: without(valid.Immunization, 'occurrenceDateTime'),
    code: 'required',
    at: 'Immunization.occurrence',
    says: /occurrence\[x\]/,
  },
  {
    what: 'a required list missing',
    resource: without(valid.Appointment, 'participant'),
    code: 'required',
    at: 'Appointment.participant',
    says: /missing/,
  },
  {
    what: 'a required element of a backbone missing',
    resource: { ...valid.Appointment, participant: [{ actor: { reference: 'Patient/one' } }] },
    code: 'required',
    at: 'Appointment.participant[0].status',
    says: /missing/,
  },
  {
    what: 'an element that UK Core makes required',
    resource: without(valid.MedicationRequest, 'substitution'),
    code: 'required',
    at: 'MedicationRequest.substitution',
    says: /missing/,
  },
];

const formats: readonly Wrong[] = [
  {
    what: 'a day that is not on the calendar',
    resource: patient({ birthDate: '2023-02-29' }),
    code: 'value',
    at: 'Patient.birthDate',
    says: /calendar/,
  },
  {
    what: 'a British date',
    resource: patient({ birthDate: '28/02/1970' }),
    code: 'value',
    at: 'Patient.birthDate',
    says: /YYYY-MM-DD/,
  },
  {
    what: 'a time without a zone',
    resource: { ...valid.Slot, start: '2026-01-02T10:00:00' },
    code: 'value',
    at: 'Slot.start',
    says: /zone/,
  },
  {
    what: 'a dateTime without seconds',
    resource: observation({ effectiveDateTime: '2026-01-02T10:00Z' }),
    code: 'value',
    at: 'Observation.effective',
    says: /seconds/,
  },
  {
    what: 'a boolean in quotes',
    resource: patient({ active: 'true' }),
    code: 'value',
    at: 'Patient.active',
    says: /without quotes/,
  },
  {
    what: 'a number in quotes',
    resource: observation({ valueQuantity: { value: '5.1' } }),
    code: 'value',
    at: 'Observation.value.value',
    says: /number/,
  },
  {
    what: 'zero where a positive number belongs',
    resource: patient({ telecom: [{ system: 'phone', value: 'x', rank: 0 }] }),
    code: 'value',
    at: 'Patient.telecom[0].rank',
    says: /1 or more/,
  },
  {
    what: 'an id with a slash',
    resource: patient({ id: 'a/b' }),
    code: 'value',
    at: 'Patient.id',
    says: /letters, digits/,
  },
  {
    what: 'an empty text',
    resource: patient({ name: [{ family: '' }] }),
    code: 'value',
    at: 'Patient.name[0].family',
    says: /empty text/,
  },
  {
    what: 'a control character',
    resource: patient({ name: [{ family: 'a\u0000b' }] }),
    code: 'value',
    at: 'Patient.name[0].family',
    says: /control/,
  },
  {
    what: 'a URI with a space',
    resource: patient({ identifier: [{ system: 'http://a b', value: 'x' }] }),
    code: 'value',
    at: 'Patient.identifier[0].system',
    says: /spaces/,
  },
  {
    what: 'base64 of the wrong length',
    resource: { ...valid.DocumentReference, content: [{ attachment: { contentType: 'text/plain', data: 'dGVzdA=' } }] },
    code: 'value',
    at: 'DocumentReference.content[0].attachment.data',
    says: /base64/,
  },
  {
    what: 'a script in a narrative',
    resource: patient({
      text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>' },
    }),
    code: 'invariant',
    at: 'Patient.text.div',
    says: /txt-1/,
  },
  {
    what: 'a narrative that says nothing',
    resource: patient({ text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml"> </div>' } }),
    code: 'invariant',
    at: 'Patient.text.div',
    says: /txt-2/,
  },
];

const codes: readonly Wrong[] = [
  {
    what: 'a code outside a required binding',
    resource: patient({ gender: 'F' }),
    code: 'code-invalid',
    at: 'Patient.gender',
    says: /male, female, other, unknown/,
  },
  {
    what: 'a concept outside a required binding',
    resource: {
      ...valid.Condition,
      clinicalStatus: concept('http://terminology.hl7.org/CodeSystem/condition-clinical', 'alive'),
    },
    code: 'code-invalid',
    at: 'Condition.clinicalStatus',
    says: /recurrence/,
  },
  {
    what: 'words alone under a required binding',
    resource: patient({ communication: [{ language: { text: 'English' } }] }),
    code: 'code-invalid',
    at: 'Patient.communication[0].language',
    says: /bcp:47/,
  },
  {
    what: 'a language of another system',
    resource: patient({
      communication: [{ language: concept('https://fhir.hl7.org.uk/CodeSystem/UKCore-HumanLanguage', 'en') }],
    }),
    code: 'code-invalid',
    at: 'Patient.communication[0].language',
    says: /all-languages/,
  },
  {
    what: 'a media type that is none',
    resource: {
      ...valid.DocumentReference,
      content: [{ attachment: { contentType: 'plain', url: 'https://a.example' } }],
    },
    code: 'code-invalid',
    at: 'DocumentReference.content[0].attachment.contentType',
    says: /mimetypes/,
  },
  {
    what: 'a code outside an extensible binding',
    resource: patient({
      maritalStatus: concept('https://fhir.hl7.org.uk/CodeSystem/UKCore-PersonMaritalStatusEngland', 'Q'),
    }),
    code: 'code-invalid',
    at: 'Patient.maritalStatus',
    says: /extensible/,
    severity: 'warning',
  },
  {
    what: 'a SNOMED CT id with a wrong check digit',
    resource: { ...valid.Condition, code: concept(SCT, '195967002') },
    code: 'code-invalid',
    at: 'Condition.code.coding[0].code',
    says: /check digit/,
  },
  {
    what: 'a SNOMED CT description id',
    resource: { ...valid.Condition, code: concept(SCT, '751689013') },
    code: 'code-invalid',
    at: 'Condition.code.coding[0].code',
    says: /partition/,
  },
  {
    what: 'an NHS number with a wrong check digit',
    resource: patient({ identifier: [{ system: NHS, value: '9990000019' }] }),
    code: 'value',
    at: 'Patient.identifier[0].value',
    says: /modulus|modulo 11/,
  },
  {
    what: 'an NHS number with spaces',
    resource: patient({ identifier: [{ system: NHS, value: '999 000 0018' }] }),
    code: 'value',
    at: 'Patient.identifier[0].value',
    says: /without spaces/,
  },
  {
    what: 'a wrong NHS number in a logical reference',
    resource: observation({ subject: { identifier: { system: NHS, value: '9990000019' } } }),
    code: 'value',
    at: 'Observation.subject.identifier.value',
    says: /NHS number/,
  },
];

const profiles: readonly Wrong[] = [
  {
    what: 'two NHS numbers',
    resource: patient({ identifier: [valid.Patient.identifier[0], { system: NHS, value: '9990000026' }] }),
    code: 'structure',
    at: 'Patient.identifier',
    says: /2 of the slice nhsNumber/,
  },
  {
    what: 'an NHS number slice without its value',
    resource: patient({ identifier: [{ system: NHS }] }),
    code: 'required',
    at: 'Patient.identifier[0].value',
    says: /missing/,
  },
  {
    what: 'two ODS codes',
    resource: {
      ...valid.Organization,
      identifier: [1, 2].map((n) => ({ system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: `A9999${n}` })),
    },
    code: 'structure',
    at: 'Organization.identifier',
    says: /odsOrganisationCode/,
  },
  {
    what: 'an ethnic category twice',
    resource: patient({
      extension: ['A', 'B'].map((code) => ({
        url: `${UK}EthnicCategory`,
        valueCodeableConcept: concept('https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland', code),
      })),
    }),
    code: 'structure',
    at: 'Patient.extension',
    says: /2 of the slice ethnicCategory/,
  },
  {
    what: 'a profile of another type',
    resource: patient({ meta: { profile: ['https://fhir.hl7.org.uk/StructureDefinition/UKCore-Task'] } }),
    code: 'value',
    at: 'Patient.meta.profile',
    says: /another type/,
  },
  {
    what: 'a profile that is not known',
    resource: patient({ meta: { profile: ['https://other.example/StructureDefinition/x'] } }),
    code: 'not-supported',
    at: 'Patient.meta.profile',
    says: /not known/,
    severity: 'warning',
  },
];

const extensions: readonly Wrong[] = [
  {
    what: 'an extension that UK Core does not define',
    resource: extended(`${UK}EthnicCatgory`, { valueString: 'x' }),
    code: 'extension',
    at: 'Patient.extension[0]',
    says: /does not define/,
  },
  {
    what: 'an extension that HL7 does not define',
    resource: extended('http://hl7.org/fhir/StructureDefinition/patient-hairColour', { valueString: 'x' }),
    code: 'extension',
    at: 'Patient.extension[0]',
    says: /does not define/,
  },
  {
    what: 'an extension of somebody else',
    resource: extended('https://other.example/x', { valueString: 'x' }),
    code: 'extension',
    at: 'Patient.extension[0]',
    says: /not checked/,
    severity: 'warning',
  },
  {
    what: 'a modifier extension of somebody else',
    resource: patient({ modifierExtension: [{ url: 'https://other.example/x', valueString: 'x' }] }),
    code: 'extension',
    at: 'Patient.modifierExtension[0]',
    says: /changes the meaning/,
  },
  {
    what: 'an extension with a value of another type',
    resource: extended(`${UK}ResidentialStatus`, { valueString: 'H' }),
    code: 'structure',
    at: 'Patient.extension[0]',
    says: /valueString/,
  },
  {
    what: 'a required binding inside an extension',
    resource: extended(`${UK}BirthSex`, {
      valueCodeableConcept: concept('http://hl7.org/fhir/administrative-gender', 'female'),
    }),
    code: 'code-invalid',
    at: 'Patient.extension[0].value',
    says: /BirthSex/,
  },
  {
    what: 'an extension without its parts',
    resource: extended(`${UK}DeathNotificationStatus`, {
      extension: [{ url: 'systemEffectiveDate', valueDateTime: '2026-01-01' }],
    }),
    code: 'required',
    at: 'Patient.extension[0].extension',
    says: /deathNotificationStatus/,
  },
  {
    what: 'a part that the extension does not have',
    resource: extended(`${UK}ContactPreference`, { extension: [{ url: 'Colour', valueString: 'x' }] }),
    code: 'extension',
    at: 'Patient.extension[0].extension[0]',
    says: /parts/,
  },
  {
    what: 'an extension in the wrong place',
    resource: observation({ extension: [{ url: `${UK}EthnicCategory`, valueCodeableConcept: { text: 'x' } }] }),
    code: 'extension',
    at: 'Observation.extension[0]',
    says: /belongs to Patient/,
  },
  {
    what: 'an extension with a value and parts',
    resource: extended('https://other.example/x', {
      valueString: 'x',
      extension: [{ url: 'https://other.example/y', valueString: 'y' }],
    }),
    code: 'invariant',
    at: 'Patient.extension[0]',
    says: /ext-1/,
  },
  {
    what: 'an extension on a primitive in the wrong place',
    resource: patient({
      _gender: {
        extension: [
          { url: 'http://hl7.org/fhir/StructureDefinition/patient-birthTime', valueDateTime: '1970-02-28T01:00:00Z' },
        ],
      },
    }),
    code: 'extension',
    at: 'Patient.gender.extension[0]',
    says: /Patient.birthDate/,
  },
];

const references: readonly Wrong[] = [
  {
    what: 'a reference to the wrong type',
    resource: observation({ subject: { reference: 'Practitioner/one' } }),
    code: 'value',
    at: 'Observation.subject',
    says: /Points to Practitioner; it wants/,
  },
  {
    what: 'a reference by URL to the wrong type',
    resource: observation({ subject: { reference: 'https://a.example/fhir/Task/one' } }),
    code: 'value',
    at: 'Observation.subject',
    says: /Points to Task/,
  },
  {
    what: 'a logical reference to the wrong type',
    resource: observation({ subject: { type: 'Practitioner', identifier: { value: 'x' } } }),
    code: 'value',
    at: 'Observation.subject',
    says: /Points to Practitioner/,
  },
  {
    what: 'a type that belies the reference',
    resource: observation({ subject: { reference: 'Patient/one', type: 'Group' } }),
    code: 'value',
    at: 'Observation.subject.type',
    says: /Patient/,
  },
  {
    what: 'a reference that is none',
    resource: observation({ subject: { reference: 'one' } }),
    code: 'value',
    at: 'Observation.subject.reference',
    says: /Type\/id/,
  },
  {
    what: 'a reference to a type that is none',
    resource: observation({ subject: { reference: 'Person5/one' } }),
    code: 'value',
    at: 'Observation.subject.reference',
    says: /no reference/,
  },
  {
    what: 'a reference to nothing contained',
    resource: observation({ subject: { reference: '#one' } }),
    code: 'invariant',
    at: 'Observation.subject',
    says: /ref-1/,
  },
  {
    what: 'something contained that nothing points to',
    resource: observation({ contained: [{ resourceType: 'Patient', id: 'one' }] }),
    code: 'invariant',
    at: 'Observation',
    says: /dom-3/,
  },
  {
    what: 'something contained that is wrong',
    resource: observation({
      subject: { reference: '#one' },
      contained: [{ ...valid.Patient, id: 'one', gender: 'F' }],
    }),
    code: 'code-invalid',
    at: 'Observation.contained[0].gender',
    says: /female/,
  },
  {
    what: 'something contained of no type',
    resource: observation({ subject: { reference: '#one' }, contained: [{ id: 'one' }] }),
    code: 'structure',
    at: 'Observation.contained[0]',
    says: /resourceType/,
  },
];

const invariants: readonly Wrong[] = [
  {
    what: 'an appointment with a start and no end',
    resource: without(valid.Appointment, 'end'),
    code: 'invariant',
    at: 'Appointment',
    says: /app-2/,
  },
  {
    what: 'a period that ends before it starts',
    resource: patient({ name: [{ family: 'x', period: { start: '2026-02-01', end: '2026-01-31' } }] }),
    code: 'invariant',
    at: 'Patient.name[0].period',
    says: /per-1/,
  },
  {
    what: 'a telecom value without its system',
    resource: patient({ telecom: [{ value: 'x' }] }),
    code: 'invariant',
    at: 'Patient.telecom[0]',
    says: /cpt-2/,
  },
  {
    what: 'a contact without anything',
    resource: patient({ contact: [{ gender: 'male' }] }),
    code: 'invariant',
    at: 'Patient.contact[0]',
    says: /pat-1/,
  },
  {
    what: 'an observation with a value and a reason for none',
    resource: observation({ dataAbsentReason: { text: 'x' } }),
    code: 'invariant',
    at: 'Observation',
    says: /obs-6/,
  },
  {
    what: 'a task changed before it was written',
    resource: { ...valid.Task, lastModified: '2026-01-01T10:00:00Z' },
    code: 'invariant',
    at: 'Task',
    says: /inv-1/,
  },
  {
    what: 'a vaccination not given, without why',
    resource: { ...valid.Immunization, status: 'not-done' },
    code: 'invariant',
    at: 'Immunization',
    says: /ukcore-imm-001/,
  },
  {
    what: 'an organisation without name and identifier',
    resource: { resourceType: 'Organization', active: true },
    code: 'invariant',
    at: 'Organization',
    says: /org-1/,
  },
  {
    what: 'a problem in error that is still active',
    resource: {
      ...valid.Condition,
      verificationStatus: concept('http://terminology.hl7.org/CodeSystem/condition-ver-status', 'entered-in-error'),
    },
    code: 'invariant',
    at: 'Condition',
    says: /con-5/,
  },
];

export const wrong: readonly Wrong[] = [
  ...structure,
  ...formats,
  ...codes,
  ...profiles,
  ...extensions,
  ...references,
  ...invariants,
];
