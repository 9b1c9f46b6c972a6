/** A small world whose every search can be answered by reading it: the data of the search suite. */
import type { Resource } from '#fhir/types.ts';

export const SEARCHED =
  `Patient RelatedPerson Practitioner PractitionerRole Organization Location HealthcareService Endpoint Group PlanDefinition ValueSet
  CodeSystem ServiceRequest CarePlan Task CommunicationRequest Communication Appointment Schedule Slot Encounter Condition Observation
  Procedure Immunization MedicationRequest MedicationStatement AllergyIntolerance DocumentReference Flag Consent List Measure
  MeasureReport Provenance AuditEvent Subscription OperationDefinition StructureDefinition SearchParameter CapabilityStatement`.split(
    /\s+/,
  );

const SNOMED = 'http://snomed.info/sct';
const UCUM = 'http://unitsofmeasure.org';
const NHS = 'https://fhir.nhs.uk/Id/nhs-number';
const STATUS = 'urn:holdfast:business-status';
const coded = (system: string, code: string, display?: string, text?: string) => ({
  coding: [{ system, code, ...(display ? { display } : {}) }],
  ...(text ? { text } : {}),
});
const to = (reference: string) => ({ reference });

const patients = [
  {
    resourceType: 'Patient',
    id: 'p1',
    meta: {
      profile: ['https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient'],
      tag: [{ system: 'urn:tag', code: 'pilot' }],
      source: 'urn:feed:emis',
    },
    identifier: [
      { system: NHS, value: '9990000018' },
      {
        system: 'urn:local',
        value: 'AB-7',
        type: coded('http://terminology.hl7.org/CodeSystem/v2-0203', 'MR', undefined, 'Local record'),
      },
    ],
    active: true,
    name: [{ family: 'Okafor', given: ['Zoë', 'Mary'], prefix: ['Dr'] }],
    gender: 'female',
    birthDate: '1961-02-03',
    telecom: [
      { system: 'phone', value: '07700 900123' },
      { system: 'email', value: 'Zoe@example.org' },
    ],
    address: [{ line: ['1 High Street'], city: 'Leeds', postalCode: 'LS1 4AP', use: 'home', country: 'GB' }],
    generalPractitioner: [to('Practitioner/dr1')],
    managingOrganization: to('Organization/A81001'),
    communication: [{ language: coded('urn:ietf:bcp:47', 'en', 'English') }],
  },
  {
    resourceType: 'Patient',
    id: 'p2',
    meta: {
      profile: ['https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient|2.0.0'],
      security: [{ system: 'urn:sec', code: 'R' }],
    },
    identifier: [{ system: NHS, value: '9990000026' }],
    active: true,
    name: [{ family: "O'Neill, Senior", given: ['Patrick'] }],
    gender: 'male',
    birthDate: '1958-11',
    deceasedDateTime: '2026-01-15T10:00:00Z',
    address: [{ city: 'York', postalCode: 'YO1 7HH', use: 'old' }],
    generalPractitioner: [to('Practitioner/dr2')],
    managingOrganization: to('Organization/A81001'),
  },
  {
    resourceType: 'Patient',
    id: 'p3',
    active: false,
    name: [{ family: 'Nowak', given: ['Ania'] }, { family: 'Okafor-Nowak' }],
    gender: 'female',
    birthDate: '1990',
    deceasedBoolean: false,
    generalPractitioner: [to('Organization/A81001')],
    managingOrganization: to('Organization/B99'),
  },
  {
    resourceType: 'Patient',
    id: 'p4',
    name: [{ family: 'nowakowski', given: ['Åsa'] }],
    deceasedBoolean: true,
    link: [{ other: to('Patient/p3'), type: 'seealso' }],
  },
  { resourceType: 'Patient', id: 'p5' },
];

const people = [
  {
    resourceType: 'Practitioner',
    id: 'dr1',
    name: [{ family: 'Hughes', given: ['Ann'] }],
    identifier: [{ system: 'https://fhir.hl7.org.uk/Id/gmc-number', value: 'C123' }],
    active: true,
    gender: 'female',
  },
  { resourceType: 'Practitioner', id: 'dr2', name: [{ family: 'Ode' }], active: false },
  {
    resourceType: 'Organization',
    id: 'A81001',
    name: 'Hill Surgery',
    identifier: [{ system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: 'A81001' }],
    partOf: to('Organization/B99'),
    active: true,
  },
  { resourceType: 'Organization', id: 'B99', name: 'Vale PCN', active: true },
  {
    resourceType: 'PractitionerRole',
    id: 'role1',
    practitioner: to('Practitioner/dr1'),
    organization: to('Organization/A81001'),
    code: [coded('urn:role', 'gp')],
    period: { start: '2020-01-01' },
  },
  {
    resourceType: 'RelatedPerson',
    id: 'rp1',
    patient: to('Patient/p1'),
    name: [{ family: 'Okafor', given: ['Sam'] }],
    relationship: [coded('urn:rel', 'SPS')],
  },
  {
    resourceType: 'Location',
    id: 'room1',
    name: 'Room 1',
    status: 'active',
    partOf: to('Location/site1'),
    managingOrganization: to('Organization/A81001'),
  },
  { resourceType: 'Location', id: 'site1', name: 'Hill Site', status: 'active', address: { city: 'Leeds' } },
];

const tasks = [
  {
    resourceType: 'Task',
    id: 't1',
    status: 'requested',
    intent: 'order',
    priority: 'urgent',
    identifier: [{ system: 'urn:task', value: 'T-1' }],
    groupIdentifier: { system: 'urn:group', value: 'G-1' },
    businessStatus: coded(STATUS, 'sent', 'Invitation sent'),
    code: coded('urn:code', 'coordinate', 'Coordinate care', 'Coordinate a review'),
    for: to('Patient/p1'),
    owner: to('Organization/A81001'),
    requester: to('Practitioner/dr1'),
    focus: to('ServiceRequest/s1'),
    basedOn: [to('ServiceRequest/s1')],
    authoredOn: '2026-03-01T09:00:00Z',
    lastModified: '2026-03-05T09:00:00.250Z',
    executionPeriod: { start: '2026-03-01', end: '2026-03-31' },
  },
  {
    resourceType: 'Task',
    id: 't2',
    status: 'in-progress',
    intent: 'order',
    priority: 'routine',
    groupIdentifier: { system: 'urn:group', value: 'G-1' },
    businessStatus: coded(STATUS, 'booked', 'Appointment booked'),
    code: coded('urn:code', 'coordinate'),
    for: to('Patient/p2'),
    owner: to('Practitioner/dr2'),
    focus: to('ServiceRequest/s2'),
    partOf: [to('Task/t1')],
    authoredOn: '2026-03-02',
    executionPeriod: { start: '2026-04-01' },
  },
  {
    resourceType: 'Task',
    id: 't3',
    status: 'completed',
    intent: 'order',
    code: coded('urn:code', 'writeback', 'Write back'),
    for: { reference: 'Patient/p2', identifier: { system: NHS, value: '9990000026' } },
    owner: to('Organization/B99'),
    partOf: [to('Task/t2')],
    authoredOn: '2026-03-03T23:30:00+00:00',
    lastModified: '2026-03-04',
    executionPeriod: { end: '2026-02-28' },
  },
  {
    resourceType: 'Task',
    id: 't4',
    status: 'requested',
    intent: 'plan',
    for: { identifier: { system: NHS, value: '9990000018' } },
    authoredOn: '2026-04',
  },
  {
    resourceType: 'Task',
    id: 't5',
    status: 'cancelled',
    intent: 'order',
    for: to('https://elsewhere.example/fhir/Patient/p1'),
    authoredOn: '2025',
    owner: to('Organization/A81001'),
  },
];

const requests = [
  {
    resourceType: 'ServiceRequest',
    id: 's1',
    status: 'active',
    intent: 'proposal',
    subject: to('Patient/p1'),
    code: coded(SNOMED, '394700004', 'Asthma review'),
    instantiatesCanonical: ['https://holdfast.example/fhir/PlanDefinition/asthma-review|1.0.0'],
    occurrenceDateTime: '2026-05-01',
    priority: 'routine',
    requester: to('Practitioner/dr1'),
  },
  {
    resourceType: 'ServiceRequest',
    id: 's2',
    status: 'completed',
    intent: 'proposal',
    subject: to('Patient/p2'),
    code: coded(SNOMED, '170777000', 'Diabetes review'),
    instantiatesCanonical: ['https://holdfast.example/fhir/PlanDefinition/diabetes'],
    occurrencePeriod: { start: '2026-01-01', end: '2026-06-30' },
  },
  {
    resourceType: 'ServiceRequest',
    id: 's3',
    status: 'on-hold',
    intent: 'proposal',
    subject: to('Group/g1'),
    occurrenceTiming: { event: ['2026-02-01', '2026-02-10'] },
  },
];

const bp = (id: string, patient: string, date: string, systolic: number, diastolic: number) => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  subject: to(`Patient/${patient}`),
  effectiveDateTime: date,
  code: coded(SNOMED, '75367002', 'Blood pressure'),
  category: [coded('urn:cat', 'vital-signs')],
  component: [
    {
      code: coded(SNOMED, '271649006'),
      valueQuantity: { value: systolic, unit: 'mmHg', system: UCUM, code: 'mm[Hg]' },
    },
    {
      code: coded(SNOMED, '271650006'),
      valueQuantity: { value: diastolic, unit: 'mmHg', system: UCUM, code: 'mm[Hg]' },
    },
  ],
});
const weight = (id: string, value: number, more: object = {}) => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  subject: to('Patient/p1'),
  effectiveDateTime: '2026-02-01',
  code: coded(SNOMED, '27113001', 'Body weight'),
  valueQuantity: { value, unit: 'kg', system: UCUM, code: 'kg', ...more },
});

const clinical = [
  bp('o1', 'p1', '2026-01-02T10:00:00Z', 141, 85),
  bp('o2', 'p2', '2025-05', 120, 70),
  weight('o3', 5.4),
  weight('o4', 5.44),
  weight('o5', 5.46),
  weight('o6', 100, { unit: 'stone', system: 'urn:units', code: 'st' }),
  weight('o7', 80, { comparator: '>' }),
  {
    resourceType: 'Observation',
    id: 'o8',
    status: 'preliminary',
    subject: to('Patient/p2'),
    effectivePeriod: { start: '2026-02-01', end: '2026-02-03' },
    code: coded(SNOMED, '365981007', 'Smoking'),
    valueCodeableConcept: coded(SNOMED, '8517006', 'Ex-smoker', 'Gave up smoking'),
  },
  {
    resourceType: 'Observation',
    id: 'o9',
    status: 'final',
    subject: to('Patient/p2'),
    code: coded(SNOMED, '1', 'Note'),
    valueString: 'Éclair seen 50% better',
  },
  {
    resourceType: 'Observation',
    id: 'o10',
    status: 'final',
    subject: to('Patient/p2'),
    code: coded('urn:other', '75367002'),
    valueDateTime: '2026-02-02T12:00:00+01:00',
    hasMember: [to('Observation/o1')],
  },
  {
    resourceType: 'Condition',
    id: 'c1',
    subject: to('Patient/p1'),
    code: coded(SNOMED, '195967001', 'Asthma'),
    clinicalStatus: coded('http://terminology.hl7.org/CodeSystem/condition-clinical', 'active'),
    onsetDateTime: '2010',
    onsetAge: undefined,
    recordedDate: '2010-06-01',
  },
  {
    resourceType: 'Condition',
    id: 'c2',
    subject: to('Patient/p2'),
    code: coded(SNOMED, '44054006', 'Diabetes type 2'),
    onsetAge: { value: 45, unit: 'years', system: UCUM, code: 'a' },
    abatementString: 'In remission',
  },
  {
    resourceType: 'Encounter',
    id: 'e1',
    status: 'finished',
    class: { system: 'urn:class', code: 'AMB' },
    subject: to('Patient/p1'),
    period: { start: '2026-02-10T09:00:00Z', end: '2026-02-10T09:20:00Z' },
    length: { value: 20, unit: 'min', system: UCUM, code: 'min' },
    participant: [{ individual: to('Practitioner/dr1') }],
  },
  {
    resourceType: 'Encounter',
    id: 'e2',
    status: 'planned',
    class: { system: 'urn:class', code: 'VR' },
    subject: to('Patient/p2'),
    period: { start: '2026-02-20T09:00:00Z' },
  },
  {
    resourceType: 'Appointment',
    id: 'a1',
    status: 'booked',
    start: '2026-06-01T09:00:00+01:00',
    end: '2026-06-01T09:10:00+01:00',
    participant: [
      { actor: to('Patient/p1'), status: 'accepted' },
      { actor: to('Practitioner/dr1'), status: 'accepted' },
      { actor: to('Location/room1'), status: 'accepted' },
    ],
  },
  {
    resourceType: 'Appointment',
    id: 'a2',
    status: 'cancelled',
    start: '2026-06-02T09:00:00+01:00',
    participant: [{ actor: to('Patient/p2'), status: 'declined' }],
  },
  {
    resourceType: 'MedicationRequest',
    id: 'm1',
    status: 'active',
    intent: 'order',
    subject: to('Patient/p1'),
    medicationCodeableConcept: coded('https://dmd.nhs.uk', '35926211000001102', 'Salbutamol'),
    authoredOn: '2026-01-20',
  },
  {
    resourceType: 'Immunization',
    id: 'i1',
    status: 'completed',
    patient: to('Patient/p1'),
    vaccineCode: coded(SNOMED, '1119349007'),
    occurrenceDateTime: '2025-10-01',
    lotNumber: 'LOT-9',
  },
  {
    resourceType: 'AllergyIntolerance',
    id: 'al1',
    patient: to('Patient/p1'),
    code: coded(SNOMED, '91936005', 'Penicillin allergy'),
    reaction: [
      { substance: coded(SNOMED, '373270004'), manifestation: [coded(SNOMED, '271807003')], severity: 'mild' },
    ],
    criticality: 'high',
  },
  {
    resourceType: 'DocumentReference',
    id: 'd1',
    status: 'current',
    subject: to('Patient/p1'),
    relatesTo: [
      { code: 'replaces', target: to('DocumentReference/d2') },
      { code: 'signs', target: to('DocumentReference/d3') },
    ],
    content: [{ attachment: { contentType: 'application/pdf', url: 'https://files.example/a/1.pdf' } }],
    date: '2026-01-01T00:00:00Z',
  },
  {
    resourceType: 'DocumentReference',
    id: 'd2',
    status: 'superseded',
    content: [{ attachment: { contentType: 'text/plain', url: 'https://files.example/b' } }],
  },
  {
    resourceType: 'Group',
    id: 'g1',
    type: 'person',
    actual: true,
    member: [{ entity: to('Patient/p1') }, { entity: to('Patient/p3') }],
    characteristic: [
      { code: coded('urn:c', 'register'), valueCodeableConcept: coded('urn:v', 'asthma'), exclude: false },
      { code: coded('urn:c', 'smoker'), valueBoolean: true, exclude: false },
    ],
  },
  {
    resourceType: 'List',
    id: 'l1',
    status: 'current',
    mode: 'working',
    title: 'Ward round',
    entry: [{ item: to('Patient/p1') }, { item: to('Patient/p2') }],
  },
  {
    resourceType: 'Flag',
    id: 'f1',
    status: 'active',
    subject: to('Organization/A81001'),
    code: coded('urn:flag', 'stop'),
  },
];

const definitions = [
  {
    resourceType: 'PlanDefinition',
    id: 'pd1',
    url: 'https://holdfast.example/fhir/PlanDefinition/asthma-review',
    version: '1.0.0',
    name: 'AsthmaReview',
    title: 'Asthma review',
    status: 'active',
    useContext: [
      {
        code: { system: 'urn:ctx', code: 'age' },
        valueRange: { low: { value: 18, unit: 'a' }, high: { value: 65, unit: 'a' } },
      },
      { code: { system: 'urn:ctx', code: 'focus' }, valueCodeableConcept: coded(SNOMED, '195967001') },
    ],
    relatedArtifact: [{ type: 'depends-on', resource: 'https://holdfast.example/fhir/ValueSet/asthma' }],
    library: ['https://holdfast.example/fhir/Library/x'],
  },
  {
    resourceType: 'ValueSet',
    id: 'vs1',
    url: 'https://holdfast.example/fhir/ValueSet/asthma',
    version: '1',
    name: 'Asthma',
    status: 'active',
  },
  {
    resourceType: 'ValueSet',
    id: 'vs2',
    url: 'https://holdfast.example/fhir/ValueSet/asthma/sub',
    name: 'AsthmaSub',
    status: 'draft',
  },
  {
    resourceType: 'CodeSystem',
    id: 'cs1',
    url: STATUS,
    name: 'BusinessStatus',
    status: 'active',
    content: 'complete',
    concept: [
      { code: 'open', concept: [{ code: 'sent', concept: [{ code: 'read' }] }, { code: 'booked' }] },
      { code: 'closed' },
    ],
  },
];

export const WORLD = JSON.parse(
  JSON.stringify([...patients, ...people, ...tasks, ...requests, ...clinical, ...definitions]),
) as Resource[];
export { NHS, SNOMED, STATUS, UCUM };
