/** What each kind of event does to one practice's system. Doing it again does nothing. */
import { isDeepStrictEqual } from 'node:util';
import type { Changes } from './change-log.ts';
import type { CodedEntry, GpEvent, SimPatient } from './practice.ts';
import { appointmentAt, book, knownPatient, type System } from './practice-system.ts';

/** Takes one event in. Throws when it cannot be: an unknown patient, drug, slot or appointment, or a slot that is taken. */
export function applyTo(system: System, event: GpEvent): void {
  switch (event.kind) {
    case 'entries-added':
      addEntries(system, event.patientId, event.entries, event.at);
      break;
    case 'drug-issued':
      issueDrug(system, event);
      break;
    case 'appointment-booked':
      if (book(system, event.appointment)) system.log.note('appointments', event.appointment.id, event.at);
      break;
    case 'appointment-changed':
      changeAppointment(system, event);
      break;
    case 'patient-died':
      changePatient(system, event, { deathDate: event.date }, 'deaths');
      break;
    case 'patient-deregistered':
      changePatient(system, event, { deregisteredOn: event.date }, 'registrations');
      break;
    case 'contact-changed': {
      const { mobile, email } = event;
      const change = { ...(mobile === undefined ? {} : { mobile }), ...(email === undefined ? {} : { email }) };
      changePatient(system, event, change, 'contacts');
      break;
    }
  }
}

function replacePatient(system: System, patient: SimPatient): void {
  const index = system.patientIndex.get(patient.id);
  if (index !== undefined) system.patients[index] = patient;
}

function changePatient(
  system: System,
  event: { readonly patientId: string; readonly at: string },
  change: Partial<SimPatient>,
  kind: keyof Changes,
): void {
  const patient = knownPatient(system, event.patientId);
  if (!differs(patient, change)) return;
  replacePatient(system, { ...patient, ...change });
  for (const changed of ['patients', kind] as const) system.log.note(changed, patient.id, event.at);
}

function differs<T extends object>(before: T, change: Partial<T>): boolean {
  const present = new Map(Object.entries(before));
  return Object.entries(change).some(([name, value]) => !isDeepStrictEqual(present.get(name), value));
}

function addEntries(system: System, patientId: string, entries: readonly CodedEntry[], at: string): void {
  const patient = knownPatient(system, patientId);
  const known = new Set(patient.entries.map((entry) => entry.id));
  const added = entries.filter((entry) => !known.has(entry.id));
  if (added.length === 0) return;
  replacePatient(system, { ...patient, entries: [...patient.entries, ...added] });
  for (const entry of added) system.log.note('entries', entry.id, at);
}

function issueDrug(system: System, event: GpEvent & { readonly kind: 'drug-issued' }): void {
  const patient = knownPatient(system, event.patientId);
  const course = patient.drugs.find((drug) => drug.id === event.drugId);
  if (!course) throw new Error(`No drug with the given id in the record at practice ${system.practice.ods}`);
  if (course.issues.some((issue) => issue.id === event.issueId)) return;
  const issued = { ...course, issues: [...course.issues, { id: event.issueId, date: event.date }] };
  replacePatient(system, { ...patient, drugs: patient.drugs.map((drug) => (drug === course ? issued : drug)) });
  system.log.note('issues', event.issueId, event.at);
  system.log.note('drugs', event.drugId, event.at);
}

function changeAppointment(system: System, event: GpEvent & { readonly kind: 'appointment-changed' }): void {
  const { appointmentId, change, at } = event;
  const before = appointmentAt(system, appointmentId);
  const index = system.appointmentIndex.get(appointmentId);
  if (!before || index === undefined) throw new Error(`No appointment ${appointmentId} at practice ${event.ods}`);
  if (!differs(before, change)) return;
  system.appointments[index] = { ...before, ...change, version: before.version + 1 };
  if (change.status === 'cancelled' && system.taken.get(before.slotId) === appointmentId) {
    system.taken.delete(before.slotId);
  }
  system.log.note('appointments', appointmentId, at);
}
