/** What can happen to a coordination Task, and which of it may happen when. facts: care-needs §4.3 */
import type { Reference, Task } from '#fhir/types.ts';
import { isContacted } from './task-facts.ts';

export type Channel = 'nhsapp' | 'sms' | 'letter' | 'telephone';
export type HoldReason = 'capacity' | 'stale-data' | 'safeguarding' | 'bundle' | 'review' | 'no-contact-route';
export type Answer = 'book' | 'call-me' | 'decline' | 'stop' | 'other';

/** The codes of `profiles/CodeSystem-call-outcome.json`; with the first four the patient was spoken to. */
export const CALL_OUTCOMES = [
  'spoke-booked',
  'spoke-will-book',
  'spoke-call-back',
  'spoke-declined',
  'no-answer',
  'voicemail-left',
  'message-with-household',
  'number-unobtainable',
  'wrong-number',
] as const;
export type CallOutcome = (typeof CALL_OUTCOMES)[number];

export type TaskEvent =
  | { readonly kind: 'released'; readonly by: Reference }
  /** `check`: the line of the send-time checklist that asked for it, where one did. */
  | { readonly kind: 'held'; readonly reason: HoldReason; readonly until?: string; readonly check?: string }
  /** With a reason, it ends only a hold for that reason: the end of a capacity wait must not end a safeguarding hold. */
  | { readonly kind: 'resumed'; readonly reason?: HoldReason }
  | { readonly kind: 'sent'; readonly request: Reference; readonly channel: Channel }
  | { readonly kind: 'called'; readonly communication: Reference; readonly outcome: CallOutcome }
  | { readonly kind: 'delivered'; readonly communication: Reference }
  | { readonly kind: 'read'; readonly communication: Reference }
  | { readonly kind: 'delivery-failed'; readonly communication: Reference; readonly reason: string }
  | { readonly kind: 'replied'; readonly answer: Answer; readonly communication: Reference }
  | { readonly kind: 'booked'; readonly appointment: Reference }
  | { readonly kind: 'booked-elsewhere'; readonly appointment: Reference }
  | { readonly kind: 'booking-cancelled'; readonly appointment: Reference; readonly by: 'patient' | 'practice' }
  | { readonly kind: 'attended'; readonly appointment: Reference }
  | { readonly kind: 'dna'; readonly appointment: Reference }
  | { readonly kind: 'partly-done'; readonly missing: readonly string[] }
  | { readonly kind: 'done'; readonly evidence: readonly Reference[] }
  | { readonly kind: 'deceased' }
  | { readonly kind: 'opted-out' }
  | { readonly kind: 'moved' }
  | { readonly kind: 'ineligible'; readonly reason: string }
  | { readonly kind: 'declined' }
  | { readonly kind: 'exhausted' }
  | { readonly kind: 'unreachable'; readonly reason: string }
  | { readonly kind: 'entered-in-error' };

export type TaskEventKind = TaskEvent['kind'];

/** Events that tell what happened in the world: after the end of a Task they are late news, not faults. */
const NEWS = [
  'booked-elsewhere',
  'booking-cancelled',
  'attended',
  'dna',
  'partly-done',
  'done',
  'deceased',
  'opted-out',
  'moved',
  'ineligible',
  'declined',
] as const satisfies readonly TaskEventKind[];

const CONTACT = [
  'sent',
  'called',
  'delivered',
  'read',
  'delivery-failed',
  'replied',
  'booked',
] as const satisfies readonly TaskEventKind[];

const REQUESTED: readonly TaskEventKind[] = ['released', 'held', 'resumed', ...NEWS, 'entered-in-error'];
const ACCEPTED: readonly TaskEventKind[] = ['held', 'resumed', ...CONTACT, ...NEWS, 'entered-in-error'];
const IN_PROGRESS: readonly TaskEventKind[] = [...ACCEPTED, 'exhausted', 'unreachable'];
/** A hold stops what Holdfast would do next, never the news of what has happened. */
const ON_HOLD: readonly TaskEventKind[] = ACCEPTED;

/**
 * The kinds of event that may move a Task of this status. An ended Task takes only `entered-in-error`; late news
 * about it is accepted and changes nothing.
 */
export function allowedMoves(status: Task['status']): readonly TaskEventKind[] {
  if (status === 'requested') return REQUESTED;
  if (status === 'accepted') return ACCEPTED;
  if (status === 'in-progress') return IN_PROGRESS;
  if (status === 'on-hold') return ON_HOLD;
  return isEnded(status) ? ['entered-in-error'] : [];
}

/** `allowedMoves` for one Task: below a hold lies the status it was held from. */
export function mayTake(task: Task, kind: TaskEventKind): boolean {
  return allowedMoves(task.status).includes(kind) && allowedMoves(statusBelowHold(task)).includes(kind);
}

/** The status a Task has, or had before it was held. */
export function statusBelowHold(task: Task): Task['status'] {
  if (task.status !== 'on-hold') return task.status;
  if (isContacted(task)) return 'in-progress';
  return isReleased(task) ? 'accepted' : 'requested';
}

function isReleased(task: Task): boolean {
  return (task.output ?? []).some((output) => output.type.coding?.some((coding) => coding.code === 'released'));
}

export function isEnded(status: Task['status']): boolean {
  return ['completed', 'failed', 'cancelled', 'rejected', 'entered-in-error'].includes(status);
}

/** Whether an event may come after the end of its Task without anything being wrong. */
export function isLateNews(kind: TaskEventKind): boolean {
  return kind === 'held' || [...NEWS, ...CONTACT].some((news) => news === kind);
}
