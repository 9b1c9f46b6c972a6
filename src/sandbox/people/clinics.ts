/** What happens at an appointment: attended or not, and what is coded afterwards. facts: care-needs §5.1, §5.2 */
import { addTo, ageOn, daysBetween, londonDate } from '#fhir/date.ts';
import { isActive } from '#sandbox/gp-access.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import { randomFrom } from '#sandbox/population/random.ts';
import type { GpEvent, Practice, SimAppointment, SimPatient } from '#sandbox/practice.ts';
import type { SimEvent } from '#sandbox/records.ts';
import { careGiven, type Visit } from './care.ts';
import { nextHour } from './hours.ts';

/** What an event does: to the GP system, and which events follow it. */
export type Effect = {
  readonly outcome: string;
  readonly events: readonly GpEvent[];
  readonly next?: readonly SimEvent[];
};

type Context = { readonly gp: GpSystems; readonly seed: string; readonly at: string };

/** The chance that a patient does not come: 7 % by default, more for the young and for bookings long ahead. */
export function absenceProbability(patient: SimPatient, appointment: SimAppointment): number {
  const day = londonDate(appointment.start);
  const age = ageOn(patient.birthDate, day);
  const base = age >= 75 ? 0.052 : age >= 20 && age <= 25 ? 0.117 : 0.07;
  const lead = daysBetween(londonDate(appointment.bookedAt), day);
  return base * (lead <= 1 ? 0.55 : lead >= 28 ? 1.35 : 1);
}

export function appointmentEndedEvent(ods: string, appointment: SimAppointment): SimEvent {
  const id = `ended:${ods}:${appointment.id}`;
  return { id, at: nextHour(appointment.end), do: 'appointment-ended', ods, appointmentId: appointment.id };
}

/** Decides attendance. One that was decided already (before a crash) goes on from there. */
export function endAppointment({ gp, seed, at }: Context, { ods, id }: { ods: string; id: string }): Effect {
  const appointment = gp.appointment(ods, id);
  const patient = appointment && gp.patientById(ods, appointment.patientId);
  if (!appointment || !patient) return { outcome: 'unknown', events: [] };
  if (appointment.status === 'fulfilled')
    return { outcome: 'fulfilled', events: [], next: coding(seed, ods, appointment) };
  if (appointment.status !== 'booked' && appointment.status !== 'arrived')
    return { outcome: appointment.status, events: [] };
  const change = (status: SimAppointment['status']): GpEvent => ({
    kind: 'appointment-changed',
    ods,
    at,
    appointmentId: id,
    change: { status },
  });
  if (!isActive(patient)) return { outcome: 'cancelled', events: [change('cancelled')] };
  const isAbsent = randomFrom(seed, patient.nhsNumber, 'attends', appointment.start).chance(
    absenceProbability(patient, appointment),
  );
  if (isAbsent) return { outcome: 'noshow', events: [change('noshow')] };
  return { outcome: 'fulfilled', events: [change('fulfilled')], next: coding(seed, ods, appointment) };
}

/** The entries are made on the day or up to two days later; four visits in a hundred are never coded. */
function coding(seed: string, ods: string, appointment: SimAppointment): SimEvent[] {
  const random = randomFrom(seed, appointment.patientId, 'codes', appointment.start);
  if (random.chance(0.04)) return [];
  const at = nextHour(addTo(appointment.end, { days: random.integer(0, 2) }));
  return [{ id: `coded:${ods}:${appointment.id}`, at, do: 'visit-coded', ods, appointmentId: appointment.id }];
}

export function codeVisit({ gp, seed, at }: Context, { ods, id }: { ods: string; id: string }): Effect {
  const practice = gp.practice(ods);
  const appointment = gp.appointment(ods, id);
  const patient = appointment && gp.patientById(ods, appointment.patientId);
  if (!practice || !appointment || !patient) return { outcome: 'unknown', events: [] };
  const slot = gp.slot(ods, appointment.slotId);
  const session = slot && gp.session(ods, slot.sessionId);
  const does = clinicDoes(session?.name ?? '', appointment);
  const staffId = session?.staffId ?? practice.staff[0]?.id ?? '';
  const date = londonDate(appointment.start);
  return entered(practice, patient, { seed, supplier: practice.supplier, key: id, date, enteredAt: at, staffId, does });
}

/** Gives the care and makes it an event, if there is anything to code. */
export function entered({ ods }: Practice, patient: SimPatient, visit: Visit): Effect {
  const entries = careGiven(patient, visit);
  if (entries.length === 0) return { outcome: 'nothing due', events: [] };
  const event = { kind: 'entries-added', ods, at: visit.enteredAt, patientId: patient.id, entries } as const;
  return { outcome: `${entries.length} entries`, events: [event] };
}

/** By the clinic's name. In a GP's surgery reviews happen only when the appointment was booked for one from outside. */
function clinicDoes(name: string, { booking }: SimAppointment): Visit['does'] {
  if (/blood|phleb/i.test(name)) return ['bloods'];
  if (/review/i.test(name)) return ['review'];
  return booking === undefined ? [] : ['review', 'bloods'];
}
