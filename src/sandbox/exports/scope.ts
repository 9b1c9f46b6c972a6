/** What a batch is about: one practice as it is now, and what of it changed since the batch before. */
import type { Changes } from '#sandbox/change-log.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import type { CodedEntry, Practice, SimAppointment, SimPatient, StaffMember } from '#sandbox/practice.ts';
import type { WallClock } from './csv.ts';

export type Scope = {
  readonly practice: Practice;
  readonly clock: WallClock;
  /** Whether a row goes in: all do in a full batch, in a delta those whose key changed. */
  readonly has: (kind: keyof Changes, key: string) => boolean;
  /** When a thing last changed, if it did since the network began. */
  readonly changedAt: (kind: keyof Changes, key: string) => string | undefined;
  /** Undefined in a full batch. */
  readonly changes: Changes | undefined;
  /** The appointment that has a slot now. */
  readonly appointmentOn: (slotId: string) => SimAppointment | undefined;
};

export function aScope(systems: GpSystems, practice: Practice, clock: WallClock, since: string | undefined): Scope {
  const changes = since === undefined ? undefined : systems.changedSince(practice.ods, since);
  return {
    practice,
    clock,
    changes,
    has: (kind, key) => changes === undefined || changes[kind].has(key),
    changedAt: (kind, key) => systems.changedAt(practice.ods, kind, key),
    appointmentOn: (slotId) => systems.appointmentOn(practice.ods, slotId),
  };
}

/** The entries that go in, each with whose it is. */
export function changedEntries(scope: Scope): readonly (readonly [SimPatient, CodedEntry])[] {
  return scope.practice.patients.flatMap((patient) =>
    patient.entries.filter((entry) => scope.has('entries', entry.id)).map((entry) => [patient, entry] as const),
  );
}

/** The GP a patient is told is theirs: always the same one. */
export function usualGp(practice: Practice, patient: SimPatient): StaffMember | undefined {
  const gps = practice.staff.filter((member) => member.jobRole === 'R0260');
  const sum = [...patient.nhsNumber].reduce((total, digit) => total + Number(digit), 0);
  return gps[sum % gps.length];
}

/** The lines of an address as suppliers split them: a flat or house name, a number, a road. */
export function splitAddress(lines: readonly string[]): {
  readonly building: string;
  readonly number: string;
  readonly road: string;
} {
  const [first = '', second] = lines;
  const [, number = '', road = second ?? first] = /^(\d+[A-Z]?) (.+)$/.exec(second ?? first) ?? [];
  return { building: second === undefined ? '' : first, number, road };
}
