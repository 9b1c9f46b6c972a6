/** Amending and cancelling through GP Connect: one method and path, told apart by the interaction alone. facts: gp-connect §2.6 */
import { isDeepStrictEqual } from 'node:util';
import { commit } from '#sandbox/gp-access.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import type { GpEvent, Practice, SimAppointment } from '#sandbox/practice.ts';
import { type Answer, parseJson } from '#sandbox/stand-ins/serving.ts';
import { appointmentResource, etag, isPosted, type Stu3Appointment } from './appointments.ts';
import type { BookingContext } from './booking.ts';
import { firstRefusal, type Refusal, refuse } from './outcome.ts';
import { CANCELLATION_REASON } from './resources.ts';

type Change = Extract<GpEvent, { kind: 'appointment-changed' }>['change'];
type Request = { id: string; body: string; ifMatch: string | undefined };

/** Changes `description` and `comment`; nothing else may differ from what was read. */
export function amendAppointment(context: BookingContext, practice: Practice, request: Request): Answer {
  const { appointment, put, refusal } = prepare(context, practice, request);
  if (!appointment || !put) return refusal;
  const { description, comment } = put;
  const isText = typeof description === 'string' && description.trim() !== '' && description.length <= 100;
  if (!isText) return refuse('INVALID_RESOURCE', 'description is 1 to 100 characters');
  const isComment = comment === undefined || (typeof comment === 'string' && comment.length <= 500);
  if (!isComment) return refuse('INVALID_RESOURCE', 'comment is at most 500 characters');
  if (hasChanged(context.gp, practice, { appointment, put, free: ['description', 'comment'] })) {
    return refuse('INVALID_RESOURCE', 'only description and comment can be amended');
  }
  return change(context, practice, appointment, { description, ...(comment === undefined ? {} : { comment }) });
}

/** Sets the status to cancelled with a reason; nothing else may differ from what was read. */
export function cancelAppointment(context: BookingContext, practice: Practice, request: Request): Answer {
  const { appointment, put, refusal } = prepare(context, practice, request);
  if (!appointment || !put) return refusal;
  if (put.status !== 'cancelled') return refuse('INVALID_RESOURCE', 'status is not cancelled');
  const known = appointmentResource(context.gp, practice, appointment).extension;
  const added = put.extension.filter((one) => !known.some((other) => isDeepStrictEqual(one, other)));
  if (added.length === 0) return refuse('INVALID_PARAMETER', 'the cancellation reason is missing');
  const [reason] = added;
  const isReason = added.length === 1 && reason?.url === CANCELLATION_REASON && reason.valueString?.trim();
  if (!isReason) return refuse('INVALID_RESOURCE', 'the cancellation reason extension is not right');
  const unreasoned = { ...put, extension: put.extension.filter((one) => one !== reason) };
  if (hasChanged(context.gp, practice, { appointment, put: unreasoned, free: ['status'] })) {
    return refuse('INVALID_RESOURCE', 'a cancellation can change nothing but the status');
  }
  return change(context, practice, appointment, { status: 'cancelled', cancellationReason: reason.valueString ?? '' });
}

type Prepared =
  | { appointment: SimAppointment; put: Stu3Appointment; refusal?: never }
  | { appointment?: never; put?: never; refusal: Answer };

function prepare({ gp, now }: BookingContext, practice: Practice, { id, body, ifMatch }: Request): Prepared {
  const appointment = gp.appointment(practice.ods, id);
  if (!appointment) return { refusal: refuse('NO_RECORD_FOUND', 'no such appointment') };
  const put = parseJson(body);
  if (!isPosted(put) || !Array.isArray(put.extension)) {
    return { refusal: refuse('INVALID_RESOURCE', 'the body is not the Appointment that was read') };
  }
  const refusal = firstRefusal(
    (): Refusal => (ifMatch === undefined ? refuse('BAD_REQUEST', 'If-Match is required') : undefined),
    () =>
      ifMatch === etag(appointment)
        ? undefined
        : refuse('FHIR_CONSTRAINT_VIOLATION', 'If-Match is not the current version'),
    () => (put.id === id ? undefined : refuse('INVALID_RESOURCE', 'the id in the body is not the one in the path')),
    () => (appointment.status === 'booked' ? undefined : refuse('INVALID_RESOURCE', 'the appointment is not booked')),
    () => (appointment.start > now ? undefined : refuse('INVALID_RESOURCE', 'the appointment is in the past')),
  );
  return refusal ? { refusal } : { appointment, put };
}

function hasChanged(
  gp: GpSystems,
  practice: Practice,
  { appointment, put, free }: { appointment: SimAppointment; put: Stu3Appointment; free: readonly string[] },
): boolean {
  const bare = (resource: Stu3Appointment) =>
    Object.fromEntries(Object.entries(resource).filter(([name]) => name !== 'meta' && !free.includes(name)));
  return !isDeepStrictEqual(bare(put), bare(appointmentResource(gp, practice, appointment)));
}

function change(context: BookingContext, practice: Practice, appointment: SimAppointment, what: Change): Answer {
  const event = {
    kind: 'appointment-changed',
    ods: practice.ods,
    at: context.now,
    appointmentId: appointment.id,
    change: what,
  } as const;
  commit(context.gp, context.journal, { kind: 'gp', by: 'gp-connect', event });
  const changed = context.gp.appointment(practice.ods, appointment.id) ?? appointment;
  return { status: 200, headers: { etag: etag(changed) }, body: appointmentResource(context.gp, practice, changed) };
}
