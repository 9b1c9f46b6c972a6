/** The list of patients that a practice exports from its system by hand, where no bulk feed is to be had. */
import { stringify } from 'csv-stringify/sync';
import type { Practice, SimPatient } from '#sandbox/practice.ts';
import { splitAddress } from './scope.ts';

const GENDER = { male: 'Male', female: 'Female', other: 'Other', unknown: 'Unknown' } as const;

const COLUMNS = {
  'NHS Number': (patient) => patient.nhsNumber,
  'Family Name': (patient) => patient.family,
  'Given Name': (patient) => patient.given,
  'Date of Birth': (patient) => patient.birthDate,
  Gender: (patient) => GENDER[patient.gender],
  Mobile: (patient) => patient.mobile ?? '',
  'Home Telephone': (patient) => patient.homePhone ?? '',
  House: (patient) => {
    const { building, number } = splitAddress(patient.address.lines);
    return [building, number].filter((part) => part !== '').join(', ');
  },
  Road: (patient) => splitAddress(patient.address.lines).road,
  Town: (patient) => patient.address.town,
  Postcode: (patient) => patient.address.postcode,
  Email: (patient) => patient.email ?? '',
} as const satisfies Record<string, (patient: SimPatient) => string>;

/** CSV (UTF-8, CRLF, quotes where needed, dates `yyyy-MM-dd`) of those on the list now: whoever died or left is not in it. */
export function patientList(practice: Practice): string {
  const rows = practice.patients
    .filter((patient) => !patient.deathDate && !patient.deregisteredOn)
    .map((patient) => Object.values(COLUMNS).map((cell) => cell(patient)));
  return stringify([Object.keys(COLUMNS), ...rows], { record_delimiter: 'windows' });
}
