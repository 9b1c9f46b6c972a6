/**
 * Needs follow the record: patients are evaluated against every rule, and what changes is saved with what it means for
 * their Tasks, cohorts and the next wake-up, in one transaction. Facts: care-needs §1 S1, §4.3
 */
import { carePlanId } from '#domain/bundle/care-plan.ts';
import { decideNeed } from '#domain/needs/decision.ts';
import { type Evaluation, evaluateNeed } from '#domain/needs/evaluation.ts';
import type { PatientFacts } from '#domain/needs/facts.ts';
import { type NeedRule, valueSetsOf } from '#domain/needs/rule.ts';
import { missingOf, stateOf } from '#domain/needs/service-request.ts';
import { newTask } from '#domain/task.ts';
import { isEnded, type TaskEvent } from '#domain/task-event.ts';
import { londonDate, londonInstant } from '#fhir/date.ts';
import { idOf } from '#fhir/reference.ts';
import type { CarePlan, Reference, Resource, ServiceRequest, Task } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { inTransaction, lockPatients } from '#store/database.ts';
import { patientRecords } from '#store/findings.ts';
import { loadOfPatients, saveResources } from '#store/resources.ts';
import { clearTimers, setTimers, type Timer } from '#store/timers.ts';
import { rulesFor } from './active-rules.ts';
import { bundlingOf, plannedVisits } from './bundle.ts';
import { goneFacts, patientFacts } from './patient-facts.ts';
import type { Shell, StageJob, Transaction } from './shell.ts';
import { moveTask, type TaskChange } from './task.ts';

export type NeedsShell = Shell & { readonly rules: readonly NeedRule[] };

type Consequences = {
  readonly saves: Resource[];
  readonly jobs: StageJob[];
  readonly timers: Timer[];
  readonly cleared: string[];
  isWorkNew: boolean;
};
/**
 * A cohort and a campaign are of everybody: they are brought up to date once at the next tick, not after every patient.
 */
function soon(organisation: string, rules: readonly string[], isWorkNew: boolean, now: string): Timer[] {
  const cohorts = rules.map((rule) => ({
    organisation,
    queue: 'cohort',
    key: rule,
    dueAt: now,
    payload: { organisation, rule },
  }));
  const campaign = { organisation, queue: 'campaign', key: 'daily', dueAt: now, payload: { organisation } };
  return isWorkNew ? [...cohorts, campaign] : cohorts;
}

type Person = {
  readonly facts: PatientFacts;
  readonly isGone: boolean;
  readonly needs: readonly ServiceRequest[];
  readonly tasks: readonly Task[];
  readonly carePlan: CarePlan | undefined;
};

/** Evaluates patients of one organisation. Safe to run at any time and any number of times. */
export async function assess(
  shell: NeedsShell,
  { organisation, patients }: { organisation: string; patients: readonly string[] },
): Promise<Result<{ changed: number }>> {
  const now = shell.now();
  const changed = await inTransaction(shell.pool, async (tx) => {
    await lockPatients(tx, organisation, patients);
    const active = rulesFor(shell, organisation, londonDate(now));
    const people = await load(shell, { tx, organisation, rules: active, now }, patients);
    const todo: Consequences = { saves: [], jobs: [], timers: [], cleared: [], isWorkNew: false };
    const rules = new Set<string>();
    for (const person of people) {
      for (const rule of active) if (follow(todo, { person, rule, organisation, now })) rules.add(rule.url);
      plan(shell, todo, { person, organisation });
    }
    await saveResources(tx, { organisation, resources: todo.saves, source: 'holdfast' });
    await clearTimers(tx, organisation, 'assess', todo.cleared);
    await setTimers(tx, todo.timers);
    await shell.enqueue(tx, todo.jobs);
    await setTimers(tx, soon(organisation, [...rules], todo.isWorkNew, now));
    return todo.saves.length;
  });
  return ok({ changed });
}

type Asked = {
  readonly tx: Transaction;
  readonly organisation: string;
  readonly rules: readonly NeedRule[];
  readonly now: string;
};

async function load(
  shell: NeedsShell,
  { tx, organisation, rules, now }: Asked,
  patients: readonly string[],
): Promise<Person[]> {
  const valueSets = [...new Set(rules.flatMap((rule) => valueSetsOf(rule)))];
  const records = new Map(
    (await patientRecords(tx, organisation, patients, { valueSets, today: londonDate(now) })).map((record) => [
      record.patient.id ?? '',
      record,
    ]),
  );
  const resources = await loadOfPatients<ServiceRequest | Task | CarePlan>(
    tx,
    organisation,
    ['ServiceRequest', 'Task', ...(bundlingOf(shell, organisation) ? (['CarePlan'] as const) : [])],
    patients,
  );
  const needs = resources.filter(
    (one): one is ServiceRequest => one.resourceType === 'ServiceRequest' && one.intent === 'proposal',
  );
  const tasks = resources.filter(
    (one): one is Task => one.resourceType === 'Task' && idOf('ServiceRequest', one.focus) !== undefined,
  );
  return [...new Set(patients)].map((patient) => {
    const record = records.get(patient);
    return {
      facts: record ? patientFacts(organisation, record, now) : goneFacts(organisation, patient, now),
      isGone: !record,
      needs: needs.filter((need) => idOf('Patient', need.subject) === patient),
      tasks: tasks.filter((task) => idOf('Patient', task.for) === patient),
      carePlan: resources.find((one): one is CarePlan => one.id === carePlanId(organisation, patient)),
    };
  });
}

type Look = { readonly person: Person; readonly rule: NeedRule; readonly organisation: string; readonly now: string };

/** What one rule asks for one person; true when something changed. */
function follow(todo: Consequences, look: Look): boolean {
  const { person, rule, organisation, now } = look;
  const evaluation = evaluateNeed(rule, person.facts, now);
  const mine = person.needs.filter((need) =>
    need.instantiatesCanonical?.some((canonical) => canonical.split('|')[0] === rule.url),
  );
  const open = mine.find((need) => need.status === 'active' || need.status === 'on-hold');
  const latest = mine.toSorted((a, b) => ((a.authoredOn ?? '') < (b.authoredOn ?? '') ? 1 : -1))[0];
  const { save, event } = decideNeed({ rule, evaluation, open, latest, organisation, now });
  wake(todo, look, evaluation);
  if (save) todo.saves.push(save);
  const need = save ?? open;
  const changes = need ? taskChanges(look, evaluation, need, { event, before: open }) : [];
  for (const change of changes) {
    todo.saves.push(...change.saves);
    todo.isWorkNew ||= change.saves.length > 0 && change.task.status === 'requested';
    todo.jobs.push(...change.jobs);
  }
  return save !== undefined || changes.some((change) => change.saves.length > 0);
}

/** The visits planned for the person's needs as they are after this look. */
function plan(
  shell: NeedsShell,
  todo: Consequences,
  { person, organisation }: { person: Person; organisation: string },
): void {
  const { patient } = person.facts;
  const changed = todo.saves.filter(
    (one): one is ServiceRequest => one.resourceType === 'ServiceRequest' && idOf('Patient', one.subject) === patient,
  );
  const needs = [...new Map([...person.needs, ...changed].map((need) => [need.id, need])).values()];
  const carePlan = plannedVisits(shell, { organisation, patient, needs, before: person.carePlan });
  if (carePlan) todo.saves.push(carePlan);
}

/** By time alone the state changes on a known day: the patient is looked at again then. */
function wake(todo: Consequences, { person, rule, organisation }: Look, { nextChange }: Evaluation): void {
  const { patient } = person.facts;
  const key = `${patient}|${rule.url}`;
  if (!nextChange) todo.cleared.push(key);
  else
    todo.timers.push({
      organisation,
      queue: 'assess',
      key,
      dueAt: londonInstant(nextChange, '06:00'),
      payload: { organisation, patients: [patient] },
    });
}

/** What the need's change means for the work on it. */
function taskChanges(
  look: Look,
  evaluation: Evaluation,
  need: ServiceRequest,
  was: { event: string; before: ServiceRequest | undefined },
): TaskChange[] {
  const { person, organisation, now } = look;
  const tasks = person.tasks.filter((task) => idOf('ServiceRequest', task.focus) === need.id);
  const open = tasks.find((task) => !isEnded(task.status));
  if (open)
    return eventsFor(look, evaluation, need, open, was.event).map((event) =>
      moveTask(open, event, { organisation, now }),
    );
  if (!isWorkDue(need, tasks)) return [];
  const last = tasks.toSorted((a, b) => ((a.authoredOn ?? '') < (b.authoredOn ?? '') ? 1 : -1))[0];
  const made = newTask({ need, attempt: tasks.length + 1, now, ...(last ? { previous: last } : {}) });
  return made.ok ? [{ task: made.value, saves: [made.value], jobs: [] }] : [];
}

/**
 * A Task is made when care is due and nobody has worked on it in this cycle; once more after a missed appointment. What
 * ended otherwise (declined, exhausted) is for a person to open again.
 */
function isWorkDue(need: ServiceRequest, tasks: readonly Task[]): boolean {
  const state = stateOf(need);
  if (need.status !== 'active' || (state !== 'due' && state !== 'overdue')) return false;
  // Met once, and the evidence was taken back since: the work begins anew.
  if (tasks.every((task) => task.status === 'completed')) return true;
  const missed = tasks.filter((task) => task.businessStatus?.coding?.some((coding) => coding.code === 'dna'));
  return missed.length === tasks.length && tasks.length < 2;
}

function eventsFor(
  { person }: Look,
  evaluation: Evaluation,
  need: ServiceRequest,
  task: Task,
  event: string,
): TaskEvent[] {
  switch (event) {
    case 'met':
      return [{ kind: 'done', evidence: evidenceOf(need, evaluation) }];
    case 'partly-met':
      return [{ kind: 'partly-done', missing: missingOf(need).map((part) => part.title) }];
    case 'withdrawn':
      return [withdrawal(person, evaluation)];
    case 'held':
      return [{ kind: 'held', reason: 'review' }];
    default:
      return need.status === 'active' && task.status === 'on-hold' ? [{ kind: 'resumed', reason: 'review' }] : [];
  }
}

function withdrawal({ facts, isGone }: Person, evaluation: Evaluation): TaskEvent {
  if (facts.deceased === true) return { kind: 'deceased' };
  if (facts.registered === false || isGone) return { kind: 'moved' };
  return { kind: 'ineligible', reason: evaluation.why.join(' ') || 'The rule no longer applies.' };
}

function evidenceOf(need: ServiceRequest, evaluation: Evaluation): Reference[] {
  if (need.supportingInfo && need.supportingInfo.length > 0) return need.supportingInfo;
  return evaluation.evidence.map((finding) => ({ reference: finding.reference }));
}
