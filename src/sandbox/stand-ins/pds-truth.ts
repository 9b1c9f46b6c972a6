/**
 * What PDS knows of the network's people beside what their practice does: whose number was superseded, who is
 * restricted, who has died. The same for the same seed. facts: nhs-apis §5.1
 */
import type { GpSystems } from '#sandbox/gp-system.ts';
import { successorNhsNumber } from '#sandbox/population/nhs-number.ts';
import { randomFrom } from '#sandbox/population/random.ts';
import type { SimPatient } from '#sandbox/practice.ts';

export type PdsTruth = {
  readonly label: 'U' | 'R' | 'V';
  /** `U`: a death that was taken back. */
  readonly death?: { readonly status: '1' | '2' | 'U'; readonly date?: string };
  readonly supersededBy?: string;
  /** Withdrawn, and no other in its place. */
  readonly isInvalidated?: boolean;
  readonly birthDate?: string;
};

export type PdsPerson = {
  readonly ods: string;
  readonly patient: SimPatient;
  readonly truth: PdsTruth;
  /** The number under which PDS has the person now. */
  readonly nhsNumber: string;
};

export type PdsPeople = {
  /** By the number they have now or had before. */
  find(nhsNumber: string): PdsPerson | undefined;
  all(): Iterable<PdsPerson>;
};

type Place = { readonly ods: string; readonly id: string; readonly successor: string | undefined };

/** The people of the network. Who has been given another number is decided once, at the first question. */
export function pdsPeople(
  gp: GpSystems,
  seed: string,
  truthOf: (patient: SimPatient) => Partial<PdsTruth> | undefined = () => undefined,
): PdsPeople {
  let places: Map<string, Place> | undefined;
  const personAt = ({ ods, id, successor }: Place): PdsPerson | undefined => {
    const patient = gp.patientById(ods, id);
    if (!patient) return undefined;
    const truth = { ...truthBySeed(seed, patient, successor), ...truthOf(patient) };
    return { ods, patient, truth, nhsNumber: truth.supersededBy ?? patient.nhsNumber };
  };
  const known = () => {
    places ??= placesOf(gp, seed);
    return places;
  };
  return {
    find: (nhsNumber) => {
      const place = known().get(nhsNumber);
      if (place) return personAt(place);
      // A number that a test gave somebody.
      for (const one of new Set(known().values())) {
        const person = personAt(one);
        if (person?.nhsNumber === nhsNumber) return person;
      }
      return undefined;
    },
    *all() {
      for (const place of new Set(known().values())) {
        const person = personAt(place);
        if (person) yield person;
      }
    },
  };
}

/** One person in 250 was registered twice in their life, and their two numbers have been made one. */
const SUPERSEDED = 0.004;

function placesOf(gp: GpSystems, seed: string): Map<string, Place> {
  const places = new Map<string, Place>();
  let given = 0;
  for (const { ods, patients } of gp.practices()) {
    for (const { id, nhsNumber, deathDate } of patients) {
      const isSuperseded = !deathDate && randomFrom(seed, 'pds', nhsNumber).chance(SUPERSEDED);
      const successor = isSuperseded ? successorNhsNumber(given++) : undefined;
      const place = { ods, id, successor };
      places.set(nhsNumber, place);
      if (successor !== undefined) places.set(successor, place);
    }
  }
  return places;
}

/** A registrar's notice follows a death in nine of ten; until then it is what a practice or a hospital said. */
function truthBySeed(seed: string, patient: SimPatient, successor: string | undefined): PdsTruth {
  const { nhsNumber, deathDate, sensitive } = patient;
  const status = randomFrom(seed, 'pds-death', nhsNumber).chance(0.9) ? '2' : '1';
  return {
    label: sensitive ? 'R' : 'U',
    ...(deathDate ? { death: { status, date: deathDate } } : {}),
    ...(successor === undefined ? {} : { supersededBy: successor }),
  };
}
