/** The synthetic primary care network: three invented practices on three suppliers' systems, the same for the same seed. */
import { idFrom } from '#fhir/id.ts';
import type { Network, Practice, Supplier } from '#sandbox/practice.ts';
import { type Calendar, calendarFrom } from './calendar.ts';
import { teamOf } from './chart.ts';
import { type SlotTypes, sessionsOf, standingAppointments } from './clinic.ts';
import { aPatient } from './patient.ts';
import { staffOf } from './staff.ts';

type Site = {
  readonly ods: string;
  readonly name: string;
  readonly supplier: Supplier;
  readonly address: Practice['address'];
  readonly phone: string;
  readonly slotTypes: SlotTypes;
};

const SITES: readonly Site[] = [
  {
    ods: 'A81001',
    name: 'Riverside Surgery',
    supplier: 'emis',
    address: { lines: ['1 River Walk'], town: 'Riverford', postcode: 'ZZ1 1AA' },
    phone: '01632 960001',
    slotTypes: { review: 'LTC Review', bloods: 'Blood Test', gp: 'GP Appointment' },
  },
  {
    ods: 'B82002',
    name: 'Hillview Medical Centre',
    supplier: 'tpp',
    address: { lines: ['20 Manor Way'], town: 'Hillcombe', postcode: 'ZZ2 2BB' },
    phone: '01632 960002',
    slotTypes: { review: 'Nurse Review 30', bloods: 'HCA Bloods 10', gp: 'GP 10' },
  },
  {
    ods: 'C83003',
    name: 'Market Street Practice',
    supplier: 'gp-connect-only',
    address: { lines: ['3 Market Street'], town: 'Marketon', postcode: 'ZZ3 3DD' },
    phone: '01632 960003',
    slotTypes: { review: 'Long Term Condition Review', bloods: 'Phlebotomy', gp: 'Routine GP' },
  },
];

/**
 * The network as it stands at the end of the day before `startDate` (a London date). Deterministic: a larger
 * `patientsPerPractice` adds patients and leaves the first ones as they were. Clinics run for `weeks` (12) from the
 * start date, and one more of each kind for every 2,500 patients.
 */
export function generateNetwork(options: {
  readonly seed: string;
  readonly patientsPerPractice?: number;
  readonly startDate: string;
  readonly weeks?: number;
}): Network {
  const { seed, patientsPerPractice = 500, startDate, weeks = 12 } = options;
  const calendar = calendarFrom(startDate);
  const practices = SITES.map((site, number) =>
    aPractice(site, { seed, number, size: patientsPerPractice, weeks }, calendar),
  );
  return { seed, startDate, practices };
}

function aPractice(
  site: Site,
  scale: { readonly seed: string; readonly number: number; readonly size: number; readonly weeks: number },
  calendar: Calendar,
): Practice {
  const { slotTypes, ...practice } = site;
  const { ods, supplier } = site;
  const { seed, number, size, weeks } = scale;
  const staff = staffOf(seed, ods, supplier);
  const team = teamOf(staff);
  const town = site.address.town;
  const patients = Array.from({ length: size }, (_, index) =>
    aPatient({ seed, ods, supplier, index, practice: number, town }, team, calendar),
  );
  const plan = { seed, ods, supplier, team, slotTypes, weeks, rooms: Math.max(1, Math.round(size / 2500)) };
  const sessions = sessionsOf(plan, calendar);
  return {
    ...practice,
    guid: idFrom(seed, ods, 'organisation').toUpperCase(),
    staff,
    patients,
    sessions,
    appointments: standingAppointments(plan, calendar, sessions, patients),
  };
}
