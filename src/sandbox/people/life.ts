/** What befalls a few patients while a programme runs: deaths, moves, changes of mind, care given elsewhere. */
import { addDays, londonDate, londonInstant } from '#fhir/date.ts';
import { isActive } from '#sandbox/gp-access.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import { FINDINGS } from '#sandbox/population/codes.ts';
import { randomFrom } from '#sandbox/population/random.ts';
import { supplierId } from '#sandbox/population/supplier-id.ts';
import type { GpEvent, Practice, SimPatient } from '#sandbox/practice.ts';
import type { LifeEvent, SimEvent } from '#sandbox/records.ts';
import { hasAsthma, hasDiabetes } from './care.ts';
import { type Effect, entered } from './clinics.ts';
import { nextHour } from './hours.ts';

const DAYS = 365;

/** The events of a year from the start, at dates that the seed and the NHS number alone decide. */
export function livesOf(practices: readonly Practice[], seed: string, start: string): SimEvent[] {
  return practices.flatMap(({ ods, patients }) =>
    patients.filter(isActive).flatMap((patient) => {
      const what = fateOf(seed, patient, londonDate(start));
      if (!what) return [];
      const random = randomFrom(seed, patient.nhsNumber, 'fate', 'date');
      const date = addDays(londonDate(start), random.integer(1, DAYS));
      const time = random.pick(['08:00', '10:00', '12:00', '14:00']);
      const at = nextHour(londonInstant(date, time));
      return [{ id: `life:${ods}:${patient.id}`, at, do: 'life' as const, ods, patientId: patient.id, what }];
    }),
  );
}

/** At most one of them in a year, by chances that are about a practice's. */
export function fateOf(seed: string, patient: SimPatient, today: string): LifeEvent | undefined {
  const u = randomFrom(seed, patient.nhsNumber, 'fate').next();
  const isOld = patient.birthDate < addDays(today, -70 * 365);
  const death = isOld ? 0.03 : 0.002;
  if (u < death) return 'died';
  if (u < death + 0.03) return 'moved-away';
  if (u < death + 0.038) return 'declined-sms';
  const mayGoElsewhere = hasAsthma(patient) || hasDiabetes(patient);
  return mayGoElsewhere && u < death + 0.078 ? 'done-elsewhere' : undefined;
}

export function befall(
  { gp, seed, at }: { gp: GpSystems; seed: string; at: string },
  { ods, patientId, what }: { ods: string; patientId: string; what: LifeEvent },
): Effect {
  const practice = gp.practice(ods);
  const patient = gp.patientById(ods, patientId);
  if (!practice || !patient || !isActive(patient)) return { outcome: 'no longer registered', events: [] };
  const date = londonDate(at);
  switch (what) {
    case 'died':
      return {
        outcome: what,
        events: [{ kind: 'patient-died', ods, at, patientId, date }, ...cancelled(gp, ods, patientId, at)],
      };
    case 'moved-away':
      return {
        outcome: what,
        events: [{ kind: 'patient-deregistered', ods, at, patientId, date }, ...cancelled(gp, ods, patientId, at)],
      };
    case 'declined-sms':
      return { outcome: what, events: [declinedSms(practice, patient, at)] };
    case 'done-elsewhere': {
      const staffId = practice.staff[0]?.id ?? '';
      const visit = { seed, supplier: practice.supplier, key: `elsewhere:${patientId}`, date, enteredAt: at, staffId };
      return entered(practice, patient, { ...visit, does: ['review'] });
    }
  }
}

/** The practice cancels what was to come; nobody outside is told. */
function cancelled(gp: GpSystems, ods: string, patientId: string, at: string): GpEvent[] {
  return gp
    .appointmentsOf(ods, patientId)
    .filter(({ status, start }) => status === 'booked' && start > at)
    .map(({ id }) => ({ kind: 'appointment-changed', ods, at, appointmentId: id, change: { status: 'cancelled' } }));
}

function declinedSms(practice: Practice, patient: SimPatient, at: string): GpEvent {
  const entry = {
    id: supplierId(practice.supplier, 'sandbox life', patient.id, FINDINGS.smsDeclined.code),
    kind: 'observation' as const,
    date: londonDate(at),
    ...FINDINGS.smsDeclined,
    enteredAt: at,
    staffId: practice.staff[0]?.id ?? '',
  };
  return { kind: 'entries-added', ods: practice.ods, at, patientId: patient.id, entries: [entry] };
}
