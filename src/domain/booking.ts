/**
 * Booking: which slot, under which key, and how to recognise the booking when its answer was lost.
 * facts: gp-connect §2.3 to §2.5; care-needs §6.1 H8, H28
 */
import { addTo, epochMilliseconds, londonInstant } from '#fhir/date.ts';
import { idFrom } from '#fhir/id.ts';
import { idOf } from '#fhir/reference.ts';
import { IDEMPOTENCY_KEY, ODS_CODE, ukCore, ukCoreExtension } from '#fhir/systems.ts';
import type {
  Appointment,
  CodeableConcept,
  Patient,
  Reference,
  Schedule,
  ServiceRequest,
  Slot,
  Task,
} from '#fhir/types.ts';
import { linkOf, linkTo } from './link.ts';

const MINUTE = 60_000;
const BOOKING_ORGANISATION = ukCoreExtension('BookingOrganization');

export type Wanted = {
  readonly minutes: number;
  readonly now: string;
  /** The patient needs time to read of it. */
  readonly earliestLeadHours: number;
  readonly withinDays: number;
  /** A London date before which it makes no sense. */
  readonly notBefore?: string;
  /** The practice's own words for the kinds of slot or session that suit, compared without case. Free text in every practice: nothing named, nothing chosen. */
  readonly slotTypes: readonly string[];
};

export type Suitable = { readonly slot: Slot; readonly schedule: Schedule };

/** The earliest free slot that is long enough and of a suitable kind; the smaller id where two start together. */
export function chooseSlot(
  slots: readonly Slot[],
  schedules: readonly Schedule[],
  wanted: Wanted,
): Suitable | undefined {
  return suitableSlots(slots, schedules, wanted)[0];
}

/** Every slot that suits, the earliest first. */
export function suitableSlots(
  slots: readonly Slot[],
  schedules: readonly Schedule[],
  wanted: Wanted,
): readonly Suitable[] {
  const from = Math.max(
    epochMilliseconds(addTo(wanted.now, { hours: wanted.earliestLeadHours })),
    wanted.notBefore ? epochMilliseconds(londonInstant(wanted.notBefore, '00:00')) : 0,
  );
  const to = epochMilliseconds(addTo(wanted.now, { days: wanted.withinDays }));
  const types = wanted.slotTypes.map(plain);
  const candidates = slots.flatMap((slot) => {
    const schedule = schedules.find((one) => one.id === idOf('Schedule', slot.schedule));
    const start = epochMilliseconds(slot.start);
    const isLongEnough = epochMilliseconds(slot.end) - start >= wanted.minutes * MINUTE;
    if (!schedule || slot.status !== 'free' || start < from || start > to || !isLongEnough) return [];
    return isOfType(slot, schedule, types) ? [{ slot, schedule, start }] : [];
  });
  return candidates
    .sort((one, other) => one.start - other.start || byId(one.slot, other.slot))
    .map(({ slot, schedule }) => ({ slot, schedule }));
}

/** The text that a booking carries. No clinical content, at most 100 characters. */
export const BOOKING_DESCRIPTION = 'Booked by care coordination';

/** The Appointment as it is saved before the provider is asked. `n` counts the tries of one Task; the key goes into the comment. */
export function proposedAppointment(of: {
  readonly task: Task;
  readonly need: ServiceRequest;
  /** Further needs that the same visit is to meet. */
  readonly others?: readonly ServiceRequest[];
  readonly slot: Slot;
  readonly schedule: Schedule;
  /** The practice that books: Organization id, its ODS code. */
  readonly organisation: string;
  readonly n: number;
  readonly now: string;
}): Appointment {
  const { task, slot, schedule, organisation, now } = of;
  const id = bookingId(task, of.n);
  return {
    ...appointmentOn(slot, schedule, { id, patient: linkOf(task.for) ?? {}, organisation, now }),
    basedOn: [of.need, ...(of.others ?? [])].map((need) => linkTo('ServiceRequest', need.id)),
    supportingInformation: [linkTo('Task', task.id)],
  };
}

export type Wish = {
  /** Its id, and the key that goes into its comment. */
  readonly id: string;
  readonly patient: Reference<Patient>;
  readonly organisation: string;
  readonly now: string;
  readonly description?: string;
  /** Words that go before the key. */
  readonly comment?: string;
};

/** A pending Appointment for a patient on a slot. */
export function appointmentOn(slot: Slot, schedule: Schedule, wish: Wish): Appointment {
  const { id, comment } = wish;
  const types = slot.serviceType ?? schedule.serviceType;
  // An actor that holds only in the schedule (a session's job role) is named by what the appointment must hold then too.
  const contained = (schedule.contained ?? []).filter(({ id }) =>
    schedule.actor.some(({ reference }) => reference === `#${id}`),
  );
  return {
    resourceType: 'Appointment',
    id,
    meta: { profile: [ukCore('Appointment')] },
    extension: [
      {
        url: BOOKING_ORGANISATION,
        valueReference: {
          ...linkTo('Organization', wish.organisation),
          identifier: { system: ODS_CODE, value: wish.organisation },
        },
      },
    ],
    identifier: [{ system: IDEMPOTENCY_KEY, value: id }],
    ...(contained.length > 0 ? { contained } : {}),
    status: 'pending',
    ...(types ? { serviceType: types } : {}),
    description: wish.description ?? BOOKING_DESCRIPTION,
    start: slot.start,
    end: slot.end,
    minutesDuration: Math.round((epochMilliseconds(slot.end) - epochMilliseconds(slot.start)) / MINUTE),
    slot: [linkTo('Slot', slot.id)],
    created: wish.now,
    comment: comment ? `${comment} ${id}` : id,
    participant: [
      { actor: wish.patient, required: 'required', status: 'accepted' },
      ...schedule.actor.flatMap((actor) => {
        const link = linkOf(actor);
        return link ? [{ actor: link, status: 'needs-action' as const }] : [];
      }),
    ],
  };
}

/** The id and key of a Task's n-th try at booking. */
export function bookingId(task: Task, n: number): string {
  return idFrom(task.id ?? '', 'booking', String(n));
}

/** Our Appointment with what the provider made of it: its times, its identifiers, its status. Its places and people stay ours. */
export function confirmAppointment(proposed: Appointment, provided: Appointment): Appointment {
  const own = proposed.identifier ?? [];
  const theirs = (provided.identifier ?? []).filter(
    (identifier) => !own.some((known) => known.system === identifier.system && known.value === identifier.value),
  );
  return {
    ...proposed,
    identifier: [...own, ...theirs],
    status: provided.status,
    ...(provided.start ? { start: provided.start } : {}),
    ...(provided.end ? { end: provided.end } : {}),
    ...(provided.cancelationReason ? { cancelationReason: provided.cancelationReason } : {}),
    participant: proposed.participant.map((participant) => ({ ...participant, status: 'accepted' })),
  };
}

/**
 * Finds a booking whose answer was lost in the patient's list of appointments: by our key in its text (a provider may
 * join description and comment), else by the same start booked by our organisation. A cancelled one is not it.
 */
export function matchBooking(list: readonly Appointment[], proposed: Appointment): Appointment | undefined {
  const standing = list.filter((found) => found.status !== 'cancelled' && found.status !== 'entered-in-error');
  const key = proposed.identifier?.find((identifier) => identifier.system === IDEMPOTENCY_KEY)?.value;
  const byKey = standing.find((found) => key && textOf(found).includes(key));
  // A booking that carries another of our keys is another booking, even in the same minute.
  const keyless = standing.filter((found) => !OUR_KEY.test(textOf(found)));
  return byKey ?? keyless.find((found) => isSameStart(found, proposed) && isSameBooker(found, proposed));
}

/** As `idFrom` makes them. */
const OUR_KEY = /[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/;

function textOf(appointment: Appointment): string {
  return `${appointment.comment ?? ''} ${appointment.description ?? ''}`;
}

function isSameStart(one: Appointment, other: Appointment): boolean {
  return one.start && other.start ? epochMilliseconds(one.start) === epochMilliseconds(other.start) : false;
}

function isSameBooker(found: Appointment, proposed: Appointment): boolean {
  const ours = bookerOf(proposed);
  return ours !== undefined && bookerOf(found) === ours;
}

function bookerOf(appointment: Appointment): string | undefined {
  const reference = appointment.extension?.find((one) => one.url === BOOKING_ORGANISATION)?.valueReference;
  const identifier = reference?.identifier?.system === ODS_CODE ? reference.identifier.value : undefined;
  if (identifier) return identifier;
  const contained = appointment.contained?.find((one) => `#${one.id}` === reference?.reference);
  if (contained?.resourceType === 'Organization') {
    return contained.identifier?.find((one) => one.system === ODS_CODE)?.value;
  }
  return idOf('Organization', reference);
}

function isOfType(slot: Slot, schedule: Schedule, types: readonly string[]): boolean {
  const said = [...texts(slot.serviceType), ...texts(schedule.serviceType), ...texts(schedule.serviceCategory)];
  return said.some((text) => types.includes(plain(text)));
}

function texts(concepts: readonly CodeableConcept[] | undefined): readonly string[] {
  return (concepts ?? [])
    .flatMap((one) => [one.text, ...(one.coding ?? []).map((coding) => coding.display)])
    .filter((text) => text !== undefined);
}

function plain(text: string): string {
  return text.trim().toLowerCase();
}

function byId(one: Slot, other: Slot): number {
  return (one.id ?? '') < (other.id ?? '') ? -1 : Number((one.id ?? '') > (other.id ?? ''));
}
