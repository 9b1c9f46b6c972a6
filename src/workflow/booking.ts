/**
 * Booking: a slot is chosen, the intent committed, the practice asked, the answer recorded. An answer that never came is
 * looked for before anything is tried again. Facts: gp-connect §1.6, §2.4, trap 17
 */
import { matchBooking } from '#domain/booking.ts';
import { isEnded, mayTake } from '#domain/task-event.ts';
import { standingBookings } from '#domain/task-facts.ts';
import { addDays, epochMilliseconds, londonDate } from '#fhir/date.ts';
import { idOf } from '#fhir/reference.ts';
import type { Appointment, Schedule, Slot } from '#fhir/types.ts';
import { type Failure, fail, ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { load, saveResources } from '#store/resources.ts';
import { endBookings } from './booking-end.ts';
import {
  type BookingJob,
  type BookingShell,
  confirm,
  isOf,
  lookAgain,
  mayStillLand,
  withdraw,
} from './booking-outcome.ts';
import { propose, waitForSlots } from './booking-slots.ts';
import { callTask } from './call.ts';
import { loadPathway, type Pathway } from './pathway.ts';
import { isDeceased } from './patient-facts.ts';
import type { User } from './ports.ts';
import { nhsNumberOf } from './send-check.ts';
import { inside, type Transaction } from './shell.ts';

type Job = BookingJob;

/** Slots that went to somebody else before ours was booked, in one job. */
const MOST_TRIES = 5;

/** Books for a Task whose patient wants it; cancels what a Task that has ended left standing. Safe to run twice, at once too. */
export async function book(shell: BookingShell, job: Job): Promise<Result<unknown>> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const pathway = await inTransaction(shell.pool, (tx) => loadPathway(tx, job.organisation, job.task, shell.rules));
    if (!pathway) return ok('no such Task');
    if (isEnded(pathway.task.status)) return endBookings(shell, job, pathway);
    const pending = pathway.appointments.find((one) => one.status === 'pending' && isOf(one, pathway));
    const why = whyNothing(pathway, pending);
    if (why) return ok(why);
    if (!pathway.user) return askAPerson(shell, job, 'Nobody is named on whose behalf this practice may be asked');
    const done = pending
      ? await settle(shell, job, pending, pathway.user)
      : await tryOne(shell, job, pathway, pathway.user);
    if (!done.ok || done.value !== 'again') return done;
  }
  return askAPerson(shell, job, 'Slots went to others faster than they could be booked');
}

/** Why nothing is to be booked. A Task that could not tell of its booking would be booked for again and again. */
function whyNothing({ task }: Pathway, pending: Appointment | undefined): string | undefined {
  if (pending) return undefined;
  if (standingBookings(task).length > 0) return 'booked before';
  return mayTake(task, 'booked') ? undefined : 'not released: nothing is booked';
}

async function tryOne(shell: BookingShell, job: Job, pathway: Pathway, user: User): Promise<Result<unknown>> {
  const { rule } = pathway;
  if (!rule) return askAPerson(shell, job, 'The rule of this need is not loaded');
  const proposed = await propose(shell, job, { rule, user });
  if (!proposed.ok) return cannotBook(shell, job, proposed.failure);
  if (proposed.value === 'again') return ok('again');
  if (proposed.value === 'none') return waitForSlots(shell, job);
  return ask(shell, job, { ...proposed.value, user, isFirst: true });
}

/** A death that the record has told and no Task has heard of yet. */
const isDeceasedNow = ({ patient }: Pathway): boolean => patient !== undefined && isDeceased(patient);

type Asked = {
  readonly proposed: Appointment;
  readonly slot: Slot;
  readonly schedule: Schedule;
  readonly user: User;
  /** Nobody has asked for it before: what is refused now was not done by us. */
  readonly isFirst: boolean;
};

/** Asks the practice under the patient's lock, so that a death or an opt-out received before is seen. */
async function ask(shell: BookingShell, job: Job, asked: Asked): Promise<Result<unknown>> {
  const { proposed, slot, schedule, user } = asked;
  const { organisation } = job;
  return inTransaction(shell.pool, async (tx): Promise<Result<unknown>> => {
    const pathway = await loadPathway(tx, organisation, job.task, shell.rules);
    const nhsNumber = nhsNumberOf(pathway?.patient);
    if (!pathway || !nhsNumber || isEnded(pathway.task.status) || isDeceasedNow(pathway))
      return notWanted(shell, tx, job, asked);
    // Another run of this job may have settled it while we waited for the lock.
    if (!isStillPending(pathway, proposed)) return ok('again');
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
    // Unknown outcome, or not reached: the pending Appointment stands, and the next run looks for it first.
    if (booked.failure.kind !== 'conflict') return { ok: false, failure: booked.failure };
    if (!asked.isFirst) return takenByUs(shell, tx, { job, pathway, nhsNumber, asked });
    await withdraw(tx, job, { proposed, why: 'The slot had gone' });
    return ok('again');
  });
}

const isStillPending = ({ appointments }: Pathway, { id }: Appointment): boolean =>
  appointments.some((one) => one.id === id && one.status === 'pending');

async function notWanted(shell: BookingShell, tx: Transaction, job: Job, asked: Asked): Promise<Result<unknown>> {
  const { proposed } = asked;
  if (!asked.isFirst && mayStillLand(shell, proposed)) {
    await lookAgain(shell, tx, job);
    return ok('not wanted any more; looked for once more in an hour');
  }
  await withdraw(tx, job, { proposed, why: 'Not wanted any more' });
  return ok('not wanted any more');
}

type Contested = { readonly job: Job; readonly pathway: Pathway; readonly nhsNumber: string; readonly asked: Asked };

/** A slot that we had asked for before may have gone to ourselves: an earlier call can arrive after we stopped waiting for it. */
async function takenByUs(shell: BookingShell, tx: Transaction, of: Contested): Promise<Result<unknown>> {
  const { job, pathway, nhsNumber, asked } = of;
  const found = await lookFor(shell, { ...job, nhsNumber, proposed: asked.proposed, user: asked.user });
  if (!found.ok) return found;
  if (found.value) return confirm(shell, tx, pathway, { proposed: asked.proposed, provided: found.value });
  await withdraw(tx, job, { proposed: asked.proposed, why: 'The slot had gone' });
  return ok('again');
}

type Sought = { organisation: string; nhsNumber: string; proposed: Appointment; user: User };

/** What the practice has of a booking that was asked for; undefined when it has none. */
async function lookFor(shell: BookingShell, of: Sought): Promise<Result<Appointment | undefined>> {
  const { organisation, nhsNumber, proposed, user } = of;
  const from = londonDate(shell.now());
  const to = addDays(from, shell.policy.slotDays + 7);
  const listed = await shell.listAppointments({ organisation, nhsNumber, from, to, user });
  return listed.ok ? ok(matchBooking(listed.value, proposed)) : listed;
}

/** A booking that was asked for and whose answer is not recorded: looked for, then asked for again under the same key. */
async function settle(shell: BookingShell, job: Job, pending: Appointment, user: User): Promise<Result<unknown>> {
  const { organisation } = job;
  const access = inside(organisation);
  const pathway = await inTransaction(shell.pool, (tx) => loadPathway(tx, organisation, job.task, shell.rules));
  const nhsNumber = nhsNumberOf(pathway?.patient);
  if (!pathway || !nhsNumber) return ok('no such Task');
  const found = await lookFor(shell, { organisation, nhsNumber, proposed: pending, user });
  if (!found.ok) return cannotBook(shell, job, found.failure);
  const provided = found.value;
  if (provided) return inTransaction(shell.pool, (tx) => confirm(shell, tx, pathway, { proposed: pending, provided }));
  const slot = await load<Slot>(shell.pool, access, 'Slot', idOf('Slot', pending.slot?.[0]) ?? '');
  const schedule = await load<Schedule>(shell.pool, access, 'Schedule', idOf('Schedule', slot?.schedule) ?? '');
  const isPast = !slot || epochMilliseconds(slot.start) <= epochMilliseconds(shell.now());
  if (slot && schedule && !isPast) return ask(shell, job, { proposed: pending, slot, schedule, user, isFirst: false });
  return inTransaction(shell.pool, async (tx) => {
    const now = await loadPathway(tx, organisation, job.task, shell.rules);
    if (now && isStillPending(now, pending)) await withdraw(tx, job, { proposed: pending, why: 'The slot has passed' });
    return ok('again');
  });
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
