/**
 * What the national demographics (PDS) mean for a patient of the practice: decided as data, laid over whatever a feed
 * brings, and never weaker than what was known before. facts: nhs-apis §5.1, §14.12, §14.15
 */
import { NHS_NUMBER } from '#fhir/systems.ts';
import type { Identifier, Patient } from '#fhir/types.ts';

/** What PDS last said, as it is kept. */
export type KnownDemographics = {
  readonly outcome: 'known' | 'not-found' | 'invalidated';
  /** The number under which PDS has the person. */
  readonly nhsNumber: string;
  /** The number that it took the place of. */
  readonly superseded?: string;
  readonly versionId?: string;
  readonly restricted: boolean;
  readonly sensitivity: string;
  /** The person has died: when, as precisely as PDS says, or ''. */
  readonly deceased?: string;
  /** Why nothing may be sent until a person has looked. */
  readonly mismatch?: Mismatch;
};

export type Mismatch = 'birth-date-differs' | 'number-held-by-another' | 'not-found' | 'invalidated';

/** The parts of an answer that decide. */
export type Told = {
  readonly nhsNumber: string;
  readonly superseded?: string;
  readonly versionId?: string;
  readonly isRestricted: boolean;
  readonly sensitivity: string;
  readonly death: { readonly status: string; readonly date?: string };
  readonly patient: { readonly birthDate?: string };
};

export type DemographicsAnswer =
  | { readonly result: 'told'; readonly told: Told }
  | { readonly result: 'not-found' | 'invalidated' };

/** Codes of `profiles/CodeSystem-demographics-event.json`. */
export type DemographicsEvent =
  | 'number-superseded'
  | 'restricted'
  | 'unrestricted'
  | 'died'
  | 'death-removed'
  | 'death-disputed'
  | 'agrees'
  | Mismatch;

export type DemographicsDecision = {
  readonly known: KnownDemographics;
  /** What is different from before. */
  readonly events: readonly DemographicsEvent[];
  /** Why open Tasks are held now. */
  readonly hold?: 'safeguarding' | 'review';
};

/** Events that a person has to look at. */
const FOR_A_PERSON: ReadonlySet<DemographicsEvent> = new Set<DemographicsEvent>([
  'death-removed',
  'death-disputed',
  'birth-date-differs',
  'number-held-by-another',
  'not-found',
  'invalidated',
]);

export function wantsPerson(event: DemographicsEvent): boolean {
  return FOR_A_PERSON.has(event);
}

/**
 * What an answer means. `patient` as it is stored, `before` what was known, `isNumberTaken` whether another patient of
 * the practice has the number that came back. The same answer again has no events.
 */
export function decideDemographics(of: {
  readonly patient: Patient;
  readonly asked: string;
  readonly before: KnownDemographics | undefined;
  readonly answer: DemographicsAnswer;
  readonly isNumberTaken: boolean;
}): DemographicsDecision {
  const { before, answer, asked } = of;
  const known =
    answer.result === 'told'
      ? knownFrom(answer.told, of)
      : { ...(before ?? nothing(asked)), outcome: answer.result, mismatch: answer.result };
  const events = eventsBetween(of.patient, before, known, answer);
  const hold = known.restricted ? ('safeguarding' as const) : known.mismatch ? ('review' as const) : undefined;
  return { known, events, ...(hold ? { hold } : {}) };
}

function nothing(nhsNumber: string): KnownDemographics {
  return { outcome: 'known', nhsNumber, restricted: false, sensitivity: 'U' };
}

function knownFrom(
  told: Told,
  of: { readonly patient: Patient; readonly before: KnownDemographics | undefined; readonly isNumberTaken: boolean },
): KnownDemographics {
  const mismatch = mismatchOf(told, of);
  const superseded = told.superseded ?? of.before?.superseded;
  const common = { outcome: 'known', restricted: told.isRestricted, sensitivity: told.sensitivity } as const;
  // It may be somebody else: their number and their death are not taken over, only that nothing may be sent.
  if (mismatch !== undefined) {
    const { nhsNumber, superseded: earlier, deceased } = of.before ?? nothing(told.superseded ?? told.nhsNumber);
    return {
      ...common,
      nhsNumber,
      ...(earlier === undefined ? {} : { superseded: earlier }),
      ...(deceased === undefined ? {} : { deceased }),
      mismatch,
    };
  }
  return {
    ...common,
    nhsNumber: told.nhsNumber,
    ...(superseded === undefined || superseded === told.nhsNumber ? {} : { superseded }),
    ...(told.versionId === undefined ? {} : { versionId: told.versionId }),
    ...(isDead(told) ? { deceased: told.death.date ?? '' } : {}),
  };
}

function isDead({ death }: Told): boolean {
  return death.status !== 'none' && death.status !== 'removed';
}

function mismatchOf(
  told: Told,
  of: { readonly patient: Patient; readonly isNumberTaken: boolean },
): Mismatch | undefined {
  const [ours, theirs] = [of.patient.birthDate, told.patient.birthDate];
  const length = Math.min(ours?.length ?? 0, theirs?.length ?? 0);
  // Compared as far as both go; PDS may have none, which is no difference.
  if (ours?.slice(0, length) !== theirs?.slice(0, length) && length > 0) return 'birth-date-differs';
  return of.isNumberTaken && told.superseded !== undefined ? 'number-held-by-another' : undefined;
}

function eventsBetween(
  patient: Patient,
  before: KnownDemographics | undefined,
  known: KnownDemographics,
  answer: DemographicsAnswer,
): DemographicsEvent[] {
  const events: DemographicsEvent[] = [];
  if (known.superseded !== undefined && known.nhsNumber !== before?.nhsNumber) events.push('number-superseded');
  if (known.restricted && !before?.restricted) events.push('restricted');
  if (!known.restricted && before?.restricted) events.push('unrestricted');
  events.push(...deathEvents(patient, before, known, answer));
  if (known.mismatch !== undefined && known.mismatch !== before?.mismatch) events.push(known.mismatch);
  if (known.mismatch === undefined && before?.mismatch !== undefined) events.push('agrees');
  return events;
}

function deathEvents(
  patient: Patient,
  before: KnownDemographics | undefined,
  known: KnownDemographics,
  answer: DemographicsAnswer,
): DemographicsEvent[] {
  const isKnown = before?.deceased !== undefined;
  if (known.deceased !== undefined) return isKnown || isDeceased(patient) ? [] : ['died'];
  if (isKnown) return ['death-removed'];
  const isTakenBack = answer.result === 'told' && answer.told.death.status === 'removed';
  return isTakenBack && isDeceased(patient) && known.mismatch === undefined ? ['death-disputed'] : [];
}

function isDeceased(patient: Patient): boolean {
  return patient.deceasedDateTime !== undefined || patient.deceasedBoolean === true;
}

const CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';

/**
 * A Patient with what PDS said laid over it, whichever feed brought it: the number that is right now, no contact data
 * where they are restricted, a death. Doing it twice changes nothing.
 */
export function withDemographics(patient: Patient, known: KnownDemographics): Patient {
  return restrictedBy(deceasedBy(numberedBy(patient, known), known), known);
}

function numberedBy(patient: Patient, { nhsNumber, superseded }: KnownDemographics): Patient {
  if (superseded === undefined || patient.identifier === undefined) return patient;
  const renumbered = (one: Identifier) =>
    one.system === NHS_NUMBER && one.value === superseded ? { ...one, value: nhsNumber } : one;
  return { ...patient, identifier: patient.identifier.map(renumbered) };
}

function deceasedBy(patient: Patient, { deceased }: KnownDemographics): Patient {
  if (deceased === undefined || isDeceased(patient)) return patient;
  const { deceasedBoolean: _said, ...rest } = patient;
  return deceased === '' ? { ...rest, deceasedBoolean: true } : { ...rest, deceasedDateTime: deceased };
}

function restrictedBy(patient: Patient, { restricted, sensitivity }: KnownDemographics): Patient {
  if (!restricted) return patient;
  const others = (patient.meta?.security ?? []).filter(({ system }) => system !== CONFIDENTIALITY);
  const code = ['R', 'V'].includes(sensitivity) ? sensitivity : 'R';
  return {
    ...withoutContact(patient),
    meta: { ...patient.meta, security: [...others, { system: CONFIDENTIALITY, code }] },
  };
}

/** A Patient without anything by which the person could be found or reached. */
export function withoutContact(patient: Patient): Patient {
  const { address: _a, telecom: _t, contact: _c, photo: _p, generalPractitioner: _g, text: _n, ...rest } = patient;
  return rest;
}

/** The stored Patient after a death that had been taken over was taken back. */
export function withoutDeath(patient: Patient): Patient {
  const { deceasedBoolean: _b, deceasedDateTime: _d, ...rest } = patient;
  return rest;
}
