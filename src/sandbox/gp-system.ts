/**
 * The practices' GP systems at work: the generated network with everything that happened since folded over it.
 * Reads are by key; only a delta looks at more than it was asked for, and then only at what changed.
 */
import { epochMilliseconds } from '#fhir/date.ts';
import type { Changes } from './change-log.ts';
import { applyTo } from './gp-events.ts';
import type { ClinicSession, ClinicSlot, GpEvent, Network, Practice, SimAppointment, SimPatient } from './practice.ts';
import { appointmentAt, aSystem, itemAt, patientAt, type System } from './practice-system.ts';

export type GpSystems = {
  /** The practices as they are now. The objects follow later events: read them, do not keep them. */
  readonly practices: () => readonly Practice[];
  readonly practice: (ods: string) => Practice | undefined;
  readonly patientByNhsNumber: (ods: string, nhsNumber: string) => SimPatient | undefined;
  readonly patientById: (ods: string, id: string) => SimPatient | undefined;
  readonly slot: (ods: string, slotId: string) => ClinicSlot | undefined;
  readonly session: (ods: string, sessionId: string) => ClinicSession | undefined;
  readonly appointment: (ods: string, id: string) => SimAppointment | undefined;
  /** All of a patient's appointments, cancelled ones too, in the order of booking. */
  readonly appointmentsOf: (ods: string, patientId: string) => readonly SimAppointment[];
  /** The appointment that has the slot now; undefined when the slot is free. */
  readonly appointmentOn: (ods: string, slotId: string) => SimAppointment | undefined;
  /** Slots that nobody has and that lie wholly within two instants, the earliest first. */
  readonly freeSlots: (ods: string, fromInstant: string, toInstant: string) => ClinicSlot[];
  /** Takes one event in. The same booking, entry, issue or change again makes no difference; one that cannot be (an unknown practice, patient or slot, a slot that is taken) throws. */
  readonly apply: (event: GpEvent) => void;
  /** What changed after an instant, by key. */
  readonly changedSince: (ods: string, instant: string) => Changes;
  /** The instant at which a thing last changed; undefined when it has not since the network began. */
  readonly changedAt: (ods: string, kind: keyof Changes, key: string) => string | undefined;
};

export function createGpSystems(network: Network): GpSystems {
  const systems = new Map(network.practices.map((practice) => [practice.ods, aSystem(practice)]));
  const live = [...systems.values()].map((system) => system.practice);
  const at = (ods: string): System => {
    const system = systems.get(ods);
    if (!system) throw new Error(`No practice ${ods} in the synthetic network`);
    return system;
  };
  return {
    practices: () => live,
    practice: (ods) => systems.get(ods)?.practice,
    patientByNhsNumber: (ods, nhsNumber) => patientAt(systems.get(ods), systems.get(ods)?.byNhsNumber.get(nhsNumber)),
    patientById: (ods, id) => patientAt(systems.get(ods), id),
    slot: (ods, slotId) => systems.get(ods)?.slots.get(slotId),
    session: (ods, sessionId) => systems.get(ods)?.sessions.get(sessionId),
    appointment: (ods, id) => appointmentAt(systems.get(ods), id),
    appointmentsOf: (ods, patientId) =>
      at(ods)
        .byPatient.get(patientId)
        ?.map((n) => itemAt(at(ods).appointments, n)) ?? [],
    appointmentOn: (ods, slotId) => appointmentAt(systems.get(ods), systems.get(ods)?.taken.get(slotId)),
    freeSlots: (ods, from, to) => freeSlots(at(ods), epochMilliseconds(from), epochMilliseconds(to)),
    apply: (event) => applyTo(at(event.ods), event),
    changedSince: (ods, instant) => at(ods).log.since(instant),
    changedAt: (ods, kind, key) => at(ods).log.at(kind, key),
  };
}

function freeSlots(system: System, from: number, to: number): ClinicSlot[] {
  const free: ClinicSlot[] = [];
  for (let n = firstFrom(system.inOrder, from); n < system.inOrder.length; n += 1) {
    const { start, end, slot } = itemAt(system.inOrder, n);
    if (start >= to) break;
    if (end <= to && !system.taken.has(slot.id)) free.push(slot);
  }
  return free;
}

/** The position of the first slot that starts at or after a time, by halving. */
function firstFrom(inOrder: System['inOrder'], from: number): number {
  let low = 0;
  let high = inOrder.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (itemAt(inOrder, middle).start < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
