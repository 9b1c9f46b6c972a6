/** How the journal feeds the practices' GP systems, and who is on a list today. */
import type { GpSystems } from './gp-system.ts';
import type { GpEvent, Practice, SimPatient } from './practice.ts';
import type { Journal, JournalRecord } from './records.ts';

const followed = new WeakMap<Journal, WeakSet<GpSystems>>();

/** Applies every GP event of the journal, past and to come, to the GP systems. Asking twice changes nothing. */
export function followGpEvents(journal: Journal, gp: GpSystems): void {
  const known = followed.get(journal) ?? new WeakSet();
  if (known.has(gp)) return;
  followed.set(journal, known.add(gp));
  journal.follow((record) => {
    if (record.kind === 'gp') gp.apply(record.event);
  });
}

/**
 * Journals a GP event. It is applied first, so that one that cannot be (which is a bug) never gets into the journal,
 * where every restart would meet it again; that the follower applies it once more makes no difference.
 */
export function commit(gp: GpSystems, journal: Journal, record: Extract<JournalRecord, { kind: 'gp' }>): void {
  gp.apply(record.event);
  journal.append(record);
}

/** The same for several events and what is noted of them: a kill leaves all of them in the journal or none. */
export function commitAll(gp: GpSystems, journal: Journal, events: readonly GpEvent[], note: JournalRecord): void {
  for (const event of events) gp.apply(event);
  journal.append(...events.map((event) => ({ kind: 'gp' as const, by: 'practice' as const, event })), note);
}

/** Whether the practice's list has the patient: registered, alive. */
export function isActive(patient: SimPatient): boolean {
  return !patient.deathDate && !patient.deregisteredOn;
}

/** The practice and patient of an NHS number: at the named practice first, else wherever the patient is registered. */
export function findPatient(
  gp: GpSystems,
  nhsNumber: string,
  ods?: string,
): { readonly practice: Practice; readonly patient: SimPatient } | undefined {
  const found = gp.practices().flatMap((practice) => {
    const patient = gp.patientByNhsNumber(practice.ods, nhsNumber);
    return patient ? [{ practice, patient }] : [];
  });
  return (
    found.find(({ practice }) => practice.ods === ods) ?? found.find(({ patient }) => isActive(patient)) ?? found[0]
  );
}
