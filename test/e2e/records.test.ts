/** Every shared record and extract goes through the real intake into the store: all of it accounted for, and nothing written twice. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { addTo } from '#fhir/date.ts';
import { NHS_NUMBER } from '#fhir/systems.ts';
import type {
  Appointment,
  Condition,
  EpisodeOfCare,
  Observation,
  Patient,
  Resource,
  ServiceRequest,
} from '#fhir/types.ts';
import { fail, ok } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { saveListed } from '#store/feeds.ts';
import { loadOfPatients } from '#store/resources.ts';
import { sql } from '#store/sql.ts';
import { emisPatientId } from '#translate/emis/record.ts';
import { tppPatientId } from '#translate/tpp/record.ts';
import { pullRecords } from '#workflow/patient-list.ts';
import { must, openHouse, type TestHouse } from '../support/house.ts';
import { temporaryFolder } from '../support/sandbox.ts';

t.setTimeout(120_000);
const payloads = join(import.meta.dirname, '..', '..', '..', 'shared', 'payloads');
const shared = { skip: existsSync(payloads) ? false : 'shared payloads are not here' };
const clock = { now: '2026-06-01T09:00:00.000Z' };
const GP_CONNECT = 'Z00003';
const user = { sdsUserId: 'UNK', sdsRoleProfileId: 'UNK', localId: 'u', family: 'Doe', given: 'Jo' };

type Json = Record<string, unknown>;
type Entry = { readonly resource?: Json & { readonly contained?: readonly Json[] } };
type RecordFile = {
  readonly name: string;
  readonly text: string;
  readonly entries: readonly Entry[];
  readonly nhsNumber: string;
};

/** The bundles among the shared structured files: what a provider could answer with. */
function recordFiles(folder: string): RecordFile[] {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort();
  return names.flatMap((name): RecordFile[] => {
    const text = readFileSync(join(folder, name), 'utf8');
    const body = parsed(text);
    if (body?.['resourceType'] !== 'Bundle') return [];
    const entries = (body['entry'] ?? []) as readonly Entry[];
    const patient = entries.find(({ resource }) => resource?.['resourceType'] === 'Patient')?.resource as
      | Patient
      | undefined;
    const number = patient?.identifier?.find(({ system }) => system === NHS_NUMBER)?.value?.replaceAll(/\s/g, '');
    return [{ name, text, entries, nhsNumber: number ?? '9990000018' }];
  });
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, '')) as Json;
  } catch {
    return undefined;
  }
}

/** Entries and what they contain: each must be accounted for. */
const inputsOf = ({ entries }: RecordFile) =>
  entries.reduce((sum, { resource }) => sum + 1 + (resource?.contained?.length ?? 0), 0);

/** What is in the database: its rows, its versions, what is queued. */
async function contents({ pool }: TestHouse) {
  const { rows } = await pool.query(sql`
    select (select count(*) from resource) as resources, (select count(*) from resource_version) as versions,
      (select max(version) from resource_version) as highest, (select count(*) from resource where deleted) as deleted,
      (select count(*) from source_record) as sources, (select count(*) from clinical_fact) as facts,
      (select count(*) from feed_row) as rows, (select count(*) from feed_rejection) as rejections,
      (select md5(string_agg(organisation || type || id || version || hash, '|' order by organisation, type, id)) from resource) as what`);
  return rows[0];
}
const queued = async ({ pool }: TestHouse) => {
  const { rows } = await pool.query<{ name: string; n: number }>(
    sql`select name, count(*) as n from pgboss.job group by name order by name`,
  );
  return Object.fromEntries(rows.map(({ name, n }) => [name, n]));
};

const inbox = temporaryFolder(t);
const files = new Map<string, RecordFile>();
const EMIS = 'Z00001';
const TPP = 'Z00002';
const practice = (organisation: string, record: 'emis' | 'tpp' | 'gp-connect') => ({
  organisation,
  name: organisation,
  record,
  inbox: join(inbox, organisation),
  writeback: 'manual' as const,
  telephone: '01632 960001',
});

/** A house that asks for records of the files' people and gets the files; `isWorking` for those whose jobs are to be done. */
const openRecords = (isWorking: boolean) =>
  openHouse(t, {
    practices: [practice(EMIS, 'emis'), practice(TPP, 'tpp'), practice(GP_CONNECT, 'gp-connect')],
    now: () => clock.now,
    isWorking,
    outside: {
      fetchRecord: async ({ nhsNumber }) => {
        const file = files.get(nhsNumber);
        return file ? ok(file.text) : fail('not-found', 'no such file');
      },
    },
  });

t.test(
  'every shared structured record loads, is accounted for whole, and loading it again writes nothing',
  shared,
  async (t) => {
    const house = await openRecords(false);
    const all = recordFiles(join(payloads, 'structured'));
    t.ok(all.length > 40, `${all.length} bundles`);
    for (const file of all) await load(house, file);

    const { rows } = await house.pool.query<{
      patient: string;
      inputs: number;
      kept: number;
      explained: number;
      digest: string;
    }>(sql`
    select patient, count(*) as inputs, count(content) as kept, count(coalesce(reference, reason)) as explained from source_record group by patient`);
    const reported = new Map(rows.map((row) => [row.patient, row]));
    const { rows: states } = await house.pool.query<{ patient: string; digest: string }>(
      sql`select patient, digest from record_state`,
    );
    for (const file of all) {
      const inputs = inputsOf(file);
      const { inputs: found = 0, kept = 0, explained = 0 } = reported.get(patientOf(file)) ?? {};
      t.same(
        [found, kept, explained],
        [inputs, inputs, inputs],
        `${file.name}: ${inputs} inputs, each kept and explained`,
      );
      t.ok(
        states.find(({ patient, digest }) => patient === patientOf(file) && digest !== ''),
        `${file.name} is a record`,
      );
    }
    const total = all.reduce((sum, file) => sum + inputsOf(file), 0);
    t.equal(await house.count(sql`select count(*) as n from source_record`), total, `${total} inputs in all`);
    const dangling = await house.count(sql`
    select count(*) as n from source_record s where s.result = 'resource' and not exists (
      select 1 from resource r where r.organisation = s.organisation and r.type || '/' || r.id = s.reference and not r.deleted)`);
    t.equal(dangling, 0, 'what the report calls a resource is in the store');
    t.ok(
      (await house.count(sql`select count(*) as n from source_record where result = 'resource'`)) > total / 2,
      'most of it became resources',
    );

    const [before, jobs] = [await contents(house), await queued(house)];
    clock.now = addTo(clock.now, { days: 1 });
    for (const file of all) await load(house, file);
    t.same(await contents(house), before, 'the second time nothing was written');
    t.same(await queued(house), jobs, 'and nobody was assessed again');
  },
);

const patientOf = ({ name }: RecordFile) => name.replaceAll(/[^A-Za-z0-9.-]/g, '-').slice(0, 60);

t.test('an edge case in a record costs not the rest of the record', shared, async (t) => {
  const house = await openRecords(false);
  const folder = join(payloads, 'structured-edge');
  const all = readdirSync(folder).flatMap((name) =>
    recordFiles(join(folder, name)).map((file) => ({ ...file, name: `${name}-${file.name}` })),
  );
  t.ok(all.length > 20, `${all.length} bundles`);
  for (const file of all) await load(house, file);
  t.equal(await house.count(sql`select count(*) as n from record_state where digest <> ''`), all.length);
  const total = all.reduce((sum, file) => sum + inputsOf(file), 0);
  t.equal(await house.count(sql`select count(*) as n from source_record`), total, `${total} inputs accounted for`);
});

/** The practice lists the file's patient; whoever asks for the record gets the file. */
async function load(house: TestHouse, file: RecordFile): Promise<void> {
  files.clear();
  files.set(file.nhsNumber, file);
  const listed = { patient: patientOf(file), nhsNumber: file.nhsNumber, birthDate: '1970-01-01', contact: {} };
  await inTransaction(house.pool, (tx) => saveListed(tx, GP_CONNECT, [listed], clock.now));
  must(await pullRecords(house.shell, { organisation: GP_CONNECT, patients: [listed.patient], user }));
}

async function takeBatch(house: TestHouse, ods: string, from: string, name: string): Promise<void> {
  mkdirSync(join(inbox, ods), { recursive: true });
  cpSync(from, join(inbox, ods, name), { recursive: true });
  await house.enqueue([{ queue: 'intake', payload: { organisation: ods } }]);
  await house.settle();
}

const applied = async ({ pool }: TestHouse, organisation: string) =>
  (
    await pool.query<{ batch: string; counts: Json }>(
      sql`select batch, counts from feed_batch where organisation = ${organisation} order by batch`,
    )
  ).rows;

t.test('the shared EMIS batches: bulk, delta, and both again under other names', shared, async (t) => {
  const house = await openRecords(true);
  clock.now = '2025-01-08T09:00:00.000Z';
  const folder = join(payloads, 'extracts', 'emis');
  await takeBatch(house, EMIS, join(folder, 'bulk'), '1-bulk');
  t.equal((await applied(house, EMIS)).length, 1, house.logged.filter((line) => line.includes('held')).join());
  const afterBulk = await contents(house);
  await takeBatch(house, EMIS, join(folder, 'bulk'), '1-bulk-again');
  t.same(await contents(house), afterBulk, 'the bulk again writes nothing');
  await takeBatch(house, EMIS, join(folder, 'delta'), '2-delta');
  t.equal((await applied(house, EMIS)).length, 3);
  const afterDelta = await contents(house);
  t.not(afterDelta?.['what'], afterBulk?.['what'], 'the delta changes something');
  const jobs = await queued(house);
  await takeBatch(house, EMIS, join(folder, 'delta'), '2-delta-again');
  t.same(await contents(house), afterDelta, 'the delta again writes nothing');
  t.equal((await queued(house))['assess'], jobs['assess'], 'and nobody is assessed again');
  t.equal(
    await house.count(sql`select count(*) as n from record_state where as_of = ${'2025-01-08T00:00:00Z'}::timestamptz`),
    await house.count(sql`select count(*) as n from record_state`),
    'every record is as fresh as the delta',
  );

  const iris = emisPatientId(EMIS, 'E9BF4C54-AC32-567C-9003-80CFD7DA5964');
  const omar = emisPatientId(EMIS, '9FBDF7BC-E55D-5895-9DC3-46F085C73517');
  const walt = emisPatientId(EMIS, 'C670E220-3813-5359-AB98-54F01584560F');
  const pressure = await rowAs<Observation>(house, 'AE5E9DFA-B4A0-58B7-9DF5-D0BC8D6E30D8');
  t.same(
    pressure.now.component?.map(({ valueQuantity }) => valueQuantity?.value),
    [88],
    'a deleted reading is gone from its blood pressure',
  );
  const hypertension = await rowAs<Condition>(house, '377117BB-B424-515D-BD81-C0D9411A67D3');
  t.notMatch(
    hypertension.now.category,
    [{ coding: [{ code: 'problem-list-item' }] }],
    'a deleted problem leaves its diagnosis',
  );
  t.equal(
    (await rowAs<Observation>(house, '059406F4-E82D-5746-819A-8DB8C23FD377')).now.valueQuantity?.value,
    57,
    'of one key twice the later counts',
  );
  t.match(
    (await rowAs<Condition>(house, 'DD849ECF-E407-5A5A-B8F0-CB6E8A682549')).now.code,
    { coding: [{ code: '59621000' }] },
    'a late code reaches its row',
  );
  const booked = await loadOfPatients<Appointment>(house.pool, EMIS, ['Appointment'], [iris, omar, walt]);
  const ahead = booked
    .filter(({ status }) => status === 'booked')
    .map(({ start, participant }) => [start, participant[0]?.actor?.reference]);
  t.same(
    ahead,
    [['2025-01-15T09:20:00.000Z', `Patient/${iris}`]],
    'one slot given back, the other booked by someone else',
  );
  const [gone] = (
    await house.pool.query<{ n: number }>(
      sql`select count(*) as n from resource where patient = ${walt} and not deleted`,
    )
  ).rows;
  t.equal(gone?.n, 0, 'of a deleted patient nothing stays');
  const [left] = await loadOfPatients<EpisodeOfCare>(house.pool, EMIS, ['EpisodeOfCare'], [iris]);
  t.match(left, { status: 'finished', period: { end: '2025-01-07' } }, 'who left is no longer registered');
});

t.test('the shared TPP batches: full, delta, and both again under other names', shared, async (t) => {
  const house = await openRecords(true);
  clock.now = '2025-01-08T09:00:00.000Z';
  const folder = join(payloads, 'extracts', 'tpp');
  await takeBatch(house, TPP, join(folder, '20250107_0215'), '1-full');
  t.equal((await applied(house, TPP)).length, 1, house.logged.filter((line) => line.includes('held')).join());
  const afterFull = await contents(house);
  await takeBatch(house, TPP, join(folder, '20250107_0215'), '1-full-again');
  t.same(await contents(house), afterFull, 'the full batch again writes nothing');
  await takeBatch(house, TPP, join(folder, '20250108_0210'), '2-delta');
  t.equal((await applied(house, TPP)).length, 3);
  const afterDelta = await contents(house);
  const jobs = await queued(house);
  await takeBatch(house, TPP, join(folder, '20250108_0210'), '2-delta-again');
  t.same(await contents(house), afterDelta, 'the delta again writes nothing');
  t.equal((await queued(house))['assess'], jobs['assess'], 'and nobody is assessed again');

  const bea = tppPatientId(TPP, '100001');
  const cai = tppPatientId(TPP, '100002');
  const dot = tppPatientId(TPP, '100003');
  t.ok((await rowAs<Observation>(house, 'SRCode/160003')).deleted, 'a removal that names no patient finds its reading');
  t.match((await rowAs<Observation>(house, 'SRCode/160007')).now.valueQuantity, { value: 57, comparator: '<=' });
  t.equal(
    (await rowAs<Appointment>(house, 'SRAppointment/220002')).now.status,
    'cancelled',
    'cancelled, and still there',
  );
  t.ok((await rowAs<Appointment>(house, 'SRAppointment/220003')).deleted, 'removed');
  t.equal((await rowAs<ServiceRequest>(house, 'SRRecall/190001')).now.status, 'completed', 'seen');
  const [caller] = await loadOfPatients<Patient>(house.pool, TPP, ['Patient'], [cai]);
  t.same(
    caller?.telecom?.map(({ value }) => value?.replaceAll(' ', '').slice(-6)),
    ['900012'],
    'the old number removed, the new one there',
  );
  const kept = (patient: string) =>
    house.count(sql`select count(*) as n from resource where patient = ${patient} and not deleted`);
  t.equal(await kept(dot), 0, 'of a removed patient nothing stays');
  t.ok((await kept(bea)) > 0);
});

/** What a row of an extract became: its resource as it is now, or as it was when it went. */
async function rowAs<R extends Resource>(house: TestHouse, key: string): Promise<{ now: R; deleted: boolean }> {
  const value = `%Id/record","value":"${key}"%`;
  const { rows } = await house.pool.query<{ content: string; deleted: boolean }>(sql`
    select content, deleted from resource where content like ${value} order by deleted, type limit 1`);
  const [row] = rows;
  if (!row) throw new Error(`nothing was made of ${key}`);
  return { now: JSON.parse(row.content) as R, deleted: row.deleted };
}
