/**
 * The coordination Task: one for each need being worked on, moved only by events, completed only by evidence.
 * facts: care-needs §4.2, §4.3; HL7 Clinical Order Workflows
 */
import { idFrom } from '#fhir/id.ts';
import { HL7_TASK_CODE, IDEMPOTENCY_KEY, SEND_CHECK, STATUS_REASON, ukCore } from '#fhir/systems.ts';
import type { Reference, ServiceRequest, Task } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { type BusinessStatus, businessStatus, businessStatusOf } from './business-status.ts';
import { codeIn, concept, linkOf, linkTo } from './link.ts';
import { ended, endOf, isSameEnd } from './task-end.ts';
import {
  allowedMoves,
  type HoldReason,
  isEnded,
  isLateNews,
  mayTake,
  statusBelowHold,
  type TaskEvent,
} from './task-event.ts';
import { factsOf, hasFact, isContacted, progressOf, withFact, withMissing } from './task-facts.ts';

export type Moved = {
  readonly task: Task;
  readonly changed: boolean /** A completed abort Task, to be saved beside. */;
  readonly abort?: Task;
};

/**
 * A Task for one attempt at a need: `requested`, `identified`. The id is made from the need and the attempt (1, 2 …),
 * so making it twice makes it once. `conflict` while the previous attempt is open: one open Task for each need.
 */
export function newTask(of: {
  readonly need: ServiceRequest;
  readonly attempt: number;
  readonly now: string;
  /** Who asks: the practice's Organization when left out. */
  readonly requester?: Reference;
  readonly previous?: Task;
}): Result<Task> {
  const { need, previous } = of;
  if (need.status !== 'active') {
    return fail('conflict', `A Task was asked for a need that is ${need.status}; only an active need is worked on`);
  }
  if (previous && !isEnded(previous.status)) {
    return fail('conflict', `The need's last Task is still ${previous.status}; end it before a new attempt is made`);
  }
  const id = idFrom(need.id ?? '', 'fulfill', String(of.attempt));
  const requester = linkOf(of.requester) ?? linkOf(need.requester) ?? linkOf(need.performer?.[0]);
  const owner = linkOf(need.performer?.[0]) ?? requester;
  return ok({
    resourceType: 'Task',
    id,
    meta: { profile: [ukCore('Task')] },
    identifier: [{ system: IDEMPOTENCY_KEY, value: id }],
    ...(previous ? { partOf: [linkTo('Task', previous.id)] } : {}),
    status: 'requested',
    businessStatus: businessStatus('identified'),
    intent: 'order',
    priority: need.priority ?? 'routine',
    code: concept(HL7_TASK_CODE, 'fulfill', 'Fulfill the focal request'),
    focus: linkTo('ServiceRequest', need.id),
    for: linkOf(need.subject) ?? {},
    authoredOn: of.now,
    lastModified: of.now,
    ...(requester ? { requester } : {}),
    ...(owner ? { owner } : {}),
  });
}

/**
 * Moves a Task by one event. The same event twice changes nothing the second time; late news never moves the Task
 * back; a Task that has ended stays as it is. `conflict` names the moves that are allowed; `invalid` for "done"
 * without evidence.
 */
export function move(task: Task, event: TaskEvent, now: string): Result<Moved> {
  if (event.kind === 'done' && event.evidence.length === 0) {
    return fail('invalid', 'A need was called done without evidence; give the resources that meet the rule');
  }
  if (isRepeat(task, event)) return ok({ task, changed: false });
  if (isEnded(task.status) && isLateNews(event.kind)) return ok({ task, changed: false });
  if (!mayTake(task, event.kind)) return forbidden(task, event);
  const next = apply(task, event, now);
  const end = endOf(next, event);
  if (end) {
    const { task: closed, abort } = ended(next, end, now);
    return ok({ task: closed, changed: true, ...(abort ? { abort } : {}) });
  }
  if (next === task) return ok({ task, changed: false });
  return ok({ task: settled({ ...next, lastModified: now }), changed: true });
}

/** Why a Task is on hold; undefined when it is not. */
export function holdOf(task: Task): HoldReason | undefined {
  const reason = task.status === 'on-hold' ? codeIn(STATUS_REASON, task.statusReason) : undefined;
  return HOLDS.find((hold) => hold === reason);
}

/** Lightest first: a hold gives way only to one that is as heavy. */
const HOLDS: readonly HoldReason[] = ['capacity', 'bundle', 'stale-data', 'no-contact-route', 'review', 'safeguarding'];

const HELD: Record<HoldReason, BusinessStatus> = {
  capacity: 'held-capacity',
  bundle: 'held-bundle',
  'stale-data': 'held-stale',
  'no-contact-route': 'no-contact-route',
  review: 'held-review',
  safeguarding: 'held-safeguarding',
};

/** Commands that were obeyed already; repeated facts are recognised where they are recorded. */
function isRepeat(task: Task, event: TaskEvent): boolean {
  if (event.kind === 'released') return hasFact(task, 'released', event.by);
  if (event.kind === 'resumed') return !isEnded(task.status) && task.status !== 'on-hold';
  return isSameEnd(task, event);
}

function apply(task: Task, event: TaskEvent, now: string): Task {
  switch (event.kind) {
    case 'released':
      return { ...withFact(task, 'released', event.by), status: 'accepted' };
    case 'held':
      return held(task, event);
    case 'resumed':
      return resumed(task, event.reason);
    case 'partly-done':
      return withMissing(task, event.missing);
    case 'done':
      return event.evidence.reduce((known, evidence) => withFact(known, 'evidence', evidence), task);
    case 'booked-elsewhere':
    case 'attended':
    case 'dna':
      return withFact(task, event.kind, event.appointment);
    case 'booking-cancelled':
      return withFact(task, `cancelled-by-${event.by}`, event.appointment);
    default:
      return contact(task, event, now);
  }
}

/** News of a contact. It proves that work began, also when it overtakes the news of the send itself. */
function contact(task: Task, event: TaskEvent, now: string): Task {
  const known = recorded(task, event);
  if (known === task || isContacted(known)) return known;
  const status = known.status === 'on-hold' ? known.status : 'in-progress';
  return { ...known, status, executionPeriod: { start: now } };
}

function recorded(task: Task, event: TaskEvent): Task {
  switch (event.kind) {
    case 'sent':
      return withFact(task, 'sent', event.request);
    case 'called':
      return withFact(
        task,
        event.outcome.startsWith('spoke-') ? 'call-answered' : 'call-unanswered',
        event.communication,
      );
    case 'delivered':
    case 'read':
    case 'delivery-failed':
      return withFact(task, event.kind, event.communication);
    case 'replied':
      return withFact(task, REPLIED[event.answer], event.communication);
    case 'booked':
      return withFact(task, 'booked', event.appointment);
    default:
      return task;
  }
}

const REPLIED = {
  book: 'replied-yes',
  'call-me': 'replied-other',
  decline: 'replied-no',
  stop: 'replied-no',
  other: 'replied-other',
} as const;

function held(task: Task, { reason, until, check }: Extract<TaskEvent, { kind: 'held' }>): Task {
  const present = holdOf(task);
  if (present && HOLDS.indexOf(present) > HOLDS.indexOf(reason)) return task;
  const isSame = present === reason && codeIn(SEND_CHECK, task.statusReason) === check;
  if (isSame && task.restriction?.period?.start === until) return task;
  const { restriction: _earlier, ...rest } = task;
  const asked = check === undefined ? [] : [{ system: SEND_CHECK, code: check }];
  return {
    ...rest,
    status: 'on-hold',
    statusReason: { coding: [{ system: STATUS_REASON, code: reason }, ...asked] },
    // No work is sought before then: the sweep that resumes held Tasks reads it.
    ...(until === undefined ? {} : { restriction: { period: { start: until } } }),
  };
}

function resumed(task: Task, reason: HoldReason | undefined): Task {
  if (reason !== undefined && holdOf(task) !== reason) return task;
  const { statusReason: _reason, restriction: _restriction, ...rest } = task;
  return { ...rest, status: statusBelowHold(task) };
}

/** The Task with the business status that its outputs and its hold show. After a contact a hold no longer hides the progress. */
function settled(task: Task): Task {
  const hold = holdOf(task);
  const waiting = hold ? HELD[hold] : factsOf(task, 'released').length > 0 ? 'queued' : 'identified';
  const code = progressOf(task) ?? waiting;
  return code === businessStatusOf(task) ? task : { ...task, businessStatus: businessStatus(code) };
}

function forbidden(task: Task, event: TaskEvent): Result<never> {
  const allowed = allowedMoves(task.status).filter((kind) => mayTake(task, kind));
  const names = allowed.length > 0 ? allowed.join(', ') : 'none';
  return fail('conflict', `A Task that is ${task.status} cannot take the event "${event.kind}"; allowed are: ${names}`);
}
