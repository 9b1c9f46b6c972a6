/** Patients whose extract rows changed are translated anew from all their current rows: a pure function, so any order and any repeat is right. */
import { ok, type Result } from '#result.ts';
import { feedKey, inTransaction, shareKey } from '#store/database.ts';
import { type FeedRow, lastApplied, referenceRows, rowsOfPatients } from '#store/feeds.ts';
import { emisPatientId, translateEmisPatient } from '#translate/emis/record.ts';
import { tppPatientId, translateTppPatient } from '#translate/tpp/record.ts';
import { type IncomingRecord, saveRecords } from './record.ts';
import type { Shell, Transaction } from './shell.ts';

type Cells = Readonly<Record<string, string>>;

type Derive = { readonly organisation: string; readonly feed: string; readonly patientKeys: readonly string[] };

/** Translates and saves patients of one practice. One of them that cannot be saved does not keep the others waiting. */
export async function derive(shell: Shell, job: Derive): Promise<Result<unknown>> {
  try {
    return await deriveAll(shell, job);
  } catch (error) {
    if (job.patientKeys.length === 1) throw error;
    const each = job.patientKeys.map((key) => ({ ...job, patientKeys: [key] }));
    await inTransaction(shell.pool, (tx) =>
      shell.enqueue(
        tx,
        each.map((payload) => ({ queue: 'derive' as const, payload })),
      ),
    );
    return ok('one by one');
  }
}

async function deriveAll(shell: Shell, job: Derive): Promise<Result<unknown>> {
  const { organisation, patientKeys } = job;
  const feed = job.feed === 'tpp' ? 'tpp' : 'emis';
  const changed = await inTransaction(shell.pool, async (tx) => {
    // No batch may land between the rows and the time up to which they are said to be complete.
    await shareKey(tx, feedKey(feed, organisation));
    const rows = await rowsOfPatients(tx, organisation, feed, patientKeys);
    const asOf = (await lastApplied(tx, feed, organisation)) ?? shell.now();
    const all = [...rows.values()].flat();
    const translate =
      feed === 'emis' ? await emisTranslator(tx, organisation, all) : await tppTranslator(tx, organisation);
    const records = patientKeys.map(
      (key): IncomingRecord => ({ ...translate(key, rows.get(key) ?? [], asOf), patientKey: key, asOf }),
    );
    return saveRecords(shell, tx, { organisation, feed, records, keepInputs: false });
  });
  return ok({ changed: changed.length });
}

type Translator = (
  key: string,
  rows: readonly FeedRow[],
  asOf: string,
) => Pick<IncomingRecord, 'patient' | 'translation'>;

async function emisTranslator(tx: Transaction, organisation: string, rows: readonly FeedRow[]): Promise<Translator> {
  const look = async (table: string, column: RegExp) =>
    byKey(await referenceRows(tx, organisation, 'emis', { table, keys: named(rows, column) }));
  const clinical = await look('Coding_ClinicalCode', /CodeId$/);
  const drugs = await look('Coding_DrugCode', /^CodeId$/);
  const sessions = await look('Appointment_Session', /^SessionGuid$/);
  const users = await look('Admin_UserInRole', /UserInRoleGuid$/);
  const lookups = {
    clinicalCode: (id: string) => clinical.get(id),
    drugCode: (id: string) => drugs.get(id),
    session: (id: string) => sessions.get(id),
    userInRole: (id: string) => users.get(id),
  };
  return (key, own, asOf) => {
    const patient = emisPatientId(organisation, key);
    return { patient, translation: translateEmisPatient(own, lookups, { organisation, patientId: patient, asOf }) };
  };
}

async function tppTranslator(tx: Transaction, organisation: string): Promise<Translator> {
  const look = async (table: string) => byKey(await referenceRows(tx, organisation, 'tpp', { table }));
  const mapping = await look('SRMapping');
  const contents = await look('SRImmunisationContent');
  const staff = await look('SRStaffMember');
  const ctv3 = await look('SRCtv3ToSnomed');
  const byCode = new Map([...ctv3.values()].map((cells) => [cells['Ctv3Code'] ?? '', cells]));
  const lookups = {
    mapping: (id: string) => mapping.get(id),
    ctv3ToSnomed: (code: string) => byCode.get(code),
    immunisationContent: (id: string) => contents.get(id),
    staffMember: (id: string) => staff.get(id),
  };
  return (key, own, asOf) => {
    const patient = tppPatientId(organisation, key);
    return { patient, translation: translateTppPatient(own, lookups, { organisation, patientId: patient, asOf }) };
  };
}

function byKey(rows: readonly FeedRow[]): ReadonlyMap<string, Cells> {
  return new Map(rows.map((row) => [row.key, row.cells]));
}

/** The ids that rows name in columns of a kind. */
function named(rows: readonly FeedRow[], column: RegExp): string[] {
  const ids = rows.flatMap((row) =>
    Object.entries(row.cells).flatMap(([name, value]) => (column.test(name) && value !== '' ? [value] : [])),
  );
  return [...new Set(ids)];
}
