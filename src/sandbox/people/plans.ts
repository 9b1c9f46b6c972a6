/** What will follow from what has arrived: a message's statuses and answer, a letter's answer, an appointment's end. */
import { addTo } from '#fhir/date.ts';
import { findPatient } from '#sandbox/gp-access.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import type { SimPatient } from '#sandbox/practice.ts';
import type { AcceptedLetter, AcceptedMessage, Contact, SimEvent } from '#sandbox/records.ts';
import { addressLines } from '#sandbox/stand-ins/govuk-notify.ts';
import { type RoutingPlan, routingPlanOf } from '#sandbox/stand-ins/routing-plans.ts';
import type { Agenda, Unplanned } from './agenda.ts';
import { appointmentEndedEvent } from './clinics.ts';
import { deliver } from './deliveries.ts';
import { feedingPractices } from './feeds.ts';
import { hoursLater, nextHour, nextWorkingDay } from './hours.ts';
import { livesOf } from './life.ts';
import { attemptAfter, type Response, replyPathIn, respond } from './patients.ts';

type Context = { readonly gp: GpSystems; readonly agenda: Agenda; readonly seed: string };
export type Planned = { readonly events: readonly SimEvent[]; readonly contact?: Contact };

/** What is known from the start: first feeds at once, staff, lives, appointments that stand already. */
export function firstEvents(gp: GpSystems, seed: string, now: string): SimEvent[] {
  return [
    ...feedingPractices(gp).map(({ ods }) => ({ id: `feed:${ods}:${now}`, at: now, do: 'feed' as const, ods })),
    ...gp.practices().map(({ ods }) => {
      const at = nextWorkingDay(now, '17:00');
      return { id: `staff:${ods}:${at}`, at, do: 'staff-day' as const, ods };
    }),
    ...livesOf(gp.practices(), seed, now),
    ...gp
      .practices()
      .flatMap(({ ods, appointments }) =>
        appointments.filter(({ status }) => status === 'booked').map((one) => appointmentEndedEvent(ods, one)),
      ),
  ];
}

export function eventsOf(context: Context, what: Unplanned): Planned {
  switch (what.kind) {
    case 'message':
      return messageEvents(context, what.message);
    case 'letter':
      return letterEvents(context, what.letter);
    case 'booked':
      return { events: [appointmentEndedEvent(what.event.ods, what.event.appointment)] };
  }
}

function messageEvents({ gp, agenda, seed }: Context, message: AcceptedMessage): Planned {
  const plan = routingPlanOf(message.routingPlanId);
  const found = findPatient(gp, message.nhsNumber, message.ods);
  if (!plan) return { events: [] };
  const answer = (channel: Contact['channel'], at: string): Response | undefined => {
    if (!found || !pathFor(plan, message, channel)) return undefined;
    const attempt = attemptAfter(agenda.contactsWith(message.nhsNumber), channel, addTo(at, { days: -14 }));
    return respond(seed, found.patient, attempt);
  };
  const { steps, reached } = deliver({ seed, message, plan, patient: found?.patient, respond: answer });
  const statuses = steps.map(({ at, items }, n): SimEvent => {
    return { id: `status:${message.id}:${n}`, at, do: 'notify-status', messageId: message.id, items };
  });
  const path = reached && pathFor(plan, message, reached.channel);
  if (!found || !reached || !path) return { events: statuses };
  const who = { ods: found.practice.ods, patientId: found.patient.id, nhsNumber: message.nhsNumber };
  const answered = replyTo({ key: message.id, path, reached, ...who });
  return { events: [...statuses, ...answered.events], contact: answered.contact };
}

function pathFor(
  plan: RoutingPlan,
  { personalisation }: AcceptedMessage,
  channel: Contact['channel'],
): string | undefined {
  const keys = plan.channels.find((one) => one.channel === channel)?.keys ?? [];
  return replyPathIn(keys.map((key) => String(personalisation[key] ?? '')).join(' '));
}

function letterEvents({ gp, agenda, seed }: Context, letter: AcceptedLetter): Planned {
  const patient = addressee(gp, letter);
  const path = replyPathIn(Object.values(letter.personalisation).map(String).join(' '));
  if (!patient || !path || !patient.traits.letterArrives || patient.deathDate) return { events: [] };
  const at = nextHour(addTo(letter.at, { days: 3 }));
  const attempt = attemptAfter(agenda.contactsWith(patient.nhsNumber), 'letter', addTo(at, { days: -14 }));
  const response = respond(seed, patient, attempt);
  const reached = { channel: 'letter' as const, at, ...(response ? { response } : {}) };
  return replyTo({
    key: letter.id,
    path,
    reached,
    ods: letter.ods,
    patientId: patient.id,
    nhsNumber: patient.nhsNumber,
  });
}

/** Whose letter it is, by the name and the postcode on it, as the postman finds them. */
export function addressee(gp: GpSystems, letter: AcceptedLetter): SimPatient | undefined {
  const lines = addressLines(letter.personalisation);
  const [name = ''] = lines;
  const postcode = squeezed(lines.at(-1) ?? '');
  const household = (gp.practice(letter.ods)?.patients ?? []).filter(
    (patient) => squeezed(patient.address.postcode) === postcode && name.includes(patient.family),
  );
  return household.find(({ given }) => name.includes(given)) ?? household[0];
}

function squeezed(postcode: string): string {
  return postcode.replaceAll(' ', '').toUpperCase();
}

function replyTo(what: {
  key: string;
  path: string;
  reached: { channel: Contact['channel']; at: string; response?: Response };
  ods: string;
  patientId: string;
  nhsNumber: string;
}): { events: SimEvent[]; contact: Contact } {
  const { key, path, reached, ods, patientId, nhsNumber } = what;
  const { channel, at, response } = reached;
  const contact = { nhsNumber, channel, at, isAnswered: response !== undefined };
  if (!response) return { events: [], contact };
  const when = nextHour(hoursLater(at, response.hours));
  const reply = { id: `reply:${key}`, at: when, do: 'reply' as const, ods, patientId, path, answer: response.answer };
  return { events: [reply], contact };
}
