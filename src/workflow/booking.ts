/**
 * Booking: a slot is chosen, the intent committed, the practice asked, the answer recorded. An answer that never came is
 * looked for before anything is tried again. Facts: gp-connect §1.6, §2.4, trap 17
 */
import { chooseSlot, confirmAppointment, matchBooking, proposedAppointment } from '#domain/booking.ts';
import type { NeedRule } from '#domain/needs/rule.ts';
import { isEnded } from '#domain/task-event.ts';
import { standingBookings } from '#domain/task-facts.ts';
import { addDays, addTo, epochMilliseconds, instantOf, londonDate } from '#fhir/date.ts';
import { idOf } from '#fhir/reference.ts';
import type { Appointment, Resource, Schedule, Slot } from '#fhir/types.ts';
import { type Failure, fail, ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { load, saveResources } from '#store/resources.ts';
import { setTimers, type Timer } from '#store/timers.ts';
import { callTask } from './call.ts';
import type { OutreachShell } from './hand-over.ts';
import { loadPathway, type Pathway } from './pathway.ts';
import { isDeceased } from './patient-facts.ts';
import type { BookAppointment, CancelAppointment, FindSlots, FoundSlots, ListAppointments, User } from './ports.ts';
import { nhsNumberOf } from './send-check.ts';
import { inside, linkOf, type Transaction } from './shell.ts';
import { moveTask } from './task.ts';

export type BookingShell = OutreachShell & {
  readonly findSlots: FindSlots;
  readonly bookAppointment: BookAppointment;
  readonly listAppointments: ListAppointments;
  readonly cancelAppointment: CancelAppointment;
};

type Job = { readonly organisation: string; readonly task: string };

/** Slots that went to somebody else before ours was booked, in one job. */
const MOST_TRIES = 5;

/** Books for a Task whose patient wants it; cancels what a Task that has ended left standing. Safe to run twice. */
export async function book(shell: BookingShell, job: Job): Promise<Result<unknown>> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const pathway = await inTransaction(shell.pool, (tx) => loadPathway(tx, job.organisation, job.task, shell.rules));
    if (!pathway) return ok('no such Task');
    if (isEnded(pathway.task.status)) return cancelStanding(shell, job, pathway);
    const pending = pathway.appointments.find((one) => one.status === 'pending' && isOf(one, pathway));
    if (standingBookings(pathway.task).length > 0 && !pending) return ok('booked before');
    if (!pathway.user) return askAPerson(shell, job, 'Nobody is named on whose behalf this practice may be asked');
    const done = pending
      ? await settle(shell, job, pending, pathway.user)
      : await tryOne(shell, job, pathway, pathway.user);
    if (!done.ok || done.value !== 'again') return done;
  }
  return askAPerson(shell, job, 'Slots went to others faster than they could be booked');
}

const isOf = (appointment: Appointment, { task }: Pathway): boolean =>
  (appointment.supportingInformation ?? []).some((one) => idOf('Task', one) === task.id);

async function tryOne(shell: BookingShell, job: Job, pathway: Pathway, user: User): Promise<Result<unknown>> {
  const now = shell.now();
  const { rule, organisation } = pathway;
  if (!rule) return askAPerson(shell, job, 'The rule of this need is not loaded');
  const sought = await seek(shell, { organisation, rule, user, now });
  if (!sought.ok) return cannotBook(shell, job, sought.failure);
  if (!sought.value) return waitForSlots(shell, job);
  const { chosen, found } = sought.value;
  const n = pathway.appointments.filter((one) => isOf(one, pathway)).length + 1;
  const proposed = proposedAppointment({ task: pathway.task, need: pathway.need, ...chosen, organisation, n, now });
  await inTransaction(shell.pool, async (tx) => {
    const resources: Resource[] = [proposed, ...placesOf(chosen, found)];
    await saveResources(tx, { organisation, resources, source: 'holdfast' });
  });
  return ask(shell, job, { proposed, ...chosen, user });
}

type Sought = { readonly chosen: NonNullable<ReturnType<typeof chooseSlot>>; readonly found: FoundSlots };

/** The earliest suitable slot. Asked for week by week: it is mostly in the first, and a month of slots is much to send. */
async function seek(
  shell: BookingShell,
  of: { organisation: string; rule: NeedRule; user: User; now: string },
): Promise<Result<Sought | undefined>> {
  const { organisation, rule, user, now } = of;
  const { slotDays, slotTypes, bookingLeadHours } = shell.policy;
  const wanted = { minutes: rule.work.minutes, now, earliestLeadHours: bookingLeadHours, withinDays: slotDays };
  const today = londonDate(now);
  for (let day = 0; day <= slotDays; day += WEEK) {
    const from = addDays(today, day);
    const to = addDays(today, Math.min(day + WEEK - 1, slotDays));
    const found = await shell.findSlots({ organisation, from, to, user });
    if (!found.ok) return found;
    const { slots, schedules } = found.value;
    const chosen = chooseSlot(slots, schedules, { ...wanted, slotTypes: slotTypes[rule.work.skill] ?? [] });
    if (chosen) return ok({ chosen, found: found.value });
  }
  return ok(undefined);
}

const WEEK = 7;

/** What the booking refers to, kept with it: its slot (now taken), its session, where and with whom. */
function placesOf({ slot, schedule }: { slot: Slot; schedule: Schedule }, found: FoundSlots): Resource[] {
  const actors = new Set(schedule.actor.map((actor) => actor.reference));
  const people = [...found.locations, ...found.practitioners].filter((one) =>
    actors.has(`${one.resourceType}/${one.id}`),
  );
  return [{ ...slot, status: 'busy' }, schedule, ...people];
}

/** A death that the record has told and no Task has heard of yet. */
const isDeceasedNow = ({ patient }: Pathway): boolean => patient !== undefined && isDeceased(patient);

type Asked = { readonly proposed: Appointment; readonly slot: Slot; readonly schedule: Schedule; readonly user: User };

/** Asks the practice under the patient's lock, so that a death or an opt-out received before is seen. */
async function ask(shell: BookingShell, job: Job, { proposed, slot, schedule, user }: Asked): Promise<Result<unknown>> {
  const { organisation } = job;
  return inTransaction(shell.pool, async (tx): Promise<Result<unknown>> => {
    const pathway = await loadPathway(tx, organisation, job.task, shell.rules);
    const nhsNumber = nhsNumberOf(pathway?.patient);
    if (!pathway || !nhsNumber || isEnded(pathway.task.status) || isDeceasedNow(pathway)) {
      await withdraw(tx, job, { proposed, why: 'Not wanted any more' });
      return ok('not wanted any more');
    }
    const request = {
      organisation,
      nhsNumber,
      slot,
      schedule,
      description: proposed.description ?? '',
      key: proposed.id ?? '',
      created: proposed.created ?? shell.now(),
      user,
    };
    const booked = await shell.bookAppointment(request);
    if (booked.ok) return confirm(shell, tx, pathway, { proposed, provided: booked.value });
    if (booked.failure.kind === 'conflict') {
      await withdraw(tx, job, { proposed, why: 'The slot had gone' });
      return ok('again');
    }
    // Unknown outcome, or not reached: the pending Appointment stands, and the next run looks for it first.
    return { ok: false, failure: booked.failure };
  });
}

/** A booking that was asked for and whose answer is not recorded: looked for, then asked for again under the same key. */
async function settle(shell: BookingShell, job: Job, pending: Appointment, user: User): Promise<Result<unknown>> {
  const { organisation } = job;
  const access = inside(organisation);
  const pathway = await inTransaction(shell.pool, (tx) => loadPathway(tx, organisation, job.task, shell.rules));
  const nhsNumber = nhsNumberOf(pathway?.patient);
  if (!pathway || !nhsNumber) return ok('no such Task');
  const from = londonDate(shell.now());
  const to = addDays(from, shell.policy.slotDays + 7);
  const listed = await shell.listAppointments({ organisation, nhsNumber, from, to, user });
  if (!listed.ok) return listed;
  const found = matchBooking(listed.value, pending);
  if (found)
    return inTransaction(shell.pool, (tx) => confirm(shell, tx, pathway, { proposed: pending, provided: found }));
  const slot = await load<Slot>(shell.pool, access, 'Slot', idOf('Slot', pending.slot?.[0]) ?? '');
  const schedule = await load<Schedule>(shell.pool, access, 'Schedule', idOf('Schedule', slot?.schedule) ?? '');
  const isPast = !slot || epochMilliseconds(slot.start) <= epochMilliseconds(shell.now());
  if (!slot || !schedule || isPast) {
    const why = 'The slot has passed';
    await inTransaction(shell.pool, (tx) => withdraw(tx, job, { proposed: pending, why }));
    return ok('again');
  }
  return ask(shell, job, { proposed: pending, slot, schedule, user });
}

async function confirm(
  shell: BookingShell,
  tx: Transaction,
  known: Pathway,
  of: { proposed: Appointment; provided: Appointment },
): Promise<Result<unknown>> {
  const { organisation } = known;
  const pathway = (await loadPathway(tx, organisation, known.task.id ?? '', shell.rules)) ?? known;
  const now = shell.now();
  const appointment = confirmAppointment(of.proposed, of.provided);
  const change = moveTask(
    pathway.task,
    { kind: 'booked', appointment: { reference: `Appointment/${appointment.id}` } },
    { organisation, now },
  );
  await saveResources(tx, { organisation, resources: [appointment, ...change.saves], source: 'holdfast' });
  await setTimers(tx, looksAfter(shell, pathway, appointment));
  await shell.enqueue(tx, change.jobs);
  return ok('booked');
}

/** A practice without an extract tells nothing by itself: its record is looked at again after the visit, as coding takes days. */
function looksAfter(
  shell: BookingShell,
  { organisation, patientId, user }: Pathway,
  appointment: Appointment,
): Timer[] {
  if (linkOf(shell, organisation)?.record !== 'gp-connect' || !user || !appointment.end) return [];
  const end = instantOf(epochMilliseconds(appointment.end));
  return LOOKS.map((days) => ({
    organisation,
    queue: 'pull-record',
    key: `${appointment.id}|${days}`,
    dueAt: addTo(end, { days }),
    payload: { organisation, patients: [patientId], user },
  }));
}

const LOOKS = [1, 3, 7, 14] as const;

/** What was to be booked and will not be: kept, as cancelled, with the reason. */
async function withdraw(
  tx: Transaction,
  { organisation }: Job,
  { proposed, why }: { proposed: Appointment; why: string },
): Promise<void> {
  const cancelled: Appointment = { ...proposed, status: 'cancelled', cancelationReason: { text: why } };
  await saveResources(tx, { organisation, resources: [cancelled], source: 'holdfast' });
}

/** The Task ended (a death, a move) with an appointment still to come: the slot is given back. */
async function cancelStanding(shell: BookingShell, job: Job, pathway: Pathway): Promise<Result<unknown>> {
  const { organisation } = job;
  const ahead = pathway.appointments.filter(
    (one) =>
      isOf(one, pathway) &&
      one.status === 'booked' &&
      epochMilliseconds(one.start ?? shell.now()) > epochMilliseconds(shell.now()),
  );
  const needless = ['deceased', 'moved', 'ineligible'].some((reason) =>
    pathway.task.statusReason?.coding?.some((coding) => coding.code === reason),
  );
  if (!needless || !pathway.user) return ok('nothing to cancel');
  const reason = 'No longer needed';
  for (const appointment of ahead) {
    const id = providerId(appointment);
    if (!id) continue;
    const cancelled = await shell.cancelAppointment({
      organisation,
      appointmentId: id,
      reason,
      user: pathway.user,
    });
    if (!cancelled.ok) return cancelled;
    const withdrawn = { proposed: appointment, why: reason };
    await inTransaction(shell.pool, (tx) => withdraw(tx, job, withdrawn));
  }
  return ok(ahead.length);
}

/** The id by which the practice's own system knows the appointment. */
export function providerId(appointment: Appointment): string | undefined {
  return appointment.identifier?.find(
    (identifier) => identifier.system?.includes('gpconnect-appointment') || identifier.system?.includes('gp-connect'),
  )?.value;
}

async function waitForSlots(shell: BookingShell, { organisation, task }: Job): Promise<Result<unknown>> {
  await inTransaction(shell.pool, (tx) =>
    setTimers(tx, [
      {
        organisation,
        queue: 'book',
        key: task,
        dueAt: addTo(shell.now(), { days: 1 }),
        payload: { organisation, task },
      },
    ]),
  );
  return ok('no slot yet; asked again tomorrow');
}

const FOR_A_PERSON: ReadonlySet<Failure['kind']> = new Set(['unsupported', 'forbidden', 'not-found', 'invalid']);

/** The practice's link cannot do it, whoever asks: a person books by telephone. Anything else is tried again. */
function cannotBook(shell: BookingShell, job: Job, failure: Failure): Promise<Result<unknown>> {
  if (FOR_A_PERSON.has(failure.kind)) return askAPerson(shell, job, failure.message);
  return Promise.resolve({ ok: false, failure });
}

async function askAPerson(shell: BookingShell, { organisation, task }: Job, why: string): Promise<Result<unknown>> {
  return inTransaction(shell.pool, async (tx) => {
    const pathway = await loadPathway(tx, organisation, task, shell.rules);
    if (!pathway) return fail('not-found', 'The Task is not there any more');
    await saveResources(tx, {
      organisation,
      resources: [callTask(pathway, undefined, shell.now())],
      source: 'holdfast',
    });
    return ok(why);
  });
}
