/** Booking, listing and cancelling at a practice. No call here is repeated by itself once it may have been done. facts: gp-connect §2.4 to §2.6 */
import { type HttpReply, jsonOf, listOf, propertyOf } from '#adapters/http-call.ts';
import { isDate, londonDate } from '#fhir/date.ts';
import type { Appointment, Schedule, Slot } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { appointmentFromStu3, appointmentsFromSearchset, cancellationOf } from '#translate/stu3/appointment.ts';
import { appointmentToBook, bookingToStu3 } from '#translate/stu3/booking.ts';
import { bookCall, cancelCall, patientAppointmentsCall, readAppointmentCall } from './interactions.ts';
import { findPatient, type PatientRequest } from './patient.ts';
import { checkId, type GpConnectSettings, queryOf, type Send } from './request.ts';
import type { User } from './token.ts';

export type BookingRequest = PatientRequest & {
  readonly slot: Slot;
  readonly schedule: Schedule;
  readonly description: string;
  readonly key: string;
  readonly created: string;
};

export type CancelRequest = {
  readonly organisation: string;
  readonly appointmentId: string;
  readonly reason: string;
  readonly user: User;
};

/** Books one slot. `conflict`: it has gone. `unknown-outcome`: list the patient's appointments and look for the key. */
export async function bookAppointment(
  send: Send,
  settings: GpConnectSettings,
  request: BookingRequest,
): Promise<Result<Appointment>> {
  const { organisation, user } = request;
  // What cannot be booked is refused before anyone is asked about a patient.
  const draft = bodyOf(settings, { ...request, patientId: '0' });
  if (!draft.ok) return draft;
  const patientId = await findPatient(send, request);
  if (!patientId.ok) return patientId;
  const body = bodyOf(settings, { ...request, patientId: patientId.value });
  if (!body.ok) return body;
  const call = { organisation, user, interaction: bookCall, method: 'POST' as const, path: '/Appointment' };
  const reply = await send({ ...call, body: body.value });
  return reply.ok ? written(reply.value, organisation) : reply;
}

/** The patient's appointments, whoever made them, cancelled ones too. The past cannot be asked for: `from` is today at the earliest. */
export async function listAppointments(
  send: Send,
  settings: GpConnectSettings,
  request: PatientRequest & { readonly from: string; readonly to: string },
): Promise<Result<readonly Appointment[]>> {
  const { organisation, user, to } = request;
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
  const reply = await send({ organisation, user, interaction: patientAppointmentsCall, method: 'GET', path });
  return reply.ok ? appointmentsFromSearchset(jsonOf(reply.value), organisation) : reply;
}

/** Cancels by the provider's id. A version gone stale is read again once, and cancelled if time, slot and patient are still the same. */
export async function cancelAppointment(send: Send, request: CancelRequest): Promise<Result<Appointment>> {
  const first = await read(send, request);
  if (!first.ok) return first;
  const cancelled = await cancelRead(send, request, first.value);
  if (cancelled.ok || cancelled.failure.kind !== 'precondition') return cancelled;
  const second = await read(send, request);
  if (!second.ok) return second;
  if (whatMatters(second.value) !== whatMatters(first.value)) {
    return fail('conflict', 'the practice changed the appointment meanwhile; look at it again before cancelling');
  }
  return cancelRead(send, request, second.value);
}

function bodyOf(
  settings: GpConnectSettings,
  request: BookingRequest & { readonly patientId: string },
): Result<unknown> {
  const { organisation } = request;
  const appointment = appointmentToBook(request);
  if (!appointment.ok) return appointment;
  return bookingToStu3(appointment.value, organisation, settings.consumer.organisation(organisation));
}

async function read(send: Send, { organisation, appointmentId, user }: CancelRequest): Promise<Result<HttpReply>> {
  const id = checkId(appointmentId);
  if (!id.ok) return id;
  const path = `/Appointment/${id.value}`;
  return send({ organisation, user, interaction: readAppointmentCall, method: 'GET', path });
}

async function cancelRead(send: Send, request: CancelRequest, fetched: HttpReply): Promise<Result<Appointment>> {
  const { organisation, user, appointmentId } = request;
  const resource = jsonOf(fetched);
  const cancellation = cancellationOf(resource, request.reason);
  if (!cancellation.ok) return cancellation;
  if (cancellation.value.state === 'already-cancelled') return appointmentFromStu3(resource, organisation);
  const version = propertyOf(propertyOf(resource, 'meta'), 'versionId');
  const ifMatch = fetched.headers.get('etag') ?? (typeof version === 'string' ? `W/"${version}"` : undefined);
  if (ifMatch === undefined)
    return fail('fault', 'the appointment came without a version, so it cannot be cancelled safely');
  const path = `/Appointment/${appointmentId}`;
  const call = { organisation, user, interaction: cancelCall, method: 'PUT' as const, path };
  const reply = await send({ ...call, ifMatch, body: cancellation.value.body });
  return reply.ok ? written(reply.value, organisation) : reply;
}

/** A write that was answered with success has happened, even if the answer cannot be read. */
function written(reply: HttpReply, organisation: string): Result<Appointment> {
  const appointment = appointmentFromStu3(jsonOf(reply), organisation);
  if (appointment.ok) return appointment;
  return fail(
    'unknown-outcome',
    `GP Connect answered ${reply.status}, but ${appointment.failure.message}; look before trying again`,
  );
}

function whatMatters(reply: HttpReply): string {
  const resource = jsonOf(reply);
  const actors = listOf(propertyOf(resource, 'participant')).map((one) => propertyOf(one, 'actor'));
  return JSON.stringify([
    propertyOf(resource, 'start'),
    propertyOf(resource, 'end'),
    propertyOf(resource, 'slot'),
    actors,
  ]);
}
