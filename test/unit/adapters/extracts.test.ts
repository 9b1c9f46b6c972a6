/** Extract files on disk: EMIS and TPP batches, a practice's own list of patients. Nothing here is about what rows mean. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readCsv } from '#adapters/csv/records.ts';
import {
  agreementState,
  describeEmisBatch,
  type RawRow,
  type RejectedRow,
  readEmisBatch,
} from '#adapters/emis/batch.ts';
import { emisTables, requiredEmisTables } from '#adapters/emis/tables.ts';
import { readPatientList } from '#adapters/patient-list/list.ts';
import { describeTppBatch, readTppBatch } from '#adapters/tpp/batch.ts';
import { requiredTppTables, tppTables } from '#adapters/tpp/tables.ts';

const samples = join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'payloads', 'extracts');
const withSamples = { skip: existsSync(samples) ? false : ('shared payloads are not here' as const) };

const AGREEMENT = '7B1D6C52-0E6A-4C0E-9C57-3A2F8D4E9A10';
const PRACTICE = '{64CA48A5-6C66-5816-A27E-82273A7B28CC}';
const IRIS = '{E9BF4C54-AC32-567C-9003-80CFD7DA5964}';

type Cells = Record<string, string>;

function csv(header: readonly string[], rows: readonly Cells[]): string {
  const line = (cells: readonly string[]) => `${cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')}\r\n`;
  return [header, ...rows.map((row) => header.map((column) => row[column] ?? ''))].map(line).join('');
}

function columnsOf(table: string): readonly string[] {
  return [...emisTables, ...tppTables].find((spec) => spec.table === table)?.columns ?? [];
}

function emisName(table: string, stamp = '20250107031500'): string {
  return `delta_100201_${table}_${stamp}_${AGREEMENT}.csv`;
}

/** A whole EMIS batch with the given rows; every other required table has its header alone. */
function emisFiles(rows: Record<string, readonly Cells[]>): Record<string, string> {
  const tables = [...new Set([...requiredEmisTables, ...Object.keys(rows)])];
  return Object.fromEntries(tables.map((table) => [emisName(table), csv(columnsOf(table), rows[table] ?? [])]));
}

function observation(guid: string, more: Cells = {}): Cells {
  return {
    ObservationGuid: `{${guid}}`,
    PatientGuid: IRIS,
    OrganisationGuid: PRACTICE,
    CodeId: '9900000000000610',
    Deleted: 'false',
    ProcessingId: '1',
    ...more,
  };
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}

async function readAll(
  rows: AsyncGenerator<RawRow | RejectedRow>,
): Promise<{ rows: RawRow[]; rejected: RejectedRow[] }> {
  const all = await collect(rows);
  return {
    rows: all.filter((row): row is RawRow => !('reason' in row)),
    rejected: all.filter((row): row is RejectedRow => 'reason' in row),
  };
}

async function readEmis(t: Test, files: Record<string, string>) {
  const folder = t.testdir(files);
  const described = await describeEmisBatch(folder);
  if (!described.ok) throw new Error(described.failure.message);
  return { batch: described.value, ...(await readAll(readEmisBatch(folder, described.value))) };
}

async function refusal(t: Test, files: Record<string, string>): Promise<string> {
  const described = await describeEmisBatch(t.testdir(files));
  return described.ok
    ? 'accepted'
    : [described.failure.message, ...(described.failure.issues ?? []).map((one) => one.diagnostics)].join('\n');
}

t.test('the EMIS sample batches are read whole, with nothing rejected', withSamples, async (t) => {
  const counts: number[] = [];
  for (const kind of ['bulk', 'delta']) {
    const folder = join(samples, 'emis', kind);
    const described = await describeEmisBatch(folder);
    if (!described.ok) throw new Error(described.failure.message);
    const { rows, rejected } = await readAll(readEmisBatch(folder, described.value));
    t.equal(described.value.kind, kind);
    t.equal(described.value.files.length, 18);
    t.same(described.value.warnings, []);
    t.same(rejected, []);
    counts.push(rows.length);
    if (kind === 'delta') continue;
    t.equal(described.value.id, `${AGREEMENT}_20250107031500`);
    t.equal(described.value.asOf, '2025-01-07T00:00:00.000Z', 'complete up to midnight, whatever the time in the name');
    const jab = rows.find((row) => row.cells['AssociatedText']?.startsWith('left arm'));
    t.match(jab?.cells['AssociatedText'], /"no reaction"\r?\nsecond line/, 'a line break and quotes within a cell');
    t.equal(rows.filter((row) => row.table === 'CareRecord_Observation').at(-1)?.line, 11, 'counted in lines');
    t.equal(
      rows.find((row) => row.cells['CodeId'] === '9900000000000710')?.cells['SnomedCTConceptId'],
      '1037351000000105',
    );
  }
  t.same(counts, [72, 25]);
});

t.test('rows come in an order that is safe for references, keyed within practice and patient', async (t) => {
  const files = emisFiles({
    CareRecord_Observation: [observation('ab12', { ProcessingId: '7' })],
    Coding_ClinicalCode: [{ CodeId: '9900000000000610', Term: 'HbA1c', ProcessingId: '9' }],
    Appointment_SessionUser: [{ SessionGuid: '{S1}', UserInRoleGuid: '{U1}', Deleted: 'false', ProcessingId: '2' }],
    Admin_PatientHistory: [
      {
        PatientGuid: IRIS,
        OrganisationGuid: PRACTICE,
        HistoryDate: '2024-01-01',
        HistoryTime: '09:00:00',
        StatusDescription: 'Death',
        ProcessingId: '3',
      },
    ],
  });
  const { rows } = await readEmis(t, files);
  t.same(
    rows.map((row) => row.table),
    ['Coding_ClinicalCode', 'Appointment_SessionUser', 'Admin_PatientHistory', 'CareRecord_Observation'],
  );
  const [code, user, history, entry] = rows;
  t.match(code, { organisation: '', key: '9900000000000610', patientKey: undefined, order: 9 });
  t.match(user, { organisation: '', key: 'S1|U1' });
  t.match(entry, {
    organisation: '64CA48A5-6C66-5816-A27E-82273A7B28CC',
    key: 'E9BF4C54-AC32-567C-9003-80CFD7DA5964|AB12',
    patientKey: 'E9BF4C54-AC32-567C-9003-80CFD7DA5964',
    order: 7,
    deleted: false,
    line: 2,
  });
  t.notMatch(history?.key, /Death|2024/, 'what happened to a patient is not in a key');
});

t.test('of two rows with one key the higher ProcessingId is the later one, wherever it stands', async (t) => {
  const twice = [
    observation('A', { Value: '57', ProcessingId: '17' }),
    observation('A', { Value: '58', ProcessingId: '16' }),
  ];
  const { rows } = await readEmis(t, emisFiles({ CareRecord_Observation: twice }));
  t.equal(new Set(rows.map((row) => row.key)).size, 1);
  t.equal(rows.toSorted((a, b) => b.order - a.order)[0]?.cells['Value'], '57');
});

t.test('an id of 18 digits and a patient who was deleted come through unharmed', async (t) => {
  const { rows } = await readEmis(
    t,
    emisFiles({
      CareRecord_Observation: [observation('A', { CodeId: '900000000000000123' })],
      Admin_Patient: [{ PatientGuid: IRIS, OrganisationGuid: PRACTICE, Deleted: 'TRUE', ProcessingId: '2' }],
    }),
  );
  t.equal(rows.find((row) => row.table === 'CareRecord_Observation')?.cells['CodeId'], '900000000000000123');
  t.match(
    rows.find((row) => row.table === 'Admin_Patient'),
    { deleted: true, key: 'E9BF4C54-AC32-567C-9003-80CFD7DA5964' },
  );
});

t.test('columns are found by name: any order, any case, misspelt; an unknown one is kept and warned of', async (t) => {
  const header = [...columnsOf('CareRecord_Observation')].reverse().map((name) => name.toUpperCase());
  const renamed = header.map((name) => (name === 'CLINICIANUSERINROLEGUID' ? 'ClinicanUserInRoleGuid' : name));
  const row = Object.fromEntries(Object.entries(observation('A')).map(([name, value]) => [name.toUpperCase(), value]));
  const { batch, rows } = await readEmis(t, {
    ...emisFiles({}),
    [emisName('CareRecord_Observation')]: csv(
      [...renamed, 'Mood'],
      [{ ...row, ClinicanUserInRoleGuid: '{u1}', Mood: 'x' }],
    ),
  });
  t.same(batch.warnings, ['CareRecord_Observation has a column that is not known: Mood']);
  t.match(rows[0]?.cells, { ClinicianUserInRoleGuid: 'U1', Mood: 'x', CodeId: '9900000000000610' });
});

t.test('a folder that is not one whole batch is refused, and the refusal says which file or table', async (t) => {
  const good = emisFiles({});
  const observations = emisName('CareRecord_Observation');
  const { [observations]: content = '', ...without } = good;
  const header = columnsOf('CareRecord_Observation');
  t.match(await refusal(t, {}), /not complete: Agreements_SharingOrganisation,/);
  t.match(await refusal(t, without), /not complete: CareRecord_Observation missing/);
  t.match(await refusal(t, { ...good, 'notes.txt': 'x' }), /notes\.txt is not named as an EMIS extract file/);
  t.match(await refusal(t, { ...good, [`${observations}.gpg`]: 'x' }), /still encrypted/);
  t.match(await refusal(t, { ...good, [emisName('CareRecord_Mood')]: '"A"\r\n' }), /CareRecord_Mood is not known/);
  t.match(
    await refusal(t, { ...without, [emisName('CareRecord_Observation', '20250108031500')]: content }),
    /more than one extract time: 20250107031500, 20250108031500/,
  );
  t.match(
    await refusal(t, { ...without, [observations.replace('7B1D', '0000')]: content }),
    /more than one sharing agreement/,
  );
  t.match(
    await refusal(t, { ...good, [observations.replace('100201', '100202')]: content }),
    /Observation is there twice/,
  );
  t.match(await refusal(t, { ...good, [observations]: '' }), /Observation.* is empty/);
  t.match(await refusal(t, { ...good, [observations]: `${content}"{A}","{E9` }), /Observation.* cut off/);
  t.match(
    await refusal(t, {
      ...good,
      [observations]: csv(
        header.filter((name) => name !== 'CodeId'),
        [],
      ),
    }),
    /CareRecord_Observation lacks the column CodeId/,
  );
  t.match(await refusal(t, { ...good, [observations]: csv([...header, 'codeid'], []) }), /two columns CodeId/);
  t.equal(await refusal(t, good), 'accepted');
});

t.test('the older names are read too, and without the word a batch is a delta unless it is plainly full', async (t) => {
  const older = (files: Record<string, string>) =>
    Object.fromEntries(
      Object.entries(files).map(([name, content]) => [name.replace('delta_100201', '291-305'), content]),
    );
  t.equal((await readEmis(t, older(emisFiles({})))).batch.kind, 'delta');

  const patients = Array.from({ length: 1000 }, (_, n) => ({
    PatientGuid: `{P${n}}`,
    OrganisationGuid: PRACTICE,
    Deleted: 'false',
    ProcessingId: '1',
  }));
  const entries = Array.from({ length: 4000 }, (_, n) => observation(`O${n}`, { PatientGuid: `{P${n % 1000}}` }));
  const full = { Admin_Patient: patients, CareRecord_Observation: entries };
  t.equal((await readEmis(t, older(emisFiles(full)))).batch.kind, 'bulk');
  const one = [...entries.slice(1), observation('OX', { Deleted: 'true' })];
  t.equal(
    (await readEmis(t, older(emisFiles({ ...full, CareRecord_Observation: one })))).batch.kind,
    'delta',
    'a full batch deletes nothing',
  );
  const stranger = [...entries.slice(1), observation('OX', { PatientGuid: '{STRANGER}' })];
  t.equal((await readEmis(t, older(emisFiles({ ...full, CareRecord_Observation: stranger })))).batch.kind, 'delta');
});

t.test('a row that cannot be taken is told by its line and reason alone, and its neighbours are kept', async (t) => {
  const header = columnsOf('CareRecord_Observation');
  const secret = 'Testwood 9990000115';
  const lines = (row: Cells) => csv(header, [row]).split('\r\n').slice(1).join('\r\n');
  const good = (guid: string) => lines(observation(guid, { AssociatedText: 'first line\nsecond "line"' }));
  const broken = [
    `"${secret}","too few"\r\n`,
    lines(observation('B', { AssociatedText: secret })).replace(`"${secret}"`, `"${secret}"x"`),
    lines(observation('C', { AssociatedText: secret })).replace(`"${secret}"`, `"${secret}`),
    lines({ ...observation(''), AssociatedText: secret, ObservationGuid: '' }),
    lines(observation('E', { AssociatedText: secret, ProcessingId: 'seven' })),
    lines(observation('F', { AssociatedText: secret, OrganisationGuid: '' })),
  ];
  const content = csv(header, []) + broken.map((row, n) => good(`G${n}`) + row).join('') + good('LAST');
  const { rows, rejected } = await readEmis(t, { ...emisFiles({}), [emisName('CareRecord_Observation')]: content });
  t.same(
    rows.map((row) => row.key.split('|')[1]),
    ['G0', 'G1', 'G2', 'G3', 'G4', 'G5', 'LAST'],
  );
  t.same(
    rejected.map((row) => row.line),
    [4, 7, 10, 13, 16, 19],
  );
  t.same(
    rejected.map((row) => row.reason),
    [
      '2 cells were found, the header has 28',
      'a quote stands where none may stand',
      'a quote stands where none may stand',
      'ObservationGuid is empty: the row cannot be told from others',
      'ProcessingId is not a whole number',
      'OrganisationGuid is empty: the row cannot be told from others',
    ],
  );
  t.notMatch(JSON.stringify(rejected), /Testwood|999000|seven/);
});

t.test('a quote that is never closed costs its own row, not the rest of a large file', async (t) => {
  const rows = Array.from({ length: 3000 }, (_, n) => `${n},plain,text`);
  rows[1500] = '1500,"never closed,text';
  const path = join(t.testdir({ 'a.csv': ['id,b,c', ...rows, ''].join('\n') }), 'a.csv');
  const records = await collect(readCsv(path));
  t.equal(records.filter((record) => 'values' in record).length, 3000, 'the header and 2,999 rows');
  t.same(
    records.filter((record) => 'problem' in record).map((record) => record.line),
    [1502],
  );
});

t.test('an agreement says by its row what may be done with an organisation', async (t) => {
  const row = { IsActivated: 'true', Disabled: 'false', Deleted: 'false' };
  t.equal(agreementState(row), 'active');
  t.equal(agreementState({ ...row, Disabled: 'TRUE' }), 'disabled');
  t.equal(agreementState({ ...row, IsActivated: 'false' }), 'not-activated');
  t.equal(agreementState({ ...row, Disabled: 'true', Deleted: 'true' }), 'deleted');
  t.equal(agreementState({}), 'not-activated', 'what is not said is not allowed');
});

/** A whole TPP batch with the given rows. */
function tppFiles(rows: Record<string, readonly Cells[]>, manifest: Cells = {}): Record<string, string | Buffer> {
  const tables = [...new Set([...requiredTppTables, ...Object.keys(rows)])];
  const listed = tables
    .filter((table) => table !== 'SRMapping')
    .map((table) => ({
      FileName: table,
      IsDelta: 'Y',
      IsReference: 'N',
      DateExtractFrom: '20250106_2305',
      DateExtractTo: '20250707_2307',
      ...manifest,
    }));
  return {
    ...Object.fromEntries(
      tables.map((table) => [`${table}.csv`, Buffer.from(csv(columnsOf(table), rows[table] ?? []), 'latin1')]),
    ),
    'SRManifest.csv': csv(['FileName', 'IsDelta', 'IsReference', 'DateExtractFrom', 'DateExtractTo'], listed),
  };
}

function tppRow(key: string, more: Cells = {}): Cells {
  return { RowIdentifier: key, IDOrganisationVisibleTo: 'Z00002', IDPatient: '100001', RemovedData: '0', ...more };
}

t.test('the TPP sample batches are read, and what is not needed is counted', withSamples, async (t) => {
  const expected = [
    { name: '20250107_0215', kind: 'bulk', from: undefined, rows: 82 },
    { name: '20250108_0210', kind: 'delta', from: '2025-01-06T23:05:00.000Z', rows: 29 },
  ];
  for (const { name, kind, from, rows: count } of expected) {
    const folder = join(samples, 'tpp', name);
    const described = await describeTppBatch(folder);
    if (!described.ok) throw new Error(described.failure.message);
    const { rows, rejected } = await readAll(readTppBatch(folder, described.value));
    t.match(described.value, { id: name, kind, warnings: [] });
    t.equal(described.value.from, from);
    t.same(rejected, []);
    t.equal(rows.length, count);
    if (kind === 'bulk')
      t.same(
        described.value.skipped.find((one) => one.table === 'SREvent'),
        { table: 'SREvent', rows: 3 },
      );
    else t.same(described.value.full, [], 'a delta batch has no table whose absent rows are gone');
  }
});

t.test('a TPP batch says from when to when it reaches, so that a gap can be seen', async (t) => {
  const described = await describeTppBatch(t.testdir(tppFiles({})));
  t.match(described, {
    ok: true,
    value: { kind: 'delta', from: '2025-01-06T23:05:00.000Z', asOf: '2025-07-07T22:07:00.000Z', full: [] },
  });
  const full = await describeTppBatch(t.testdir(tppFiles({}, { IsDelta: 'N', DateExtractFrom: '' })));
  t.match(full, {
    ok: true,
    value: { kind: 'bulk', full: requiredTppTables.filter((table) => table !== 'SRMapping') },
  });
});

t.test('a TPP batch that is still arriving is waited for, and one that cannot be whole is refused', async (t) => {
  const outcome = async (files: Record<string, string | Buffer | Record<string, string>>) => {
    const described = await describeTppBatch(t.testdir(files as Record<string, string>));
    return described.ok ? 'accepted' : `${described.failure.kind}: ${JSON.stringify(described.failure)}`;
  };
  const { 'SRManifest.csv': manifest = '', ...rest } = tppFiles({});
  t.match(await outcome(rest), /^busy: .*SRManifest/);
  t.match(await outcome({ ...rest, 'SRManifest.csv': manifest, temp: {} }), /^busy: .*temp/);
  t.match(
    await outcome({ ...rest, 'SRManifest.csv': manifest, 'SRExtract.zip': 'x' }),
    /^precondition: .*SRExtract\.zip/,
  );
  const { 'SRCode.csv': _, ...incomplete } = tppFiles({});
  t.match(await outcome(incomplete), /^invalid: .*SRCode\.csv is in the manifest and not in the folder/);
  t.match(await outcome(tppFiles({}, { DateExtractFrom: '' })), /^invalid: .*no DateExtractFrom/);
  const uneven = `${manifest}"SRRecall","Y","N","20250105_2305","20250707_2307"\r\n`;
  t.match(
    await outcome({ ...tppFiles({ SRRecall: [] }), 'SRManifest.csv': uneven }),
    /^invalid: .*2 extract beginnings/,
  );
  const undated = `${manifest}"SRAppointmentAttendees","Y","N","",""\r\n`;
  t.equal(await outcome({ ...rest, 'SRManifest.csv': undated, 'SRAppointmentAttendees.csv': '"A"\r\n' }), 'accepted');
});

t.test('TPP text is Windows-1252, and delimiter and quote are as the receiver set them', async (t) => {
  const name = 'Siân O’Hare';
  const bytes = (text: string) =>
    Buffer.from([...text].map((character) => (character === '’' ? 0x92 : character.charCodeAt(0))));
  const format = { encoding: 'windows-1252', delimiter: '|', quote: "'" } as const;
  const files = Object.fromEntries(
    Object.entries(tppFiles({ SRPatient: [tppRow('100001', { FirstName: '@' })] })).map(([file, content]) => [
      file,
      bytes(content.toString('latin1').replaceAll(',', '|').replaceAll('"', "'").replace('@', name)),
    ]),
  );
  const folder = t.testdir(files as unknown as Record<string, string>);
  const described = await describeTppBatch(folder, { format });
  if (!described.ok) throw new Error(described.failure.message);
  const { rows } = await readAll(readTppBatch(folder, described.value, format));
  t.equal(rows[0]?.cells['FirstName'], name);
});

t.test('a TPP removal has a key and nothing else; only a patient is still known by it', async (t) => {
  const removed = { RowIdentifier: '7', IDOrganisationVisibleTo: 'Z00002', RemovedData: '1' };
  const files = tppFiles({
    SRPatient: [removed],
    SRCode: [
      removed,
      tppRow('8'),
      tppRow('9', { IDPatient: '-1' }),
      tppRow('-1'),
      tppRow('10', { IDOrganisationVisibleTo: '' }),
    ],
    SRMapping: [{ RowIdentifier: '5001', Mapping: 'Home' }],
  });
  const folder = t.testdir(files as Record<string, string>);
  const described = await describeTppBatch(folder);
  if (!described.ok) throw new Error(described.failure.message);
  const { rows, rejected } = await readAll(readTppBatch(folder, described.value));
  t.same(
    rows.map(({ table, key, patientKey, deleted, organisation }) => [table, key, patientKey, deleted, organisation]),
    [
      ['SRMapping', '5001', undefined, false, ''],
      ['SRPatient', '7', '7', true, 'Z00002'],
      ['SRCode', '7', undefined, true, 'Z00002'],
      ['SRCode', '8', '100001', false, 'Z00002'],
      ['SRCode', '9', undefined, false, 'Z00002'],
    ],
  );
  t.same(
    rejected.map((row) => row.line),
    [5, 6],
  );
});

const listHeader =
  'NHS Number,Family Name,Given Name,Date of Birth,Gender,Mobile,Home Telephone,House,Road,Town,Postcode,Email';

async function readList(t: Test, content: string | Buffer) {
  return readPatientList(join(t.testdir({ 'list.csv': content as string }), 'list.csv'));
}

t.test('a practice’s list is read whatever its dates, spaces and order of columns', async (t) => {
  const list = await readList(
    t,
    `${listHeader}\r\n999 000 0115,Testwood,Iris,14/03/1961,Female,07700 900001,,1,Sample Row,Exampleton,zz99 9zz,iris@example.org\r\n` +
      '9990000123,"O\'Sample, junior",Omar,1955-11-30,M,,,,,,,\r\n',
  );
  t.match(list, {
    ok: true,
    value: {
      entries: [
        {
          line: 2,
          nhsNumber: '9990000115',
          birthDate: '1961-03-14',
          gender: 'female',
          addressLines: ['1', 'Sample Row'],
          postcode: 'ZZ99 9ZZ',
        },
        {
          line: 3,
          nhsNumber: '9990000123',
          birthDate: '1955-11-30',
          gender: 'male',
          family: "O'Sample, junior",
          addressLines: [],
        },
      ],
      rejected: [],
      sha256: /^[0-9a-f]{64}$/,
    },
  });
  const least = await readList(t, 'DATE OF BIRTH,nhs number\n30/11/1955,9990000123\n');
  t.match(least, { ok: true, value: { entries: [{ nhsNumber: '9990000123', birthDate: '1955-11-30' }] } });
});

t.test('a bad row of a list is rejected by line and reason, and the good ones are kept', async (t) => {
  const list = await readList(
    t,
    [
      'NHS Number,Date of Birth,Family Name',
      '9990000115,14/03/1961,Testwood',
      '9990000116,14/03/1961,Wrongdigit',
      '9990000123,31/02/1961,Wrongdate',
      '9990000131,1961-03-14',
      '9990000115,14/03/1961,Twice',
      '9990000158,14/03/1961,Last',
      '',
    ].join('\n'),
  );
  t.match(list, { ok: true, value: { entries: [{ line: 2 }, { line: 7 }] } });
  if (!list.ok) return;
  t.equal(list.value.entries.length, 2);
  t.same(list.value.rejected, [
    { file: 'list.csv', line: 3, reason: 'NHS Number is not ten digits with a valid check digit' },
    { file: 'list.csv', line: 4, reason: 'Date of Birth is not a date like 31/12/1970 or 1970-12-31' },
    { file: 'list.csv', line: 5, reason: '2 cells were found, the header has 3' },
    { file: 'list.csv', line: 6, reason: 'NHS Number stands on line 2 already' },
  ]);
});

t.test('a list in Windows-1252 keeps its names, and a file that is no list is refused', async (t) => {
  const ansi = await readList(
    t,
    Buffer.from('NHS Number,Date of Birth,Given Name\n9990000115,14/03/1961,Siân\n', 'latin1'),
  );
  t.match(ansi, { ok: true, value: { entries: [{ given: 'Siân' }] } });
  t.match(await readList(t, 'NHS Number,Name\n9990000115,x\n'), {
    ok: false,
    failure: { kind: 'invalid', message: /DateOfBirth/ },
  });
  t.match(await readList(t, ''), { ok: false, failure: { kind: 'invalid', message: /empty/ } });
});
