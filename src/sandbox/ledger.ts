/** What really arrived at the other systems, read from the journal: the witness that tests and the dashboard ask. */
import { createFaultBook, type Fault, type FaultBook } from './faults.ts';
import type { SimAppointment } from './practice.ts';
import type {
  AcceptedLetter,
  AcceptedMessage,
  AcceptedText,
  DemographicsRead,
  FiledEntry,
  Journal,
  JournalRecord,
  NotifyStatus,
} from './records.ts';

export type Booking = { readonly ods: string; readonly at: string; readonly appointment: SimAppointment };
export type Cancellation = {
  readonly ods: string;
  readonly at: string;
  readonly appointmentId: string;
  readonly reason?: string;
};
export type RecordRead = { readonly at: string; readonly ods: string; readonly patientId: string };
export type Refusal = { readonly at: string; readonly system: string; readonly reason: string; readonly key: string };
export type StatusEntry = { readonly at: string; readonly items: readonly NotifyStatus[] };

export type Ledger = {
  readonly messages: readonly AcceptedMessage[];
  readonly letters: readonly AcceptedLetter[];
  /** By GOV.UK Notify. */
  readonly texts: readonly AcceptedText[];
  readonly bookings: readonly Booking[];
  /** Cancelled through GP Connect; what the practice cancels itself is not in here. */
  readonly cancellations: readonly Cancellation[];
  readonly filed: readonly FiledEntry[];
  readonly recordReads: readonly RecordRead[];
  readonly demographicsReads: readonly DemographicsRead[];
  readonly refusals: readonly Refusal[];
  message(reference: string): AcceptedMessage | undefined;
  messageById(id: string): AcceptedMessage | undefined;
  /** What became of a message so far, oldest first. */
  statusesOf(messageId: string): readonly StatusEntry[];
  counts(): Readonly<Record<string, number>>;
  /** Keys under which the same thing was done more than once: each one is a fault of the caller. */
  duplicates(): Readonly<Record<'messages' | 'letters' | 'texts' | 'bookings' | 'filed', readonly string[]>>;
  fault(fault: Fault): void;
  readonly faults: FaultBook;
};

/** A ledger over a journal. `seed` decides which calls faults with a probability strike. */
export function createLedger(journal: Journal, seed: string): Ledger {
  const kept = emptyBooks();
  journal.follow((record) => enter(kept, record));
  const faults = createFaultBook(seed);
  return {
    ...kept.lists,
    message: (reference) => kept.byReference.get(reference),
    messageById: (id) => kept.byId.get(id),
    statusesOf: (id) => kept.statuses.get(id) ?? [],
    counts: () => Object.fromEntries(Object.entries(kept.lists).map(([name, list]) => [name, list.length])),
    duplicates: () => duplicatesIn(kept.lists),
    fault: (fault) => faults.set(fault),
    faults,
  };
}

type Books = ReturnType<typeof emptyBooks>;

function emptyBooks() {
  return {
    lists: {
      messages: [] as AcceptedMessage[],
      letters: [] as AcceptedLetter[],
      texts: [] as AcceptedText[],
      bookings: [] as Booking[],
      cancellations: [] as Cancellation[],
      filed: [] as FiledEntry[],
      recordReads: [] as RecordRead[],
      demographicsReads: [] as DemographicsRead[],
      refusals: [] as Refusal[],
    },
    byReference: new Map<string, AcceptedMessage>(),
    byId: new Map<string, AcceptedMessage>(),
    statuses: new Map<string, StatusEntry[]>(),
  };
}

function enter({ lists, byReference, byId, statuses }: Books, record: JournalRecord): void {
  switch (record.kind) {
    case 'message':
      lists.messages.push(record.message);
      byReference.set(record.message.reference, record.message);
      byId.set(record.message.id, record.message);
      break;
    case 'message-status':
      statuses.set(record.messageId, [
        ...(statuses.get(record.messageId) ?? []),
        { at: record.at, items: record.items },
      ]);
      break;
    case 'letter':
      lists.letters.push(record.letter);
      break;
    case 'text':
      lists.texts.push(record.text);
      break;
    case 'demographics-read':
      lists.demographicsReads.push(record.read);
      break;
    case 'record-read':
      lists.recordReads.push({ at: record.at, ods: record.ods, patientId: record.patientId });
      break;
    case 'refused':
      lists.refusals.push({ at: record.at, system: record.system, reason: record.reason, key: record.key });
      break;
    case 'gp':
      if (record.filed) lists.filed.push(record.filed);
      if (record.by === 'gp-connect') enterAppointment(lists, record.event);
      break;
    default:
  }
}

function enterAppointment(
  { bookings, cancellations }: Books['lists'],
  event: Extract<JournalRecord, { kind: 'gp' }>['event'],
): void {
  const { ods, at } = event;
  if (event.kind === 'appointment-booked') bookings.push({ ods, at, appointment: event.appointment });
  if (event.kind !== 'appointment-changed' || event.change.status !== 'cancelled') return;
  const reason = event.change.cancellationReason;
  cancellations.push({ ods, at, appointmentId: event.appointmentId, ...(reason === undefined ? {} : { reason }) });
}

function duplicatesIn(lists: Books['lists']): ReturnType<Ledger['duplicates']> {
  return {
    messages: repeated(lists.messages.map(({ reference }) => reference)),
    letters: repeated(lists.letters.flatMap(referred)),
    texts: repeated(lists.texts.flatMap(referred)),
    bookings: repeated(
      lists.bookings.flatMap(({ ods, appointment: { patientId, comment } }) =>
        comment ? [`${ods} ${patientId} ${comment}`] : [],
      ),
    ),
    filed: repeated(lists.filed.map(({ ods, externalReference }) => `${ods} ${externalReference}`)),
  };
}

function referred({ serviceId, reference }: AcceptedLetter | AcceptedText): readonly string[] {
  return reference ? [`${serviceId} ${reference}`] : [];
}

function repeated(keys: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  const twice = keys.filter((key) => seen.has(key) || !seen.add(key));
  return [...new Set(twice)];
}
