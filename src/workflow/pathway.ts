/** Everything that belongs to one coordination Task, loaded together under the patient's lock. */

import { codeIn } from '#domain/link.ts';
import type { NeedRule } from '#domain/needs/rule.ts';
import { isEnded } from '#domain/task-event.ts';
import { idOf } from '#fhir/reference.ts';
import { TASK_CODE } from '#fhir/systems.ts';
import type {
  Appointment,
  Communication,
  CommunicationRequest,
  Flag,
  Patient,
  RequestGroup,
  ServiceRequest,
  Task,
} from '#fhir/types.ts';
import { lockPatients, type Transaction } from '#store/database.ts';
import { idsReferring } from '#store/outreach.ts';
import { load, loadAll, loadOfPatients, readMany } from '#store/resources.ts';
import { ruleOf, userOf } from './campaign-run.ts';
import type { User } from './ports.ts';
import { inside } from './shell.ts';

export type Pathway = {
  readonly organisation: string;
  readonly patientId: string;
  readonly patient: Patient | undefined;
  readonly task: Task;
  readonly need: ServiceRequest;
  readonly rule: NeedRule | undefined;
  /** The requests made for this Task. */
  readonly requests: readonly CommunicationRequest[];
  /** All messages to and from the person, for any need. */
  readonly communications: readonly Communication[];
  /** All appointments of the person: ours and those that a feed brought. */
  readonly appointments: readonly Appointment[];
  readonly flags: readonly Flag[];
  /** Tasks that are part of this one (calls), and every writeback of the need, of earlier attempts too. */
  readonly parts: readonly Task[];
  /** Open Tasks by which a person is asked who this is: until they have looked, nothing is sent. */
  readonly checks: readonly Task[];
  /** The campaign by which the person is invited, whether it runs, waits or is held. */
  readonly run: RequestGroup | undefined;
  /** The person who released the cohort. */
  readonly user: User | undefined;
};

/** Loads a pathway and locks its patient until the transaction ends; undefined when the Task does not exist. */
export async function loadPathway(
  tx: Transaction,
  organisation: string,
  taskId: string,
  rules: readonly NeedRule[],
): Promise<Pathway | undefined> {
  const patientId = idOf('Patient', (await load<Task>(tx, inside(organisation), 'Task', taskId))?.for);
  if (!patientId) return undefined;
  await lockPatients(tx, organisation, [patientId]);
  // Again, now that nothing can change it.
  const task = await load<Task>(tx, inside(organisation), 'Task', taskId);
  const need =
    task &&
    (await load<ServiceRequest>(tx, inside(organisation), 'ServiceRequest', idOf('ServiceRequest', task.focus) ?? ''));
  if (!task || !need) return undefined;
  type Kept = Patient | CommunicationRequest | Communication | Appointment | Flag | Task;
  const all = await loadOfPatients<Kept>(
    tx,
    organisation,
    ['Patient', 'CommunicationRequest', 'Communication', 'Appointment', 'Flag', 'Task'],
    [patientId],
  );
  const of = <T extends Kept['resourceType']>(type: T) =>
    all.filter((one): one is Extract<Kept, { resourceType: T }> => one.resourceType === type);
  const rule = rules.find((one) =>
    need.instantiatesCanonical?.some((canonical) => canonical.split('|')[0] === one.url),
  );
  const run = await campaignFor(tx, organisation, rule?.url);
  return {
    organisation,
    patientId,
    patient: of('Patient')[0],
    task,
    need,
    rule,
    requests: of('CommunicationRequest').filter((request) =>
      request.about?.some((about) => idOf('Task', about) === taskId),
    ),
    communications: of('Communication'),
    appointments: of('Appointment'),
    flags: [...of('Flag'), ...(await practiceFlags(tx, organisation))],
    parts: of('Task').filter((part) => isPart(part, taskId, need.id ?? '')),
    checks: of('Task').filter((one) => codeIn(TASK_CODE, one.code) === 'check-person' && !isEnded(one.status)),
    run,
    user: run && userOf(run),
  };
}

function isPart(part: Task, taskId: string, needId: string): boolean {
  const ofTask =
    part.partOf?.some((whole) => idOf('Task', whole) === taskId) === true &&
    idOf('ServiceRequest', part.focus) === undefined;
  return ofTask || part.basedOn?.some((need) => idOf('ServiceRequest', need) === needId) === true;
}

/** Whether a Task is to bring one entry into the record. */
export function isWriteback(task: Task): boolean {
  return codeIn(TASK_CODE, task.code) === 'writeback';
}

/** Flags on the practice itself, ended ones too: its emergency stop, a hold on its outreach. */
export async function practiceFlags(tx: Transaction, organisation: string): Promise<Flag[]> {
  const ids = await idsReferring(tx, organisation, {
    type: 'Flag',
    param: 'subject',
    target: { type: 'Organization', id: organisation },
  });
  return readMany<Flag>(tx, inside(organisation), 'Flag', ids);
}

async function campaignFor(
  tx: Transaction,
  organisation: string,
  rule: string | undefined,
): Promise<RequestGroup | undefined> {
  return (await campaignsOf(tx, organisation, NOT_ENDED)).find((one) => ruleOf(one) === rule);
}

const NOT_ENDED: readonly RequestGroup['status'][] = ['active', 'on-hold', 'draft'];

/** The campaigns of a practice: those that run, or those of the given statuses. */
export async function campaignsOf(
  tx: Transaction,
  organisation: string,
  statuses: readonly RequestGroup['status'][] = ['active'],
): Promise<RequestGroup[]> {
  return (await loadAll<RequestGroup>(tx, organisation, 'RequestGroup')).filter(({ status }) =>
    statuses.includes(status),
  );
}
