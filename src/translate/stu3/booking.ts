/**
 * The booking that is sent to GP Connect: first as the R4 Appointment that is meant, then as the STU3 body, from the
 * closed list of fields a provider takes. A field outside it fails loudly, as the provider would refuse it (or, worse,
 * drop it). facts: gp-connect §2.3, §2.4, §6.3
 */
import { isInstant, londonOffsetTime } from '#fhir/date.ts';
import { ODS_CODE, ukCoreExtension } from '#fhir/systems.ts';
import type { Appointment, Reference, Schedule, Slot } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import {
  BOOKING_ORGANISATION,
  ORGANISATION_TYPE,
  providerIdentifier,
  providerSystem,
  providerValue,
  STU3_APPOINTMENT_PROFILE,
  STU3_ORGANIZATION_PROFILE,
} from './scheduling.ts';

/** Who books: the organisation named in the token and in the slot search. */
export type BookingOrganisation = {
  readonly ods: string;
  readonly name: string;
  readonly telecom: string;
  /** Only, and the same, if the slot search was filtered by it. */
  readonly type?: 'gp-practice' | 'urgent-care';
};

export type BookingRequest = {
  readonly organisation: string;
  /** The provider's own id, found for this call. */
  readonly patientId: string;
  readonly slot: Slot;
  readonly schedule: Schedule;
  readonly description: string;
  readonly key: string;
  /** Words that go before the key. */
  readonly comment?: string;
  readonly created: string;
};

/** The appointment that a slot and its schedule make: patient, place and, where the schedule has one, practitioner. */
export function appointmentToBook(request: BookingRequest): Result<Appointment> {
  const { organisation, slot, schedule } = request;
  const slotId = providerValue(organisation, 'Slot', slot.identifier);
  if (!slotId) return fail('invalid', 'the slot has no identifier of this practice: search for slots again');
  if (schedule.id === undefined || slot.schedule.reference !== `Schedule/${schedule.id}`) {
    return fail('invalid', 'the schedule is not the slot’s own');
  }
  const actors = schedule.actor.filter((actor) => actor.type === 'Location' || actor.type === 'Practitioner');
  if (!actors.some((actor) => actor.type === 'Location')) {
    return fail('invalid', 'the schedule has no location, and a booking must name one');
  }
  const patient: Reference = {
    type: 'Patient',
    identifier: providerIdentifier(organisation, 'Patient', request.patientId),
  };
  return ok({
    resourceType: 'Appointment',
    status: 'booked',
    description: request.description,
    start: slot.start,
    end: slot.end,
    slot: [{ type: 'Slot', identifier: providerIdentifier(organisation, 'Slot', slotId) }],
    created: request.created,
    comment: request.comment ? `${request.comment} ${request.key}` : request.key,
    participant: [patient as Appointment['participant'][number]['actor'], ...actors].map((actor) => ({
      ...(actor ? { actor } : {}),
      status: 'accepted' as const,
    })),
  });
}

const sent = ['status', 'description', 'start', 'end', 'slot', 'created', 'comment', 'participant'];
/** Ours, or the answer's: neither sent nor missed. */
const passedOver = ['resourceType', 'id', 'meta', 'identifier', 'extension'];
const extensions = [ukCoreExtension('BookingOrganization'), ukCoreExtension('DeliveryChannel')];

/** The body of `POST /Appointment`. */
export function bookingToStu3(
  appointment: Appointment,
  organisation: string,
  booker: BookingOrganisation,
): Result<Readonly<Record<string, unknown>>> {
  const faults = [...unsendable(appointment), ...missing(appointment)];
  if (faults.length > 0) return fail('invalid', `the appointment cannot be booked by GP Connect: ${faults.join('; ')}`);
  const slot = (appointment.slot ?? []).map((one) => relative(organisation, one));
  const actors = appointment.participant.map((one) => relative(organisation, one.actor));
  if ([...slot, ...actors].includes(undefined)) {
    return fail('invalid', 'a slot or participant has no identifier of this practice: search for slots again');
  }
  return ok({
    resourceType: 'Appointment',
    meta: { profile: [STU3_APPOINTMENT_PROFILE] },
    contained: [bookingOrganisation(booker)],
    extension: [{ url: BOOKING_ORGANISATION, valueReference: { reference: '#1' } }],
    status: 'booked',
    description: appointment.description,
    start: londonOffsetTime(appointment.start ?? ''),
    end: londonOffsetTime(appointment.end ?? ''),
    slot: slot.map((reference) => ({ reference })),
    created: londonOffsetTime(appointment.created ?? ''),
    ...(appointment.comment ? { comment: appointment.comment } : {}),
    participant: actors.map((reference) => ({ actor: { reference }, status: 'accepted' })),
  });
}

function unsendable(appointment: Appointment): string[] {
  const names = Object.keys(appointment).filter((name) => !sent.includes(name) && !passedOver.includes(name));
  const urls = (appointment.extension ?? []).filter((extension) => !extensions.includes(extension.url));
  return [
    ...names.map((name) => `it may not carry ${name}`),
    ...urls.map(() => 'it may carry no extension but booking organisation and delivery channel'),
    ...(appointment.participant.some((one) => one.type) ? ['a participant may not carry a type'] : []),
    ...((appointment.description ?? '').length > 100 ? ['its description is over 100 characters'] : []),
    ...((appointment.comment ?? '').length > 500 ? ['its comment is over 500 characters'] : []),
  ];
}

function missing(appointment: Appointment): string[] {
  const { status, description, start, end, created, slot, participant } = appointment;
  const types = participant.map((one) => one.actor?.type);
  return [
    ...(status === 'booked' ? [] : ['its status must be booked']),
    ...(description?.trim() ? [] : ['it needs a description']),
    ...([start, end, created].every((time) => isInstant(time ?? ''))
      ? []
      : ['start, end and created must be instants']),
    ...(slot?.length ? [] : ['it needs a slot']),
    ...(['Patient', 'Location'] as const)
      .filter((type) => types.filter((one) => one === type).length !== 1)
      .map((type) => `it needs one ${type}`),
  ];
}

/** `Slot/1`: relative, as an absolute reference is refused. */
function relative(organisation: string, reference: Reference | undefined): string | undefined {
  const { type, identifier } = reference ?? {};
  if (!type || identifier?.system !== providerSystem(organisation, type) || !identifier.value) return undefined;
  return `${type}/${identifier.value}`;
}

function bookingOrganisation(booker: BookingOrganisation): Readonly<Record<string, unknown>> {
  return {
    resourceType: 'Organization',
    id: '1',
    meta: { profile: [STU3_ORGANIZATION_PROFILE] },
    identifier: [{ system: ODS_CODE, value: booker.ods }],
    ...(booker.type ? { type: [{ coding: [{ system: ORGANISATION_TYPE, code: booker.type }] }] } : {}),
    name: booker.name,
    telecom: [{ system: 'phone', value: booker.telecom }],
  };
}
