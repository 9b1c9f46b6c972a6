/** Laws of the extracts: every row is accounted for once, the order of rows means nothing, a bad row harms no other. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { type CsvRecord, readCsv } from '#adapters/csv/records.ts';
import { validate } from '#fhir/validate/validate.ts';
import { readDefinitions } from '#main/definitions.ts';
import { loadProfiles } from '#main/validator.ts';
import { type EmisLookups, emisPatientId, translateEmisPatient } from '#translate/emis/record.ts';
import type { Cells, RawRowLike } from '#translate/extract/rows.ts';
import { type TppLookups, tppPatientId, translateTppPatient } from '#translate/tpp/record.ts';
import type { RecordTranslation } from '#translate/translation.ts';

const numRuns = 150;
const profiles = loadProfiles(readDefinitions().resources);

function faultsOf(resource: unknown): string[] {
  return validate(profiles, resource)
    .filter(({ severity }) => severity === 'error')
    .map(({ expression, diagnostics }) => `${expression} ${diagnostics}`);
}

const word = fc.constantFrom(
  '',
  '-1',
  'true',
  'FALSE',
  '1',
  '61',
  '0.0',
  'a, "quoted" word',
  'line\nbreak',
  '28 tablets',
  '<=',
);
const day = fc.constantFrom('', '2024-06-03', '2024-02-31', '2009-01-01', 'soon');
const moment = fc.constantFrom('', '03 Jun 2024 15:00:00', '03 Jun 2024 00:00:00', '31 Feb 2024 10:00', '3 June 2024');
const id = fc.constantFrom('A', 'B', 'C', 'D');
const code = fc.constantFrom('1', '2', '3', '4', '5', 'late', '');

function cellsOf(columns: Record<string, fc.Arbitrary<string>>): fc.Arbitrary<Cells> {
  return fc.record(columns, { requiredKeys: [] }).map((cells) => cells as Cells);
}

const emisTables: Record<string, Record<string, fc.Arbitrary<string>>> = {
  CareRecord_Observation: {
    ObservationGuid: id,
    ParentObservationGuid: id,
    CodeId: code,
    Value: word,
    NumericUnit: word,
    NumericOperator: word,
    EffectiveDate: day,
    EffectiveDatePrecision: fc.constantFrom('Y', 'YM', 'YMD', 'U'),
    EnteredDate: day,
    EnteredTime: fc.constantFrom('09:00:00', '25:00', ''),
    IsConfidential: word,
    AssociatedText: word,
    Episode: fc.constantFrom('First', 'None'),
    ConsultationGuid: id,
  },
  CareRecord_Problem: {
    ObservationGuid: id,
    EndDate: day,
    ProblemStatusDescription: fc.constantFrom('Active Problem', 'Past Problem', ''),
  },
  CareRecord_Consultation: { ConsultationGuid: id, EffectiveDate: day, Complete: word },
  CareRecord_Diary: { DiaryGuid: id, CodeId: code, EffectiveDate: day, IsActive: word, IsComplete: word },
  Prescribing_DrugRecord: {
    DrugRecordGuid: id,
    CodeId: code,
    EffectiveDate: day,
    CancellationDate: day,
    IsActive: word,
  },
  Prescribing_IssueRecord: {
    IssueRecordGuid: id,
    DrugRecordGuid: id,
    CodeId: code,
    EffectiveDate: day,
    CourseDurationInDays: word,
    Quantity: word,
  },
  Appointment_Slot: {
    SlotGuid: id,
    PatientGuid: fc.constantFrom('P', ''),
    AppointmentDate: day,
    AppointmentStartTime: fc.constantFrom('09:00:00', ''),
    PlannedDurationInMinutes: word,
    SendInTime: word,
    DidNotAttend: word,
  },
  Admin_PatientHistory: { StatusDescription: word },
  Audit_PatientAudit: { ItemGuid: id },
};
const event = {
  DateEvent: moment,
  DateEventRecorded: moment,
  IDEvent: fc.constantFrom('7', '8', '-1'),
  IDOrganisation: fc.constantFrom('Z00002', 'Z00009'),
  IDPatient: fc.constant('1'),
};
const tppTables: Record<string, Record<string, fc.Arbitrary<string>>> = {
  SRCode: {
    ...event,
    CTV3Code: fc.constantFrom('2469.', '246A.', 'X40J5', 'Yzz01', ''),
    SNOMEDCode: fc.constantFrom('-1', '271649006', '271650006', ''),
    IsNumeric: word,
    NumericValue: word,
    EpisodeType: code,
  },
  SRProblem: { ...event, CTV3Code: fc.constantFrom('X40J5', ''), IDCode: id, DateEnd: moment },
  SRPatientContactDetails: { ...event, ContactType: code, ContactNumber: word },
  SRPatientAddressHistory: { ...event, AddressType: code, NameOfRoad: word, FullPostCode: word, DateTo: moment },
  SRPatientRegistration: {
    ...event,
    DateRegistration: moment,
    DateDeRegistration: moment,
    RegistrationStatus: fc.constantFrom('GMS', 'Applied', 'Walk-in Patient,GMS', ''),
  },
  SRRecordStatus: { ...event, MedicalRecordStatus: fc.constantFrom('0', '1', '2') },
  SRSmsConsent: { ...event, SmsConsent: code },
  SRImmunisation: {
    ...event,
    IDImmunisationContent: code,
    ImmsReadCode: fc.constantFrom('X40J5', ''),
    ImmsSNOMEDCode: word,
    Dose: word,
    VaccPart: code,
  },
  SRRecall: { ...event, RecallStatus: code, DateRecall: moment, RecallType: word },
  SRRepeatTemplate: { ...event, NameOfMedication: word, IDMultiLexDMD: word, DateMedicationTemplateEnd: moment },
  SRPrimaryCareMedication: {
    ...event,
    NameOfMedication: word,
    IsRepeatMedication: word,
    IsHospitalMedication: word,
    IDRepeatTemplate: id,
    DateMedicationStart: moment,
    DateMedicationEnd: moment,
    MedicationQuantity: word,
  },
  SRAppointment: { ...event, AppointmentStatus: code, DateStart: moment, DateEnd: moment },
  SREvent: event,
};

/** Rows of one patient, each key once per table, as the store holds them. */
function rowsOf(tables: typeof emisTables, patient: string, idColumn: string): fc.Arbitrary<RawRowLike[]> {
  const any = Object.entries(tables).map(([table, columns]) => ({
    // Entries depend on each other the most.
    weight: ['CareRecord_Observation', 'SRCode'].includes(table) ? 6 : 1,
    arbitrary: fc.record({ table: fc.constant(table), key: id, cells: cellsOf(columns) }),
  }));
  const deletion = fc.integer({ min: 0, max: 4 }).map((one) => one === 0);
  const rows = fc.uniqueArray(fc.tuple(fc.oneof(...any), deletion), {
    maxLength: 25,
    selector: ([{ table, key }]) => `${table}|${key}`,
  });
  const head = fc.record({
    sex: fc.constantFrom('F', 'X'),
    dummy: fc.integer({ min: 0, max: 9 }),
    present: fc.integer({ min: 0, max: 9 }),
  });
  return fc.tuple(rows, head).map(([list, { sex, dummy, present }]) => {
    const demographics = {
      PatientGuid: 'P',
      Sex: sex,
      Gender: sex,
      Surname: 'Testwood',
      DateOfBirth: '1961-03-14',
      DateBirth: '14 Mar 1961 00:00',
      DateOfRegistration: '2004-05-10',
      PatientTypeDescription: 'Regular',
      DummyType: String(dummy === 0),
      TestPatient: String(dummy === 0),
    };
    const first = present === 0 ? [] : [{ table: patient, key: 'P', cells: demographics, deleted: false }];
    return [
      ...first,
      ...list.map(([row, deleted]) => ({
        ...row,
        deleted,
        cells: { ...row.cells, [guidOf(row.table, idColumn)]: row.key },
      })),
    ].map((row, n) => ({ ...row, line: n + 2, file: `${row.table}.csv` }));
  });
}

/** The column that holds a row's own id. */
function guidOf(table: string, fallback: string): string {
  const own: Record<string, string> = {
    CareRecord_Observation: 'ObservationGuid',
    CareRecord_Problem: 'ObservationGuid',
    CareRecord_Consultation: 'ConsultationGuid',
    CareRecord_Diary: 'DiaryGuid',
    Prescribing_DrugRecord: 'DrugRecordGuid',
    Prescribing_IssueRecord: 'IssueRecordGuid',
    Appointment_Slot: 'SlotGuid',
  };
  return own[table] ?? fallback;
}

const emisCodes: Record<string, Cells> = {
  1: {
    CodeId: '1',
    Term: 'Diabetes',
    SnomedCTConceptId: '44054006',
    ReadTermId: 'C10F',
    EmisCodeCategoryDescription: 'Conditions, operations and procedures',
  },
  2: { CodeId: '2', Term: 'Jab', SnomedCTConceptId: '1037351000000105', EmisCodeCategoryDescription: 'Immunisations' },
  3: { CodeId: '3', Term: 'Blood pressure', SnomedCTConceptId: '75367002' },
  4: { CodeId: '4', Term: 'Systolic', SnomedCTConceptId: '271649006' },
  5: {
    CodeId: '5',
    Term: 'Diastolic',
    SnomedCTConceptId: '271650006',
    ParentCodeId: '5',
    EmisCodeCategoryDescription: 'Conditions, operations and procedures',
  },
};
const emisLookups: EmisLookups = {
  clinicalCode: (one) => emisCodes[one],
  drugCode: (one) => emisCodes[one],
  session: () => undefined,
  userInRole: () => undefined,
};
const texts: Record<string, string> = { 1: 'Booked', 2: 'Mobile', 3: 'Consent given', 4: 'Pending' };
const tppLookups: TppLookups = {
  mapping: (one) => (texts[one] ? { Mapping: texts[one] } : undefined),
  ctv3ToSnomed: (one) => (one === 'X40J5' ? { SnomedCode: '44054006' } : undefined),
  immunisationContent: (one) => (one === '1' ? { Name: 'Brand', Content: 'Influenza' } : undefined),
  staffMember: () => undefined,
};

const asOf = '2025-01-08T00:00:00.000Z';
const suppliers: readonly [string, fc.Arbitrary<RawRowLike[]>, (rows: readonly RawRowLike[]) => RecordTranslation][] = [
  [
    'EMIS',
    rowsOf(emisTables, 'Admin_Patient', 'ItemGuid'),
    (rows) =>
      translateEmisPatient(rows, emisLookups, {
        organisation: 'Z00001',
        patientId: emisPatientId('Z00001', 'P'),
        asOf,
      }),
  ],
  [
    'TPP',
    rowsOf(tppTables, 'SRPatient', 'RowIdentifier'),
    (rows) =>
      translateTppPatient(rows, tppLookups, { organisation: 'Z00002', patientId: tppPatientId('Z00002', 'P'), asOf }),
  ],
];

for (const [supplier, rows, translate] of suppliers) {
  t.test(
    `${supplier}: every row has exactly one outcome, in its order, and names a resource that is there`,
    async () => {
      fc.assert(
        fc.property(rows, (given) => {
          const { outcomes, resources, patient } = translate(given);
          const places = given.map((row) => `${row.table} ${row.key} ${row.file}:${row.line}`);
          const told = outcomes.map((one) => `${one.type} ${one.key} ${one.place}`);
          const there = new Set(resources.map((one) => `${one.resourceType}/${one.id}`));
          const references = outcomes.flatMap((one) => (one.result === 'resource' ? [one.reference] : []));
          const named = new Set(references);
          return (
            JSON.stringify(told) === JSON.stringify(places) &&
            there.size === resources.length &&
            references.every((one) => there.has(one)) &&
            (patient !== undefined || resources.length === 0) &&
            resources.every((one) => faultsOf(one).length === 0) &&
            // What no row names is made beside a row's own: the registration, the statement of an acute item.
            resources.every(
              (one) =>
                named.has(`${one.resourceType}/${one.id}`) ||
                ['EpisodeOfCare', 'MedicationStatement'].includes(one.resourceType),
            )
          );
        }),
        { numRuns },
      );
    },
  );

  t.test(`${supplier}: the order of the rows changes nothing in what they give`, async () => {
    const shuffled = rows.chain((given) =>
      fc.tuple(fc.constant(given), fc.shuffledSubarray(given, { minLength: given.length })),
    );
    fc.assert(
      fc.property(shuffled, ([given, other]) => {
        const canonical = ({ resources, incomplete, losses }: RecordTranslation) =>
          JSON.stringify([resources.map((one) => JSON.stringify(one)).sort(), incomplete, losses]);
        return canonical(translate(given)) === canonical(translate(other));
      }),
      { numRuns },
    );
  });

  t.test(
    `${supplier}: a row that waits makes the record incomplete, and its reason holds no text of the patient`,
    async () => {
      fc.assert(
        fc.property(rows, (given) => {
          const { outcomes, incomplete } = translate(given);
          const waiting = outcomes.filter((one) => one.result === 'error');
          const reasons = outcomes.flatMap((one) => (one.result === 'resource' ? [] : [one.reason])).join('\n');
          return (waiting.length === 0 || incomplete.length > 0) && !/Testwood|quoted|tablets|1961/.test(reasons);
        }),
        { numRuns },
      );
    },
  );
}

const cell = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.constantFrom('', 'a,b', 'say "x"', 'two\nlines', 'dos\r\nlines', '"', 'é’'),
);
const table = fc.array(fc.array(cell, { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 12 });
const quoted = (cells: readonly string[]) => `${cells.map((one) => `"${one.replaceAll('"', '""')}"`).join(',')}\r\n`;
/** Ways in which a row of four quoted cells goes wrong; `SECRET` must never be told. */
const faults: readonly string[] = [
  '"SECRET","b"\r\n',
  '"SECRET","b","c","d","e"\r\n',
  '"SECRET","b"x,"c","d"\r\n',
  '"SECRET","b,"c","d"\r\n',
  '"SECRET","b","c","d\r\n',
  '"SECRET,"b","c","d"\r\n',
  'SECRET"","b","c","d"\r\n',
];

t.test(
  'a bad row, whatever is wrong with it, never takes a neighbour with it and is told without its cells',
  async (t) => {
    const path = join(t.testdir({}), 'rows.csv');
    await fc.assert(
      fc.asyncProperty(table, table, fc.constantFrom(...faults), async (before, after, fault) => {
        // Keys are never empty: the first cell of a real row says which row it is.
        const keyed = (rows: string[][], mark: string) => rows.map((row, n) => [`${mark}${n}`, ...row.slice(1)]);
        const good = [['k', 'b', 'c', 'd'], ...keyed(before, 'before'), ...keyed(after, 'after')];
        const lines = good.map(quoted);
        writeFileSync(path, [...lines.slice(0, before.length + 1), fault, ...lines.slice(before.length + 1)].join(''));
        const records: CsvRecord[] = [];
        for await (const record of readCsv(path)) records.push(record);
        const read = records.flatMap((record) => ('values' in record ? [record.values] : []));
        const problems = records.flatMap((record) => ('problem' in record ? [record] : []));
        return (
          JSON.stringify(read) === JSON.stringify(good) &&
          problems.length === 1 &&
          !JSON.stringify(problems).includes('SECRET')
        );
      }),
      { numRuns },
    );
  },
);
