/** A client amends or cancels an appointment that a practice's system holds: it is changed there first, then here. */
import { isEnded } from '#domain/task-event.ts';
import { idOf } from '#fhir/reference.ts';
import type { Appointment, Resource, Task } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { inTransaction, lockPatients } from '#store/database.ts';
import { load, saveResources } from '#store/resources.ts';
import { type Edit, editOf } from '#translate/stu3/appointment-edit.ts';
import { callTask } from './call.ts';
import { type Caller, type LiveShell, personOf } from './live.ts';
import type { User } from './ports.ts';
import { inside, type StageJob, type Transaction } from './shell.ts';
import { moveThrough } from './task.ts';

/** The practice and the id under which its system knows an appointment; undefined for one of nobody's system. */
export function heldAt({ identifier }: Pick<Appointment, 'identifier'>): { provider: string; id: string } | undefined {
  for (const { system = '', value } of identifier ?? []) {
    const provider = /\/Id\/gp-connect\/([^/]+)\/appointment$/.exec(system)?.[1];
    if (provider && value) return { provider, id: value };
  }
  return undefined;
}

export type ChangeWish = {
  /** Who owns the Appointment here. */
  readonly organisation: string;
  readonly held: Appointment;
  readonly edited: Appointment;
};

/** `unprocessable`: more was changed than the practice's system lets. `unknown-outcome`: send the same again, it does no harm. */
export async function changeLive(shell: LiveShell, caller: Caller, wish: ChangeWish): Promise<Result<unknown>> {
  const user = personOf(caller);
  if (!user.ok) return user;
  const where = heldAt(wish.held);
  if (!where) return fail('fault', 'The appointment has no id of a practice’s system');
  const edit = editOf(wish.held, wish.edited);
  if (!edit.ok) return edit;
  if (edit.value.kind === 'none') return ok('nothing to change');
  const provided = await send(shell, { ...where, organisation: wish.organisation, user: user.value }, edit.value);
  if (!provided.ok) return provided;
  return inTransaction(shell.pool, (tx) => keep(shell, tx, { ...wish, edit: edit.value, provided: provided.value }));
}

async function send(
  shell: LiveShell,
  { provider, id, organisation, user }: { provider: string; id: string; organisation: string; user: User },
  edit: Exclude<Edit, { kind: 'none' }>,
): Promise<Result<Appointment>> {
  const request = { organisation: provider, booker: organisation, appointmentId: id, user };
  if (edit.kind === 'cancel') return shell.cancelAppointment({ ...request, reason: edit.reason });
  const { kind: _kind, ...texts } = edit;
  return shell.amendAppointment({ ...request, ...texts });
}

/** What was done at the practice, on our Appointment as it is now; a Task that waits for the visit hears of its end. */
async function keep(
  shell: LiveShell,
  tx: Transaction,
  { organisation, held, edit, provided }: ChangeWish & { edit: Edit; provided: Appointment },
): Promise<Result<unknown>> {
  const patient = idOf('Patient', held.participant[0]?.actor);
  if (patient) await lockPatients(tx, organisation, [patient]);
  const current = (await load<Appointment>(tx, inside(organisation), 'Appointment', held.id ?? '')) ?? held;
  const changed = withEdit(current, edit, provided);
  const after = edit.kind === 'cancel' ? await taskAfter(shell, tx, { organisation, appointment: changed }) : noTask;
  await saveResources(tx, { organisation, resources: [changed, ...after.saves], source: 'holdfast' });
  await shell.enqueue(tx, after.jobs);
  return ok('changed');
}

function withEdit(current: Appointment, edit: Edit, provided: Appointment): Appointment {
  if (edit.kind === 'cancel') return { ...current, status: 'cancelled', cancelationReason: { text: edit.reason } };
  if (edit.kind === 'none') return current;
  const { comment: _before, ...rest } = current;
  const comment = edit.comment === undefined ? current.comment : edit.comment || undefined;
  return {
    ...rest,
    status: provided.status,
    ...(edit.description === undefined ? {} : { description: edit.description }),
    ...(comment === undefined ? {} : { comment }),
  };
}

type After = { readonly saves: readonly Resource[]; readonly jobs: readonly StageJob[] };
const noTask: After = { saves: [], jobs: [] };

/** As when the practice cancels: a person finds out what the patient needs now. */
async function taskAfter(
  shell: LiveShell,
  tx: Transaction,
  { organisation, appointment }: { organisation: string; appointment: Appointment },
): Promise<After> {
  const id = (appointment.supportingInformation ?? []).map((one) => idOf('Task', one)).find((one) => one !== undefined);
  const task = id ? await load<Task>(tx, inside(organisation), 'Task', id) : undefined;
  if (!task) return noTask;
  const now = shell.now();
  const reference = `Appointment/${appointment.id}`;
  const event = { kind: 'booking-cancelled' as const, appointment: { reference }, by: 'practice' as const };
  const change = moveThrough(task, [event], { organisation, now });
  const call = isEnded(task.status) ? [] : [callTask({ task, organisation }, undefined, now, appointment.id)];
  return { saves: [...change.saves, ...call], jobs: change.jobs };
}
