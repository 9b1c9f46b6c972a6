/**
 * `Task.businessStatus`: how far the care has come, in an order that news can only climb.
 * The same codes, in the same order, are `profiles/CodeSystem-business-status.json`. facts: care-needs §4.3
 */
import { BUSINESS_STATUS } from '#fhir/systems.ts';
import type { CodeableConcept, Task } from '#fhir/types.ts';
import { codeIn, concept } from './link.ts';

/** code → [rank, display]. A failed delivery ranks with a send: neither is a contact. */
const STATUSES = {
  identified: [0, 'Identified'],
  'held-bundle': [1, 'Held for a bundle'],
  'held-capacity': [1, 'Held for capacity'],
  'held-stale': [1, 'Held: data out of date'],
  'held-review': [1, 'Held for review by a person'],
  'held-safeguarding': [1, 'Held: safeguarding'],
  'no-contact-route': [1, 'No contact route'],
  queued: [2, 'Queued'],
  sent: [3, 'Sent'],
  'delivery-failed': [3, 'Delivery failed'],
  delivered: [4, 'Delivered'],
  read: [5, 'Read'],
  'replied-yes': [6, 'Replied yes'],
  'replied-no': [6, 'Replied no'],
  'replied-other': [6, 'Replied otherwise'],
  booked: [7, 'Booked'],
  'booked-elsewhere': [7, 'Booked elsewhere'],
  'cancelled-by-patient': [8, 'Booking cancelled by the patient'],
  'cancelled-by-practice': [8, 'Booking cancelled by the practice'],
  attended: [9, 'Attended'],
  'attended-partial': [10, 'Attended, partly done'],
  dna: [11, 'Did not attend'],
  'done-evidence': [11, 'Done, with evidence'],
  'done-elsewhere': [11, 'Done elsewhere before any contact'],
  declined: [11, 'Declined'],
  ineligible: [11, 'Not eligible any more'],
  exhausted: [11, 'Every step taken without an answer'],
  unreachable: [11, 'Could not be reached'],
  moved: [11, 'Moved to another practice'],
  'suppressed-deceased': [11, 'Deceased'],
  'suppressed-opt-out': [11, 'Opted out'],
} as const;

export type BusinessStatus = keyof typeof STATUSES;

export const BUSINESS_STATUSES: readonly { code: BusinessStatus; rank: number; display: string }[] = Object.entries(
  STATUSES,
).map(([code, [rank, display]]) => ({ code: code as BusinessStatus, rank, display }));

export function businessStatus(code: BusinessStatus): CodeableConcept {
  return concept(BUSINESS_STATUS, code, STATUSES[code][1]);
}

export function isBusinessStatus(code: string | undefined): code is BusinessStatus {
  return code !== undefined && Object.hasOwn(STATUSES, code);
}

/** A Task's business status; undefined when it has none that is known. */
export function businessStatusOf(task: Task): BusinessStatus | undefined {
  const code = codeIn(BUSINESS_STATUS, task.businessStatus);
  return isBusinessStatus(code) ? code : undefined;
}

export function rankOf(code: BusinessStatus): number {
  return STATUSES[code][0];
}
