/** Clinics on every weekday: review slots with a nurse, blood tests with the healthcare assistant, and GP slots of which some are taken. */
import { addTo, londonTime } from '#fhir/date.ts';
import type { ClinicSession, ClinicSlot, SimAppointment, SimPatient, Supplier } from '#sandbox/practice.ts';
import type { Calendar } from './calendar.ts';
import type { Team } from './chart.ts';
import { type Random, randomFrom } from './random.ts';
import { supplierId } from './supplier-id.ts';

export type ClinicPlan = {
  readonly seed: string;
  readonly ods: string;
  readonly supplier: Supplier;
  readonly team: Team;
  readonly slotTypes: SlotTypes;
  readonly weeks: number;
  /** Clinics of each kind that run side by side. */
  readonly rooms: number;
};

/** What each practice calls its kinds of slot: free text, and never the same twice. */
export type SlotTypes = { readonly review: string; readonly bloods: string; readonly gp: string };

type Clinic = {
  readonly kind: 'review' | 'bloods' | 'gp';
  readonly name: string;
  readonly opens: string;
  readonly slots: number;
  readonly minutes: number;
};

const CLINICS: readonly Clinic[] = [
  { kind: 'review', name: 'Long term condition review', opens: '09:00', slots: 6, minutes: 30 },
  { kind: 'bloods', name: 'Blood test', opens: '08:30', slots: 8, minutes: 10 },
  { kind: 'gp', name: 'GP surgery', opens: '14:00', slots: 12, minutes: 10 },
];

/** The sessions of every weekday from the start date on. */
export function sessionsOf(plan: ClinicPlan, calendar: Calendar): readonly ClinicSession[] {
  return weekdays(calendar, plan.weeks).flatMap((date, day) =>
    Array.from({ length: plan.rooms }, (_, room) =>
      CLINICS.map((clinic) => aSession(plan, calendar, clinic, { date, day, room })),
    ).flat(),
  );
}

function weekdays(calendar: Calendar, weeks: number): readonly string[] {
  const days = Array.from({ length: weeks * 7 }, (_, day) => calendar.ago(-day));
  return days.filter((date) => londonTime(calendar.at(date, '12:00')).weekday <= 5);
}

function aSession(
  plan: ClinicPlan,
  calendar: Calendar,
  clinic: Clinic,
  when: { readonly date: string; readonly day: number; readonly room: number },
): ClinicSession {
  const { seed, ods, supplier, team } = plan;
  const parts = [seed, ods, 'session', clinic.kind, when.date, String(when.room)];
  const random = randomFrom(...parts);
  const people = { review: team.nurses, bloods: [team.assistant], gp: team.gps }[clinic.kind];
  const id = supplierId(supplier, ...parts);
  const opens = calendar.at(when.date, clinic.opens);
  const slots = Array.from({ length: clinic.slots }, (_, n): ClinicSlot => {
    const start = addTo(opens, { minutes: n * clinic.minutes });
    return {
      id: supplierId(supplier, ...parts, String(n)),
      sessionId: id,
      start,
      end: addTo(start, { minutes: clinic.minutes }),
      slotType: plan.slotTypes[clinic.kind],
      channel: clinic.kind === 'gp' && random.chance(0.3) ? 'Telephone' : 'In-person',
    };
  });
  const staffId = people[(when.day + when.room) % people.length];
  if (staffId === undefined) throw new Error(`Nobody can hold the clinic ${clinic.name}`);
  return { id, name: clinic.name, staffId, date: when.date, slots };
}

/** The appointments that stand in the GP clinics when the network begins: the nearer the day, the fuller the clinic. */
export function standingAppointments(
  plan: ClinicPlan,
  calendar: Calendar,
  sessions: readonly ClinicSession[],
  patients: readonly SimPatient[],
): readonly SimAppointment[] {
  const bookable = patients.filter((patient) => !patient.deathDate && !patient.deregisteredOn && !patient.sensitive);
  if (bookable.length === 0) return [];
  const random = randomFrom(plan.seed, plan.ods, 'standing appointments');
  const near = calendar.ago(-7);
  const middling = calendar.ago(-21);
  return sessions
    .filter((session) => session.name === 'GP surgery')
    .flatMap((session) => {
      const taken = session.date < near ? 0.75 : session.date < middling ? 0.4 : 0.12;
      return session.slots
        .filter(() => random.chance(taken))
        .map((slot) => anAppointment(plan, calendar, slot, random.pick(bookable), random));
    });
}

function anAppointment(
  plan: ClinicPlan,
  calendar: Calendar,
  slot: ClinicSlot,
  patient: SimPatient,
  random: Random,
): SimAppointment {
  return {
    id: supplierId(plan.supplier, plan.seed, plan.ods, 'appointment', slot.id),
    slotId: slot.id,
    patientId: patient.id,
    start: slot.start,
    end: slot.end,
    status: 'booked',
    bookedAt: calendar.at(calendar.ago(random.integer(1, 20)), '09:20'),
    version: 1,
    description: 'GP appointment',
  };
}
