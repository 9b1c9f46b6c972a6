/**
 * A proposal, for a clinician alone, to record that a person did not answer. Nothing here writes to a record, and who
 * has not been invited often enough is never proposed. facts: care-needs §6.1 H16
 */
import { daysBetween, londonDate } from '#fhir/date.ts';
import { idFrom } from '#fhir/id.ts';
import { idOf } from '#fhir/reference.ts';
import { IDEMPOTENCY_KEY, TASK_CODE, ukCore } from '#fhir/systems.ts';
import type { Communication, ServiceRequest, Task } from '#fhir/types.ts';
import { concept, linkOf, linkTo } from './link.ts';

/** Days between two invitations for the second to count. */
const APART = 7;

/** Topic → invitations that must have been made; two for every other. */
const WANTED: Readonly<Record<string, number>> = { 'cervical-screening': 3 };

/** London dates of the invitations for a need that arrived in this service year (from 1 April), each at least a week after the last that counts. */
export function countedInvitations(
  need: Pick<ServiceRequest, 'id'>,
  communications: readonly Communication[],
  today: string,
): readonly string[] {
  const since = startOfServiceYear(today);
  const dates = communications
    .filter(
      (one) =>
        one.inResponseTo === undefined &&
        one.status === 'completed' &&
        one.about?.some((about) => idOf('ServiceRequest', about) === need.id) === true,
    )
    .flatMap((one) => (one.sent ? [londonDate(one.sent)] : []))
    .filter((date) => date >= since && date <= today)
    .sort();
  const counted: string[] = [];
  for (const date of dates) {
    const last = counted.at(-1);
    if (last === undefined || daysBetween(last, date) >= APART) counted.push(date);
  }
  return counted;
}

/** The proposal; undefined where too few invitations count, or the person has answered. One for each need and service year. */
export function exceptionProposal(of: {
  readonly need: ServiceRequest;
  /** The coordination Task that ended without an answer. */
  readonly task: Task;
  readonly topic: string;
  readonly communications: readonly Communication[];
  /** The current instant. */
  readonly now: string;
}): Task | undefined {
  const { need, task, topic, communications, now } = of;
  const today = londonDate(now);
  const invitations = countedInvitations(need, communications, today);
  const hasAnswered = communications.some(
    (one) =>
      one.inResponseTo !== undefined && one.about?.some((about) => idOf('ServiceRequest', about) === need.id) === true,
  );
  if (hasAnswered || invitations.length < (WANTED[topic] ?? 2)) return undefined;
  const id = idFrom(need.id ?? '', 'exception-proposal', startOfServiceYear(today));
  const owner = linkOf(task.requester);
  return {
    resourceType: 'Task',
    id,
    meta: { profile: [ukCore('Task')] },
    identifier: [{ system: IDEMPOTENCY_KEY, value: id }],
    partOf: [linkTo('Task', task.id)],
    status: 'requested',
    intent: 'proposal',
    priority: 'routine',
    code: concept(TASK_CODE, 'exception-proposal', 'Decide whether an exception is recorded'),
    description: `Invited on ${invitations.join(', ')} without an answer. A clinician decides; nothing is recorded until then, and nothing by this program.`,
    for: linkOf(need.subject) ?? {},
    authoredOn: now,
    lastModified: now,
    ...(owner ? { requester: owner, owner } : {}),
  };
}

function startOfServiceYear(date: string): string {
  const year = Number(date.slice(0, 4));
  return date.slice(5) >= '04-01' ? `${year}-04-01` : `${year - 1}-04-01`;
}
