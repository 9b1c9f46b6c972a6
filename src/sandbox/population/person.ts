/** The person behind a record: name, age, how to reach them, and how they tend to answer. facts: care-needs §5.2 */
import type { PatientTraits, SimPatient } from '#sandbox/practice.ts';
import type { Calendar } from './calendar.ts';
import { aMobile, type Household, type Role } from './household.ts';
import { FAMILY_NAMES, FEMALE_NAMES, MALE_NAMES } from './names.ts';
import type { Random } from './random.ts';

export type Person = Omit<SimPatient, 'id' | 'nhsNumber' | 'entries' | 'drugs'> & { readonly age: number };

export function aPerson(random: Random, household: Household, role: Role, calendar: Calendar): Person {
  const age = ageOf(random, household, role);
  const birthDate = calendar.ago(Math.floor(age * 365.25) + random.integer(1, 364));
  const female = random.chance(0.51);
  const gender = random.chance(0.994) ? (female ? 'female' : 'male') : random.pick(['other', 'unknown'] as const);
  const given = random.pick(female ? FEMALE_NAMES : MALE_NAMES);
  const family = role === 'partner' && random.chance(0.2) ? random.pick(FAMILY_NAMES) : household.family;
  return {
    age,
    title: titleOf(random, gender, role),
    given,
    family,
    gender,
    birthDate,
    address: household.address,
    ...contactOf(random, household, age, { given, family }),
    ...registrationOf(random, age, calendar),
    sensitive: random.chance(0.005),
    traits: traitsOf(random, age),
  };
}

function ageOf(random: Random, household: Household, role: Role): number {
  if (role === 'child') return random.integer(0, Math.min(17, household.age - 19));
  return role === 'single' ? household.age : Math.max(20, household.age + random.integer(-4, 4));
}

function titleOf(random: Random, gender: SimPatient['gender'], role: Role): string {
  if (gender === 'male') return role === 'child' ? 'Master' : 'Mr';
  if (gender !== 'female') return 'Mx';
  if (role === 'child') return 'Miss';
  return random.pick(role === 'single' ? ['Ms', 'Miss', 'Mrs'] : ['Mrs', 'Mrs', 'Ms']);
}

function contactOf(
  random: Random,
  household: Household,
  age: number,
  name: { readonly given: string; readonly family: string },
): Pick<SimPatient, 'homePhone' | 'mobile' | 'email'> {
  const own = random.chance(0.85) ? aMobile(random) : household.mobile;
  const hasMobile = random.chance(age < 75 ? 0.93 : 0.7);
  const email = `${name.given}.${name.family}${random.integer(1, 99)}@example.com`;
  return {
    ...(household.homePhone ? { homePhone: household.homePhone } : {}),
    ...(hasMobile ? { mobile: age < 16 ? household.mobile : own } : {}),
    ...(age >= 16 && random.chance(age < 75 ? 0.6 : 0.25) ? { email: asciiOf(email) } : {}),
  };
}

function asciiOf(email: string): string {
  return email
    .normalize('NFD')
    .replace(/[^A-Za-z0-9.@-]/g, '')
    .toLowerCase();
}

/** When they joined, and for a few that they died (about 1 %) or left (1.5 %) before the start date. */
function registrationOf(
  random: Random,
  age: number,
  calendar: Calendar,
): Pick<SimPatient, 'registeredOn' | 'deathDate' | 'deregisteredOn'> {
  const longest = Math.max(2, Math.min(age * 365, 9_000));
  const days = random.chance(0.03) ? random.integer(1, Math.min(60, longest)) : random.integer(1, longest);
  const registeredOn = calendar.ago(days);
  const lately = calendar.ago(random.integer(0, Math.min(days, 200)));
  const u = random.next();
  if (age >= 55) return u < 0.028 ? { registeredOn, deathDate: lately } : leftOrNot(u, registeredOn, lately);
  return leftOrNot(u, registeredOn, lately);
}

function leftOrNot(
  u: number,
  registeredOn: string,
  lately: string,
): Pick<SimPatient, 'registeredOn' | 'deregisteredOn'> {
  return u > 0.985 ? { registeredOn, deregisteredOn: lately } : { registeredOn };
}

function traitsOf(random: Random, age: number): PatientTraits {
  const hasApp = age >= 16 && random.chance(age < 75 ? 0.78 : 0.5);
  return {
    theta: random.normal(),
    app: hasApp ? (random.chance(0.5) ? 'push-on' : 'push-off') : 'none',
    mobileWorks: random.chance(0.96),
    letterArrives: random.chance(0.95),
  };
}
