/** Reading appointments as STU3: one, and a patient's. facts: gp-connect §2.3, §2.5 */
import { isDate, londonDate, londonOffsetTime } from '#fhir/date.ts';
import { ODS_CODE } from '#fhir/systems.ts';
import { isActive } from '#sandbox/gp-access.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import type { Practice, SimAppointment } from '#sandbox/practice.ts';
import type { Answer } from '#sandbox/stand-ins/serving.ts';
import { refuse } from './outcome.ts';
import {
  BOOKING_ORGANISATION,
  CANCELLATION_REASON,
  DELIVERY_CHANNEL,
  locationId,
  roleExtension,
  structure,
} from './resources.ts';

export type Stu3Appointment = Record<string, unknown> & {
  extension: { url: string; valueString?: string; [value: string]: unknown }[];
  slot: { reference: string }[];
};

/** An appointment as the provider shows it: what the consumer posted (or what the practice's own booking amounts to), with the provider's values. */
export function appointmentResource(gp: GpSystems, practice: Practice, appointment: SimAppointment): Stu3Appointment {
  const slot = gp.slot(practice.ods, appointment.slotId);
  const session = slot && gp.session(practice.ods, slot.sessionId);
  const staff = practice.staff.find(({ id }) => id === session?.staffId);
  const { description, comment, cancellationReason } = appointment;
  return {
    ...(isPosted(appointment.booking) ? appointment.booking : ownBooking(practice, appointment)),
    resourceType: 'Appointment',
    id: appointment.id,
    meta: { versionId: String(appointment.version), profile: [structure('GPConnect-Appointment-1')] },
    extension: [
      { url: BOOKING_ORGANISATION, valueReference: { reference: '#1' } },
      ...(staff ? [roleExtension(staff)] : []),
      ...(slot ? [{ url: DELIVERY_CHANNEL, valueCode: slot.channel }] : []),
      ...(cancellationReason ? [{ url: CANCELLATION_REASON, valueString: cancellationReason }] : []),
    ],
    status: appointment.status,
    ...(session ? { serviceCategory: { text: session.name } } : {}),
    ...(slot ? { serviceType: [{ text: slot.slotType }] } : {}),
    ...(description === undefined ? {} : { description }),
    ...(comment === undefined ? {} : { comment }),
  };
}

export function isPosted(booking: unknown): booking is Stu3Appointment {
  return typeof booking === 'object' && booking !== null && 'slot' in booking;
}

function ownBooking(practice: Practice, { slotId, patientId, start, end, bookedAt }: SimAppointment): Stu3Appointment {
  const organisation = {
    resourceType: 'Organization',
    id: '1',
    meta: { profile: [structure('CareConnect-GPC-Organization-1')] },
    identifier: [{ system: ODS_CODE, value: practice.ods }],
    name: practice.name,
    telecom: [{ system: 'phone', value: practice.phone }],
  };
  return {
    contained: [organisation],
    extension: [],
    description: 'Appointment made at the practice',
    start: londonOffsetTime(start),
    end: londonOffsetTime(end),
    slot: [{ reference: `Slot/${slotId}` }],
    created: londonOffsetTime(bookedAt),
    participant: [
      { actor: { reference: `Patient/${patientId}` }, status: 'accepted' },
      { actor: { reference: `Location/${locationId(practice)}` }, status: 'accepted' },
    ],
  };
}

/** The ids of slots that an appointment holds; a booking over several slots names them in what was posted. */
export function takenSlots(practice: Practice): Set<string> {
  const taken = practice.appointments.filter(({ status }) => status !== 'cancelled').flatMap(slotIds);
  return new Set(taken);
}

function slotIds({ slotId, booking }: SimAppointment): string[] {
  const posted = isPosted(booking) ? booking.slot.map(({ reference }) => reference.replace('Slot/', '')) : [];
  return [slotId, ...posted];
}

export function etag(appointment: SimAppointment): string {
  return `W/"${appointment.version}"`;
}

/** Only appointments to come can be read: the API has no past. */
export function readAppointment(context: { gp: GpSystems; now: string }, practice: Practice, id: string): Answer {
  const appointment = context.gp.appointment(practice.ods, id);
  if (!appointment || appointment.start <= context.now) return refuse('NO_RECORD_FOUND', 'no such appointment to come');
  return {
    status: 200,
    headers: { etag: etag(appointment) },
    body: appointmentResource(context.gp, practice, appointment),
  };
}

export function listAppointments(
  context: { gp: GpSystems; now: string },
  practice: Practice,
  request: { patientId: string; query: URLSearchParams },
): Answer {
  const patient = context.gp.patientById(practice.ods, request.patientId);
  if (!patient || patient.sensitive || !isActive(patient)) return refuse('PATIENT_NOT_FOUND', 'no such patient');
  const range = parseRange(request.query, londonDate(context.now));
  if (!range) {
    return refuse('INVALID_PARAMETER', 'start is needed twice, as ge and le whole dates from today on, in that order');
  }
  const found = context.gp
    .appointmentsOf(practice.ods, patient.id)
    .filter(({ start }) => isWithin(londonDate(start), range))
    .sort((one, other) => (one.start < other.start ? -1 : 1))
    .map((appointment) => ({ resource: appointmentResource(context.gp, practice, appointment) }));
  const entry = found.length > 0 ? { entry: found } : {};
  return { status: 200, body: { resourceType: 'Bundle', type: 'searchset', ...entry } };
}

type Range = { from: string; to: string };

function parseRange(query: URLSearchParams, today: string): Range | undefined {
  const bounds = query.getAll('start');
  const from = bounds.find((bound) => bound.startsWith('ge'))?.slice(2) ?? '';
  const to = bounds.find((bound) => bound.startsWith('le'))?.slice(2) ?? '';
  const isRight = bounds.length === 2 && isDate(from) && isDate(to) && from >= today && to >= from;
  return isRight ? { from, to } : undefined;
}

function isWithin(date: string, { from, to }: Range): boolean {
  return date >= from && date <= to;
}
