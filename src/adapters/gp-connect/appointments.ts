/** Booking at a practice, and listing what was booked. No booking is repeated by itself once it may have been made. facts: gp-connect §2.4, §2.5 */
import { jsonOf } from '#adapters/http-call.ts';
import { isDate, londonDate } from '#fhir/date.ts';
import type { Appointment, Schedule, Slot } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { appointmentsFromSearchset } from '#translate/stu3/appointment.ts';
import { appointmentToBook, bookingToStu3 } from '#translate/stu3/booking.ts';
import { written } from './changes.ts';
import { bookCall, patientAppointmentsCall } from './interactions.ts';
import { findPatient, type PatientRequest } from './patient.ts';
import { type GpConnectSettings, queryOf, type Send } from './request.ts';

export type BookingRequest = PatientRequest & {
  readonly slot: Slot;
  readonly schedule: Schedule;
  readonly description: string;
  readonly key: string;
  readonly comment?: string;
  readonly created: string;
};

/** Books one slot. `conflict`: it has gone. `unknown-outcome`: list the patient's appointments and look for the key. */
export async function bookAppointment(
  send: Send,
  settings: GpConnectSettings,
  request: BookingRequest,
): Promise<Result<Appointment>> {
  const { organisation, booker, user } = request;
  // What cannot be booked is refused before anyone is asked about a patient.
  const draft = bodyOf(settings, { ...request, patientId: '0' });
  if (!draft.ok) return draft;
  const patientId = await findPatient(send, request);
  if (!patientId.ok) return patientId;
  const body = bodyOf(settings, { ...request, patientId: patientId.value });
  if (!body.ok) return body;
  const call = { organisation, booker, user, interaction: bookCall, method: 'POST' as const, path: '/Appointment' };
  const reply = await send({ ...call, body: body.value });
  return reply.ok ? written(reply.value, organisation) : reply;
}

/** The patient's appointments, whoever made them, cancelled ones too. The past cannot be asked for: `from` is today at the earliest. */
export async function listAppointments(
  send: Send,
  settings: GpConnectSettings,
  request: PatientRequest & { readonly from: string; readonly to: string },
): Promise<Result<readonly Appointment[]>> {
  const { organisation, booker, user, to } = request;
  const today = londonDate(settings.now());
  if (!isDate(request.from) || !isDate(to))
    return fail('invalid', 'appointments are listed between two dates (YYYY-MM-DD)');
  const from = request.from < today ? today : request.from;
  if (to < from) return ok([]);
  const patientId = await findPatient(send, request);
  if (!patientId.ok) return patientId;
  const query = queryOf([
    ['start', `ge${from}`],
    ['start', `le${to}`],
  ]);
  const path = `/Patient/${patientId.value}/Appointment?${query}`;
  const reply = await send({ organisation, booker, user, interaction: patientAppointmentsCall, method: 'GET', path });
  return reply.ok ? appointmentsFromSearchset(jsonOf(reply.value), organisation) : reply;
}

function bodyOf(
  settings: GpConnectSettings,
  request: BookingRequest & { readonly patientId: string },
): Result<unknown> {
  const { organisation } = request;
  const appointment = appointmentToBook(request);
  if (!appointment.ok) return appointment;
  return bookingToStu3(appointment.value, organisation, settings.consumer.organisation(request.booker ?? organisation));
}
