/**
 * How sure it is that two Patients are one person: local and deterministic, the same question the same answer.
 * https://hl7.org/fhir/R4/patient-operation-match.html
 */
import { isDate } from './date.ts';
import { objectsIn } from './json.ts';
import { validNhsNumber } from './nhs-number.ts';
import { fold } from './search-value.ts';
import { NHS_NUMBER } from './systems.ts';
import type { Patient } from './types.ts';

/** https://hl7.org/fhir/R4/valueset-match-grade.html */
export type MatchGrade = 'certain' | 'probable' | 'possible' | 'certainly-not';

export type PatientMatch = {
  readonly grade: MatchGrade;
  /** `Bundle.entry.search.score`, 0 to 1. */
  readonly score: number;
};

/** What a Patient says of who it is, written one way. */
type Traits = {
  readonly nhsNumbers: ReadonlySet<string>;
  readonly birthDate: string | undefined;
  readonly families: ReadonlySet<string>;
  /** The first given name of each name: others are often left out. */
  readonly givens: ReadonlySet<string>;
  readonly postcodes: ReadonlySet<string>;
  readonly gender: string | undefined;
};

/** Of a score without an NHS number, what each trait that agrees adds. Together 0.95: only a number makes it certain. */
const WEIGHTS = { birthDate: 0.35, family: 0.2, given: 0.2, postcode: 0.15, gender: 0.05 };
const PROBABLE = 0.8;
const POSSIBLE = 0.55;
/** One number and two dates of birth: a slip, or somebody else's number. A person must look. */
const NUMBER_ALONE = 0.6;
/** Two numbers, and all else agrees: twins, or a number that was replaced. */
const OTHER_NUMBER = 0.5;

/**
 * The same NHS number and date of birth are `certain`. Without a number that both have, birth date, names, postcode and
 * gender make it `probable` (0.8) or `possible` (0.55). A trait that one of them lacks speaks neither for nor against.
 */
export function matchPatients(sought: Patient, candidate: Patient): PatientMatch {
  const [one, other] = [traitsOf(sought), traitsOf(candidate)];
  const likeness = likenessOf(one, other);
  const isBorn = one.birthDate !== undefined && one.birthDate === other.birthDate;
  if (meet(one.nhsNumbers, other.nhsNumbers))
    return isBorn ? { grade: 'certain', score: 1 } : { grade: 'possible', score: NUMBER_ALONE };
  const hasOtherNumber = one.nhsNumbers.size > 0 && other.nhsNumbers.size > 0;
  if (hasOtherNumber)
    return likeness >= PROBABLE ? { grade: 'possible', score: OTHER_NUMBER } : { grade: 'certainly-not', score: 0 };
  if (likeness >= PROBABLE) return { grade: 'probable', score: likeness };
  return likeness >= POSSIBLE ? { grade: 'possible', score: likeness } : { grade: 'certainly-not', score: 0 };
}

/** In hundredths, so that sums of the same traits are the same number. */
function likenessOf(one: Traits, other: Traits): number {
  const agrees = {
    birthDate: one.birthDate !== undefined && one.birthDate === other.birthDate,
    family: meet(one.families, other.families),
    given: meet(one.givens, other.givens),
    postcode: meet(one.postcodes, other.postcodes),
    gender: one.gender !== undefined && one.gender === other.gender,
  };
  const names = Object.keys(WEIGHTS) as (keyof typeof WEIGHTS)[];
  const hundredths = names.reduce((sum, name) => sum + (agrees[name] ? Math.round(WEIGHTS[name] * 100) : 0), 0);
  return hundredths / 100;
}

function meet(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return [...one].some((value) => other.has(value));
}

/** A question comes from outside and was validated by nobody: what has not its shape says nothing. */
function traitsOf(patient: Patient): Traits {
  const names = objectsIn(patient.name).filter(({ use }) => use !== 'nickname' && use !== 'anonymous');
  const { gender } = patient;
  return {
    nhsNumbers: new Set(nhsNumbersOf(patient)),
    birthDate: bornOn(patient),
    families: setOf(names.map(({ family }) => plain(family))),
    givens: setOf(names.map(({ given }) => plain(firstOf(given)))),
    postcodes: setOf(objectsIn(patient.address).map(({ postalCode }) => plain(postalCode))),
    // That it is not known agrees with nothing.
    gender: gender === 'unknown' ? undefined : gender,
  };
}

/** Valid numbers that are not marked as replaced. */
function nhsNumbersOf({ identifier }: Patient): string[] {
  return objectsIn(identifier)
    .filter(({ system, use }) => system === NHS_NUMBER && use !== 'old')
    .flatMap(({ value }) => (typeof value === 'string' ? (validNhsNumber(value) ?? []) : []));
}

/** A whole date: half of one agrees with too many. */
function bornOn({ birthDate }: Patient): string | undefined {
  return typeof birthDate === 'string' && isDate(birthDate) ? birthDate : undefined;
}

const firstOf = (list: unknown): unknown => (Array.isArray(list) ? list[0] : undefined);

function setOf(values: readonly string[]): ReadonlySet<string> {
  return new Set(values.filter((value) => value !== ''));
}

/** Without case, accents, blanks and marks: O’Neill and ONEILL, Smith-Jones and Smith Jones are one. */
function plain(text: unknown): string {
  return fold(typeof text === 'string' ? text : '').replace(/[^\p{L}\p{N}]+/gu, '');
}

export type Block = readonly (readonly [name: string, value: string])[];

/** Names and addresses beyond these add searches and nobody new. */
const MOST_BLOCKS = 20;

/** The searches of Patients that together find whoever could match: each is by traits that few people share. */
export function blocksOf(sought: Patient): readonly Block[] {
  const birth = bornOn(sought);
  const names = objectsIn(sought.name).flatMap(({ family, given }) => [
    ...searched('family', family),
    ...searched('given', firstOf(given)),
  ]);
  const homes = objectsIn(sought.address).flatMap(({ postalCode }) => searched('address-postalcode', postalCode));
  const byNumber = nhsNumbersOf(sought).map((number): Block => [['identifier', `${NHS_NUMBER}|${number}`]]);
  const byBirth = birth === undefined ? [] : [...names, ...homes].map((other): Block => [['birthdate', birth], other]);
  const byHome = names.flatMap((name) => homes.map((home): Block => [name, home]));
  return [...byNumber, ...byBirth, ...byHome].slice(0, MOST_BLOCKS);
}

/** A text as the value of a search, its marks escaped. https://hl7.org/fhir/R4/search.html#escaping */
function searched(name: string, text: unknown): (readonly [string, string])[] {
  if (plain(text) === '') return [];
  return [
    [
      name,
      String(text)
        .replaceAll('\0', '')
        .replace(/[\\,$|]/g, (mark) => `\\${mark}`),
    ],
  ];
}
