/** One practice's system as held in memory: its records, and an index for every way in which they are asked for. */
import { epochMilliseconds } from '#fhir/date.ts';
import { aChangeLog, type ChangeLog } from './change-log.ts';
import type { ClinicSession, ClinicSlot, Practice, SimAppointment, SimPatient } from './practice.ts';

export type System = {
  readonly practice: Practice;
  /** The arrays inside `practice`, changed in place. */
  readonly patients: SimPatient[];
  readonly appointments: SimAppointment[];
  readonly patientIndex: Map<string, number>;
  readonly appointmentIndex: Map<string, number>;
  readonly byPatient: Map<string, number[]>;
  readonly byNhsNumber: ReadonlyMap<string, string>;
  readonly sessions: ReadonlyMap<string, ClinicSession>;
  readonly slots: ReadonlyMap<string, ClinicSlot>;
  readonly inOrder: readonly { readonly start: number; readonly end: number; readonly slot: ClinicSlot }[];
  /** Slot → the appointment that has it. */
  readonly taken: Map<string, string>;
  readonly log: ChangeLog;
};

export function aSystem(practice: Practice): System {
  const patients = [...practice.patients];
  const appointments: SimAppointment[] = [];
  const slots = practice.sessions.flatMap((session) => session.slots);
  const system: System = {
    practice: { ...practice, patients, appointments },
    patients,
    appointments,
    patientIndex: new Map(patients.map((patient, n) => [patient.id, n])),
    appointmentIndex: new Map(),
    byPatient: new Map(),
    byNhsNumber: new Map(patients.map((patient) => [patient.nhsNumber, patient.id])),
    sessions: new Map(practice.sessions.map((session) => [session.id, session])),
    slots: new Map(slots.map((slot) => [slot.id, slot])),
    inOrder: slots
      .map((slot) => ({ start: epochMilliseconds(slot.start), end: epochMilliseconds(slot.end), slot }))
      .sort((a, b) => a.start - b.start),
    taken: new Map(),
    log: aChangeLog(),
  };
  for (const appointment of practice.appointments) book(system, appointment);
  return system;
}

export function patientAt(system: System | undefined, id: string | undefined): SimPatient | undefined {
  const index = id === undefined ? undefined : system?.patientIndex.get(id);
  return index === undefined ? undefined : system?.patients[index];
}

export function appointmentAt(system: System | undefined, id: string | undefined): SimAppointment | undefined {
  const index = id === undefined ? undefined : system?.appointmentIndex.get(id);
  return index === undefined ? undefined : system?.appointments[index];
}

export function itemAt<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new Error('The index points beyond the list');
  return item;
}

export function knownPatient(system: System, id: string): SimPatient {
  const patient = patientAt(system, id);
  if (!patient) throw new Error(`No patient with the given id at practice ${system.practice.ods}`);
  return patient;
}

export function book(system: System, appointment: SimAppointment): boolean {
  const { id, slotId, patientId } = appointment;
  if (system.appointmentIndex.has(id)) return false;
  knownPatient(system, patientId);
  if (!system.slots.has(slotId)) throw new Error(`No slot ${slotId} at practice ${system.practice.ods}`);
  const free = appointment.status === 'cancelled';
  if (!free && system.taken.has(slotId)) throw new Error(`Slot ${slotId} is taken; cancel its appointment first`);
  const index = system.appointments.push(appointment) - 1;
  system.appointmentIndex.set(id, index);
  system.byPatient.set(patientId, [...(system.byPatient.get(patientId) ?? []), index]);
  if (!free) system.taken.set(slotId, id);
  return true;
}
