/**
 * A practice that is reached only by GP Connect exports a list of its patients: GP Connect cannot build a cohort. Each
 * record is then fetched one at a time, in the name of the person who exported the list. Facts: gp-connect, things to know 1
 */

import { holdOf } from '#domain/task.ts';
import { addTo, epochMilliseconds } from '#fhir/date.ts';
import type { Task } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { feedKey, inTransaction, lockKeys } from '#store/database.ts';
import { patientsByNewNumber } from '#store/demographics.ts';
import { keepRejections, type ListedPatient, listedPatients, markApplied, saveListed } from '#store/feeds.ts';
import { markUnavailable, recordStates } from '#store/record-state.ts';
import { loadOfPatients } from '#store/resources.ts';
import { translateRecord } from '#translate/stu3/record.ts';
import type { RecordTranslation } from '#translate/translation.ts';
import type { IntakeShell } from './intake.ts';
import { overlayOf } from './known-demographics.ts';
import type { FetchRecord, User } from './ports.ts';
import { saveRecords } from './record.ts';
import { chunks, type PracticeLink, type StageJob, type Transaction } from './shell.ts';

/** Keeps a list and queues a fetch for each patient on it that is new or changed. */
export async function takeList(shell: IntakeShell, link: PracticeLink, batch: string): Promise<Result<unknown>> {
  const opened = await shell.openList(link.inbox, batch);
  if (!opened.ok) return opened;
  const { organisation } = link;
  const { entries, rejected, requestedBy } = opened.value;
  const now = shell.now();
  await inTransaction(shell.pool, async (tx) => {
    await lockKeys(tx, [feedKey('gp-connect', organisation)]);
    // A person whose number was superseded stays the patient they are, under whichever number the list has them.
    const numbers = entries.map(({ nhsNumber }) => nhsNumber);
    const renumbered = await patientsByNewNumber(tx, organisation, numbers);
    const patientOf = (nhsNumber: string) => renumbered.get(nhsNumber) ?? shell.patientIdOf(organisation, nhsNumber);
    const overlay = await overlayOf(tx, organisation, numbers.map(patientOf));
    const listed = entries.map(({ nhsNumber, birthDate, contact }) => {
      const patient = patientOf(nhsNumber);
      return { patient, nhsNumber, birthDate, contact: overlay.isRestricted(patient) ? {} : contact };
    });
    const last = new Map(listed.map((one) => [one.patient, one]));
    const changed = await saveListed(tx, organisation, [...last.values()], now);
    await keepRejections(tx, { feed: 'gp-connect', batch }, organisation, rejected);
    await markApplied(
      tx,
      { feed: 'gp-connect', batch },
      {
        organisation,
        asOf: now,
        now,
        counts: { listed: entries.length, rejected: rejected.length, changed: changed.length },
      },
    );
    await shell.enqueue(
      tx,
      chunks(changed.sort(), AT_ONCE).map((patients) => ({
        queue: 'pull-record' as const,
        payload: { organisation, patients, user: requestedBy },
      })),
    );
  });
  return ok(batch);
}

export type PullShell = IntakeShell & { readonly fetchRecord: FetchRecord };

/** A record fetched this recently answers another request for it: many Tasks may ask for one person at once. */
const STILL_FRESH_MINUTES = 60;
/** Records of one job: fetched a few at a time, saved together. */
const AT_ONCE = 25;
const CALLS_AT_ONCE = 4;

type Pull = {
  readonly organisation: string;
  readonly patients: readonly string[];
  readonly user?: User | undefined;
  /** Whether one that is fresh is fetched all the same: somebody asked for it now. */
  readonly isAnew?: boolean;
};
type Pulled = { readonly patient: string; readonly result: Result<RecordTranslation> };

/**
 * Fetches, translates and saves patients' records, one call each. A record that cannot be had makes every need of its
 * patient unknown; one that could not be had now is tried again, without those that came.
 */
export async function pullRecords(shell: PullShell, job: Pull): Promise<Result<unknown>> {
  const { organisation, user } = job;
  if (!user) return fail('forbidden', 'A record may be fetched only on behalf of a person; the job names none');
  const now = shell.now();
  const wanted = await stale(shell, job, now);
  const pulled: Pulled[] = [];
  for (const some of chunks(wanted, CALLS_AT_ONCE)) {
    pulled.push(...(await Promise.all(some.map((one) => pull(shell, { organisation, listed: one, user, now })))));
  }
  const [later] = pulled.flatMap(({ result }) => (result.ok || GONE.has(result.failure.kind) ? [] : [result]));
  try {
    await inTransaction(shell.pool, (tx) => save(shell, tx, { organisation, pulled, now }));
  } catch (error) {
    if (pulled.length === 1) throw error;
    return oneByOne(shell, job, pulled);
  }
  return later ?? ok({ pulled: pulled.length });
}

/** A record that cannot be saved does not keep the others from being saved. */
async function oneByOne(
  shell: PullShell,
  { organisation, user }: Pull,
  pulled: readonly Pulled[],
): Promise<Result<unknown>> {
  const jobs = pulled.map(({ patient }) => ({
    queue: 'pull-record' as const,
    payload: { organisation, patients: [patient], ...(user ? { user } : {}) },
  }));
  await inTransaction(shell.pool, (tx) => shell.enqueue(tx, jobs));
  return ok('one by one');
}

/** The listed patients among those asked for whose record is not fresh anyway. */
async function stale(
  shell: PullShell,
  { organisation, patients, isAnew }: Pull,
  now: string,
): Promise<ListedPatient[]> {
  const listed = await listedPatients(shell.pool, organisation, patients);
  if (isAnew) return listed;
  const states = await recordStates(shell.pool, organisation, patients);
  const isFresh = ({ patient }: ListedPatient) => {
    const state = states.get(patient);
    if (!state || state.incomplete.length > 0) return false;
    return epochMilliseconds(addTo(state.asOf, { minutes: STILL_FRESH_MINUTES })) > epochMilliseconds(now);
  };
  return listed.filter((one) => !isFresh(one));
}

async function pull(
  shell: PullShell,
  of: { organisation: string; listed: ListedPatient; user: User; now: string },
): Promise<Pulled> {
  const { organisation, now, user } = of;
  const { patient, nhsNumber } = of.listed;
  const fetched = await shell.fetchRecord({ organisation, nhsNumber, user });
  if (!fetched.ok) return { patient, result: fetched };
  return {
    patient,
    result: translateRecord(withoutNull(fetched.value), { organisation, patientId: patient, nhsNumber, asOf: now }),
  };
}

/** FHIR allows no U+0000 in a text, and no search index takes one: a record is not lost for it. */
export function withoutNull(json: string): string {
  return json.includes('\\u0000') ? json.replaceAll(/(?<!\\)((?:\\\\)*)\\u0000/g, '$1') : json;
}

async function save(
  shell: PullShell,
  tx: Transaction,
  of: { organisation: string; pulled: readonly Pulled[]; now: string },
): Promise<void> {
  const { organisation, pulled, now } = of;
  const records = pulled.flatMap(({ patient, result }) =>
    result.ok ? [{ patient, translation: result.value, asOf: now }] : [],
  );
  await saveRecords(shell, tx, { organisation, feed: 'gp-connect', records, keepInputs: true });
  const gone = pulled.flatMap(({ patient, result }) =>
    !result.ok && GONE.has(result.failure.kind) ? [{ patient, kind: result.failure.kind }] : [],
  );
  for (const { patient, kind } of gone) {
    await markUnavailable(tx, organisation, { patient, feed: 'gp-connect', reason: `record-not-available:${kind}` });
  }
  const unknown = gone.map(({ patient }) => patient);
  await shell.enqueue(tx, [
    ...(unknown.length > 0 ? [{ queue: 'assess' as const, payload: { organisation, patients: unknown } }] : []),
    ...(await wakeHeld(
      tx,
      organisation,
      records.map(({ patient }) => patient),
    )),
  ]);
}

/** Tasks that were held because the record was old look again, now that it is not. */
export async function wakeHeld(
  tx: Transaction,
  organisation: string,
  patients: readonly string[],
): Promise<StageJob[]> {
  const tasks = await loadOfPatients<Task>(tx, organisation, ['Task'], patients);
  return tasks
    .filter((task) => holdOf(task) === 'stale-data')
    .map((task) => ({ queue: 'reach' as const, payload: { organisation, task: task.id ?? '' } }));
}

/** Answers that will be the same tomorrow: nobody may conclude anything from them but that nothing is known. */
const GONE: ReadonlySet<string> = new Set(['not-found', 'forbidden', 'unsupported', 'invalid', 'conflict']);
