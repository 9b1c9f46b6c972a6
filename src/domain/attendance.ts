/**
 * Attendance, from what the practice's system recorded about a booked appointment. Nothing is inferred from silence,
 * and attended is not done. facts: care-needs §1 S6, §4.2; gp-connect §2.5
 */
import { epochMilliseconds } from '#fhir/date.ts';
import type { Appointment } from '#fhir/types.ts';
import { linkTo, sameReference } from './link.ts';
import type { TaskEvent } from './task-event.ts';

/** When several records fit, the one that says most counts: a person who came has come, whatever else was cancelled. */
const STRONGEST: readonly Appointment['status'][] = [
  'fulfilled',
  'arrived',
  'checked-in',
  'noshow',
  'booked',
  'pending',
  'cancelled',
];

const CANCELLATION = 'http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason';

/**
 * What an extract's appointments say about a booking of ours, matched by patient and start. Undefined when they say
 * nothing new. A cancellation counts as the practice's own unless its reason says that the patient asked for it.
 */
export function matchAttendance(
  booked: Appointment,
  recorded: readonly Appointment[],
): { readonly event: TaskEvent; readonly recorded: Appointment } | undefined {
  const [strongest] = recorded
    .filter((found) => STRONGEST.includes(found.status) && isSameVisit(found, booked))
    .sort((one, other) => STRONGEST.indexOf(one.status) - STRONGEST.indexOf(other.status));
  const event = strongest && eventOf(strongest, booked);
  return event && { event, recorded: strongest };
}

/** The booking with the status that was recorded for it. */
export function attendedAs(booked: Appointment, recorded: Appointment): Appointment {
  const { cancelationReason } = recorded;
  return { ...booked, status: recorded.status, ...(cancelationReason ? { cancelationReason } : {}) };
}

function eventOf(found: Appointment, booked: Appointment): TaskEvent | undefined {
  const appointment = linkTo('Appointment', booked.id);
  switch (found.status) {
    case 'fulfilled':
    case 'arrived':
    case 'checked-in':
      return { kind: 'attended', appointment };
    case 'noshow':
      return { kind: 'dna', appointment };
    case 'cancelled':
      return { kind: 'booking-cancelled', appointment, by: isByPatient(found) ? 'patient' : 'practice' };
    default:
      return undefined;
  }
}

function isByPatient(appointment: Appointment): boolean {
  return (appointment.cancelationReason?.coding ?? []).some(
    (coding) => coding.system === CANCELLATION && coding.code?.startsWith('pat') === true,
  );
}

function isSameVisit(one: Appointment, other: Appointment): boolean {
  if (!one.start || !other.start) return false;
  const [patient, same] = [patientOf(one), patientOf(other)];
  return (
    patient !== undefined &&
    sameReference(patient, same) &&
    epochMilliseconds(one.start) === epochMilliseconds(other.start)
  );
}

function patientOf(appointment: Appointment): { reference: string } | undefined {
  const reference = appointment.participant.find((one) => one.actor?.reference?.startsWith('Patient/'))?.actor
    ?.reference;
  return reference === undefined ? undefined : { reference };
}
