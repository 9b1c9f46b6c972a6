/**
 * A patient chooses a time by the link of a message: real free slots of the right skill and length, booked by the path
 * that books for everybody. After the second factor a sealed pass of minutes stands for it. Facts: care-needs §6.1 H29
 */
import { suitableSlots } from '#domain/booking.ts';
import { offerOf } from '#domain/booking-offer.ts';
import { visitsFor } from '#domain/outreach/message.ts';
import { taskIdOf } from '#domain/outreach/request.ts';
import { decideReply } from '#domain/reply.ts';
import { isEnded } from '#domain/task-event.ts';
import { standingBookings } from '#domain/task-facts.ts';
import { addDays, epochMilliseconds, londonDate } from '#fhir/date.ts';
import { idOf } from '#fhir/reference.ts';
import type { Appointment, CommunicationRequest, ServiceRequest, Slot } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { load, readMany, saveResources } from '#store/resources.ts';
import { book } from './booking.ts';
import { type BookingShell, providerId } from './booking-outcome.ts';
import { wantedSlots } from './booking-slots.ts';
import { ruleOfNeed, sharersOf } from './bundle.ts';
import { callTask } from './call.ts';
import { loadPathway, type Pathway } from './pathway.ts';
import { type OpenedLink, proveReply } from './reply-proof.ts';
import { inside, linkOf, type Transaction } from './shell.ts';
import { moveThrough } from './task.ts';

export type SelfBookingShell = BookingShell & {
  readonly openLink: (token: string, now: string) => Result<OpenedLink>;
  /** A pass for who has given the date of birth, good for some minutes. */
  readonly sealPass: (link: OpenedLink) => string;
  readonly openPass: (pass: string, now: string) => Result<OpenedLink>;
};

/** What the patient is shown: an appointment that stands, or times to choose from. Nothing says who they are. */
export type Offer = {
  readonly pass: string;
  readonly practice: string;
  readonly telephone: string;
  /** `a routine review`: never a condition's name. */
  readonly visit: string;
  readonly booked?: { readonly start: string };
  readonly times: readonly { readonly slot: string; readonly start: string }[];
};

/** Times for who has the link and knows the date of birth. `gone`: the invitation is over. */
export async function offerTimes(
  shell: SelfBookingShell,
  { token, birthDate }: { readonly token: string; readonly birthDate: string },
): Promise<Result<Offer>> {
  const now = shell.now();
  const link = shell.openLink(token, now);
  if (!link.ok) return link;
  const proved = await inTransaction(shell.pool, (tx) => proveReply(tx, link.value, { birthDate, now }));
  return proved.ok ? offer(shell, link.value) : proved;
}

/** What is free now, for who has a pass. */
export async function timesAgain(shell: SelfBookingShell, { pass }: { readonly pass: string }): Promise<Result<Offer>> {
  const link = shell.openPass(pass, shell.now());
  return link.ok ? offer(shell, link.value) : link;
}

/** Books the chosen time. The same choice again shows the appointment that stands. `conflict`: the time went to somebody else. */
export async function chooseTime(
  shell: SelfBookingShell,
  { pass, slot }: { readonly pass: string; readonly slot: string },
): Promise<Result<Offer>> {
  const link = shell.openPass(pass, shell.now());
  if (!link.ok) return link;
  const { organisation } = link.value;
  const task = await inTransaction(shell.pool, (tx) => saidYes(shell, tx, link.value));
  if (!task.ok) return task;
  const done = await book(shell, { organisation, task: task.value, slot });
  if (!done.ok) return done;
  const now = await offer(shell, link.value);
  if (!now.ok || now.value.booked) return now;
  return fail('conflict', 'That time has just been taken. Please choose another.');
}

/** Cancels the appointment that stands, at the practice first, and offers times again. */
export async function cancelOwn(shell: SelfBookingShell, { pass }: { readonly pass: string }): Promise<Result<Offer>> {
  const link = shell.openPass(pass, shell.now());
  if (!link.ok) return link;
  const { organisation } = link.value;
  const found = await inTransaction(shell.pool, (tx) => openPathway(shell, tx, link.value));
  if (!found.ok) return found;
  const { pathway } = found.value;
  const standing = standingOf(pathway, shell.now());
  const id = standing && providerId(standing);
  if (standing && (!id || !pathway.user)) return fail('unsupported', 'The practice cannot be asked to cancel it');
  if (standing && id && pathway.user) {
    const reason = 'Cancelled by the patient';
    const cancelled = await shell.cancelAppointment({ organisation, appointmentId: id, reason, user: pathway.user });
    if (!cancelled.ok) return cancelled;
    await inTransaction(shell.pool, (tx) => keepCancelled(shell, tx, link.value, standing));
  }
  return offer(shell, link.value);
}

type Opened = { readonly pathway: Pathway; readonly request: CommunicationRequest };

/** The pathway that a link is about, locked; `gone` when there is nothing to book for any more. */
async function openPathway(shell: SelfBookingShell, tx: Transaction, link: OpenedLink): Promise<Result<Opened>> {
  const { organisation } = link;
  const request = await load<CommunicationRequest>(tx, inside(organisation), 'CommunicationRequest', link.request);
  const pathway = request && (await loadPathway(tx, organisation, taskIdOf(request) ?? '', shell.rules));
  if (!request || !pathway || isEnded(pathway.task.status))
    return fail('gone', 'This invitation is over. Please call your practice.');
  return ok({ pathway, request });
}

/** The choice is an answer like any other: kept, and the sequence stops. Answers with the id of the Task. */
async function saidYes(shell: SelfBookingShell, tx: Transaction, link: OpenedLink): Promise<Result<string>> {
  const found = await openPathway(shell, tx, link);
  if (!found.ok) return found;
  const { pathway, request } = found.value;
  const now = shell.now();
  const { organisation, task } = pathway;
  const { communication, events } = decideReply({ answer: 'book', task, request, now });
  const isKnown = pathway.communications.some(({ id }) => id === communication.id);
  if (!isKnown) {
    const change = moveThrough(task, events, { organisation, now });
    await saveResources(tx, { organisation, resources: [communication, ...change.saves], source: 'holdfast' });
    await shell.enqueue(tx, change.jobs);
  }
  return ok(task.id ?? '');
}

async function offer(shell: SelfBookingShell, link: OpenedLink): Promise<Result<Offer>> {
  const { organisation } = link;
  const found = await inTransaction(shell.pool, async (tx): Promise<Result<Opened & { visit: string }>> => {
    const opened = await openPathway(shell, tx, link);
    if (!opened.ok) return opened;
    const needs = (opened.value.request.basedOn ?? []).flatMap((one) => idOf('ServiceRequest', one) ?? []);
    const all = await readMany<ServiceRequest>(tx, inside(organisation), 'ServiceRequest', needs);
    const topics = all.map((need) => ruleOfNeed(shell.rules, need)?.topic.code ?? '');
    return ok({ ...opened.value, visit: visitsFor(topics) });
  });
  if (!found.ok) return found;
  const { pathway, visit } = found.value;
  const practice = linkOf(shell, organisation);
  const standing = standingOf(pathway, shell.now());
  const shown = {
    pass: shell.sealPass(link),
    practice: practice?.name ?? 'your GP surgery',
    telephone: practice?.telephone ?? '',
    visit,
  };
  if (standing?.start) return ok({ ...shown, booked: { start: standing.start }, times: [] });
  if (standingBookings(pathway.task).length > 0) return fail('gone', 'An appointment was made elsewhere');
  const slots = await freeSlots(shell, pathway);
  if (!slots.ok) return slots;
  return ok({ ...shown, times: slots.value.map(({ id = '', start }) => ({ slot: id, start })) });
}

async function freeSlots(shell: SelfBookingShell, pathway: Pathway): Promise<Result<readonly Slot[]>> {
  const { organisation, task, rule, user } = pathway;
  if (!rule || !user) return fail('unsupported', 'Nobody is named on whose behalf this practice may be asked');
  const wanted = await wantedSlots(shell, { organisation, task: task.id ?? '' }, rule);
  const from = londonDate(shell.now());
  const found = await shell.findSlots({ organisation, from, to: addDays(from, shell.policy.slotDays), user });
  if (!found.ok) return found;
  return ok(offerOf(suitableSlots(found.value.slots, found.value.schedules, wanted)).map(({ slot }) => slot));
}

/** The appointment of ours that the Task still waits for. */
function standingOf({ task, appointments }: Pathway, now: string): Appointment | undefined {
  const standing = new Set(standingBookings(task).map((one) => idOf('Appointment', one)));
  return appointments.find(
    (one) =>
      one.status === 'booked' &&
      one.basedOn !== undefined &&
      standing.has(one.id) &&
      epochMilliseconds(one.start ?? now) > epochMilliseconds(now),
  );
}

/** Every Task that the appointment was for hears of it; a person sees to it, if the patient chooses no other time. */
async function keepCancelled(
  shell: SelfBookingShell,
  tx: Transaction,
  link: OpenedLink,
  standing: Appointment,
): Promise<void> {
  const found = await openPathway(shell, tx, link);
  if (!found.ok) return;
  const { pathway } = found.value;
  const { organisation, task } = pathway;
  const now = shell.now();
  const appointment = { reference: `Appointment/${standing.id}` };
  const event = { kind: 'booking-cancelled', appointment, by: 'patient' } as const;
  const tasks = [task, ...(await sharersOf(tx, pathway, standing))];
  const changes = tasks.map((one) => moveThrough(one, [event], { organisation, now }));
  const cancelled: Appointment = {
    ...standing,
    status: 'cancelled',
    cancelationReason: { text: 'Cancelled by the patient' },
  };
  const resources = [
    cancelled,
    callTask({ task, organisation }, undefined, now, standing.id),
    ...changes.flatMap((one) => one.saves),
  ];
  await saveResources(tx, { organisation, resources, source: 'holdfast' });
  await shell.enqueue(
    tx,
    changes.flatMap((one) => one.jobs),
  );
}
