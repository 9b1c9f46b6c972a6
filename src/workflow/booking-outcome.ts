/** How a booking is kept once its outcome is known: confirmed by what the practice made of it, or withdrawn. */
import { confirmAppointment } from '#domain/booking.ts';
import { addTo, epochMilliseconds, instantOf } from '#fhir/date.ts';
import { idOf } from '#fhir/reference.ts';
import type { Appointment } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { takeSlot } from '#store/outreach.ts';
import { saveResources } from '#store/resources.ts';
import { setTimers, type Timer } from '#store/timers.ts';
import { sharersOf } from './bundle.ts';
import type { OutreachShell } from './hand-over.ts';
import { loadPathway, type Pathway } from './pathway.ts';
import type { BookAppointment, CancelAppointment, FindSlots, ListAppointments } from './ports.ts';
import { linkOf, type Transaction } from './shell.ts';
import { keepChanges, moveTask, moveThrough } from './task.ts';

export type BookingShell = OutreachShell & {
  readonly findSlots: FindSlots;
  readonly bookAppointment: BookAppointment;
  readonly listAppointments: ListAppointments;
  readonly cancelAppointment: CancelAppointment;
};

export type BookingJob = {
  readonly organisation: string;
  readonly task: string;
  /** Only this slot will do: the person chose it, and waits for the answer. */
  readonly slot?: string;
};

/** Whether an appointment was made for a pathway's Task. */
export const isOf = (appointment: Appointment, { task }: Pathway): boolean =>
  (appointment.supportingInformation ?? []).some((one) => idOf('Task', one) === task.id);

/** Keeps what the practice made of a booking, and moves the Task. */
export async function confirm(
  shell: BookingShell,
  tx: Transaction,
  known: Pathway,
  of: { proposed: Appointment; provided: Appointment },
): Promise<Result<unknown>> {
  const { organisation } = known;
  const pathway = (await loadPathway(tx, organisation, known.task.id ?? '', shell.rules)) ?? known;
  const now = shell.now();
  const appointment = confirmAppointment(of.proposed, of.provided);
  const booked = { kind: 'booked', appointment: { reference: `Appointment/${appointment.id}` } } as const;
  const change = moveTask(pathway.task, booked, { organisation, now });
  // What the same visit is to meet is booked too: each need keeps its own Task and state.
  const shared = (await sharersOf(tx, pathway, appointment)).map((task) =>
    moveThrough(task, [{ kind: 'resumed', reason: 'bundle' }, booked], { organisation, now }),
  );
  await keepChanges(shell, tx, shared, organisation);
  await saveResources(tx, { organisation, resources: [appointment, ...change.saves], source: 'holdfast' });
  if (pathway.rule) await takeSlot(tx, organisation, pathway.rule.work.skill);
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
export async function withdraw(
  tx: Transaction,
  { organisation }: Pick<BookingJob, 'organisation'>,
  { proposed, why }: { proposed: Appointment; why: string },
): Promise<void> {
  const cancelled: Appointment = { ...proposed, status: 'cancelled', cancelationReason: { text: why } };
  await saveResources(tx, { organisation, resources: [cancelled], source: 'holdfast' });
}

/** The id by which the practice's own system knows the appointment. */
export function providerId(appointment: Appointment): string | undefined {
  return appointment.identifier?.find(
    (identifier) => identifier.system?.includes('gpconnect-appointment') || identifier.system?.includes('gp-connect'),
  )?.value;
}

/** How long a call that we stopped waiting for may still arrive at the practice. */
const STRAY_MINUTES = 60;

/** Whether a booking was asked for so lately that its call may still be under way. */
export function mayStillLand({ now }: Pick<BookingShell, 'now'>, { created }: Appointment): boolean {
  const until = addTo(created ?? now(), { minutes: STRAY_MINUTES });
  return epochMilliseconds(until) > epochMilliseconds(now());
}

/** Wakes the job when no call can be under way any more, whatever became of it until then. */
export async function lookAgain(shell: Pick<BookingShell, 'now'>, tx: Transaction, job: BookingJob): Promise<void> {
  const { organisation, task } = job;
  const dueAt = addTo(shell.now(), { minutes: STRAY_MINUTES });
  await setTimers(tx, [{ organisation, queue: 'book', key: `${task}|look`, dueAt, payload: { organisation, task } }]);
}
