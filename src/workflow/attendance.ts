/** Attendance: what the practice's system recorded about appointments, told by the next record update. Attended is not done. */
import { attendedAs, matchAttendance } from '#domain/attendance.ts';
import { isEnded, type TaskEvent } from '#domain/task-event.ts';
import { standingBookings } from '#domain/task-facts.ts';
import { idOf } from '#fhir/reference.ts';
import type { Appointment, Resource, Task } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { inTransaction, lockPatients } from '#store/database.ts';
import { loadOfPatients, saveResources } from '#store/resources.ts';
import { callTask } from './call.ts';
import type { OutreachShell } from './hand-over.ts';
import { loadPathway } from './pathway.ts';
import { bookedElsewhere } from './send-check.ts';
import type { StageJob, Transaction } from './shell.ts';
import { moveThrough } from './task.ts';

/** Matches what a feed brought for patients to what was booked for them. Safe to run twice. */
export async function attend(
  shell: OutreachShell,
  { organisation, patients }: { organisation: string; patients: readonly string[] },
): Promise<Result<unknown>> {
  await inTransaction(shell.pool, async (tx) => {
    await lockPatients(tx, organisation, patients);
    const all = await loadOfPatients<Task | Appointment>(tx, organisation, ['Task', 'Appointment'], patients);
    // Ended ones too: the evidence may have been looked at first, and the visit took place all the same.
    const tasks = all.filter(
      (one): one is Task => one.resourceType === 'Task' && idOf('ServiceRequest', one.focus) !== undefined,
    );
    const appointments = all.filter((one): one is Appointment => one.resourceType === 'Appointment');
    for (const task of tasks) await follow(shell, tx, { organisation, task, appointments });
  });
  return ok(patients.length);
}

async function follow(
  shell: OutreachShell,
  tx: Transaction,
  of: { organisation: string; task: Task; appointments: readonly Appointment[] },
): Promise<void> {
  const { organisation, task, appointments } = of;
  const now = shell.now();
  const isOver = isEnded(task.status);
  const recorded = appointments.filter((one) => one.basedOn === undefined);
  const bookings = standingBookings(task).map((one) => idOf('Appointment', one));
  const events: TaskEvent[] = [];
  const saves: Resource[] = [];
  for (const booked of appointments.filter((one) => bookings.includes(one.id) && one.basedOn !== undefined)) {
    const match = matchAttendance(booked, recorded);
    if (!match) continue;
    events.push(match.event);
    saves.push(attendedAs(booked, match.recorded));
    // Whoever cancelled, a person finds out what the patient needs now.
    const isLead = booked.supportingInformation?.some((one) => idOf('Task', one) === task.id) === true;
    if (match.event.kind === 'booking-cancelled' && !isOver && isLead)
      saves.push(callTask({ task, organisation }, undefined, now, booked.id));
  }
  if (bookings.length === 0 && !isOver) events.push(...(await elsewhere(shell, tx, { organisation, task })));
  const change = moveThrough(task, events, { organisation, now });
  const jobs: StageJob[] = [...change.jobs];
  await saveResources(tx, { organisation, resources: [...saves, ...change.saves], source: 'holdfast' });
  await shell.enqueue(tx, jobs);
}

/** Who has booked the right kind of appointment by themselves needs no invitation. */
async function elsewhere(
  shell: OutreachShell,
  tx: Transaction,
  { organisation, task }: { organisation: string; task: Task },
): Promise<TaskEvent[]> {
  const pathway = await loadPathway(tx, organisation, task.id ?? '', shell.rules);
  const booked = pathway ? bookedElsewhere(pathway, shell.policy, shell.now()) : 'none';
  return booked === 'none' ? [] : [{ kind: 'booked-elsewhere', appointment: booked }];
}
