/** What becomes of the bookings of a Task that has ended. */
import { matchBooking } from '#domain/booking.ts';
import { addDays, epochMilliseconds, londonDate } from '#fhir/date.ts';
import { idOf } from '#fhir/reference.ts';
import type { Appointment } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import {
  type BookingJob,
  type BookingShell,
  confirm,
  isOf,
  lookAgain,
  mayStillLand,
  providerId,
  withdraw,
} from './booking-outcome.ts';
import { sharersOf } from './bundle.ts';
import { loadPathway, type Pathway } from './pathway.ts';
import { nhsNumberOf } from './send-check.ts';

/** The Task ended: what was asked for and not answered is looked for, then what nobody needs any more is given back. */
export async function endBookings(shell: BookingShell, job: BookingJob, pathway: Pathway): Promise<Result<unknown>> {
  const pending = pathway.appointments.filter((one) => one.status === 'pending' && isOf(one, pathway));
  for (const one of pending) {
    const settled = await settleEnded(shell, job, { pathway, pending: one });
    if (!settled.ok) return settled;
  }
  if (pending.length === 0) return cancelStanding(shell, job, pathway);
  const now = await inTransaction(shell.pool, (tx) => loadPathway(tx, job.organisation, job.task, shell.rules));
  return now ? cancelStanding(shell, job, now) : ok('no such Task');
}

/** Kept as booked if the practice has it; given up only when no call can be under way any more. */
async function settleEnded(
  shell: BookingShell,
  job: BookingJob,
  { pathway, pending }: { pathway: Pathway; pending: Appointment },
): Promise<Result<unknown>> {
  const { organisation } = job;
  const nhsNumber = nhsNumberOf(pathway.patient);
  if (!nhsNumber || !pathway.user) return ok('nobody can look');
  const from = londonDate(shell.now());
  const to = addDays(from, shell.policy.slotDays + 7);
  const listed = await shell.listAppointments({ organisation, nhsNumber, from, to, user: pathway.user });
  // A patient who died or left is not shown any more, and neither is what was booked for them.
  if (!listed.ok && listed.failure.kind !== 'not-found') return listed;
  const provided = listed.ok ? matchBooking(listed.value, pending) : undefined;
  return inTransaction(shell.pool, async (tx) => {
    if (provided) return confirm(shell, tx, pathway, { proposed: pending, provided });
    if (mayStillLand(shell, pending)) await lookAgain(shell, tx, job);
    else await withdraw(tx, job, { proposed: pending, why: 'Not wanted any more' });
    return ok('not there');
  });
}

/** Made for several needs, this one among them. */
const isFor = ({ basedOn }: Appointment, { need }: Pathway): boolean =>
  basedOn?.some((one) => idOf('ServiceRequest', one) === need.id) === true;

/** The Task ended (a death, a move) with an appointment still to come: the slot is given back. */
async function cancelStanding(shell: BookingShell, job: BookingJob, pathway: Pathway): Promise<Result<unknown>> {
  const { organisation } = job;
  const ahead = pathway.appointments.filter(
    (one) =>
      (isOf(one, pathway) || isFor(one, pathway)) &&
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
    const isShared = await inTransaction(
      shell.pool,
      async (tx) => (await sharersOf(tx, pathway, appointment)).length > 0,
    );
    // Others come to it still: it stays theirs.
    if (!id || isShared) continue;
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
