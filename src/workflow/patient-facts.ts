/** From the record as stored to what the rules and the checklist ask about a person. Absence of an answer is `unknown`. */
import type { PatientFacts } from '#domain/needs/facts.ts';
import { epochMilliseconds, startOfPartial } from '#fhir/date.ts';
import type { EpisodeOfCare, Patient } from '#fhir/types.ts';
import type { PatientRecord } from '#store/findings.ts';

/** The facts of one patient on the instant `now`. */
export function patientFacts(organisation: string, record: PatientRecord, now: string): PatientFacts {
  const { patient, episodes, latest, incomplete, asOf } = record;
  const registeredOn = episodes
    .map((episode) => episode.period?.start)
    .filter((start) => start !== undefined)
    .sort()
    .at(-1);
  return {
    organisation,
    patient: patient.id ?? '',
    birthDate: patient.birthDate,
    ...(patient.gender ? { gender: patient.gender } : {}),
    deceased: isDeceased(patient),
    registered: isRegistered(patient, episodes, now),
    ...(registeredOn ? { registeredOn: startOfPartial(registeredOn) } : {}),
    latest,
    incomplete,
    asOf,
  };
}

/** A patient whose record a feed has taken away: no longer this practice's, whatever the reason. */
export function goneFacts(organisation: string, patient: string, now: string): PatientFacts {
  return {
    organisation,
    patient,
    birthDate: undefined,
    deceased: 'unknown',
    registered: false,
    latest: new Map(),
    incomplete: [],
    asOf: now,
  };
}

export function isDeceased(patient: Patient): boolean {
  return patient.deceasedDateTime !== undefined || patient.deceasedBoolean === true;
}

/** Whether the practice may act for the patient now: an episode that has begun and not ended; without episodes, `active`. */
export function isRegistered(patient: Patient, episodes: readonly EpisodeOfCare[], now: string): boolean | 'unknown' {
  if (patient.active === false) return false;
  if (episodes.length > 0) return episodes.some((episode) => isRunning(episode, now));
  return patient.active === true ? true : 'unknown';
}

function isRunning({ status, period }: EpisodeOfCare, now: string): boolean {
  if (status !== 'active') return false;
  return !period?.end || epochMilliseconds(`${startOfPartial(period.end)}T00:00:00Z`) > epochMilliseconds(now);
}
