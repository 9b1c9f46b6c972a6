/**
 * Which codes go back into the practice's record, one Task each. Codes are per condition, from the need's ConceptMap;
 * the invitation code that counts for every register at once is never written; delivery comes before the code.
 * facts: care-needs §2.4, §2.8, §6.1 H10, H14, H15, H16
 */
import { londonDate } from '#fhir/date.ts';
import { idFrom } from '#fhir/id.ts';
import { HOLDFAST, IDEMPOTENCY_KEY, SNOMED, TASK_CODE, ukCore, WRITEBACK_EVENT } from '#fhir/systems.ts';
import type { Appointment, Coding, Communication, ConceptMap, Quantity, Reference, Task } from '#fhir/types.ts';
import { businessStatusOf } from './business-status.ts';
import { codeIn, concept, linkOf, linkTo, sameReference } from './link.ts';
import { callOutcomeOf } from './outreach/call.ts';
import { stateOf } from './outreach/receipt.ts';
import { channelOf } from './outreach/request.ts';
import type { CallOutcome } from './task-event.ts';
import { toldBy } from './writeback-told.ts';

/** "Quality and Outcomes Framework quality indicator-related care invitation": counts as an invitation for all registers. */
export const BANNED_CODE = '1109921000000106';

export type Route = 'im1' | 'send-document' | 'manual';

export type Writebacks = {
  readonly tasks: readonly Task[];
  /** Events for which no code exists: what a person may want to record. */
  readonly notes: readonly { readonly event: string; readonly text: string }[];
};

type Happened = {
  /** Tells one event of the need from another: at most one writeback each. */
  readonly key: string;
  /** The numbered family that an invitation belongs to. */
  readonly family?: 'sms' | 'letter';
  /** Codes of the map's source, best first. */
  readonly sources: readonly string[];
  readonly focus: Reference;
  readonly date: string;
  readonly at: string;
  /** An entry that needs no map: it was told with its code. */
  readonly entry?: Found;
};

const CALLS: Partial<Record<CallOutcome, string>> = {
  'no-answer': 'call-no-answer',
  'voicemail-left': 'call-voicemail-left',
  'message-with-household': 'call-message-with-household',
  'number-unobtainable': 'call-number-unobtainable',
};

export type WritebackInput = {
  /** The coordination Task. */
  readonly task: Task;
  /** The need's topic, which names its map: `asthma` → `ConceptMap/writeback-asthma`. */
  readonly topic: string;
  /** Tasks of calls, for what patients told in them. */
  readonly calls?: readonly Task[];
  /** Outbound messages and calls of the need in this cycle. */
  readonly communications: readonly Communication[];
  readonly appointments: readonly Appointment[];
  readonly conceptMaps: readonly ConceptMap[];
  /** Writebacks made before for this need in this cycle: they are not made again, and they count in first, second, third. */
  readonly existing: readonly Task[];
  readonly route: Route;
  readonly organisation: string;
  readonly now: string;
};

/** The writebacks that are due and not made yet. A booking is its own record; sent is not delivered; unread is not contacted. */
export function writebacksFor(input: WritebackInput): Writebacks {
  const map = input.conceptMaps.find((one) => one.url === `${HOLDFAST}/ConceptMap/writeback-${input.topic}`);
  const messages = input.communications.filter((one) => isOf(input.task, one.about));
  const visits = input.appointments.filter((one) => isOf(input.task, one.basedOn));
  const events = [...messages.flatMap(contact), ...visits.flatMap(missed), ...declined(input), ...told(input)]
    .filter((event) => !input.existing.some((made) => made.id === writebackId(input.task, event.key)))
    .sort((one, other) => order(one.at, other.at) || order(one.key, other.key));
  const tasks: Task[] = [];
  const notes: { event: string; text: string }[] = [];
  for (const event of events) {
    const sources = numbered(event, [...input.existing, ...tasks]);
    const code = event.entry ?? (map && lookUp(map, sources));
    if (code) tasks.push(writebackTask(input, event, code));
    else
      notes.push({ event: event.key, text: `No code is known for ${sources[0]} of ${input.topic}; record it by hand` });
  }
  return { tasks, notes };
}

/** The id of the one writeback of an event of a need. */
export function writebackId(task: Task, key: string): string {
  return idFrom(task.focus?.reference ?? '', 'writeback', key);
}

/** The clinical code that a writeback Task files. */
export function entryOf(task: Task): Coding | undefined {
  const input = task.input?.find((one) => codeIn(TASK_CODE, one.type) === 'entry');
  return input?.valueCodeableConcept?.coding?.find((coding) => coding.system === SNOMED);
}

/** The clinical date under which it is filed. */
export function entryDateOf(task: Task): string | undefined {
  return task.input?.find((one) => codeIn(TASK_CODE, one.type) === 'date')?.valueDate;
}

/** The value that is filed with the code; undefined for the many that have none. */
export function entryValueOf(task: Task): Quantity | undefined {
  return task.input?.find((one) => codeIn(TASK_CODE, one.type) === 'value')?.valueQuantity;
}

/** The route by which it is filed. */
export function routeOf(task: Task): string | undefined {
  return task.input?.find((one) => codeIn(TASK_CODE, one.type) === 'route')?.valueCode;
}

/** A message or visit may serve several needs; each gets its own code. One of another need gets none here. */
function isOf(task: Task, needs: readonly Reference[] | undefined): boolean {
  return (needs ?? []).some((need) => sameReference(need, task.focus));
}

function contact(communication: Communication): Happened[] {
  if (communication.inResponseTo) return [];
  const focus = linkTo('Communication', communication.id);
  const at = communication.sent ?? '';
  const base = { focus, at, date: at && londonDate(at) };
  const outcome = callOutcomeOf(communication);
  if (outcome) return called(outcome, communication, base);
  const channel = channelOf(communication);
  const state = stateOf(communication);
  const invite = `invite ${communication.id}`;
  if (channel === 'sms' && state === 'failed') {
    return [{ ...base, key: `failed ${communication.id}`, sources: ['undeliverable-sms'] }];
  }
  if ((channel === 'sms' || channel === 'letter') && state === 'delivered') {
    return [{ ...base, key: invite, family: channel, sources: [channel, 'invitation'] }];
  }
  return channel === 'nhsapp' && state === 'read' ? [{ ...base, key: invite, sources: ['invitation'] }] : [];
}

function called(
  outcome: CallOutcome,
  communication: Communication,
  base: { focus: Reference; at: string; date: string },
): Happened[] {
  const answered = outcome.startsWith('spoke-');
  const source = answered ? 'telephone' : CALLS[outcome];
  if (!source) return [];
  return [{ ...base, key: `call ${communication.id}`, sources: answered ? [source, 'invitation'] : [source] }];
}

function missed(appointment: Appointment): Happened[] {
  if (appointment.status !== 'noshow' || !appointment.start) return [];
  return [
    {
      key: `dna ${appointment.id}`,
      sources: ['dna'],
      focus: linkTo('Appointment', appointment.id),
      at: appointment.start,
      date: londonDate(appointment.start),
    },
  ];
}

function declined({ task, now }: WritebackInput): Happened[] {
  if (businessStatusOf(task) !== 'declined') return [];
  const at = task.lastModified ?? now;
  return [{ key: 'declined', sources: ['declined'], focus: linkTo('Task', task.id), at, date: londonDate(at) }];
}

function told({ task, calls = [] }: WritebackInput): Happened[] {
  const own = calls.filter((call) => call.partOf?.some((whole) => sameReference(whole, linkTo('Task', task.id))));
  return toldBy(own).map(({ key, focus, at, date, ...entry }) => {
    return { key, sources: ['measured'], focus, at, date, entry: { ...entry, source: 'measured' } };
  });
}

/** First, second and third are counted per channel over what was written, so that a late receipt renumbers nothing. */
function numbered(event: Happened, made: readonly Task[]): readonly string[] {
  if (!event.family) return event.sources;
  const family = event.family;
  const before = made.filter((task) => codeIn(WRITEBACK_EVENT, task.reasonCode)?.startsWith(family));
  const ordinal = before.length + 1;
  return ordinal <= 3 ? [`${family}-${ordinal}`, ...event.sources] : event.sources;
}

type Found = {
  readonly code: string;
  readonly display?: string;
  readonly source: string;
  readonly value?: Quantity;
};

function lookUp(map: ConceptMap, sources: readonly string[]): Found | undefined {
  const group = map.group?.find((one) => one.source === WRITEBACK_EVENT && one.target === SNOMED);
  for (const source of sources) {
    const target = group?.element.find((element) => element.code === source)?.target?.[0];
    if (!target?.code || target.equivalence === 'unmatched' || target.code === BANNED_CODE) continue;
    const { code, display } = target;
    return { code, source, ...(display === undefined ? {} : { display }) };
  }
  return undefined;
}

function writebackTask(input: WritebackInput, event: Happened, found: Found): Task {
  const id = writebackId(input.task, event.key);
  const practice = linkTo('Organization', input.organisation);
  const patient = linkOf(input.task.for);
  return {
    resourceType: 'Task',
    id,
    meta: { profile: [ukCore('Task')] },
    identifier: [{ system: IDEMPOTENCY_KEY, value: id }],
    ...(input.task.focus ? { basedOn: [input.task.focus] } : {}),
    partOf: [linkTo('Task', input.task.id)],
    status: 'requested',
    intent: 'order',
    code: concept(TASK_CODE, 'writeback', 'File a coded entry in the record'),
    focus: event.focus,
    ...(patient ? { for: patient } : {}),
    authoredOn: input.now,
    lastModified: input.now,
    requester: practice,
    owner: practice,
    description: copyable(found, event.date),
    // What the code was chosen for, also where the code itself is a plainer one.
    reasonCode: concept(WRITEBACK_EVENT, event.family ? familyMember(found.source, event.family) : found.source),
    input: [
      { type: concept(TASK_CODE, 'entry'), valueCodeableConcept: concept(SNOMED, found.code, found.display) },
      { type: concept(TASK_CODE, 'date'), valueDate: event.date },
      ...(found.value ? [{ type: concept(TASK_CODE, 'value'), valueQuantity: found.value }] : []),
      { type: concept(TASK_CODE, 'route'), valueCode: input.route },
    ],
  };
}

/** What a person types in, as one line to copy from. */
function copyable({ code, display, value }: Found, date: string): string {
  const unit = value?.unit ?? value?.code;
  const measured = value ? `, ${value.value}${unit ? ` ${unit}` : ''}` : '';
  return `${display ?? 'Entry'} (SNOMED CT ${code})${measured}, ${date}`;
}

function familyMember(source: string, family: string): string {
  return source.startsWith(family) ? source : family;
}

function order(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
