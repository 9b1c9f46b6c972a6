/** The EMIS tables of clinics. A slot has one row whoever has it: cancelling shows as the same slot with nobody in it. facts: gp-extracts §1.5, §1.6 */
import { addTo, epochMilliseconds } from '#fhir/date.ts';
import type { ClinicSession, ClinicSlot, SimAppointment } from '#sandbox/practice.ts';
import type { Row } from './csv.ts';
import { locationGuid } from './emis-admin.ts';
import { braced } from './emis-text.ts';
import type { Scope } from './scope.ts';

export function sessionRow({ practice, clock }: Scope, session: ClinicSession): Row {
  const opens = session.slots[0];
  const closes = session.slots.at(-1);
  return {
    AppointmentSessionGuid: braced(session.id),
    Description: session.name,
    LocationGuid: locationGuid(practice.ods),
    SessionTypeDescription: 'Timed appointments',
    StartDate: session.date,
    StartTime: opens ? clock(opens.start).time : '',
    EndDate: session.date,
    EndTime: closes ? clock(closes.end).time : '',
    Private: 'false',
    OrganisationGuid: braced(practice.guid),
    Deleted: 'false',
  };
}

export function sessionUserRow(session: ClinicSession): Row {
  return { SessionGuid: braced(session.id), UserInRoleGuid: braced(session.staffId), Deleted: 'false' };
}

const SLOT_STATUS = { booked: 'Booked', arrived: 'Arrived', fulfilled: 'Left', noshow: 'DNA', cancelled: '' } as const;

export function slotRow(scope: Scope, slot: ClinicSlot): Row {
  const { practice, clock } = scope;
  const appointment = scope.appointmentOn(slot.id);
  const start = clock(slot.start);
  return {
    SlotGuid: braced(slot.id),
    AppointmentDate: start.date,
    AppointmentStartTime: start.time,
    PlannedDurationInMinutes: String((epochMilliseconds(slot.end) - epochMilliseconds(slot.start)) / 60_000),
    DidNotAttend: String(appointment?.status === 'noshow'),
    OrganisationGuid: braced(practice.guid),
    SessionGuid: braced(slot.sessionId),
    SlotStatus: appointment ? SLOT_STATUS[appointment.status] : 'Slot Available',
    SlotType: slot.slotType,
    IsBookableOnline: 'true',
    ModeOfContact: slot.channel === 'Telephone' ? 'Telephone' : 'Face to face',
    IsBlocked: 'false',
    Deleted: 'false',
    ...(appointment ? bookedBy(scope, slot, appointment) : {}),
  };
}

/** Who has it, since when, and when they came and went (SendInTime and LeftTime say that they did). */
function bookedBy({ clock }: Scope, slot: ClinicSlot, appointment: SimAppointment): Row {
  const booked = clock(appointment.bookedAt);
  const { status } = appointment;
  const came = status === 'arrived' || status === 'fulfilled';
  return {
    PatientGuid: braced(appointment.patientId),
    BookedDate: booked.date,
    BookedTime: booked.time,
    BookingMethod: 'Practice',
    SendInTime: came ? clock(addTo(slot.start, { minutes: 2 })).time : '',
    LeftTime: status === 'fulfilled' ? clock(slot.end).time : '',
  };
}
