/**
 * Patients are asked about at the national demographics (PDS) before anything is sent to them, and again when the last
 * answer is too old. What changed is carried through in one transaction: another number, a restriction, a death or one
 * that was taken back, a person who is not the one in the record. facts: nhs-apis §5.1
 */
import {
  type DemographicsAnswer,
  type DemographicsDecision,
  type DemographicsEvent,
  decideDemographics,
  withDemographics,
  withoutContact,
  withoutDeath,
} from '#domain/demographics.ts';
import { isEnded, type TaskEvent } from '#domain/task-event.ts';
import { addTo, epochMilliseconds } from '#fhir/date.ts';
import { isNhsNumber } from '#fhir/nhs-number.ts';
import { idOf } from '#fhir/reference.ts';
import type { Patient, Task } from '#fhir/types.ts';
import { type FailureKind, ok, type Result } from '#result.ts';
import { inTransaction, lockPatients } from '#store/database.ts';
import {
  demographicsStates,
  othersWithNumber,
  removeContactData,
  renewRecord,
  saveDemographics,
} from '#store/demographics.ts';
import { recordStates } from '#store/record-state.ts';
import { loadOfPatients, readMany, saveResources } from '#store/resources.ts';
import { clearTimers, setTimers } from '#store/timers.ts';
import { checkPersonTask, demographicsProvenance } from './demographics-record.ts';
import { knownOf, stateOf } from './known-demographics.ts';
import { wakeHeld } from './patient-list.ts';
import type { Policy } from './policy.ts';
import type { ReadDemographics } from './ports.ts';
import { nhsNumberOf } from './send-check.ts';
import { inside, type Shell, type StageJob, type Transaction } from './shell.ts';
import { keepChanges, moveThrough } from './task.ts';

export type DemographicsShell = Shell & {
  readonly policy: Policy;
  /** Left out where no PDS is configured. */
  readonly readDemographics?: ReadDemographics | undefined;
};

type Asked = { readonly organisation: string; readonly patient: string; readonly nhsNumber: string };

/**
 * Asks about those of the patients whose last answer is too old, one by one, and carries the answers through. Safe to
 * run twice: whoever was asked lately is passed over, so that a job which failed half way goes on where it stopped.
 */
export async function demographics(
  shell: DemographicsShell,
  job: { readonly organisation: string; readonly patients: readonly string[] },
): Promise<Result<unknown>> {
  const read = shell.readDemographics;
  if (!read) return ok('no PDS is configured');
  const wanted = await due(shell, job);
  for (const asked of wanted) {
    const answer = await ask(read, asked);
    if (!answer.ok) return answer;
    await inTransaction(shell.pool, (tx) => carryThrough(shell, tx, asked, answer.value));
  }
  return ok({ asked: wanted.length });
}

/** The patients to be asked about. Without a valid number there is nobody to ask about; the send-time checklist says so. */
async function due(
  shell: DemographicsShell,
  { organisation, patients }: { readonly organisation: string; readonly patients: readonly string[] },
): Promise<Asked[]> {
  const states = await demographicsStates(shell.pool, organisation, patients);
  const hours = shell.policy.demographicsHours ?? 0;
  const isFresh = (patient: string) => {
    const state = states.get(patient);
    return state !== undefined && epochMilliseconds(addTo(state.checkedAt, { hours })) > epochMilliseconds(shell.now());
  };
  const stored = await readMany<Patient>(shell.pool, inside(organisation), 'Patient', patients);
  return stored.flatMap((patient) => {
    const nhsNumber = nhsNumberOf(patient);
    if (patient.id === undefined || nhsNumber === undefined || !isNhsNumber(nhsNumber)) return [];
    return isFresh(patient.id) ? [] : [{ organisation, patient: patient.id, nhsNumber }];
  });
}

const NO_PERSON: Readonly<Partial<Record<FailureKind, 'not-found' | 'invalidated'>>> = {
  'not-found': 'not-found',
  gone: 'invalidated',
};

async function ask(read: ReadDemographics, { organisation, nhsNumber }: Asked): Promise<Result<DemographicsAnswer>> {
  const told = await read({ organisation, nhsNumber });
  if (told.ok) return ok({ result: 'told', told: told.value });
  const result = NO_PERSON[told.failure.kind];
  return result === undefined ? told : ok({ result });
}

/** Decides under the patient's lock, and saves all of what follows together. docs/adr/0006 */
async function carryThrough(
  shell: DemographicsShell,
  tx: Transaction,
  asked: Asked,
  answer: DemographicsAnswer,
): Promise<void> {
  const { organisation, patient: id } = asked;
  await lockPatients(tx, organisation, [id]);
  const all = await loadOfPatients<Patient | Task>(tx, organisation, ['Patient', 'Task'], [id]);
  const patient = all.find((one) => one.resourceType === 'Patient');
  // The record has gone, or names another person now: the answer is about nobody here.
  if (!patient || nhsNumberOf(patient) !== asked.nhsNumber) return;
  const before = (await demographicsStates(tx, organisation, [id])).get(id);
  const others =
    answer.result === 'told' && answer.told.superseded !== undefined
      ? await othersWithNumber(tx, organisation, { patient: id, nhsNumber: answer.told.nhsNumber })
      : [];
  const decision = decideDemographics({
    patient,
    asked: asked.nhsNumber,
    before: before && knownOf(before),
    answer,
    isNumberTaken: others.length > 0,
  });
  await saveDemographics(tx, organisation, stateOf(id, decision.known, shell.now()));
  await savePatient(tx, asked, patient, decision);
  await tell(shell, tx, asked, decision);
  const tasks = all.filter((one) => one.resourceType === 'Task');
  await holdOrResume(shell, tx, organisation, { tasks, decision });
  await askAgainLater(shell, tx, asked, decision);
  await shell.enqueue(tx, [
    ...(await renewed(tx, asked, decision.events)),
    ...(decision.events.length > 0 ? [{ queue: 'assess' as const, payload: { organisation, patients: [id] } }] : []),
    ...(await wakeHeld(tx, organisation, [id])),
  ]);
}

/** The Patient stays the feed's: a later absence from it must still remove them. */
async function savePatient(
  tx: Transaction,
  { organisation, patient: id }: Asked,
  patient: Patient,
  { known, events }: DemographicsDecision,
): Promise<void> {
  const feed = (await recordStates(tx, organisation, [id])).get(id)?.feed ?? 'holdfast';
  const alive = events.includes('death-removed') ? withoutDeath(patient) : patient;
  await saveResources(tx, { organisation, resources: [withDemographics(alive, known)], source: feed });
  if (!events.includes('restricted')) return;
  // The version that was just written is clean; those before it are not.
  await removeContactData(tx, organisation, id, (content) =>
    JSON.stringify(withoutContact(JSON.parse(content) as Patient)),
  );
}

/** Who was told what, for every change; and the Tasks by which a person is asked to look. */
async function tell(
  shell: DemographicsShell,
  tx: Transaction,
  { organisation, patient, nhsNumber }: Asked,
  { events }: DemographicsDecision,
): Promise<void> {
  const now = shell.now();
  const resources = events.flatMap((event) => [
    demographicsProvenance({ organisation, patient, event, nhsNumber, now }),
    ...checkPersonTask({ organisation, patient, event, now }),
  ]);
  await saveResources(tx, { organisation, resources, source: 'holdfast' });
}

/** Open work on the person stands still at once, and goes on when nothing stands against it; the checklist has the last word. */
async function holdOrResume(
  shell: DemographicsShell,
  tx: Transaction,
  organisation: string,
  of: { readonly tasks: readonly Task[]; readonly decision: DemographicsDecision },
): Promise<void> {
  const now = shell.now();
  const open = of.tasks.filter((task) => idOf('ServiceRequest', task.focus) !== undefined && !isEnded(task.status));
  const events = taskEvents(of.decision);
  const changes = open.map((task) => moveThrough(task, events, { organisation, now }));
  await keepChanges(shell, tx, changes, organisation);
}

function taskEvents({ events, hold }: DemographicsDecision): TaskEvent[] {
  if (events.length === 0) return [];
  if (hold !== undefined) return [{ kind: 'held', reason: hold }];
  return [
    ...(events.includes('unrestricted') ? [{ kind: 'resumed', reason: 'safeguarding' } as const] : []),
    ...(events.includes('agrees') ? [{ kind: 'resumed', reason: 'review' } as const] : []),
  ];
}

/** Where work stands still because of an answer, nothing else would ask again: it is asked when the answer is old. */
async function askAgainLater(
  shell: DemographicsShell,
  tx: Transaction,
  { organisation, patient }: Asked,
  { hold }: DemographicsDecision,
): Promise<void> {
  const hours = shell.policy.demographicsHours;
  if (hold === undefined || hours === undefined) {
    await clearTimers(tx, organisation, 'demographics', [patient]);
    return;
  }
  const payload = { organisation, patients: [patient] };
  const dueAt = addTo(shell.now(), { hours });
  await setTimers(tx, [{ organisation, queue: 'demographics', key: patient, dueAt, payload }]);
}

const LAID_ASIDE: readonly DemographicsEvent[] = ['unrestricted', 'death-removed'];

/** What was laid over the record and is so no longer: the record itself comes back from its source. */
async function renewed(
  tx: Transaction,
  { organisation, patient }: Asked,
  events: readonly DemographicsEvent[],
): Promise<StageJob[]> {
  if (!events.some((event) => LAID_ASIDE.includes(event))) return [];
  const source = await renewRecord(tx, organisation, patient);
  if (!source?.patientKey || source.feed === 'gp-connect') return [];
  return [{ queue: 'derive', payload: { organisation, feed: source.feed, patientKeys: [source.patientKey] } }];
}
