/** How patients answer. A model, not evidence. facts: care-needs §5.2 */
import { randomFrom } from '#sandbox/population/random.ts';
import type { PatientTraits, SimPatient } from '#sandbox/practice.ts';
import type { Answer, Contact } from '#sandbox/records.ts';
import { logistic, logit } from './odds.ts';

export type Attempt = {
  readonly channel: Contact['channel'];
  /** Which message on this channel it is, from 1. */
  readonly number: number;
  /** Earlier ones on this channel that were not answered. */
  readonly ignored: number;
  /** Whether the one before came by another channel. */
  readonly hasChanged: boolean;
  /** Earlier ones, on any channel, in the 14 days before. */
  readonly recent: number;
};

/** The chance that someone of average responsiveness books after a first message. */
const FIRST = { sms: 0.3, email: 0.27, letter: 0.2, 'push-on': 0.33, 'push-off': 0.2 };

/** The probability of booking: logit = α(channel) + 0.6 θ − 0.55 ignored + 0.35 changed − 0.4 crowded. */
export function bookingProbability(traits: PatientTraits, attempt: Attempt): number {
  const { channel, ignored, hasChanged, recent } = attempt;
  const app = traits.app === 'push-on' ? 'push-on' : 'push-off';
  const first = FIRST[channel === 'nhsapp' ? app : channel];
  const influences = 0.6 * traits.theta - 0.55 * ignored + (hasChanged ? 0.35 : 0) - (recent >= 2 ? 0.4 : 0);
  return logistic(logit(first) + influences);
}

export type Response = {
  readonly answer: Answer;
  /** From when the message reached the patient. */
  readonly hours: number;
};

/** Lognormal: median 4 hours, 80 % within 48. */
const SPREAD = Math.log(48 / 4) / 0.8416;
const LONGEST = 21 * 24;

/** Whether, what and when a patient answers; undefined for the many who do not. The same patient meets the same luck in every run of a seed. */
export function respond(seed: string, patient: SimPatient, attempt: Attempt): Response | undefined {
  const random = randomFrom(seed, patient.nhsNumber, 'answers', attempt.channel, String(attempt.number));
  const answer = answerOf(random.next(), random.next(), bookingProbability(patient.traits, attempt));
  if (!answer) return undefined;
  return { answer, hours: Math.min(LONGEST, 4 * Math.exp(SPREAD * random.normal())) };
}

function answerOf(u: number, v: number, booking: number): Answer | undefined {
  if (u < booking) return 'book';
  if (v < 0.01) return 'stop';
  if (v < 0.035) return 'decline';
  return v < 0.06 ? 'call-me' : undefined;
}

/** How a new message stands to the earlier ones that reached the patient. `since` is 14 days before it. */
export function attemptAfter(earlier: readonly Contact[], channel: Contact['channel'], since: string): Attempt {
  const same = earlier.filter((contact) => contact.channel === channel);
  const last = earlier.at(-1);
  return {
    channel,
    number: same.length + 1,
    ignored: same.filter(({ isAnswered }) => !isAnswered).length,
    hasChanged: last !== undefined && last.channel !== channel,
    recent: earlier.filter(({ at }) => at >= since).length,
  };
}

/** The path of the reply link in a text: `/reply/<token>`. Someone who finds no link does nothing. */
export function replyPathIn(text: string): string | undefined {
  const link = /https?:\/\/[^\s/]+((?:\/[^\s/]+)*\/reply\/[A-Za-z0-9._~-]+)/.exec(text)?.[1];
  return link?.replace(/[.]+$/, '');
}
