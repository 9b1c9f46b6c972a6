/** A person's own messages, read as attempts: which were answered, which ignored, which never came. facts: care-needs §5.2 */
import type { Channel } from '#domain/task-event.ts';
import { epochMilliseconds } from '#fhir/date.ts';
import { idOf } from '#fhir/reference.ts';
import type { Appointment, Communication } from '#fhir/types.ts';
import { callOutcomeOf } from './call.ts';
import { ALL_CHANNELS, type PersonHistory } from './channel-model.ts';
import { stateOf } from './receipt.ts';
import { channelOf } from './request.ts';

export type Attempt = {
  readonly channel: Channel;
  readonly sent: string;
  /** `open`: too young to count as ignored. */
  readonly outcome: 'answered' | 'ignored' | 'open' | 'failed';
};

const DAY = 86_400_000;
/** An answer may take so long; after that a message counts as ignored. facts: care-needs §5.2 (7 to 14 days) */
export const ANSWER_DAYS = 7;
/** A booking within so many days of a message about the same need is an answer to it. */
const BOOKING_DAYS = 28;
/** An ignored message is forgotten after a year, a failed one after 90 days: people change telephones. */
const REMEMBERED_DAYS = 365;
const FAILED_DAYS = 90;

/** The messages and calls of one person as attempts, oldest first. */
export function attemptsOf(of: {
  readonly communications: readonly Communication[];
  readonly appointments: readonly Appointment[];
  readonly now: string;
}): readonly Attempt[] {
  const answered = new Set(
    of.communications.flatMap((one) => (one.inResponseTo ?? []).flatMap((to) => idOf('Communication', to) ?? [])),
  );
  return of.communications
    .filter((one) => one.inResponseTo === undefined)
    .flatMap((one) => {
      const channel = channelOf(one);
      if (!channel || !one.sent) return [];
      const isAnswered = answered.has(one.id ?? '') || of.appointments.some((booking) => isAnswerTo(booking, one));
      return [{ channel, sent: one.sent, outcome: outcomeOf(one, isAnswered, of.now) }];
    })
    .sort((one, other) => epochMilliseconds(one.sent) - epochMilliseconds(other.sent));
}

/** The counts that the model takes from the attempts of a person. */
export function historyOf(attempts: readonly Attempt[], now: string): PersonHistory {
  const age = (attempt: Attempt) => (epochMilliseconds(now) - epochMilliseconds(attempt.sent)) / DAY;
  const recent = attempts.filter((attempt) => age(attempt) <= REMEMBERED_DAYS);
  const per = (count: (own: readonly Attempt[]) => number) =>
    Object.fromEntries(
      ALL_CHANNELS.map((channel) => [channel, count(recent.filter((one) => one.channel === channel))]),
    ) as Record<Channel, number>;
  const last = recent.findLast((attempt) => attempt.outcome !== 'failed');
  return {
    ignoredInRow: per((own) => sinceAnswer(own).filter((one) => one.outcome === 'ignored').length),
    unansweredInRow: per((own) => sinceAnswer(own).filter((one) => one.outcome !== 'failed').length),
    answered: per((own) => own.filter((one) => one.outcome === 'answered').length),
    failed: per((own) => Number(own.findLast(isSettled)?.outcome === 'failed' && own.some((one) => isFresh(one)))),
    ...(last?.outcome === 'ignored' ? { lastIgnored: last.channel } : {}),
    sentIn14Days: recent.filter((attempt) => attempt.outcome !== 'failed' && age(attempt) < 14).length,
  };

  function isFresh(attempt: Attempt): boolean {
    return attempt.outcome === 'failed' && age(attempt) <= FAILED_DAYS;
  }
}

function isSettled(attempt: Attempt): boolean {
  return attempt.outcome !== 'open';
}

function sinceAnswer(own: readonly Attempt[]): readonly Attempt[] {
  return own.slice(own.findLastIndex((one) => one.outcome === 'answered') + 1);
}

function outcomeOf(communication: Communication, isAnswered: boolean, now: string): Attempt['outcome'] {
  if (isAnswered) return 'answered';
  const call = callOutcomeOf(communication);
  if (call) return call.startsWith('spoke-') ? 'answered' : NO_NUMBER.includes(call) ? 'failed' : 'ignored';
  const state = stateOf(communication);
  if (state === 'failed' || state === 'suppressed') return 'failed';
  const age = (epochMilliseconds(now) - epochMilliseconds(communication.sent ?? now)) / DAY;
  return age < ANSWER_DAYS ? 'open' : 'ignored';
}

const NO_NUMBER: readonly string[] = ['number-unobtainable', 'wrong-number'];

function isAnswerTo(booking: Appointment, message: Communication): boolean {
  const made = epochMilliseconds(booking.created ?? '1970-01-01T00:00:00Z') - epochMilliseconds(message.sent ?? '');
  const needs = (message.about ?? []).flatMap((about) => about.reference ?? []);
  const isSame = booking.basedOn?.some((need) => needs.includes(need.reference ?? '')) === true;
  return isSame && made >= 0 && made <= BOOKING_DAYS * DAY;
}
