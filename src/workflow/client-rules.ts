/** What a client may make of a resource: the policy of its type, applied to one create, update or delete. */
import { codeIn } from '#domain/link.ts';
import { patientOf } from '#fhir/fact.ts';
import { HOLDFAST, TASK_CODE } from '#fhir/systems.ts';
import type { Group, Resource, Task } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import type { Target } from '#store/targets.ts';
import { checkMove, refused } from './client-moves.ts';
import type { Writer } from './client-operation.ts';
import { clientPolicy, RECORD_INTAKE } from './client-policy.ts';
import { reviseOwnTask } from './client-task.ts';
import type { StageJob } from './shell.ts';

export type Revised = { readonly resource: Resource; readonly jobs: readonly StageJob[] };

/** Whether a client may write the type at all: the type's own words when it may not. */
export function permitType(type: string, writer: Writer): Result<undefined> {
  const policy = clientPolicy[type];
  if (policy?.kind === 'client') return ok(undefined);
  if (policy?.kind === 'record')
    return writer.role === RECORD_INTAKE ? ok(undefined) : fail('forbidden', `${type}: ${policy.documentation}`);
  return fail('unsupported', `${type} is not written over the API. ${policy?.documentation ?? ''}`.trim());
}

/** A new resource as it may be kept. */
export function ruleOfCreate(resource: Resource): Result<Resource> {
  const forged = identifiersOf(resource).find(({ system }) => system?.startsWith(`${HOLDFAST}/Id/`));
  if (forged)
    return refused(
      `Identifiers of ${HOLDFAST}/Id/ are given by Holdfast alone: leave them out`,
      `${resource.resourceType}.identifier`,
    );
  if (resource.resourceType === 'Task' && codeIn(TASK_CODE, resource.code) !== undefined)
    return refused(
      `Tasks with a code of ${TASK_CODE} are made by Holdfast alone: use a code of another system`,
      'Task.code',
    );
  if (resource.resourceType === 'Group') return ruleOfGroup(resource);
  if (
    resource.resourceType === 'Appointment' &&
    resource.slot?.some(({ identifier }) => isOfPractice(identifier?.system))
  )
    return refused(
      'A slot of a practice’s system is booked by POST of one Appointment, alone or in a batch: in a transaction nothing is asked there',
      'Appointment.slot',
    );
  return ok(resource);
}

/** Whether an identifier system is that of a practice's own ids, as live slots carry them. */
function isOfPractice(system: string | undefined): boolean {
  return system?.startsWith(`${HOLDFAST}/Id/gp-connect/`) === true;
}

function ruleOfGroup(group: Group): Result<Resource> {
  if (group.actual === false && !group.member) return ok(group);
  return refused('Clients write definitions of groups: actual false, without members', 'Group.actual');
}

/** A changed resource as it may be kept, and what the change wakes. */
export function ruleOfUpdate(stored: Target, wanted: Resource, now: string): Result<Revised> {
  const { type, organisation } = stored;
  const current = JSON.parse(stored.content) as Resource;
  const isOurs = stored.source !== 'client';
  if (isOurs && wanted.resourceType === 'Task') return reviseOwnTask(current as Task, wanted, { organisation, now });
  if (isOurs && type !== 'Flag') return keptAsItIs(type);
  if (!stored.deleted && isMoved(current, wanted))
    return refused(`A ${type} stays with its subject: end this one and create another`, `${type}.${subjectOf(wanted)}`);
  const known = new Set(identifiersOf(current).map(({ system, value }) => `${system}|${value}`));
  const added = identifiersOf(wanted).filter(({ system, value }) => !known.has(`${system}|${value}`));
  const allowed = ruleOfCreate({ ...wanted, identifier: added } as Resource);
  if (!allowed.ok) return allowed;
  const move = checkMove(type, statusOf(current), statusOf(wanted));
  return move.ok ? ok({ resource: wanted, jobs: [] }) : move;
}

/** Only what clients brought is theirs to delete. */
export function ruleOfDelete({ source, type }: Target): Result<undefined> {
  return source === 'client' ? ok(undefined) : keptAsItIs(type);
}

function keptAsItIs(type: string): Result<never> {
  return refused(`This ${type} was not made by a client. ${clientPolicy[type]?.documentation ?? ''}`, type);
}

function isMoved(current: Resource, wanted: Resource): boolean {
  if (patientOf(current) !== patientOf(wanted)) return true;
  return wanted.resourceType === 'Flag' && subjectReference(current) !== wanted.subject?.reference;
}

function subjectReference(resource: Resource): string | undefined {
  return resource.resourceType === 'Flag' ? resource.subject.reference : undefined;
}

function subjectOf(resource: Resource): string {
  return ['for', 'patient', 'subject'].find((name) => name in resource) ?? 'subject';
}

function statusOf(resource: Resource): string {
  return 'status' in resource && typeof resource.status === 'string' ? resource.status : '';
}

/** Whatever stands under `identifier`, one or many. */
function identifiersOf(resource: Resource): readonly { system?: string; value?: string }[] {
  const held = (resource as { identifier?: unknown }).identifier;
  const all = Array.isArray(held) ? held : [held];
  return all.filter((one): one is { system?: string; value?: string } => typeof one === 'object' && one !== null);
}
