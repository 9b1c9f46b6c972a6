/**
 * Reading, amending and cancelling an appointment. The JSON that was fetched is edited and put back under its version;
 * a change whose answer was lost is looked for before anything is said of it. facts: gp-connect §2.5, §2.6
 */
import { type HttpReply, jsonOf, listOf, propertyOf } from '#adapters/http-call.ts';
import type { Appointment } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { appointmentFromStu3, cancellationOf } from '#translate/stu3/appointment.ts';
import { amendmentOf } from '#translate/stu3/appointment-edit.ts';
import { amendCall, cancelCall, type Interaction, readAppointmentCall } from './interactions.ts';
import { checkId, type Send } from './request.ts';
import type { User } from './token.ts';

export type AppointmentRequest = {
  readonly organisation: string;
  /** The practice whose staff asks; the one that is asked where it is left out. */
  readonly booker?: string;
  /** The provider's own id. */
  readonly appointmentId: string;
  readonly user: User;
};
export type CancelRequest = AppointmentRequest & { readonly reason: string };
export type AmendRequest = AppointmentRequest & { readonly description?: string; readonly comment?: string };

/** One appointment to come. `not-found`: past, or none. */
export async function readAppointment(send: Send, request: AppointmentRequest): Promise<Result<Appointment>> {
  const fetched = await read(send, request);
  return fetched.ok ? appointmentFromStu3(jsonOf(fetched.value), request.organisation) : fetched;
}

/** Sets description, comment or both. `precondition`: it was changed meanwhile; read it again and decide anew. */
export async function amendAppointment(send: Send, request: AmendRequest): Promise<Result<Appointment>> {
  const fetched = await read(send, request);
  if (!fetched.ok) return fetched;
  const body = amendmentOf(jsonOf(fetched.value), request);
  if (!body.ok) return body;
  const amended = await put(send, request, { interaction: amendCall, fetched: fetched.value, body: body.value });
  return amended.ok || amended.failure.kind !== 'unknown-outcome'
    ? amended
    : lookFor(send, request, { lost: amended, isDone: (found) => hasTexts(found, body.value) });
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

async function cancelRead(send: Send, request: CancelRequest, fetched: HttpReply): Promise<Result<Appointment>> {
  const resource = jsonOf(fetched);
  const cancellation = cancellationOf(resource, request.reason);
  if (!cancellation.ok) return cancellation;
  if (cancellation.value.state === 'already-cancelled') return appointmentFromStu3(resource, request.organisation);
  const cancelled = await put(send, request, { interaction: cancelCall, fetched, body: cancellation.value.body });
  return cancelled.ok || cancelled.failure.kind !== 'unknown-outcome'
    ? cancelled
    : lookFor(send, request, { lost: cancelled, isDone: (found) => propertyOf(found, 'status') === 'cancelled' });
}

async function read(send: Send, request: AppointmentRequest): Promise<Result<HttpReply>> {
  const id = checkId(request.appointmentId);
  if (!id.ok) return id;
  const { organisation, booker, user } = request;
  const path = `/Appointment/${id.value}`;
  return send({ organisation, booker, user, interaction: readAppointmentCall, method: 'GET', path });
}

type Put = { readonly interaction: Interaction; readonly fetched: HttpReply; readonly body: unknown };

async function put(send: Send, request: AppointmentRequest, what: Put): Promise<Result<Appointment>> {
  const { organisation, booker, user, appointmentId } = request;
  const version = propertyOf(propertyOf(jsonOf(what.fetched), 'meta'), 'versionId');
  const ifMatch = what.fetched.headers.get('etag') ?? (typeof version === 'string' ? `W/"${version}"` : undefined);
  if (ifMatch === undefined)
    return fail('fault', 'the appointment came without a version, so it cannot be changed safely');
  const { interaction, body } = what;
  const path = `/Appointment/${appointmentId}`;
  const reply = await send({ organisation, booker, user, interaction, method: 'PUT', path, ifMatch, body });
  return reply.ok ? written(reply.value, organisation) : reply;
}

/** The answer was lost: what the provider has now says whether it was done. */
async function lookFor(
  send: Send,
  request: AppointmentRequest,
  { lost, isDone }: { lost: Result<Appointment>; isDone: (found: unknown) => boolean },
): Promise<Result<Appointment>> {
  const found = await read(send, request);
  if (!found.ok || !isDone(jsonOf(found.value))) return lost;
  return appointmentFromStu3(jsonOf(found.value), request.organisation);
}

function hasTexts(found: unknown, wanted: Readonly<Record<string, unknown>>): boolean {
  return ['description', 'comment'].every((name) => propertyOf(found, name) === wanted[name]);
}

/** A write that was answered with success has happened, even if the answer cannot be read. */
export function written(reply: HttpReply, organisation: string): Result<Appointment> {
  const appointment = appointmentFromStu3(jsonOf(reply), organisation);
  if (appointment.ok) return ok(appointment.value);
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
