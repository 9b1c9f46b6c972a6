/** The ways in which a table's rows come from a practice. */
import type { CodedEntry, DrugCourse, SimPatient } from '#sandbox/practice.ts';
import type { Row } from './csv.ts';
import { changedEntries, type Scope } from './scope.ts';

export type RowsOf = (scope: Scope) => readonly Row[];

/** Header only. */
export const none: RowsOf = () => [];

/** What does not change while the network lives: sent once, with the full batch. */
export function standing(rows: RowsOf): RowsOf {
  return (scope) => (scope.changes ? [] : rows(scope));
}

/** Rows of each entry that goes in. */
export function perEntry(rows: (scope: Scope, patient: SimPatient, entry: CodedEntry) => readonly Row[]): RowsOf {
  return (scope) => changedEntries(scope).flatMap(([patient, entry]) => rows(scope, patient, entry));
}

/** Rows of every drug course; what of it goes in is for `rows` to say. */
export function perDrug(rows: (scope: Scope, patient: SimPatient, course: DrugCourse) => readonly Row[]): RowsOf {
  return (scope) =>
    scope.practice.patients.flatMap((patient) => patient.drugs.flatMap((course) => rows(scope, patient, course)));
}
