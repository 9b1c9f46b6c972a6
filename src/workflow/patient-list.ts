/**
 * A practice that is reached only by GP Connect exports a list of its patients: GP Connect cannot build a cohort. Each
 * record is then fetched one at a time, in the name of the person who exported the list. Facts: gp-connect, things to know 1
 */

import { holdOf } from '#domain/task.ts';
import { addTo, epochMilliseconds } from '#fhir/date.ts';
import type { Task } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { inTransaction, lockKeys } from '#store/database.ts';
import { keepRejections, listedPatient, markApplied, saveListed } from '#store/feeds.ts';
import { markUnavailable, recordStates } from '#store/record-state.ts';
import { loadOfPatients } from '#store/resources.ts';
import { translateRecord } from '#translate/stu3/record.ts';
import type { IntakeShell } from './intake.ts';
import type { FetchRecord, User } from './ports.ts';
import { saveRecords } from './record.ts';
import type { PracticeLink, StageJob, Transaction } from './shell.ts';

/** Keeps a list and queues a fetch for each patient on it that is new or changed. */
export async function takeList(shell: IntakeShell, link: PracticeLink, batch: string): Promise<Result<unknown>> {
  const opened = await shell.openList(link.inbox, batch);
  if (!opened.ok) return opened;
  const { organisation } = link;
  const { entries, rejected, requestedBy } = opened.value;
  const now = shell.now();
  await inTransaction(shell.pool, async (tx) => {
    await lockKeys(tx, [`feed|gp-connect|${organisation}`]);
    const listed = entries.map(({ nhsNumber, birthDate, contact }) => ({
      patient: shell.patientIdOf(organisation, nhsNumber),
      nhsNumber,
      birthDate,
      contact,
    }));
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
      changed
        .sort()
        .map((patient) => ({ queue: 'pull-record' as const, payload: { organisation, patient, user: requestedBy } })),
    );
  });
  return ok(batch);
}

export type PullShell = IntakeShell & { readonly fetchRecord: FetchRecord };

/** A record fetched this recently answers another request for it: many Tasks may ask for one person at once. */
const STILL_FRESH_MINUTES = 60;

/** Fetches, translates and saves one patient's record. A record that cannot be had makes every need of the patient unknown. */
export async function pullRecord(
  shell: PullShell,
  job: { organisation: string; patient: string; user?: User | undefined },
): Promise<Result<unknown>> {
  const { organisation, patient, user } = job;
  if (!user) return fail('forbidden', 'A record may be fetched only on behalf of a person; the job names none');
  const now = shell.now();
  const listed = await listedPatient(shell.pool, organisation, patient);
  if (!listed) return fail('not-found', 'The patient is not on a list of this practice');
  const state = (await recordStates(shell.pool, organisation, [patient])).get(patient);
  if (
    state &&
    state.incomplete.length === 0 &&
    epochMilliseconds(addTo(state.asOf, { minutes: STILL_FRESH_MINUTES })) > epochMilliseconds(now)
  )
    return ok('fresh');
  const fetched = await shell.fetchRecord({ organisation, nhsNumber: listed.nhsNumber, user });
  if (!fetched.ok && !GONE.has(fetched.failure.kind)) return fetched;
  const translated = fetched.ok
    ? translateRecord(fetched.value, { organisation, patientId: patient, nhsNumber: listed.nhsNumber, asOf: now })
    : fetched;
  return inTransaction(shell.pool, async (tx): Promise<Result<unknown>> => {
    if (translated.ok) {
      const changed = await saveRecords(shell, tx, {
        organisation,
        feed: 'gp-connect',
        records: [{ patient, translation: translated.value, asOf: now }],
        keepInputs: true,
      });
      await shell.enqueue(tx, await wakeHeld(tx, organisation, patient));
      return ok({ changed: changed.length });
    }
    await markUnavailable(tx, organisation, {
      patient,
      feed: 'gp-connect',
      reason: `record-not-available:${translated.failure.kind}`,
    });
    await shell.enqueue(tx, [{ queue: 'assess', payload: { organisation, patients: [patient] } }]);
    return ok(translated.failure.message);
  });
}

/** Tasks that were held because the record was old look again, now that it is not. */
async function wakeHeld(tx: Transaction, organisation: string, patient: string): Promise<StageJob[]> {
  const tasks = await loadOfPatients<Task>(tx, organisation, ['Task'], [patient]);
  return tasks
    .filter((task) => holdOf(task) === 'stale-data')
    .map((task) => ({ queue: 'reach' as const, payload: { organisation, task: task.id ?? '' } }));
}

/** Answers that will be the same tomorrow: nobody may conclude anything from them but that nothing is known. */
const GONE: ReadonlySet<string> = new Set(['not-found', 'forbidden', 'unsupported', 'invalid', 'conflict']);
