/** Booking through GP Connect: every rule of the profile and of the text before the slot is taken. facts: gp-connect §2.3, §2.4 */

import { type Static, Type } from 'typebox';
import { epochMilliseconds, instantOf, londonOffsetTime } from '#fhir/date.ts';
import { ODS_CODE } from '#fhir/systems.ts';
import { commit, isActive } from '#sandbox/gp-access.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import { supplierId } from '#sandbox/population/supplier-id.ts';
import type { ClinicSlot, Practice, SimAppointment } from '#sandbox/practice.ts';
import type { Journal } from '#sandbox/records.ts';
import { type Answer, parseJson } from '#sandbox/stand-ins/serving.ts';
import { checker } from '#schema.ts';
import { appointmentResource, etag, takenSlots } from './appointments.ts';
import { firstRefusal, type Refusal, refuse } from './outcome.ts';
import { BOOKING_ORGANISATION, DELIVERY_CHANNEL, locationId, PRACTITIONER_ROLE, structure } from './resources.ts';

const closed = { additionalProperties: false };
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength, pattern: '\\S' });
const time = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?\\+0[01]:00$' });
const reference = (types: string) => Type.String({ pattern: `^(${types})/[A-Za-z0-9\\-.]{1,64}$` });
const anything = Type.Optional(Type.Unknown());

const organisationSchema = Type.Object({
  resourceType: Type.Literal('Organization'),
  id: Type.Literal('1'),
  identifier: Type.Array(Type.Object({ system: Type.Literal(ODS_CODE), value: text(20) }), {
    minItems: 1,
    maxItems: 1,
  }),
  name: text(200),
  telecom: Type.Array(Type.Object({ system: Type.String(), value: text(100) }), { minItems: 1 }),
});

/** What a consumer may send; anything else (`reason`, `specialty`, `indication` …) is refused. */
const bookingSchema = Type.Object(
  {
    resourceType: Type.Literal('Appointment'),
    meta: Type.Object({ profile: Type.Array(Type.Literal(structure('GPConnect-Appointment-1')), { minItems: 1 }) }),
    language: anything,
    text: anything,
    contained: Type.Array(organisationSchema, { minItems: 1, maxItems: 1 }),
    extension: Type.Array(
      Type.Union([
        Type.Object({
          url: Type.Literal(BOOKING_ORGANISATION),
          valueReference: Type.Object({ reference: Type.Literal('#1') }),
        }),
        Type.Object({ url: Type.Union([Type.Literal(DELIVERY_CHANNEL), Type.Literal(PRACTITIONER_ROLE)]) }),
      ]),
      { minItems: 1, contains: Type.Object({ url: Type.Literal(BOOKING_ORGANISATION) }) },
    ),
    identifier: Type.Optional(Type.Array(Type.Object({ system: text(500), value: text(500) }))),
    status: Type.Literal('booked'),
    serviceCategory: anything,
    serviceType: anything,
    priority: anything,
    minutesDuration: anything,
    description: text(100),
    start: time,
    end: time,
    slot: Type.Array(Type.Object({ reference: reference('Slot') }), { minItems: 1 }),
    created: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}' }),
    comment: Type.Optional(Type.String({ maxLength: 500 })),
    participant: Type.Array(
      Type.Object(
        {
          actor: Type.Object({ reference: reference('Patient|Location|Practitioner') }),
          status: Type.Literal('accepted'),
        },
        closed,
      ),
      { minItems: 2 },
    ),
  },
  closed,
);

type Booking = Static<typeof bookingSchema>;
const checkBooking = checker('Appointment', bookingSchema);

export type BookingContext = { gp: GpSystems; journal: Journal; now: string };

/** Books the posted Appointment: 201 with the resource, 409 when a slot has gone, 422 for everything that is wrong with it. */
export function bookAppointment(context: BookingContext, practice: Practice, body: string): Answer {
  const posted = checkBooking(parseJson(body));
  if (!posted.ok) return refuse('INVALID_RESOURCE', posted.failure.message);
  const booking = posted.value;
  const slots = booking.slot.flatMap(({ reference }) => context.gp.slot(practice.ods, afterSlash(reference)) ?? []);
  const refusal = firstRefusal(
    () => refuseParticipants(context.gp, practice, booking),
    () => refuseSlots(booking, slots, context.now),
    () => refuseTaken(context, practice, { booking, slots }),
  );
  const first = slots[0];
  if (refusal || !first) return refusal ?? refuse('INVALID_RESOURCE', 'slot is missing');
  const appointment = newAppointment(practice, { booking, first }, context.now);
  const event = { kind: 'appointment-booked', ods: practice.ods, at: context.now, appointment } as const;
  commit(context.gp, context.journal, { kind: 'gp', by: 'gp-connect', event });
  const body201 = appointmentResource(context.gp, practice, appointment);
  return {
    status: 201,
    headers: { etag: etag(appointment), location: `Appointment/${appointment.id}` },
    body: body201,
  };
}

/** The practice's own desk takes the first slot that a booking is for, a moment before it, for another patient. */
export function bookAtTheDesk({ gp, journal, now }: BookingContext, practice: Practice, body: string): void {
  const posted = checkBooking(parseJson(body));
  const slotId = posted.ok ? afterSlash(posted.value.slot[0]?.reference ?? '') : '';
  const slot = gp.slot(practice.ods, slotId);
  const other = practice.patients.find(
    (one) => isActive(one) && posted.ok && one.id !== participantId(posted.value, 'Patient'),
  );
  if (!slot || !other || takenSlots(practice).has(slotId)) return;
  const { start, end } = slot;
  const id = supplierId(practice.supplier, 'desk-appointment', practice.ods, slotId);
  const appointment: SimAppointment = {
    id,
    slotId,
    patientId: other.id,
    start,
    end,
    status: 'booked',
    bookedAt: now,
    version: 1,
    description: 'Booked at the desk',
  };
  const event = { kind: 'appointment-booked', ods: practice.ods, at: now, appointment } as const;
  commit(gp, journal, { kind: 'gp', by: 'practice', event });
}

function newAppointment(
  practice: Practice,
  { booking, first }: { booking: Booking; first: ClinicSlot },
  now: string,
): SimAppointment {
  const earlier = practice.appointments.filter(({ slotId }) => slotId === first.id).length;
  return {
    id: supplierId(practice.supplier, 'gp-connect-appointment', practice.ods, first.id, String(earlier)),
    slotId: first.id,
    patientId: participantId(booking, 'Patient') ?? '',
    start: first.start,
    end: instantOf(epochMilliseconds(booking.end)),
    status: 'booked',
    bookedAt: now,
    version: 1,
    description: booking.description,
    ...(booking.comment === undefined ? {} : { comment: booking.comment }),
    booking,
  };
}

function refuseParticipants(gp: GpSystems, practice: Practice, booking: Booking): Refusal {
  const [patientId, location] = [participantId(booking, 'Patient'), participantId(booking, 'Location')];
  if (!patientId || !location) return refuse('INVALID_RESOURCE', 'a Patient and a Location participant are needed');
  const patient = gp.patientById(practice.ods, patientId);
  if (!patient || patient.sensitive || !isActive(patient)) {
    return refuse('REFERENCE_NOT_FOUND', `Patient/${patientId} does not exist here`);
  }
  if (location !== locationId(practice))
    return refuse('REFERENCE_NOT_FOUND', `Location/${location} does not exist here`);
  const practitioner = participantId(booking, 'Practitioner');
  const isStaff = !practitioner || practice.staff.some(({ id }) => id === practitioner);
  return isStaff ? undefined : refuse('REFERENCE_NOT_FOUND', `Practitioner/${practitioner} does not exist here`);
}

function refuseSlots(booking: Booking, slots: readonly ClinicSlot[], now: string): Refusal {
  if (slots.length < booking.slot.length) return refuse('REFERENCE_NOT_FOUND', 'a slot reference does not exist here');
  const [first, last] = [slots[0], slots.at(-1)];
  const isAdjacent = slots.every((slot, at) => at === 0 || follows(slots[at - 1], slot));
  if (!isAdjacent) return refuse('INVALID_RESOURCE', 'the slots are not adjacent, of one schedule, channel and type');
  const isFitting = first && last && isSameTime(booking.start, first.start) && isSameTime(booking.end, last.end);
  if (!isFitting) return refuse('INVALID_RESOURCE', 'start and end are not those of the slots');
  return first.start > now ? undefined : refuse('INVALID_RESOURCE', 'the slot is in the past');
}

function refuseTaken(
  { journal, now }: BookingContext,
  practice: Practice,
  { booking, slots }: { booking: Booking; slots: readonly ClinicSlot[] },
): Refusal {
  const taken = takenSlots(practice);
  if (!slots.some(({ id }) => taken.has(id))) return undefined;
  const key = booking.comment ?? '';
  journal.append({ kind: 'refused', at: now, system: 'gp-connect', reason: 'DUPLICATE_REJECTED', key });
  return refuse('DUPLICATE_REJECTED', 'the slot is no longer free');
}

function follows(before: ClinicSlot | undefined, slot: ClinicSlot): boolean {
  return (
    before?.end === slot.start &&
    before.sessionId === slot.sessionId &&
    before.channel === slot.channel &&
    before.slotType === slot.slotType
  );
}

function isSameTime(posted: string, instant: string): boolean {
  return posted === londonOffsetTime(instant);
}

function participantId(booking: Booking, type: string): string | undefined {
  const found = booking.participant.find(({ actor }) => actor.reference.startsWith(`${type}/`));
  return found && afterSlash(found.actor.reference);
}

function afterSlash(reference: string): string {
  return reference.slice(reference.indexOf('/') + 1);
}
