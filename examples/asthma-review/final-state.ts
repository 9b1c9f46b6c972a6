/**
 * The business state in which a run ends, as sorted lines of text: what was decided and done for whom, without versions
 * and times of storage. Two runs of one seed end with the same text, whatever befell their processes.
 */
import { createHash } from 'node:crypto';
import { businessStatusOf } from '#domain/business-status.ts';
import { stateOf } from '#domain/needs/service-request.ts';
import type { Task } from '#fhir/types.ts';
import type { Ledger } from '#sandbox/ledger.ts';
import type { Records } from './records.ts';

export function finalState(records: Records, ledger: Ledger): string {
  const { needs, tasks, calls, writebacks, requests, communications, appointments } = records;
  const lines = [
    ...needs.map((need) => [patientOf(need.subject), 'need', need.id, need.authoredOn, need.status, stateOf(need)]),
    ...tasks.map((task) => [patientOf(task.for), 'task', task.id, task.status, businessStatusOf(task)]),
    ...calls.map((task) => [patientOf(task.for), 'call', task.id, task.status, task.authoredOn]),
    ...writebacks.map((task) => [patientOf(task.for), 'writeback', task.id, task.status, ...entryOf(task)]),
    ...requests.map((one) => [patientOf(one.subject), 'request', one.id, one.status, reasonOf(one.statusReason)]),
    ...communications.map((one) => [
      patientOf(one.subject),
      one.inResponseTo ? 'reply' : 'sent',
      one.id,
      one.status,
      one.sent,
      reasonOf(one.statusReason),
      reasonOf(one.reasonCode?.[0]),
    ]),
    ...appointments.map((one) => [one.participant[0]?.actor?.reference, 'appointment', one.id, one.status, one.start]),
    ...ledger.messages.map((one) => ['ledger', 'message', one.reference, one.at]),
    ...ledger.letters.map((one) => ['ledger', 'letter', one.reference, one.at]),
    ...ledger.bookings.map(({ at, appointment }) => ['ledger', 'booking', appointment.comment, appointment.start, at]),
    ...ledger.cancellations.map((one) => ['ledger', 'cancellation', one.appointmentId, one.at]),
    ...ledger.filed.map((one) => ['ledger', 'filed', one.externalReference, one.code, one.date, one.at]),
  ];
  const text = lines.map((parts) => parts.map((part) => part ?? '-').join(' '));
  return `${text.sort().join('\n')}\n`;
}

export function digestOf(state: string): string {
  return createHash('sha256').update(state).digest('hex');
}

const patientOf = (reference: { reference?: string } | undefined) => reference?.reference;

const reasonOf = (concept: { coding?: { code?: string }[] } | undefined) => concept?.coding?.[0]?.code;

function entryOf(task: Task): (string | undefined)[] {
  const inputs = task.input ?? [];
  const code = inputs.find((input) => reasonOf(input.type) === 'entry')?.valueCodeableConcept;
  const date = inputs.find((input) => reasonOf(input.type) === 'date')?.valueDate;
  return [reasonOf(code), date];
}
