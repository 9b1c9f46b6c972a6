/** Which slot is asked for: the earliest that suits and that no other booking of ours is asking for already. */
import { chooseSlot, proposedAppointment, type Wanted } from '#domain/booking.ts';
import type { NeedRule } from '#domain/needs/rule.ts';
import { isEnded } from '#domain/task-event.ts';
import { standingBookings } from '#domain/task-facts.ts';
import { addDays, addTo, londonDate } from '#fhir/date.ts';
import { idOf } from '#fhir/reference.ts';
import type { Appointment, Resource, Schedule, Slot } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { inTransaction, lockKeys } from '#store/database.ts';
import { idsReferring } from '#store/outreach.ts';
import { readMany, saveResources } from '#store/resources.ts';
import { setTimers } from '#store/timers.ts';
import { type BookingJob, type BookingShell, isOf, lookAgain } from './booking-outcome.ts';
import { bundleOf } from './bundle.ts';
import { loadPathway } from './pathway.ts';
import type { FoundSlots, User } from './ports.ts';
import { inside, type Transaction } from './shell.ts';

type Chosen = NonNullable<ReturnType<typeof chooseSlot>>;
export type Proposed = Chosen & { readonly proposed: Appointment };

/**
 * Chooses the earliest suitable slot and keeps the intent to book it. `none`: there is no such slot now. `again`: the
 * Task has changed meanwhile. Asked for week by week: it is mostly in the first, and a month of slots is much to send.
 */
export async function propose(
  shell: BookingShell,
  job: BookingJob,
  { rule, user }: { rule: NeedRule; user: User },
): Promise<Result<Proposed | 'none' | 'again'>> {
  const { slotDays } = shell.policy;
  const now = shell.now();
  const wanted = await wantedSlots(shell, job, rule);
  const today = londonDate(now);
  for (let day = 0; day <= slotDays; day += WEEK) {
    const from = addDays(today, day);
    const to = addDays(today, Math.min(day + WEEK - 1, slotDays));
    const found = await shell.findSlots({ organisation: job.organisation, from, to, user });
    if (!found.ok) return found;
    let slots = found.value.slots.filter((one) => job.slot === undefined || one.id === job.slot);
    for (let chosen = chooseSlot(slots, found.value.schedules, wanted); chosen; ) {
      const { slot, schedule } = chosen;
      const claimed = await claim(shell, job, { slot, schedule, found: found.value });
      if (claimed !== 'taken') return ok(claimed);
      slots = slots.filter((one) => one.id !== slot.id);
      chosen = chooseSlot(slots, found.value.schedules, wanted);
    }
  }
  return ok('none');
}

/** What a slot for a Task must be: of its visit where several needs are met together, else of its own rule. */
export async function wantedSlots(shell: BookingShell, job: BookingJob, rule: NeedRule): Promise<Wanted> {
  const { slotDays, slotTypes, bookingLeadHours } = shell.policy;
  const bundle = await inTransaction(shell.pool, async (tx) => {
    const pathway = await loadPathway(tx, job.organisation, job.task, shell.rules);
    return pathway && bundleOf(shell, tx, pathway);
  });
  const { skill, minutes } = bundle?.visit ?? rule.work;
  return {
    minutes,
    ...(bundle ? { notBefore: bundle.visit.from } : {}),
    now: shell.now(),
    earliestLeadHours: bookingLeadHours,
    withinDays: slotDays,
    slotTypes: slotTypes[skill] ?? [],
  };
}

/** Keeps the intent, unless another of our bookings is asking for the same slot: it would only be refused, and ask once more. */
async function claim(
  shell: BookingShell,
  job: BookingJob,
  { slot, schedule, found }: Chosen & { found: FoundSlots },
): Promise<Proposed | 'taken' | 'again'> {
  const { organisation } = job;
  return inTransaction(shell.pool, async (tx) => {
    const pathway = await loadPathway(tx, organisation, job.task, shell.rules);
    if (!pathway || isEnded(pathway.task.status)) return 'again';
    const own = pathway.appointments.filter((one) => isOf(one, pathway));
    const pending = pathway.appointments.filter(({ status }) => status === 'pending');
    // Another need of the same visit is being booked for both.
    if (pending.some(({ basedOn }) => basedOn?.some((one) => idOf('ServiceRequest', one) === pathway.need.id)))
      return 'again';
    if (own.some(({ status }) => status === 'pending') || standingBookings(pathway.task).length > 0) return 'again';
    await lockKeys(tx, [`slot|${organisation}|${slot.id}`]);
    if (await isAskedFor(tx, organisation, slot)) return 'taken';
    const { task, need } = pathway;
    const n = own.length + 1;
    const others = (await bundleOf(shell, tx, pathway))?.others ?? [];
    const proposed = proposedAppointment({ task, need, others, slot, schedule, organisation, n, now: shell.now() });
    const resources: Resource[] = [proposed, ...placesOf({ slot, schedule }, found)];
    await saveResources(tx, { organisation, resources, source: 'holdfast' });
    await lookAgain(shell, tx, job);
    return { proposed, slot, schedule };
  });
}

export async function isAskedFor(tx: Transaction, organisation: string, { id = '' }: Slot): Promise<boolean> {
  const ids = await idsReferring(tx, organisation, {
    type: 'Appointment',
    param: 'slot',
    target: { type: 'Slot', id },
  });
  const all = await readMany<Appointment>(tx, inside(organisation), 'Appointment', ids);
  // One that is booked can stand in a list of free slots that was read a moment before.
  return all.some(({ status }) => status === 'pending' || status === 'booked');
}

const WEEK = 7;

/** What the booking refers to, kept with it: its slot (now taken), its session, where and with whom. */
export function placesOf({ slot, schedule }: { slot: Slot; schedule: Schedule }, found: FoundSlots): Resource[] {
  const actors = new Set(schedule.actor.map((actor) => actor.reference));
  const people = [...found.locations, ...found.practitioners].filter((one) =>
    actors.has(`${one.resourceType}/${one.id}`),
  );
  return [{ ...slot, status: 'busy' }, schedule, ...people];
}

/** Looks again tomorrow. */
export async function waitForSlots(
  shell: BookingShell,
  { organisation, task, slot }: BookingJob,
): Promise<Result<unknown>> {
  if (slot !== undefined) return ok('the slot has gone');
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
