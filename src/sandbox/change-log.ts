/** When each part of a practice's records last changed: what a supplier's delta is made from. */
import { epochMilliseconds, instantOf } from '#fhir/date.ts';

/** Keys of what changed, by kind. `patients` is every patient with a death, registration or contact change. */
export type Changes = {
  readonly patients: ReadonlySet<string>;
  readonly deaths: ReadonlySet<string>;
  readonly registrations: ReadonlySet<string>;
  readonly contacts: ReadonlySet<string>;
  readonly entries: ReadonlySet<string>;
  readonly drugs: ReadonlySet<string>;
  readonly issues: ReadonlySet<string>;
  readonly appointments: ReadonlySet<string>;
};

export type ChangeLog = {
  /** Notes that the thing with this key changed at an instant. */
  readonly note: (kind: keyof Changes, key: string, at: string) => void;
  /** The instant at which the thing last changed. */
  readonly at: (kind: keyof Changes, key: string) => string | undefined;
  /** The keys of what changed after an instant (not at it). */
  readonly since: (instant: string) => Changes;
};

export function aChangeLog(): ChangeLog {
  const logs = {
    patients: new Map<string, number>(),
    deaths: new Map<string, number>(),
    registrations: new Map<string, number>(),
    contacts: new Map<string, number>(),
    entries: new Map<string, number>(),
    drugs: new Map<string, number>(),
    issues: new Map<string, number>(),
    appointments: new Map<string, number>(),
  };
  return {
    note: (kind, key, at) => void logs[kind].set(key, epochMilliseconds(at)),
    at: (kind, key) => {
      const at = logs[kind].get(key);
      return at === undefined ? undefined : instantOf(at);
    },
    since: (instant) => {
      const from = epochMilliseconds(instant);
      const later = (log: ReadonlyMap<string, number>) =>
        new Set([...log].filter(([, at]) => at > from).map(([key]) => key));
      return {
        patients: later(logs.patients),
        deaths: later(logs.deaths),
        registrations: later(logs.registrations),
        contacts: later(logs.contacts),
        entries: later(logs.entries),
        drugs: later(logs.drugs),
        issues: later(logs.issues),
        appointments: later(logs.appointments),
      };
    },
  };
}
