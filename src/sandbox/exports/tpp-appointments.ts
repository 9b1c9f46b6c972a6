/** The TPP tables of clinics. Free slots are not sent, and a cancelled appointment keeps its patient and time. facts: gp-extracts §2.3, §2.4 */
import { addTo } from '#fhir/date.ts';
import type { ClinicSession, SimAppointment } from '#sandbox/practice.ts';
import type { Row, WallClock } from './csv.ts';
import type { Scope } from './scope.ts';
import { ownedBy, staffMemberId } from './tpp-admin.ts';
import { appointmentStatus, NO_ID, tppTime, yesNo } from './tpp-text.ts';

export function rotaRow(scope: Scope, session: ClinicSession): Row {
  const opens = session.slots[0];
  return {
    ...ownedBy(scope),
    RowIdentifier: session.id,
    DateCreation: tppTime('2024-01-02', '08:00:00'),
    Name: session.name,
    RotaType: NO_ID,
    Location: NO_ID,
    IDProfileOwner: NO_ID,
    DateStart: opens ? localTime(scope.clock, opens.start) : tppTime(session.date),
    AllowOverBooking: 'FALSE',
    IDAppointmentRoom: NO_ID,
    IDBranch: NO_ID,
  };
}

/** All appointments, or those that changed. */
export function appointmentRows(scope: Scope): readonly Row[] {
  const places = new Map(
    scope.practice.sessions.flatMap((session) =>
      session.slots.map((slot) => [slot.id, { session, telephone: slot.channel === 'Telephone' }] as const),
    ),
  );
  return scope.practice.appointments
    .filter(({ id }) => scope.has('appointments', id))
    .map((appointment) => appointmentRow(scope, appointment, places.get(appointment.slotId)));
}

function appointmentRow(
  scope: Scope,
  appointment: SimAppointment,
  place: { readonly session: ClinicSession; readonly telephone: boolean } | undefined,
): Row {
  const { status, start, end } = appointment;
  const session = place?.session;
  const local = (instant: string) => localTime(scope.clock, instant);
  const came = status === 'arrived' || status === 'fulfilled';
  return {
    ...ownedBy(scope),
    RowIdentifier: appointment.id,
    DateStart: local(start),
    DateEnd: local(end),
    AppointmentStatus: appointmentStatus(status),
    DateAppointmentBooked: local(appointment.bookedAt),
    DatePatientArrival: came ? local(start) : '',
    DatePatientSeen: status === 'fulfilled' ? local(addTo(start, { minutes: 2 })) : '',
    FollowUpAppointment: 'FALSE',
    TelephoneAppointment: yesNo(place?.telephone ?? false),
    IDClinician: session ? staffMemberId(session.staffId) : NO_ID,
    IDProfileClinician: session?.staffId ?? NO_ID,
    RotaName: session?.name ?? '',
    AllowsOverbooking: 'FALSE',
    DateAppointmentCancelled: status === 'cancelled' ? cancelledAt(scope, appointment) : '',
    IDRota: session?.id ?? NO_ID,
    IDReferralIn: NO_ID,
    IDPatient: appointment.patientId,
  };
}

/** The time of cancelling is not kept, except that it was when the appointment last changed. */
function cancelledAt(scope: Scope, appointment: SimAppointment): string {
  const changed = scope.changedAt('appointments', appointment.id);
  return localTime(scope.clock, changed ?? appointment.bookedAt);
}

function localTime(clock: WallClock, instant: string): string {
  const { date, time } = clock(instant);
  return tppTime(date, time);
}
