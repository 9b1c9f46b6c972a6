/** The practices' own people, working through Holdfast's API: telephone calls at the end of the day, entries made by hand. */

import { epochMilliseconds, londonDate } from '#fhir/date.ts';
import { parseReference } from '#fhir/reference.ts';
import { HOLDFAST, NHS_NUMBER, TASK_CODE } from '#fhir/systems.ts';
import type { Bundle, Patient, Task, TaskOutput } from '#fhir/types.ts';
import { commit } from '#sandbox/gp-access.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import { randomFrom } from '#sandbox/population/random.ts';
import { supplierId } from '#sandbox/population/supplier-id.ts';
import type { CodedEntry, SimPatient } from '#sandbox/practice.ts';
import type { CallOutcome, Journal } from '#sandbox/records.ts';
import type { Agenda } from './agenda.ts';
import { logistic, logit } from './odds.ts';
import { PATIENCE_MS, type Post } from './post.ts';

export type StaffContext = {
  readonly gp: GpSystems;
  readonly journal: Journal;
  readonly agenda: Agenda;
  readonly seed: string;
  readonly post: Post;
  readonly baseUrl: string;
  readonly coordinatorToken: (ods: string) => Promise<string>;
  /** Waits until Holdfast has done what it was told so far. */
  readonly settled?: () => Promise<void>;
};

type Desk = StaffContext & { readonly ods: string; readonly at: string; readonly token: string };

/**
 * A day's work at a practice. False when Holdfast could not be reached for some of it: then it is gone through again,
 * and what was done stays done.
 */
export async function workDay(context: StaffContext, ods: string, at: string): Promise<boolean> {
  const token = await context.coordinatorToken(ods).catch(() => undefined);
  if (token === undefined) return false;
  const desk = { ...context, ods, at, token };
  const lists = [await listTasks(desk, 'telephone'), await listTasks(desk, 'writeback')] as const;
  const [calls, entries] = lists;
  if (!calls || !entries) return false;
  let isDone = true;
  for (const task of calls) isDone = (await forPatient(desk, task, callPatient)) && isDone;
  for (const task of entries) isDone = (await forPatient(desk, task, enterByHand)) && isDone;
  return isDone;
}

async function listTasks(desk: Desk, code: 'telephone' | 'writeback'): Promise<Task[] | undefined> {
  const tasks: Task[] = [];
  let path: string | undefined = `/fhir/R4/Task?code=${code}&status=requested&_count=200`;
  while (path !== undefined) {
    const bundle: Bundle | undefined = await read<Bundle>(desk, path);
    if (!bundle) return undefined;
    for (const { resource } of bundle.entry ?? [])
      if (resource?.resourceType === 'Task' && isThere(desk, resource)) tasks.push(resource);
    const next: string | undefined = bundle.link?.find(({ relation }) => relation === 'next')?.url;
    path = next === undefined ? undefined : pathOf(next, desk.baseUrl);
  }
  return tasks.sort((one, other) => ((one.id ?? '') < (other.id ?? '') ? -1 : 1));
}

/** The day's list is what was there when the day's work began: what comes of it is tomorrow's, also after a restart. */
function isThere({ at }: Desk, { authoredOn }: Task): boolean {
  return authoredOn === undefined || epochMilliseconds(authoredOn) < epochMilliseconds(at);
}

/** Links may name the server by another address than ours: only path and query count. */
function pathOf(url: string, baseUrl: string): string {
  const { pathname, search } = new URL(url, baseUrl);
  return `${pathname}${search}`;
}

/** A resource, or undefined when Holdfast did not give it. */
async function read<T extends Bundle | Patient | Task>(desk: Desk, path: string): Promise<T | undefined> {
  const response = await call(desk, path, { method: 'GET', headers: { accept: FHIR } });
  // The one place where what Holdfast says is taken at its word.
  return response?.ok ? ((await response.json()) as T) : undefined;
}

const FHIR = 'application/fhir+json';

async function call(
  { post, baseUrl, token }: Desk,
  path: string,
  init: { method: string; headers: Record<string, string>; body?: string },
): Promise<Response | undefined> {
  const headers = { ...init.headers, authorization: `Bearer ${token}` };
  const signal = AbortSignal.timeout(PATIENCE_MS);
  return post(`${baseUrl}${path}`, { ...init, headers, signal }).catch(() => undefined);
}

type Work = (desk: Desk, task: Task & { id: string }, patient: SimPatient) => Promise<boolean>;

/** Does the work for the patient of the practice whose NHS number the Task's Patient carries; a Task without one is left alone. */
async function forPatient(desk: Desk, task: Task, work: Work): Promise<boolean> {
  const { id } = task;
  const target = parseReference(task.for?.reference);
  if (!id || target?.type !== 'Patient') return true;
  const resource = await read<Patient>(desk, `/fhir/R4/Patient/${target.id}`);
  if (!resource) return false;
  const nhsNumber = resource.identifier?.find(({ system }) => system === NHS_NUMBER)?.value ?? '';
  const patient = desk.gp.patientByNhsNumber(desk.ods, nhsNumber);
  return patient ? work(desk, { ...task, id }, patient) : true;
}

/** 45 in 100 answer; of those about as many book, the more responsive the more. A number that does not work is found out. */
export function callOutcome(seed: string, patient: SimPatient, attempt: number): CallOutcome {
  const random = randomFrom(seed, patient.nhsNumber, 'telephone', String(attempt));
  const [answers, books] = [random.next(), random.next()];
  const { mobile, homePhone, traits } = patient;
  if (!homePhone && (!mobile || !traits.mobileWorks)) return 'wrong-number';
  if (answers >= 0.45) return 'no-answer';
  return books < logistic(logit(0.45) + 0.6 * traits.theta) ? 'spoke-will-book' : 'spoke-declined';
}

async function callPatient(desk: Desk, listed: Task & { id: string }, patient: SimPatient): Promise<boolean> {
  const { seed, agenda, journal, at } = desk;
  // The call before may have been to the same patient: the Task is opened as it is now.
  await desk.settled?.();
  const task = await read<Task>(desk, `/fhir/R4/Task/${listed.id}`);
  if (task?.status !== 'requested') return task !== undefined;
  const { nhsNumber } = patient;
  const version = task.meta?.versionId ?? '';
  const key = `${task.id}/${version}`;
  const earlier = agenda.callAbout(key);
  const outcome = earlier ?? callOutcome(seed, patient, agenda.callsTo(nhsNumber) + 1);
  if (!earlier) journal.append({ kind: 'called', task: key, nhsNumber, at, outcome });
  const response = await call(desk, `/fhir/R4/Task/${task.id}`, {
    method: 'PUT',
    headers: { 'content-type': FHIR, 'if-match': `W/"${version}"` },
    body: JSON.stringify({ ...task, status: 'completed', output: [...(task.output ?? []), callOutput(outcome)] }),
  });
  await response?.body?.cancel();
  // A Task that someone else changed meanwhile is looked at again tomorrow; only a server that cannot answer is asked again.
  return response !== undefined && response.status < 500 && response.status !== 429;
}

function callOutput(outcome: CallOutcome): TaskOutput {
  return {
    type: { coding: [{ system: TASK_CODE, code: 'call-outcome' }] },
    valueCodeableConcept: { coding: [{ system: `${HOLDFAST}/CodeSystem/call-outcome`, code: outcome }] },
  };
}

/** Enters what a writeback Task asks for, once, if no link does it for the practice. Its feed will show it. */
async function enterByHand(desk: Desk, task: Task & { id: string }, patient: SimPatient): Promise<boolean> {
  const input = (code: string) => task.input?.find(({ type }) => type.coding?.some((coding) => coding.code === code));
  const concept = input('entry')?.valueCodeableConcept;
  const coding = concept?.coding?.[0];
  const { value, unit } = input('value')?.valueQuantity ?? {};
  const practice = desk.gp.practice(desk.ods);
  if (input('route')?.valueCode !== 'manual' || !coding?.code || !practice) return true;
  const entry: CodedEntry = {
    id: supplierId(practice.supplier, 'entered by hand', task.id),
    kind: 'observation',
    date: input('date')?.valueDate ?? londonDate(desk.at),
    code: coding.code,
    term: coding.display ?? concept?.text ?? coding.code,
    ...(value === undefined ? {} : { value, unit: unit ?? '' }),
    enteredAt: desk.at,
    staffId: practice.staff[0]?.id ?? '',
  };
  if (patient.entries.some(({ id }) => id === entry.id)) return true;
  const event = { kind: 'entries-added', ods: desk.ods, at: desk.at, patientId: patient.id, entries: [entry] } as const;
  commit(desk.gp, desk.journal, { kind: 'gp', by: 'practice', event });
  return true;
}
