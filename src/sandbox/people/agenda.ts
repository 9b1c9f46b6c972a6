/** What is still to happen, and what still has to be planned for: a fold over the journal. */
import type { GpEvent } from '#sandbox/practice.ts';
import type {
  AcceptedLetter,
  AcceptedMessage,
  CallOutcome,
  Contact,
  Journal,
  JournalRecord,
  SimEvent,
} from '#sandbox/records.ts';

type Booked = Extract<GpEvent, { kind: 'appointment-booked' }>;

/** Something that the journal holds and from which events follow that are not planned yet. */
export type Unplanned =
  | { readonly kind: 'message'; readonly message: AcceptedMessage }
  | { readonly kind: 'letter'; readonly letter: AcceptedLetter }
  | { readonly kind: 'booked'; readonly event: Booked };

export type Agenda = {
  /** Whether anything was ever planned for a cause. */
  isPlanned(cause: string): boolean;
  unplanned(): readonly (readonly [cause: string, what: Unplanned])[];
  /** Everything at or before an instant, in the order of time, then of id. */
  due(now: string): readonly SimEvent[];
  /** The earliest event; events that failed and wait for their next turn are left out. */
  nextAt(waiting: ReadonlySet<string>): string | undefined;
  /** The messages with a reply link that reached a patient, oldest first. */
  contactsWith(nhsNumber: string): readonly Contact[];
  /** The outcome of a call about a version of a Task, if it was made. */
  callAbout(task: string): CallOutcome | undefined;
  callsTo(nhsNumber: string): number;
  /** The time of the latest event that is done: one that is due earlier is late. */
  latestDone(): string;
  /** When a practice's last batch was written, and how many there were. */
  batches(ods: string): { readonly count: number; readonly lastAt?: string };
};

type Books = {
  planned: Set<string>;
  waitingForPlan: Map<string, Unplanned>;
  byTime: Map<string, Map<string, SimEvent>>;
  timeOf: Map<string, string>;
  contacts: Map<string, Contact[]>;
  calls: Map<string, CallOutcome>;
  callCounts: Map<string, number>;
  batches: Map<string, { count: number; lastAt: string }>;
  latestDone: string;
};

export function createAgenda(journal: Journal): Agenda {
  const books: Books = {
    planned: new Set(),
    waitingForPlan: new Map(),
    byTime: new Map(),
    timeOf: new Map(),
    contacts: new Map(),
    calls: new Map(),
    callCounts: new Map(),
    batches: new Map(),
    latestDone: '',
  };
  journal.follow((record) => enter(books, record));
  return {
    isPlanned: (cause) => books.planned.has(cause),
    unplanned: () => [...books.waitingForPlan],
    due: (now) => dueIn(books, now),
    nextAt: (waiting) => earliest(books, waiting),
    contactsWith: (nhsNumber) => books.contacts.get(nhsNumber) ?? [],
    callAbout: (task) => books.calls.get(task),
    callsTo: (nhsNumber) => books.callCounts.get(nhsNumber) ?? 0,
    latestDone: () => books.latestDone,
    batches: (ods) => books.batches.get(ods) ?? { count: 0 },
  };
}

function enter(books: Books, record: JournalRecord): void {
  switch (record.kind) {
    case 'message':
      toPlan(books, `message:${record.message.id}`, { kind: 'message', message: record.message });
      break;
    case 'letter':
      toPlan(books, `letter:${record.letter.id}`, { kind: 'letter', letter: record.letter });
      break;
    case 'gp': {
      const { event } = record;
      if (event.kind !== 'appointment-booked') break;
      toPlan(books, `appointment:${event.ods}:${event.appointment.id}`, { kind: 'booked', event });
      break;
    }
    case 'scheduled':
      books.planned.add(record.cause);
      books.waitingForPlan.delete(record.cause);
      for (const event of record.events) add(books, event);
      if (record.contact) push(books.contacts, record.contact.nhsNumber, record.contact);
      break;
    case 'done':
      remove(books, record.id);
      if (record.at > books.latestDone) books.latestDone = record.at;
      for (const event of record.next ?? []) add(books, event);
      break;
    case 'called':
      books.calls.set(record.task, record.outcome);
      books.callCounts.set(record.nhsNumber, (books.callCounts.get(record.nhsNumber) ?? 0) + 1);
      break;
    case 'batch':
      books.batches.set(record.ods, { count: (books.batches.get(record.ods)?.count ?? 0) + 1, lastAt: record.at });
      break;
    default:
  }
}

function toPlan(books: Books, cause: string, what: Unplanned): void {
  if (!books.planned.has(cause)) books.waitingForPlan.set(cause, what);
}

function push<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}

function add({ byTime, timeOf }: Books, event: SimEvent): void {
  const bucket = byTime.get(event.at) ?? new Map<string, SimEvent>();
  byTime.set(event.at, bucket.set(event.id, event));
  timeOf.set(event.id, event.at);
}

function remove({ byTime, timeOf }: Books, id: string): void {
  const at = timeOf.get(id) ?? '';
  const bucket = byTime.get(at);
  bucket?.delete(id);
  if (bucket?.size === 0) byTime.delete(at);
  timeOf.delete(id);
}

function dueIn({ byTime }: Books, now: string): SimEvent[] {
  const times = [...byTime.keys()].filter((at) => at <= now).sort();
  return times.flatMap((at) => [...(byTime.get(at)?.values() ?? [])].sort((a, b) => (a.id < b.id ? -1 : 1)));
}

function earliest({ byTime }: Books, waiting: ReadonlySet<string>): string | undefined {
  const times = [...byTime].filter(([, bucket]) => hasOthers(bucket, waiting)).map(([at]) => at);
  return times.sort()[0];
}

function hasOthers(bucket: ReadonlyMap<string, SimEvent>, waiting: ReadonlySet<string>): boolean {
  for (const id of bucket.keys()) if (!waiting.has(id)) return true;
  return false;
}
