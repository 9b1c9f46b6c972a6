/** What the rows of one patient mean in R4 UK Core, from EMIS and from TPP. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { describeEmisBatch, type RawRow, type RejectedRow, readEmisBatch } from '#adapters/emis/batch.ts';
import { dataCutOff } from '#adapters/emis/name.ts';
import { readPatientList } from '#adapters/patient-list/list.ts';
import { describeTppBatch, readTppBatch } from '#adapters/tpp/batch.ts';
import { factsOf } from '#fhir/fact.ts';
import { DMD, NHS_NUMBER, SNOMED, ukCore, ukCoreExtension } from '#fhir/systems.ts';
import type { Resource } from '#fhir/types.ts';
import { EMIS_AGREEMENT, emisBatch } from '#sandbox/exports/emis.ts';
import { patientList } from '#sandbox/exports/patient-list.ts';
import { tppBatch } from '#sandbox/exports/tpp.ts';
import { createGpSystems } from '#sandbox/gp-system.ts';
import { generateNetwork } from '#sandbox/population/network.ts';
import type { SimPatient } from '#sandbox/practice.ts';
import { type EmisLookups, emisAppointmentId, emisPatientId, translateEmisPatient } from '#translate/emis/record.ts';
import { translateEmisReference } from '#translate/emis/reference.ts';
import type { Cells, RawRowLike } from '#translate/extract/rows.ts';
import { dateTimeOf, emisDate, instantOf, tppMoment } from '#translate/extract/when.ts';
import { type TppLookups, tppPatientId, translateTppPatient } from '#translate/tpp/record.ts';
import { translateTppReference } from '#translate/tpp/reference.ts';
import type { RecordTranslation } from '#translate/translation.ts';

const samples = join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'payloads', 'extracts');
const withSamples = { skip: existsSync(samples) ? false : ('shared payloads are not here' as const) };

const AS_OF = '2025-01-08T00:00:00.000Z';
const emis = { organisation: 'Z00001', patientId: emisPatientId('Z00001', 'IRIS'), asOf: AS_OF };
const tpp = { organisation: 'Z00002', patientId: tppPatientId('Z00002', '100001'), asOf: AS_OF };

let line = 1;
function row(table: string, key: string, cells: Cells, deleted = false): RawRowLike {
  line += 1;
  return { table, key, line, file: `${table}.csv`, deleted, cells };
}

const codes: Record<string, Cells> = {
  1: {
    CodeId: '1',
    Term: 'Type 2 diabetes mellitus',
    ReadTermId: 'C10F-1',
    SnomedCTConceptId: '44054006',
    EmisCodeCategoryDescription: 'Conditions, operations and procedures',
  },
  2: {
    CodeId: '2',
    Term: 'HbA1c level',
    ReadTermId: '42W5',
    SnomedCTConceptId: '999791000000106',
    EmisCodeCategoryDescription: 'Biochemistry',
  },
  3: {
    CodeId: '3',
    Term: 'Blood pressure',
    SnomedCTConceptId: '75367002',
    EmisCodeCategoryDescription: 'Biological values',
  },
  4: {
    CodeId: '4',
    Term: 'Systolic',
    SnomedCTConceptId: '271649006',
    EmisCodeCategoryDescription: 'Biological values',
  },
  5: {
    CodeId: '5',
    Term: 'Diastolic',
    SnomedCTConceptId: '271650006',
    EmisCodeCategoryDescription: 'Biological values',
  },
  6: {
    CodeId: '6',
    Term: 'Flu jab',
    SnomedCTConceptId: '1037351000000105',
    EmisCodeCategoryDescription: 'Immunisations',
  },
  7: {
    CodeId: '7',
    Term: 'Practice recall',
    ReadTermId: 'EMISNQSA99',
    EmisCodeCategoryDescription: 'Conditions, operations and procedures',
  },
  8: {
    CodeId: '8',
    Term: 'Hip replacement',
    ReadTermId: '7K1..',
    SnomedCTConceptId: '52734007',
    EmisCodeCategoryDescription: 'Conditions, operations and procedures',
  },
  9: {
    CodeId: '9',
    Term: 'Essential hypertension',
    ParentCodeId: '1',
    SnomedCTConceptId: '59621000',
    EmisCodeCategoryDescription: 'Conditions, operations and procedures',
  },
};
const emisLookups: EmisLookups = {
  clinicalCode: (id) => codes[id],
  drugCode: (id) =>
    ({
      20: { CodeId: '20', Term: 'Oxprenolol', DmdProductCodeId: '318507003' },
      21: { CodeId: '21', Term: 'Appliance' },
    })[id] as Cells | undefined,
  session: (guid) => (guid === 'S1' ? { LocationGuid: 'L1' } : undefined),
  userInRole: (guid) => (guid === 'U1' ? { Surname: 'Placeholder' } : undefined),
  sessionUsers: (guid) => (guid === 'S1' ? ['U1', 'U2'] : []),
};

const IRIS: Cells = {
  PatientGuid: 'IRIS',
  Sex: 'F',
  DateOfBirth: '1961-03-14',
  Title: 'Mrs',
  GivenName: 'Iris',
  MiddleNames: 'Ann Mary',
  Surname: 'Testwood',
  DateOfRegistration: '2004-05-10',
  NhsNumber: '9990000115',
  PatientTypeDescription: ' Regular',
  Postcode: 'ZZ999ZZ',
  HouseNameFlatNumber: '',
  NumberAndStreet: '1 Sample Row',
  Town: 'Exampleton',
  MobilePhone: '07700 900001',
  ContactComments: "daughter's mobile",
};

function entry(guid: string, cells: Cells): RawRowLike {
  const dated = {
    EffectiveDate: '2024-06-03',
    EffectiveDatePrecision: 'YMD',
    EnteredDate: '2024-06-03',
    EnteredTime: '10:05:00',
  };
  return row('CareRecord_Observation', `IRIS|${guid}`, {
    PatientGuid: 'IRIS',
    ObservationGuid: guid,
    ...dated,
    ...cells,
  });
}

function fromEmis(rows: readonly RawRowLike[], patient: Cells = IRIS, lookups = emisLookups): RecordTranslation {
  return translateEmisPatient([row('Admin_Patient', 'IRIS', patient), ...rows], lookups, emis);
}

function only<T extends Resource['resourceType']>(
  translation: RecordTranslation,
  type: T,
): Extract<Resource, { resourceType: T }> {
  const found = translation.resources.filter(
    (one): one is Extract<Resource, { resourceType: T }> => one.resourceType === type,
  );
  if (found.length !== 1 || !found[0]) throw new Error(`${found.length} resources of type ${type}, wanted one`);
  return found[0];
}

const types = (translation: RecordTranslation) => translation.resources.map((one) => one.resourceType).sort();
const resultOf = (translation: RecordTranslation, table: string) =>
  translation.outcomes
    .filter((one) => one.type === table)
    .map((one) => (one.result === 'resource' ? one.reference.split('/')[0] : `${one.result}: ${one.reason}`));

t.test('an EMIS patient has UK Core demographics and one registration', async (t) => {
  const translation = fromEmis([]);
  t.match(translation.patient, {
    id: emis.patientId,
    meta: { profile: [ukCore('Patient')] },
    active: true,
    gender: 'female',
    birthDate: '1961-03-14',
    name: [{ use: 'official', family: 'Testwood', given: ['Iris', 'Ann', 'Mary'], prefix: ['Mrs'] }],
    telecom: [{ system: 'phone', use: 'mobile', value: '07700 900001' }],
    address: [{ use: 'home', line: ['1 Sample Row'], city: 'Exampleton', postalCode: 'ZZ99 9ZZ' }],
    managingOrganization: { reference: 'Organization/Z00001' },
    extension: [{ valueString: "daughter's mobile" }],
  });
  t.match(translation.patient?.identifier?.[0], { system: NHS_NUMBER, value: '9990000115' });
  t.match(only(translation, 'EpisodeOfCare'), {
    status: 'active',
    type: [{ coding: [{ code: 'regular' }], text: 'Regular' }],
    period: { start: '2004-05-10' },
  });
});

t.test('a wrong NHS number is no identifier, and is counted', async (t) => {
  const translation = fromEmis([], { ...IRIS, NhsNumber: '9990000116' });
  t.equal(
    translation.patient?.identifier?.some((one) => one.system === NHS_NUMBER),
    false,
  );
  t.equal(translation.losses['Patient.nhs-number-invalid'], 1);
});

t.test('who has left or died is no longer active, and the registration has ended', async (t) => {
  const left = fromEmis([], { ...IRIS, DateOfDeactivation: '2025-01-07' });
  t.equal(left.patient?.active, false);
  t.match(only(left, 'EpisodeOfCare'), { status: 'finished', period: { end: '2025-01-07' } });
  t.equal(fromEmis([], { ...IRIS, DateOfDeactivation: '2025-02-01' }).patient?.active, true, 'leaving is still ahead');
  const died = fromEmis([], { ...IRIS, DateOfDeath: '2024-11-20' });
  t.equal(died.patient?.deceasedDateTime, '2024-11-20');
  t.equal(only(died, 'EpisodeOfCare').status, 'finished');
  t.equal(
    only(fromEmis([], { ...IRIS, PatientTypeDescription: 'Pre Registration' }), 'EpisodeOfCare').status,
    'planned',
  );
});

t.test('a dummy, a deleted patient and a stranger to the extract give nothing, each row with its reason', async (t) => {
  const jab = entry('A', { CodeId: '6' });
  for (const [patient, reason] of [
    [[row('Admin_Patient', 'IRIS', { ...IRIS, DummyType: 'true' })], /dummy/],
    [[row('Admin_Patient', 'IRIS', { ...IRIS, PatientTypeDescription: ' Dummy' })], /dummy/],
    [[row('Admin_Patient', 'IRIS', IRIS, true)], /deleted/],
    [[], /not in the extract/],
  ] as const) {
    const translation = translateEmisPatient([...patient, jab], emisLookups, emis);
    t.equal(translation.patient, undefined);
    t.same(translation.resources, []);
    for (const outcome of translation.outcomes) t.match(outcome, { result: 'excluded', reason });
  }
});

t.test('a sensitive patient is restricted in every resource, a confidential entry in its own', async (t) => {
  const restricted = { meta: { security: [{ code: 'R' }] } };
  const rows = [
    entry('A', { CodeId: '2', Value: '61' }),
    entry('B', { CodeId: '2', Value: '48', IsConfidential: 'true' }),
  ];
  for (const one of fromEmis(rows, { ...IRIS, SpineSensitive: 'true' }).resources)
    t.match(one, restricted, one.resourceType);
  const labelled = fromEmis(rows).resources.filter((one) => one.meta?.security);
  t.equal(labelled.length, 1);
  t.match(labelled[0], { identifier: [{ value: 'B' }] });
});

t.test('the code and its category decide what an entry becomes, and a value makes it an Observation', async (t) => {
  const kinds = {
    1: 'Condition',
    2: 'Observation',
    3: 'Observation',
    6: 'Immunization',
    7: 'Observation',
    8: 'Procedure',
    9: 'Condition',
  };
  for (const [code, kind] of Object.entries(kinds)) {
    t.same(resultOf(fromEmis([entry('A', { CodeId: code })]), 'CareRecord_Observation'), [kind], `code ${code}`);
  }
  t.same(resultOf(fromEmis([entry('A', { CodeId: '1', Value: '1' })]), 'CareRecord_Observation'), ['Observation']);
});

t.test('a value has its number, unit, comparator, range and interpretation', async (t) => {
  const cells = {
    CodeId: '2',
    Value: '57.5',
    NumericUnit: 'mmol/mol',
    NumericOperator: '<=',
    NumericRangeHigh: '48',
    Abnormal: 'true',
    AbnormalReason: 'HI',
    ClinicianUserInRoleGuid: 'U1',
    AssociatedText: 'fasting',
  };
  t.match(only(fromEmis([entry('A', cells)]), 'Observation'), {
    status: 'final',
    category: [{ coding: [{ code: 'laboratory' }] }],
    code: {
      coding: [{ system: SNOMED, code: '999791000000106' }, { code: '42W5.' }, { code: '2' }],
      text: 'HbA1c level',
    },
    effectiveDateTime: '2024-06-03',
    issued: '2024-06-03T09:05:00.000Z',
    performer: [{ reference: /^PractitionerRole\// }],
    valueQuantity: { value: 57.5, unit: 'mmol/mol', comparator: '<=', code: 'mmol/mol' },
    interpretation: [{ coding: [{ code: 'H' }] }],
    referenceRange: [{ high: { value: 48 } }],
    note: [{ text: 'fasting' }],
  });
  t.equal(only(fromEmis([entry('A', { CodeId: '2', Value: 'negative' })]), 'Observation').valueString, 'negative');
});

t.test('a date is as precise as the practice knew it, and an unknown one is none', async (t) => {
  const dated = (date: string, precision: string) =>
    only(fromEmis([entry('A', { CodeId: '2', EffectiveDate: date, EffectiveDatePrecision: precision })]), 'Observation')
      .effectiveDateTime;
  t.equal(dated('2009-01-01', 'Y'), '2009');
  t.equal(dated('2009-04-01', 'YM'), '2009-04');
  t.equal(dated('2009-04-02', 'YMDT'), '2009-04-02');
  t.equal(dated('2009-04-02', 'U'), undefined);
  t.equal(dated('', 'U'), undefined);
  t.equal(dated('2009-02-31', 'YMD'), undefined);
  const jab = only(
    fromEmis([entry('A', { CodeId: '6', EffectiveDate: '', EffectiveDatePrecision: 'U' })]),
    'Immunization',
  );
  t.equal(jab.occurrenceString, 'unknown');
});

t.test('a blood pressure with its two parts is one Observation, and no part is left when one is deleted', async (t) => {
  const panel = entry('P', { CodeId: '3' });
  const systolic = entry('S', { CodeId: '4', ParentObservationGuid: 'P', Value: '151', NumericUnit: 'mm Hg' });
  const diastolic = entry('D', { CodeId: '5', ParentObservationGuid: 'P', Value: '88', NumericUnit: 'mm Hg' });
  const translation = fromEmis([diastolic, panel, systolic]);
  const pressure = only(translation, 'Observation');
  t.same(pressure.component?.map((part) => [part.code.coding?.[0]?.code, part.valueQuantity?.value]).sort(), [
    ['271649006', 151],
    ['271650006', 88],
  ]);
  t.same(
    new Set(translation.outcomes.slice(1).map((one) => one.result === 'resource' && one.reference)),
    new Set([`Observation/${pressure.id}`]),
  );
  t.same(only(fromEmis([systolic, diastolic, panel]), 'Observation'), pressure, 'in whatever order they come');
  const half = only(fromEmis([panel, { ...systolic, deleted: true }, diastolic]), 'Observation');
  t.same(
    half.component?.map((part) => part.valueQuantity?.value),
    [88],
  );
  t.match(
    only(fromEmis([diastolic]), 'Observation'),
    { valueQuantity: { value: 88 }, code: { text: 'Diastolic' } },
    'a part whose heading never came',
  );
});

t.test('other entries below a heading stay their own and are named by it', async (t) => {
  const translation = fromEmis([
    entry('P', { CodeId: '3' }),
    entry('M', { CodeId: '2', ParentObservationGuid: 'P', Value: '61' }),
  ]);
  const [member, panel] = ['2', '3'].map((code) =>
    translation.resources.find((one) => one.resourceType === 'Observation' && one.code.coding?.at(-1)?.code === code),
  );
  t.match(panel, { hasMember: [{ reference: `Observation/${member?.id}` }] });
});

t.test('a problem puts its entry on the problem list, and leaves it again when the problem is deleted', async (t) => {
  const diabetes = entry('A', { CodeId: '1', Episode: 'First' });
  const problem = row('CareRecord_Problem', 'IRIS|A', {
    PatientGuid: 'IRIS',
    ObservationGuid: 'A',
    ProblemStatusDescription: 'Active Problem',
    SignificanceDescription: 'Significant Problem',
  });
  const translation = fromEmis([diabetes, problem]);
  t.match(only(translation, 'Condition'), {
    category: [{ coding: [{ code: 'problem-list-item' }] }],
    clinicalStatus: { coding: [{ code: 'active' }] },
    onsetDateTime: '2024-06-03',
    extension: [
      { url: ukCoreExtension('ConditionEpisode'), valueCodeableConcept: { coding: [{ code: 'first' }] } },
      { valueCode: 'major' },
    ],
  });
  t.same(
    [...resultOf(translation, 'CareRecord_Observation'), ...resultOf(translation, 'CareRecord_Problem')],
    ['Condition', 'Condition'],
  );

  const without = only(fromEmis([diabetes, { ...problem, deleted: true }]), 'Condition');
  t.equal(without.id, only(translation, 'Condition').id, 'the same Condition');
  t.match(without.category, [{ coding: [{ code: 'encounter-diagnosis' }] }]);
  t.equal(without.clinicalStatus, undefined);

  const past = {
    ...problem,
    cells: {
      ...problem.cells,
      ProblemStatusDescription: 'Past Problem',
      EndDate: '2024-07-01',
      EndDatePrecision: 'YM',
    },
  };
  t.match(only(fromEmis([diabetes, past]), 'Condition'), {
    clinicalStatus: { coding: [{ code: 'inactive' }] },
    abatementDateTime: '2024-07',
  });
  t.same(
    types(fromEmis([entry('A', { CodeId: '2', Value: '61' }), problem])),
    ['Condition', 'EpisodeOfCare', 'Observation', 'Patient'],
    'an entry that is no disorder keeps its own resource',
  );
});

t.test('a code or an entry that has not come yet parks the row and makes the record incomplete', async (t) => {
  const orphan = row('CareRecord_Problem', 'IRIS|X', { PatientGuid: 'IRIS', ObservationGuid: 'X' });
  const translation = fromEmis([entry('A', { CodeId: '99910' }), orphan]);
  t.same(translation.incomplete, ['uncoded-rows']);
  t.same(resultOf(translation, 'CareRecord_Observation'), [
    'error: code 99910 is not in Coding_ClinicalCode yet: parked',
  ]);
  t.match(resultOf(translation, 'CareRecord_Problem'), [/^error: .*parked/]);
  const later = fromEmis([entry('A', { CodeId: '99910' })], IRIS, { ...emisLookups, clinicalCode: () => codes['2'] });
  t.same(later.incomplete, [], 'and when it comes, it is whole');
  const drug = row('Prescribing_DrugRecord', 'IRIS|D', { PatientGuid: 'IRIS', DrugRecordGuid: 'D', CodeId: '77' });
  t.match(resultOf(fromEmis([drug]), 'Prescribing_DrugRecord'), [/^error: code 77 is not in Coding_DrugCode yet/]);
});

t.test('a drug record says what the patient is on, its issues when it was given and for how long', async (t) => {
  const drug = row('Prescribing_DrugRecord', 'IRIS|D', {
    PatientGuid: 'IRIS',
    DrugRecordGuid: 'D',
    CodeId: '20',
    EffectiveDate: '2024-02-01',
    EffectiveDatePrecision: 'YMD',
    Dosage: 'ONE DAILY',
    PrescriptionType: 'Repeat',
    IsActive: 'true',
  });
  const issue = (guid: string, date: string) =>
    row('Prescribing_IssueRecord', `IRIS|${guid}`, {
      PatientGuid: 'IRIS',
      IssueRecordGuid: guid,
      DrugRecordGuid: 'D',
      CodeId: '20',
      EffectiveDate: date,
      EffectiveDatePrecision: 'YMD',
      Quantity: '28',
      QuantityUnit: 'tablet',
      CourseDurationInDays: '28',
    });
  const translation = fromEmis([drug, issue('I2', '2024-11-29'), issue('I1', '2024-11-01')]);
  const statement = only(translation, 'MedicationStatement');
  t.match(statement, {
    status: 'active',
    medicationCodeableConcept: { coding: [{ system: DMD, code: '318507003' }, {}], text: 'Oxprenolol' },
    effectivePeriod: { start: '2024-02-01' },
    extension: [{ url: ukCoreExtension('MedicationStatementLastIssueDate'), valueDateTime: '2024-11-29' }],
  });
  const [request] = translation.resources.filter((one) => one.resourceType === 'MedicationRequest');
  t.match(request, {
    intent: 'order',
    authoredOn: '2024-11-29',
    courseOfTherapyType: { coding: [{ code: 'continuous' }] },
    supportingInformation: [{ reference: `MedicationStatement/${statement.id}` }],
    dispenseRequest: { quantity: { value: 28, unit: 'tablet' }, expectedSupplyDuration: { value: 28, code: 'd' } },
    substitution: { allowedBoolean: false },
  });
  t.match(request && factsOf(request), [{ kind: 'medication', code: '318507003', date: '2024-11-29', supplyDays: 28 }]);

  const stopped = { ...drug, cells: { ...drug.cells, IsActive: 'false', CancellationDate: '2024-12-01' } };
  t.match(only(fromEmis([stopped]), 'MedicationStatement'), {
    status: 'stopped',
    effectivePeriod: { end: '2024-12-01' },
  });
  const ranOut = { ...drug, cells: { ...drug.cells, IsActive: 'false' } };
  t.match(only(fromEmis([ranOut, issue('I1', '2024-11-01')]), 'MedicationStatement'), {
    status: 'completed',
    effectivePeriod: { end: '2024-11-29' },
  });
  t.equal(
    only(fromEmis([{ ...drug, cells: { ...drug.cells, CancellationDate: '2024-12-01' } }]), 'MedicationStatement')
      .status,
    'active',
    'IsActive is trusted',
  );
});

t.test('a diary entry is a plan that falls due', async (t) => {
  const diary = (cells: Cells) =>
    only(
      fromEmis([
        row('CareRecord_Diary', 'IRIS|Y', {
          PatientGuid: 'IRIS',
          DiaryGuid: 'Y',
          CodeId: '7',
          OriginalTerm: 'Check due',
          EffectiveDate: '2025-06-01',
          EffectiveDatePrecision: 'YM',
          ...cells,
        }),
      ]),
      'ServiceRequest',
    );
  t.match(diary({ IsActive: 'true' }), {
    intent: 'plan',
    status: 'active',
    occurrenceDateTime: '2025-06',
    code: { text: 'Check due', coding: [{ code: 'EMISNQSA99' }, {}] },
  });
  t.equal(diary({ IsComplete: 'true', IsActive: 'true' }).status, 'completed');
  t.equal(diary({}).status, 'unknown');
});

t.test('a slot with a patient is that patient’s appointment, in London time', async (t) => {
  const slot = (cells: Cells) =>
    row('Appointment_Slot', 'SLOT', {
      SlotGuid: 'SLOT',
      PatientGuid: 'IRIS',
      AppointmentDate: '2024-06-03',
      AppointmentStartTime: '09:10:00',
      PlannedDurationInMinutes: '10',
      SessionGuid: 'S1',
      ModeOfContact: 'Telephone',
      ...cells,
    });
  const booked = only(fromEmis([slot({})]), 'Appointment');
  t.match(booked, {
    id: emisAppointmentId('Z00001', 'SLOT', 'IRIS'),
    status: 'booked',
    start: '2024-06-03T08:10:00.000Z',
    end: '2024-06-03T08:20:00.000Z',
    minutesDuration: 10,
    extension: [{ valueCodeableConcept: { coding: [{ code: 'Telephone' }] } }],
    participant: [
      { actor: { reference: `Patient/${emis.patientId}` } },
      { actor: { reference: /^PractitionerRole/ } },
      { actor: { identifier: { value: 'U2' } } },
      { actor: { reference: /^Location/ } },
    ],
  });
  const status = (cells: Cells) => only(fromEmis([slot(cells)]), 'Appointment').status;
  t.equal(status({ SendInTime: '09:12:00' }), 'arrived');
  t.equal(status({ SendInTime: '09:12:00', LeftTime: '09:20:00' }), 'fulfilled');
  t.equal(status({ DidNotAttend: 'true' }), 'noshow');
  t.same(resultOf(fromEmis([slot({ PatientGuid: '' })]), 'Appointment_Slot'), ['excluded: the slot has no patient']);
  const undated = fromEmis([slot({ AppointmentStartTime: '25:00' })]);
  t.match(resultOf(undated, 'Appointment_Slot'), [/^error: /]);
  t.same(undated.incomplete, ['undated-appointments']);
});

async function land(batches: readonly AsyncGenerator<RawRow | RejectedRow>[]): Promise<RawRow[]> {
  const landed = new Map<string, RawRow>();
  for (const batch of batches) {
    const rows: RawRow[] = [];
    for await (const one of batch) if (!('reason' in one)) rows.push(one);
    for (const one of rows.toSorted((a, b) => a.order - b.order)) {
      const key = `${one.organisation}|${one.table}|${one.key}`;
      const patientKey = one.patientKey ?? (one.deleted ? landed.get(key)?.patientKey : undefined);
      landed.set(key, { ...one, patientKey });
    }
  }
  return [...landed.values()];
}

function cellsBy(rows: readonly RawRow[], table: string, column: string): (id: string) => Cells | undefined {
  const found = new Map(rows.filter((one) => one.table === table).map((one) => [one.cells[column] ?? '', one.cells]));
  return (id) => found.get(id);
}

function emisLookupsOf(rows: readonly RawRow[]): EmisLookups {
  return {
    clinicalCode: cellsBy(rows, 'Coding_ClinicalCode', 'CodeId'),
    drugCode: cellsBy(rows, 'Coding_DrugCode', 'CodeId'),
    session: cellsBy(rows, 'Appointment_Session', 'AppointmentSessionGuid'),
    userInRole: cellsBy(rows, 'Admin_UserInRole', 'UserInRoleGuid'),
  };
}

function tppLookupsOf(rows: readonly RawRow[]): TppLookups {
  return {
    mapping: cellsBy(rows, 'SRMapping', 'RowIdentifier'),
    ctv3ToSnomed: cellsBy(rows, 'SRCtv3ToSnomed', 'Ctv3Code'),
    immunisationContent: cellsBy(rows, 'SRImmunisationContent', 'RowIdentifier'),
    staffMember: cellsBy(rows, 'SRStaffMember', 'RowIdentifier'),
  };
}

function patientsOf(rows: readonly RawRow[]): Map<string, RawRow[]> {
  const patients = new Map<string, RawRow[]>();
  for (const one of rows)
    if (one.patientKey) patients.set(one.patientKey, [...(patients.get(one.patientKey) ?? []), one]);
  return patients;
}

async function readEmisFolder(folder: string): Promise<AsyncGenerator<RawRow | RejectedRow>> {
  const described = await describeEmisBatch(folder);
  if (!described.ok) throw new Error(described.failure.message);
  return readEmisBatch(folder, described.value);
}

async function readTppFolder(folder: string): Promise<AsyncGenerator<RawRow | RejectedRow>> {
  const described = await describeTppBatch(folder);
  if (!described.ok) throw new Error(described.failure.message);
  return readTppBatch(folder, described.value);
}

t.test('the EMIS samples: a slot changes hands, a late code comes, a patient goes', withSamples, async (t) => {
  const folders = ['bulk', 'delta'].map((kind) => join(samples, 'emis', kind));
  const states = [];
  for (const upTo of [1, 2]) {
    const rows = await land(await Promise.all(folders.slice(0, upTo).map(readEmisFolder)));
    const translated = [...patientsOf(rows)].map(([key, own]) =>
      translateEmisPatient(own, emisLookupsOf(rows), {
        organisation: 'Z00001',
        patientId: emisPatientId('Z00001', key),
        asOf: AS_OF,
      }),
    );
    const facts = translated.flatMap((one) => one.resources.flatMap(factsOf));
    states.push({ translated, facts });
    t.equal(translated.flatMap((one) => one.outcomes).length, rows.filter((one) => one.patientKey).length);
  }
  const [bulk, both] = states;
  const named = (state: typeof bulk, family: string) =>
    state?.translated.find((one) => one.patient?.name?.[0]?.family === family);
  const future = (translation: RecordTranslation | undefined) =>
    translation?.resources.filter((one) => one.resourceType === 'Appointment' && one.status === 'booked').length;
  t.same([future(named(bulk, "O'Sample")), future(named(bulk, 'Testwood'))], [1, 0]);
  t.same([future(named(both, "O'Sample")), future(named(both, 'Testwood'))], [0, 1]);
  t.same([named(bulk, "O'Sample")?.incomplete, named(both, "O'Sample")?.incomplete], [['uncoded-rows'], []]);
  t.ok(named(bulk, 'Gone'));
  t.notOk(named(both, 'Gone'));
  t.notOk(named(bulk, 'ZZDUMMY'));
  t.match(named(bulk, 'Hidden')?.patient?.meta?.security, [{ code: 'R' }]);
  t.ok(
    both?.facts.some((fact) => fact.code === '999791000000106' && fact.value === 57),
    'the last of the two values',
  );
  t.notOk(
    both?.facts.some((fact) => fact.value === 151),
    'the deleted systolic',
  );
});

t.test('an EMIS practice’s own resources are shared: places, staff, sessions', withSamples, async (t) => {
  const rows = await land([await readEmisFolder(join(samples, 'emis', 'bulk'))]);
  const { shared, resources, outcomes } = translateEmisReference(
    rows.filter((one) => !one.patientKey),
    { organisation: 'Z00001', asOf: AS_OF },
  );
  t.same(resources, []);
  t.equal(outcomes.length, rows.filter((one) => !one.patientKey).length);
  t.match(
    shared.find((one) => one.id === 'Z00001'),
    {
      resourceType: 'Organization',
      active: true,
      name: 'Exampleton Surgery',
      partOf: { reference: 'Organization/QZZ' },
    },
  );
  t.match(
    shared.find((one) => one.resourceType === 'PractitionerRole' && one.period?.end),
    { active: false },
  );
  t.same(
    shared
      .filter((one) => one.resourceType === 'Location')
      .map((one) => one.status)
      .sort(),
    ['active', 'active', 'inactive'],
  );
  t.same(
    shared
      .filter((one) => one.resourceType === 'Schedule')
      .map((one) => one.actor.length)
      .sort(),
    [1, 2, 3],
    'a cancellation list has a place and nobody',
  );
});

const mapping: Record<string, string> = {
  5001: 'Home',
  5002: 'Mobile',
  5005: 'Emergency Contact',
  5101: 'Pending',
  5102: '1st Recall',
  5103: 'Seen',
  5104: 'Cancelled by patient',
  5201: 'Booked',
  5202: 'Finished',
  5203: 'Did Not Attend',
  5204: 'Cancelled by Patient',
  5401: 'Consent given',
  5402: 'Dissent',
  5501: '1',
};
const tppLookups: TppLookups = {
  mapping: (id) => (mapping[id] ? { Mapping: mapping[id] } : undefined),
  ctv3ToSnomed: (code) =>
    (
      ({
        '246A.': { SnomedCode: '271650006' },
        X40J5: { SnomedCode: '44054006' },
        Yzz01: { SnomedCode: '44054006' },
      }) as Record<string, Cells>
    )[code],
  immunisationContent: (id) => (id === '901' ? { Name: 'Sample brand', Content: 'Influenza' } : undefined),
  staffMember: (id) => (id === '201' ? { StaffName: 'Nurse' } : undefined),
};
const BEA: Cells = {
  RowIdentifier: '100001',
  FirstName: 'Bea',
  Surname: 'Trial',
  NHSNumber: '9990000212',
  DateBirth: '14 Mar 1961 00:00',
  Gender: 'F',
  SpineMatched: 'TRUE',
};

function tppRow(table: string, key: string, cells: Cells): RawRowLike {
  return row(table, key, {
    RowIdentifier: key,
    IDPatient: '100001',
    IDOrganisation: 'Z00002',
    DateEvent: '03 Jun 2024 15:00:00',
    IDEvent: '7002',
    ...cells,
  });
}

function fromTpp(rows: readonly RawRowLike[], patient: Cells = BEA): RecordTranslation {
  return translateTppPatient([row('SRPatient', '100001', patient), ...rows], tppLookups, tpp);
}

t.test('a TPP patient is put together from contacts, addresses and registrations', async (t) => {
  const translation = fromTpp([
    tppRow('SRPatientContactDetails', '1', {
      ContactType: '5002',
      ContactNumber: '07700 900011',
      DateEvent: '10 May 2004 00:00:00',
    }),
    tppRow('SRPatientContactDetails', '2', {
      ContactType: '5002',
      ContactNumber: '07700 900012',
      DateEvent: '10 May 2020 00:00:00',
    }),
    tppRow('SRPatientContactDetails', '3', { ContactType: '5005', ContactNumber: '07700 900099' }),
    tppRow('SRPatientContactDetails', '4', { ContactType: '5002', ContactNumber: '' }),
    tppRow('SRPatientContactDetails', '5', { ContactType: '5999', ContactNumber: '07700 900013' }),
    tppRow('SRPatientAddressHistory', '6', {
      NumberOfBuilding: '4',
      NameOfRoad: 'Sample Lane',
      NameOfTown: 'Sampleford',
      FullPostCode: 'ZZ99 9ZZ',
      AddressType: '-1',
    }),
    tppRow('SRPatientAddressHistory', '7', {
      NameOfBuilding: 'Earlier house',
      FullPostCode: 'ZZ99 9ZZ',
      DateTo: '04 Jan 2016 00:00:00',
      DateEvent: '01 Jan 2000 00:00:00',
    }),
    tppRow('SRPatientRegistration', '8', {
      DateRegistration: '10 May 2004 00:00:00',
      RegistrationStatus: 'GMS,Contraception',
    }),
    tppRow('SRPatientRegistration', '9', {
      DateRegistration: '10 May 2000 00:00:00',
      RegistrationStatus: 'GMS',
      IDOrganisation: 'Z00009',
    }),
  ]);
  t.match(translation.patient, {
    active: true,
    gender: 'female',
    birthDate: '1961-03-14',
    telecom: [{ id: '2', use: 'mobile', value: '07700 900012' }, { id: '1' }],
    address: [
      { id: '6', use: 'home', line: ['4 Sample Lane'], city: 'Sampleford' },
      { id: '7', use: 'old', period: { end: '2016-01-04' } },
    ],
    identifier: [
      { system: NHS_NUMBER, value: '9990000212', extension: [{ valueCodeableConcept: { coding: [{ code: '01' }] } }] },
      {},
    ],
  });
  t.equal(translation.patient?.telecom?.length, 2);
  t.match(only(translation, 'EpisodeOfCare'), {
    type: [{ coding: [{ code: 'regular' }], text: 'GMS,Contraception' }],
    period: { start: '2004-05-10' },
  });
  t.same(translation.incomplete, ['unmapped-rows'], 'a number whose kind is not known yet');
  t.match(resultOf(translation, 'SRPatientContactDetails'), [
    'Patient',
    'Patient',
    /another|own/,
    /no number/,
    /^error: ContactType 5999/,
  ]);
  t.equal(fromTpp([]).patient?.active, false, 'no registration here, none assumed');
});

t.test('TPP codes are SNOMED CT as given or by the map, never for the supplier’s own codes', async (t) => {
  const coded = (cells: Cells) =>
    only(fromTpp([tppRow('SRCode', '1', cells)]), 'Observation').code.coding?.map((one) => one.code);
  t.same(coded({ CTV3Code: 'XaPbt', SNOMEDCode: '999791000000106' }), ['999791000000106', 'XaPbt']);
  t.same(coded({ CTV3Code: 'X40J5', SNOMEDCode: '-1' }), ['44054006', 'X40J5']);
  t.same(coded({ CTV3Code: 'Yzz01', SNOMEDCode: '-1' }), ['Yzz01']);
  const uncoded = fromTpp([tppRow('SRCode', '1', { CTV3Code: '', SNOMEDCode: '-1' })]);
  t.match(resultOf(uncoded, 'SRCode'), [/^error: /]);
  t.same(uncoded.incomplete, ['uncoded-rows']);
});

t.test('a TPP number counts only where the row says it is one', async (t) => {
  const value = (cells: Cells) =>
    only(fromTpp([tppRow('SRCode', '1', { CTV3Code: 'XaPbt', ...cells })]), 'Observation').valueQuantity;
  t.match(value({ IsNumeric: 'TRUE', NumericValue: '57', NumericUnit: 'mmol/mol', NumericComparator: '<=' }), {
    value: 57,
    comparator: '<=',
  });
  t.equal(value({ IsNumeric: 'FALSE', NumericValue: '0.0' }), undefined);
  t.match(value({ IsNumeric: 'TRUE', NumericValue: '0.0' }), { value: 0 });
  t.equal(
    value({ NumericValue: '-1.0' }),
    undefined,
    'an older extract without the column: fillers are known by sight',
  );
  t.match(value({ NumericValue: '61' }), { value: 61 });
});

t.test('two TPP rows of one event and time are one blood pressure', async (t) => {
  const systolic = tppRow('SRCode', '3', {
    CTV3Code: '2469.',
    SNOMEDCode: '271649006',
    IsNumeric: 'TRUE',
    NumericValue: '151',
  });
  const diastolic = tppRow('SRCode', '4', {
    CTV3Code: '246A.',
    SNOMEDCode: '-1',
    IsNumeric: 'TRUE',
    NumericValue: '88',
  });
  const translation = fromTpp([diastolic, systolic]);
  const pressure = only(translation, 'Observation');
  t.match(pressure, {
    code: { coding: [{ code: '75367002' }] },
    effectiveDateTime: '2024-06-03T15:00:00+01:00',
    component: [{ valueQuantity: { value: 151 } }, { valueQuantity: { value: 88 } }],
  });
  t.equal(pressure.valueQuantity, undefined);
  t.same(resultOf(translation, 'SRCode'), ['Observation', 'Observation']);
  t.equal(
    fromTpp([systolic, { ...diastolic, cells: { ...diastolic.cells, IDEvent: '7003' } }]).resources.filter(
      (one) => one.resourceType === 'Observation',
    ).length,
    2,
  );
  t.match(
    only(fromTpp([systolic]), 'Observation'),
    { id: pressure.id, valueQuantity: { value: 151 } },
    'what is left when one half is removed',
  );
});

t.test('a TPP problem is the Condition of its entry, or one of its own', async (t) => {
  const code = tppRow('SRCode', '1', {
    CTV3Code: 'X40J5',
    SNOMEDCode: '44054006',
    NumericValue: '0.0',
    IsNumeric: 'FALSE',
    DateEvent: '01 Jan 2009 00:00:00',
  });
  const problem = tppRow('SRProblem', '9', { CTV3Code: 'X40J5', IDCode: '1', DateEnd: '' });
  const translation = fromTpp([code, problem]);
  t.match(only(translation, 'Condition'), {
    clinicalStatus: { coding: [{ code: 'active' }] },
    onsetDateTime: '2009-01-01',
    code: { coding: [{ code: '44054006' }, {}] },
  });
  t.same([...resultOf(translation, 'SRCode'), ...resultOf(translation, 'SRProblem')], ['Condition', 'Condition']);
  const alone = { ...problem, cells: { ...problem.cells, IDCode: '-1', DateEnd: '01 Jan 2013 00:00:00' } };
  t.match(only(fromTpp([alone]), 'Condition'), {
    clinicalStatus: { coding: [{ code: 'inactive' }] },
    abatementDateTime: '2013-01-01',
  });
});

t.test(
  'of several TPP problems of one entry the one recorded last is its Condition, in any order of rows',
  async (t) => {
    const entry = (cells: Cells) => tppRow('SRCode', '1', { CTV3Code: 'X40J5', SNOMEDCode: '44054006', ...cells });
    const problem = (key: string, DateEventRecorded: string, DateEnd = '') =>
      tppRow('SRProblem', key, { CTV3Code: 'X40J5', IDCode: '1', DateEventRecorded, DateEnd, Severity: '7' });
    const ended = problem('9', '03 Jun 2024 15:00:00', '03 Jun 2024 15:00:00');
    const openedAgain = problem('8', '03 Jun 2024 16:00:00');
    const undated = problem('12', '');
    const entries = [
      entry({ NumericValue: '0.0', IsNumeric: 'FALSE' }),
      entry({ NumericValue: '61', IsNumeric: 'TRUE' }),
    ];
    for (const code of entries) {
      for (const rows of [
        [code, ended, openedAgain, undated],
        [undated, openedAgain, ended, code],
        [openedAgain, code, undated, ended],
      ]) {
        const translation = fromTpp(rows);
        const condition = only(translation, 'Condition');
        t.match(condition, {
          clinicalStatus: { coding: [{ code: 'active' }] },
          recordedDate: '2024-06-03T16:00:00+01:00',
        });
        t.notOk('abatementDateTime' in condition, 'nothing of the older row');
        t.same(resultOf(translation, 'SRProblem'), ['Condition', 'Condition', 'Condition']);
        t.match(translation.losses, { 'SRProblem.superseded': 2, 'SRProblem.Severity': 3 });
      }
    }
    const higherKey = problem('10', '03 Jun 2024 15:00:00');
    for (const rows of [
      [entry({}), ended, higherKey],
      [entry({}), higherKey, ended],
    ])
      t.match(only(fromTpp(rows), 'Condition'), { clinicalStatus: { coding: [{ code: 'active' }] } }, 'at one moment');
  },
);

t.test('a TPP row without a date is taken for older than a dated one, whatever its RowIdentifier', async (t) => {
  const dated = tppRow('SRRecordStatus', '1', { MedicalRecordStatus: '1' });
  const undated = tppRow('SRRecordStatus', '2', { MedicalRecordStatus: '2', DateEvent: '' });
  t.same(fromTpp([dated, undated]).incomplete, ['data-in-transit']);
  t.same(fromTpp([undated, dated]).incomplete, ['data-in-transit']);
  t.same(fromTpp([undated]).incomplete, []);
});

t.test('TPP recalls, vaccines, consents and appointments keep what their texts say', async (t) => {
  const recall = (status: string) =>
    only(
      fromTpp([
        tppRow('SRRecall', '1', { RecallType: 'BP check', RecallStatus: status, DateRecall: '03 Dec 2024 00:00:00' }),
      ]),
      'ServiceRequest',
    );
  t.match(recall('5101'), {
    status: 'draft',
    intent: 'plan',
    occurrenceDateTime: '2024-12-03',
    code: { text: 'BP check' },
  });
  t.same(
    ['5102', '5103', '5104'].map((id) => recall(id).status),
    ['active', 'completed', 'revoked'],
  );

  const vaccine = only(
    fromTpp([
      tppRow('SRImmunisation', '1', {
        ImmsReadCode: 'Yzz01',
        ImmsSNOMEDCode: '-1',
        IDImmunisationContent: '901',
        Dose: '0.5 ml',
        VaccPart: '5501',
        VaccBatchNumber: 'SAMPLE1',
      }),
    ]),
    'Immunization',
  );
  t.match(vaccine, {
    vaccineCode: { text: 'Sample brand' },
    extension: [{ valueCodeableConcept: { text: 'Influenza' } }],
    doseQuantity: { value: 0.5, unit: 'ml' },
    lotNumber: 'SAMPLE1',
    protocolApplied: [{ doseNumberPositiveInt: 1 }],
  });

  const consents = fromTpp([
    tppRow('SRSmsConsent', '1', { SmsConsent: '5401' }),
    tppRow('SRSmsConsent', '2', { SmsConsent: '5402' }),
    tppRow('SRSmsConsent', '3', { SmsConsent: '5001' }),
  ]);
  t.same(
    consents.resources.flatMap(factsOf).map((fact) => fact.code),
    ['699237001', '513631000000106'],
  );
  t.match(resultOf(consents, 'SRSmsConsent').at(-1), /neither yes nor no/);

  const visit = (cells: Cells) =>
    only(
      fromTpp([
        tppRow('SRAppointment', '1', {
          DateStart: '03 Jun 2024 09:10:00',
          DateEnd: '03 Jun 2024 09:20:00',
          AppointmentStatus: '5201',
          IDClinician: '201',
          ...cells,
        }),
      ]),
      'Appointment',
    );
  t.match(visit({}), {
    status: 'booked',
    start: '2024-06-03T08:10:00.000Z',
    end: '2024-06-03T08:20:00.000Z',
    minutesDuration: 10,
    participant: [{}, { actor: { reference: /^Practitioner\// } }],
  });
  t.same(
    ['5202', '5203', '5204'].map((id) => visit({ AppointmentStatus: id }).status),
    ['fulfilled', 'noshow', 'cancelled'],
  );
  t.match(resultOf(fromTpp([tppRow('SRAppointment', '1', { AppointmentStatus: '5999' })]), 'SRAppointment'), [
    /^error: AppointmentStatus 5999 is not in SRMapping yet/,
  ]);
});

t.test('a TPP repeat is a template with its issues, an acute item both at once, others’ items a note', async (t) => {
  const drug = { IDMultiLexDMD: '318507003', NameOfMedication: 'Oxprenolol', MedicationQuantity: '28 tablets' };
  const template = tppRow('SRRepeatTemplate', '20', {
    ...drug,
    DateMedicationTemplateStart: '01 Feb 2024 00:00:00',
    DateMedicationTemplateReview: '01 Feb 2025 00:00:00',
  });
  const issue = tppRow('SRPrimaryCareMedication', '21', {
    ...drug,
    IsRepeatMedication: 'TRUE',
    IDRepeatTemplate: '20',
    DateEvent: '29 Nov 2024 08:30:00',
    DateMedicationStart: '29 Nov 2024 00:00:00',
    DateMedicationEnd: '27 Dec 2024 00:00:00',
  });
  const repeat = fromTpp([template, issue]);
  t.match(only(repeat, 'MedicationStatement'), {
    status: 'active',
    extension: [{ valueDateTime: '2024-11-29' }, { valueDate: '2025-02-01' }],
  });
  t.match(only(repeat, 'MedicationRequest'), {
    authoredOn: '2024-11-29T08:30:00+00:00',
    dispenseRequest: { expectedSupplyDuration: { value: 28 }, quantity: { value: 28, unit: 'tablets' } },
  });
  const acute = { ...issue, cells: { ...issue.cells, IsRepeatMedication: 'FALSE', IDRepeatTemplate: '-1' } };
  t.match(
    only(fromTpp([acute]), 'MedicationStatement'),
    { status: 'completed' },
    'its end has passed, though nothing says so',
  );
  t.ok(only(fromTpp([acute]), 'MedicationRequest'));
  t.same(types(fromTpp([{ ...acute, cells: { ...acute.cells, IsHospitalMedication: 'TRUE' } }])), [
    'MedicationStatement',
    'Patient',
  ]);
});

t.test(
  'a TPP patient who is a test or was removed gives nothing; notes under way make the record incomplete',
  async (t) => {
    t.match(fromTpp([], { ...BEA, TestPatient: 'TRUE' }).outcomes, [{ result: 'excluded', reason: /test patient/ }]);
    t.same(translateTppPatient([row('SRPatient', '100001', {}, true)], tppLookups, tpp).resources, []);
    const status = (key: string, value: string, date: string) =>
      tppRow('SRRecordStatus', key, { MedicalRecordStatus: value, DateEvent: date });
    t.same(fromTpp([status('1', '1', '10 May 2024 00:00:00')]).incomplete, ['data-in-transit']);
    t.same(
      fromTpp([status('2', '2', '20 May 2024 00:00:00'), status('1', '1', '10 May 2024 00:00:00')]).incomplete,
      [],
    );
  },
);

t.test('the TPP samples: a removal leaves half a reading, a recall is seen, a patient goes', withSamples, async (t) => {
  const folders = ['20250107_0215', '20250108_0210'].map((name) => join(samples, 'tpp', name));
  const rows = await land(await Promise.all(folders.map(readTppFolder)));
  const translated = [...patientsOf(rows)].map(([key, own]) =>
    translateTppPatient(own, tppLookupsOf(rows), {
      organisation: 'Z00002',
      patientId: tppPatientId('Z00002', key),
      asOf: AS_OF,
    }),
  );
  t.same(
    translated.flatMap((one) => one.patient?.name?.[0]?.family ?? []),
    ['Trial', 'Tryal'],
  );
  const [trial, tryal] = translated;
  t.match(trial && only(trial, 'ServiceRequest'), { status: 'completed' });
  t.same(
    tryal?.resources
      .filter((one) => one.resourceType === 'Observation' && one.valueQuantity)
      .map((one) => one.resourceType === 'Observation' && one.valueQuantity?.value),
    [88],
  );
  t.match(tryal?.patient?.telecom, [{ use: 'mobile', value: '07700 900012' }]);
  t.match(tryal && only(tryal, 'Appointment'), { status: 'cancelled', start: '2025-01-15T09:10:00.000Z' });
  const { shared } = translateTppReference(
    rows.filter((one) => !one.patientKey),
    { organisation: 'Z00002', asOf: AS_OF },
  );
  t.same(new Set(shared.map((one) => one.resourceType)), new Set(['Organization', 'Practitioner', 'PractitionerRole']));
});

/** What the synthetic GP system knows of a patient, as facts: the truth that every supplier's format must carry. */
function known(patient: SimPatient): string[] {
  const entries = patient.entries.filter((one) => one.kind !== 'recall');
  const coded = entries.flatMap((one) => [
    `${one.code} ${one.date} ${one.value ?? ''}`,
    ...(one.parts ?? []).map((part) => `${part.code} ${one.date} ${part.value}`),
  ]);
  const issued = patient.drugs.flatMap((drug) =>
    drug.issues.map((issue) => `${drug.code} ${issue.date} ${drug.daysSupply}`),
  );
  return [...new Set([...coded, ...issued])].sort();
}

function told(translation: RecordTranslation | undefined): string[] {
  const facts = (translation?.resources ?? [])
    .filter((one) => one.resourceType !== 'MedicationStatement')
    .flatMap(factsOf);
  return [
    ...new Set(facts.map((fact) => `${fact.code} ${fact.date?.slice(0, 10)} ${fact.value ?? fact.supplyDays ?? ''}`)),
  ].sort();
}

t.test('every fact of the synthetic network survives its supplier’s own format', async (t) => {
  const network = generateNetwork({ seed: 'extracts', startDate: '2026-03-02', patientsPerPractice: 30 });
  const systems = createGpSystems(network);
  const at = '2026-03-02T03:15:00.000Z';
  const truths = network.practices.flatMap((one) => one.patients).flatMap(known);
  t.ok(truths.length > 200, `${truths.length} facts to tell`);
  for (const practice of network.practices) {
    if (practice.supplier === 'gp-connect-only') {
      const list = await readPatientList(join(t.testdir({ 'list.csv': patientList(practice) }), 'list.csv'));
      t.same(list.ok && list.value.rejected, []);
      const living = practice.patients.filter((one) => !one.deathDate && !one.deregisteredOn);
      t.same(
        list.ok && list.value.entries.map((one) => one.nhsNumber),
        living.map((one) => one.nhsNumber),
      );
      continue;
    }
    const { rows, rejected } = await exported(t, practice.supplier, practice.ods, systems, at);
    t.same(rejected, []);
    const own = patientsOf(rows);
    for (const patient of practice.patients) {
      const translation = translate(practice.supplier, practice.ods, patient.id, own.get(patient.id) ?? [], rows);
      t.same(told(translation), known(patient), `${practice.supplier} patient ${patient.id}`);
      t.same(
        translation.outcomes.filter((one) => one.result === 'error'),
        [],
      );
      t.same(translation.incomplete, []);
      t.equal(translation.patient?.birthDate, patient.birthDate);
      const appointments = practice.appointments.filter(
        (one) => one.patientId === patient.id && one.status !== 'cancelled',
      );
      const found = translation.resources.filter(
        (one) => one.resourceType === 'Appointment' && one.status !== 'cancelled',
      );
      t.same(
        found.map((one) => one.resourceType === 'Appointment' && `${one.start} ${one.status}`).sort(),
        appointments.map((one) => `${new Date(one.start).toISOString()} ${one.status}`).sort(),
      );
    }
  }
});

async function exported(
  t: Test,
  supplier: 'emis' | 'tpp',
  ods: string,
  systems: ReturnType<typeof createGpSystems>,
  at: string,
) {
  const files =
    supplier === 'emis'
      ? emisBatch({ systems, kind: 'bulk', at, number: 1 })
      : tppBatch({ systems, ods, full: true, to: at }).files;
  const encoding = supplier === 'emis' ? 'utf8' : 'latin1';
  const folder = t.testdir(
    Object.fromEntries(files.map(({ name, content }) => [name, Buffer.from(content, encoding)])) as unknown as Record<
      string,
      string
    >,
  );
  if (supplier === 'emis')
    t.match(await describeEmisBatch(folder), { ok: true, value: { agreement: EMIS_AGREEMENT, warnings: [] } });
  const read = () => (supplier === 'emis' ? readEmisFolder(folder) : readTppFolder(folder));
  const rejected: RejectedRow[] = [];
  for await (const one of await read()) if ('reason' in one) rejected.push(one);
  return { rows: await land([await read()]), rejected };
}

function translate(
  supplier: 'emis' | 'tpp',
  organisation: string,
  key: string,
  own: readonly RawRow[],
  all: readonly RawRow[],
): RecordTranslation {
  const asOf = '2026-03-02T00:00:00.000Z';
  return supplier === 'emis'
    ? translateEmisPatient(own, emisLookupsOf(all), { organisation, asOf, patientId: emisPatientId(organisation, key) })
    : translateTppPatient(own, tppLookupsOf(all), { organisation, asOf, patientId: tppPatientId(organisation, key) });
}

t.test('clock changes, leap days and dates known in part: extracts write London time without a zone', async (t) => {
  const at: readonly [date: string, time: string, instant: string | undefined][] = [
    ['2026-03-28', '23:59', '2026-03-28T23:59:00.000Z'],
    ['2026-03-29', '00:59', '2026-03-29T00:59:00.000Z'],
    // The clock goes from 01:00 to 02:00: what is written as between is meant by the clock that did not go on.
    ['2026-03-29', '01:30', '2026-03-29T01:30:00.000Z'],
    ['2026-03-29', '02:00', '2026-03-29T01:00:00.000Z'],
    ['2026-03-29', '09:00:00', '2026-03-29T08:00:00.000Z'],
    ['2026-10-25', '00:30', '2026-10-24T23:30:00.000Z'],
    // Between 01:00 and 02:00 the clock shows every time twice; the first one is taken.
    ['2026-10-25', '01:30', '2026-10-25T00:30:00.000Z'],
    ['2026-10-25', '02:00', '2026-10-25T02:00:00.000Z'],
    ['2024-02-29', '12:00', '2024-02-29T12:00:00.000Z'],
    ['2025-02-29', '12:00', undefined],
    ['2100-02-29', '12:00', undefined],
    ['2000-02-29', '12:00', '2000-02-29T12:00:00.000Z'],
    ['2026-06-30', '24:00', undefined],
    ['2026-06-31', '10:00', undefined],
    ['', '10:00', undefined],
  ];
  for (const [date, time, instant] of at) t.equal(instantOf(date, time), instant, `${date} ${time}`);

  const dates: readonly [date: string, precision: string, read: string | undefined][] = [
    ['1931-01-01', 'Y', '1931'],
    ['1931-06-01', 'YM', '1931-06'],
    ['2024-02-29', 'YMD', '2024-02-29'],
    ['2023-02-29', 'YMD', undefined],
    ['2023-02-29', 'Y', undefined],
    ['2026-03-29', 'YMDT', '2026-03-29'],
    ['2026-03-29 01:30:00', 'YMDT', '2026-03-29'],
    ['2026-03-29', 'u', undefined],
    ['1900-01-01', '', '1900-01-01'],
  ];
  for (const [date, precision, read] of dates) t.equal(emisDate(date, precision), read, `${date} ${precision}`);

  const moments: readonly [text: string, read: string | undefined][] = [
    ['29 Mar 2026 09:00:00', '2026-03-29T09:00:00+01:00'],
    ['29 Mar 2026 00:30:00', '2026-03-29T00:30:00+00:00'],
    // Midnight is how a time that is not known is written.
    ['29 Mar 2026 00:00:00', '2026-03-29'],
    ['28 Mar 2026 23:59', '2026-03-28T23:59:00+00:00'],
    ['25 Oct 2026 01:30:00', '2026-10-25T01:30:00+01:00'],
    ['25 Oct 2026 02:30:00', '2026-10-25T02:30:00+00:00'],
    ['29 Feb 2024 10:00', '2024-02-29T10:00:00+00:00'],
    ['29 Feb 2025 10:00', undefined],
    ['1 Jan 1931', '1931-01-01'],
    ['01 Jän 1931', undefined],
    ['1931', undefined],
  ];
  for (const [text, read] of moments) t.equal(dateTimeOf(tppMoment(text)), read, text);

  const cutOffs: readonly [extracted: string, instant: string | undefined][] = [
    ['20260329031500', '2026-03-29T00:00:00.000Z'],
    ['20260330031500', '2026-03-29T23:00:00.000Z'],
    ['20261025031500', '2026-10-24T23:00:00.000Z'],
    ['20261026031500', '2026-10-26T00:00:00.000Z'],
    ['20240229031500', '2024-02-29T00:00:00.000Z'],
    ['20250229031500', undefined],
  ];
  for (const [extracted, instant] of cutOffs) t.equal(dataCutOff(extracted), instant, extracted);

  const slotOn = (AppointmentDate: string, AppointmentStartTime: string) => {
    const cells = { SlotGuid: 'S', PatientGuid: 'IRIS', PlannedDurationInMinutes: '90', SessionGuid: 'S1' };
    return only(
      fromEmis([row('Appointment_Slot', 'S', { ...cells, AppointmentDate, AppointmentStartTime })]),
      'Appointment',
    );
  };
  t.match(slotOn('2026-03-29', '00:30:00'), { start: '2026-03-29T00:30:00.000Z', end: '2026-03-29T02:00:00.000Z' });
  t.match(slotOn('2026-10-25', '00:30:00'), { start: '2026-10-24T23:30:00.000Z', end: '2026-10-25T01:00:00.000Z' });
  t.match(slotOn('2024-02-29', '23:30:00'), { start: '2024-02-29T23:30:00.000Z', end: '2024-03-01T01:00:00.000Z' });

  const born = (DateOfBirth: string) => fromEmis([], { ...IRIS, DateOfBirth });
  t.equal(born('2004-02-29').patient?.birthDate, '2004-02-29');
  t.equal(born('2005-02-29').patient?.birthDate, undefined);
  t.equal(born('2005-02-29').losses['Patient.birth-date-invalid'], 1, 'and it is told');
});
