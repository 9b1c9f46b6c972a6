/**
 * A client books a slot: the intent is committed first, the practice's system is asked under the patient's lock, and the
 * answer is kept. The same wish again settles what the first one left open; it never books twice.
 */
import { appointmentOn, confirmAppointment, matchBooking } from '#domain/booking.ts';
import { addDays, addTo, londonDate } from '#fhir/date.ts';
import { idFrom } from '#fhir/id.ts';
import { idOf } from '#fhir/reference.ts';
import type { Appointment, Schedule, Slot } from '#fhir/types.ts';
import { type Failure, fail, ok, type Result } from '#result.ts';
import { inTransaction, lockKeys, lockPatients } from '#store/database.ts';
import { load, loadOfPatients, saveResources } from '#store/resources.ts';
import { setTimers } from '#store/timers.ts';
import { withdraw } from './booking-outcome.ts';
import { isAskedFor, placesOf } from './booking-slots.ts';
import { type Caller, findKnown, type KnownPatient, type LiveShell, personOf } from './live.ts';
import type { User } from './ports.ts';
import { type Database, inside, type Transaction } from './shell.ts';

export type BookingWish = {
  /** Id of the Patient. */
  readonly patient: string;
  /** Id of a Slot as a live search gave it. */
  readonly slot: string;
  /** Its start, an instant. */
  readonly start: string;
  /** The practice whose slot it is; the patient's own where it is left out. */
  readonly provider?: string;
  readonly description?: string;
  readonly comment?: string;
};

export type Kept = { readonly id: string; readonly isNew: boolean };

export type SettleJob = { readonly organisation: string; readonly appointment: string; readonly user: User };

/** Everything that is known when the practice is asked. */
type Booking = KnownPatient & {
  readonly provider: string;
  readonly user: User;
  readonly proposed: Appointment;
  readonly slot: Slot;
  readonly schedule: Schedule;
  readonly comment?: string;
  readonly isFirst: boolean;
};

/** `conflict`: the slot has gone. `unknown-outcome`: it stands as pending here until it is known; asking again is safe. */
export async function bookLive(shell: LiveShell, caller: Caller, wish: BookingWish): Promise<Result<Kept>> {
  const user = personOf(caller);
  if (!user.ok) return user;
  const known = await findKnown(shell, caller, wish.patient);
  if (!known.ok) return known;
  const provider = wish.provider ?? known.value.organisation;
  if (!caller.organisations.includes(provider))
    return fail('not-found', 'No such Slot is visible to you: it is of a practice that your token does not name');
  const of = { ...known.value, provider, user: user.value };
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const done = await bookOnce(shell, of, wish);
    if (!done.ok) return done;
    if (done.value !== 'again') return ok(done.value);
  }
  return fail(
    'conflict',
    'The same appointment is being asked for several times at once. Read it, or send it once more.',
  );
}

const MOST_TRIES = 3;

/** `again`: the same was asked for by another request meanwhile. */
async function bookOnce(shell: LiveShell, of: Of, wish: BookingWish): Promise<Result<Kept | 'again'>> {
  const earlier = await tried(shell.pool, of, wish.slot);
  const standing = earlier.find(({ status }) => status === 'booked');
  if (standing) return ok({ id: standing.id ?? '', isNew: false });
  const pending = earlier.find(({ status }) => status === 'pending');
  if (pending) return settle(shell, { ...of, pending });
  const proposed = await propose(shell, of, wish);
  if (!proposed.ok) return proposed;
  return proposed.value === 'again' ? ok('again') : ask(shell, { ...of, ...proposed.value, isFirst: true });
}

/** Looks for a booking whose answer was lost, and asks again if the practice has none. For the queue. */
export async function settleLive(shell: LiveShell, job: SettleJob): Promise<Result<unknown>> {
  const { organisation, user } = job;
  const pending = await load<Appointment>(shell.pool, inside(organisation), 'Appointment', job.appointment);
  if (pending?.status !== 'pending') return ok('settled before');
  const patient = idOf('Patient', pending.participant[0]?.actor) ?? '';
  const known = await findKnown(shell, { organisations: [organisation] }, patient);
  if (!known.ok) return known;
  const settled = await settle(shell, { ...known.value, user, pending });
  // Gone, or not to be had: that is an answer too, and nobody waits for it any more.
  return settled.ok || settled.failure.kind === 'conflict' ? ok('settled') : settled;
}

/** What was booked or tried for a patient on a slot. */
async function tried(db: Database, { organisation, patient }: KnownPatient, slot: string) {
  const all = await loadOfPatients<Appointment>(db, organisation, ['Appointment'], [patient]);
  return all.filter((one) => one.slot?.some((each) => idOf('Slot', each) === slot));
}

type Of = KnownPatient & { readonly provider: string; readonly user: User };
type Chosen = Pick<Booking, 'proposed' | 'slot' | 'schedule' | 'comment'>;

/** The slot as it is now, and the intent to book it, kept. */
async function propose(shell: LiveShell, of: Of, wish: BookingWish): Promise<Result<Chosen | 'again'>> {
  const { organisation, patient, provider, user } = of;
  const day = londonDate(wish.start);
  const found = await shell.findSlots({ organisation: provider, booker: organisation, from: day, to: day, user });
  if (!found.ok) return found;
  const slot = found.value.slots.find(({ id }) => id === wish.slot);
  const schedule = found.value.schedules.find(({ id }) => id === idOf('Schedule', slot?.schedule));
  if (!slot || !schedule) return goneUnlessOurs(shell, of, wish);
  const { description, comment } = wish;
  return inTransaction(shell.pool, async (tx) => {
    await lockPatients(tx, organisation, [patient]);
    await lockKeys(tx, [`slot|${organisation}|${slot.id}`]);
    const earlier = await tried(tx, of, wish.slot);
    if (earlier.some(({ status }) => status === 'pending' || status === 'booked')) return ok('again');
    if (await isAskedFor(tx, organisation, slot)) return gone();
    const n = earlier.length + 1;
    const id = idFrom(organisation, patient, wish.slot, 'live-booking', String(n));
    const texts = { ...(description ? { description } : {}), ...(comment ? { comment } : {}) };
    const now = shell.now();
    const proposed = appointmentOn(slot, schedule, {
      id,
      patient: { reference: `Patient/${patient}` },
      organisation,
      now,
      ...texts,
    });
    const resources = [proposed, ...placesOf({ slot, schedule }, found.value)];
    await saveResources(tx, { organisation, resources, source: 'holdfast' });
    await lookLater(shell, tx, { organisation, appointment: id, user });
    return ok({ proposed, slot, schedule, ...(comment ? { comment } : {}) });
  });
}

/** Should this process end before it has kept the answer, somebody else looks for it. */
async function lookLater(shell: LiveShell, tx: Transaction, payload: SettleJob): Promise<void> {
  const dueAt = addTo(shell.now(), { minutes: 5 });
  const { organisation, appointment: key } = payload;
  await setTimers(tx, [{ organisation, queue: 'settle-booking', key, dueAt, payload }]);
}

/** The slot is not free: because the same request was a moment earlier, perhaps. */
async function goneUnlessOurs(shell: LiveShell, of: Of, { slot }: BookingWish): Promise<Result<'again'>> {
  const earlier = await tried(shell.pool, of, slot);
  return earlier.some(({ status }) => status === 'pending' || status === 'booked') ? ok('again') : gone();
}

function gone(): Result<never> {
  return fail('conflict', 'The slot is not free any more. Search for free slots again.');
}

/** Asks the practice under the patient's lock. */
async function ask(shell: LiveShell, booking: Booking): Promise<Result<Kept>> {
  const { organisation, patient, provider, nhsNumber, proposed, slot, schedule, comment, user } = booking;
  return inTransaction(shell.pool, async (tx) => {
    await lockPatients(tx, organisation, [patient]);
    const id = proposed.id ?? '';
    const current = await load<Appointment>(tx, inside(organisation), 'Appointment', id);
    if (current?.status !== 'pending') return current?.status === 'booked' ? ok({ id, isNew: false }) : gone();
    const booked = await shell.bookAppointment({
      organisation: provider,
      booker: organisation,
      nhsNumber,
      slot,
      schedule,
      description: proposed.description ?? '',
      key: id,
      created: proposed.created ?? shell.now(),
      ...(comment ? { comment } : {}),
      user,
    });
    if (booked.ok) return keep(tx, booking, booked.value);
    if (booked.failure.kind === 'conflict') return refused(shell, tx, booking);
    return notKnown(shell, tx, booking, booked.failure);
  });
}

async function keep(
  tx: Transaction,
  { organisation, proposed }: Booking,
  provided: Appointment,
): Promise<Result<Kept>> {
  const appointment = confirmAppointment(proposed, provided);
  await saveResources(tx, { organisation, resources: [appointment], source: 'holdfast' });
  return ok({ id: appointment.id ?? '', isNew: true });
}

/** The slot is taken: by ourselves, where an earlier call arrived after all. */
async function refused(shell: LiveShell, tx: Transaction, booking: Booking): Promise<Result<Kept>> {
  const found = booking.isFirst ? ok(undefined) : await lookFor(shell, booking);
  if (!found.ok) return found;
  if (found.value) return keep(tx, booking, found.value);
  await withdraw(tx, booking, { proposed: booking.proposed, why: 'The slot had gone' });
  return gone();
}

/** Refused before it could be done: given up. Otherwise the queue finds out what became of it. */
async function notKnown(shell: LiveShell, tx: Transaction, booking: Booking, failure: Failure): Promise<Result<never>> {
  const { organisation, proposed, user } = booking;
  if (booking.isFirst && failure.kind !== 'unknown-outcome') {
    await withdraw(tx, booking, { proposed, why: 'The practice’s system did not take it' });
    return { ok: false, failure };
  }
  const payload = { organisation, appointment: proposed.id ?? '', user };
  if (booking.isFirst) await shell.enqueue(tx, [{ queue: 'settle-booking', payload }]);
  return fail(
    'unknown-outcome',
    `Appointment/${proposed.id} was asked for and the answer is not known: it stands as pending and is being looked for. Read it, or send the same again.`,
  );
}

async function lookFor(
  shell: LiveShell,
  of: Of & { readonly proposed: Appointment },
): Promise<Result<Appointment | undefined>> {
  const { organisation, provider, nhsNumber, proposed, user } = of;
  const from = londonDate(shell.now());
  const to = addDays(londonDate(proposed.start ?? shell.now()), 1);
  const listed = await shell.listAppointments({
    organisation: provider,
    booker: organisation,
    nhsNumber,
    from,
    to,
    user,
  });
  return listed.ok ? ok(matchBooking(listed.value, proposed)) : listed;
}

async function settle(
  shell: LiveShell,
  of: KnownPatient & { readonly user: User; readonly pending: Appointment },
): Promise<Result<Kept>> {
  const { pending, organisation } = of;
  const access = inside(organisation);
  const slot = await load<Slot>(shell.pool, access, 'Slot', idOf('Slot', pending.slot?.[0]) ?? '');
  const schedule = await load<Schedule>(shell.pool, access, 'Schedule', idOf('Schedule', slot?.schedule) ?? '');
  if (!slot || !schedule) return fail('fault', `The slot of Appointment/${pending.id} is not kept here any more`);
  const comment = pending.comment?.replace(pending.id ?? '', '').trim();
  const booking: Booking = {
    ...of,
    provider: slotProvider(slot) ?? organisation,
    proposed: pending,
    slot,
    schedule,
    isFirst: false,
    ...(comment ? { comment } : {}),
  };
  const found = await lookFor(shell, booking);
  if (!found.ok) return found;
  const provided = found.value;
  if (!provided) return ask(shell, booking);
  return inTransaction(shell.pool, async (tx) => {
    await lockPatients(tx, organisation, [of.patient]);
    const id = pending.id ?? '';
    const current = await load<Appointment>(tx, access, 'Appointment', id);
    return current?.status === 'booked' ? ok({ id, isNew: false }) : keep(tx, booking, provided);
  });
}

/** The practice whose own id the slot carries; undefined for a slot of nobody's system. */
export function slotProvider({ identifier }: Pick<Slot, 'identifier'>): string | undefined {
  const systems = (identifier ?? []).map(({ system }) => /\/Id\/gp-connect\/([^/]+)\/slot$/.exec(system ?? '')?.[1]);
  return systems.find((one) => one !== undefined);
}
