/**
 * The part of the day in which a message goes, by what the practice has seen: within the hours that the channel has
 * anyway, and never more than three days later than it could. facts: care-needs §6.1 H23
 */
import type { Channel } from '#domain/task-event.ts';
import { addTo, epochMilliseconds, londonTime } from '#fhir/date.ts';
import { type Hours, isOpen, nextOpening } from './window.ts';

/** London hours: up to noon, up to four, after; Saturday and Sunday are one of their own. */
export const DAY_PARTS = ['morning', 'afternoon', 'evening', 'weekend'] as const;
export type DayPart = (typeof DAY_PARTS)[number];

/** What a practice has seen of messages sent in one part of the day. */
export type DayPartCell = {
  readonly channel: Channel;
  readonly part: DayPart;
  readonly answered: number;
  readonly ignored: number;
};

/** Every part starts as good as the others, on so many imagined messages: a few answers move nothing. */
const PRIOR = { answered: 15, ignored: 35 };
/** A part is waited for only when it promises so much more than the present one. */
const WORTH_WAITING = 0.03;
const MOST_HOURS = 72;

export function dayPartOf(instant: string): DayPart {
  const { weekday, hour } = londonTime(instant);
  if (weekday > 5) return 'weekend';
  return hour < 12 ? 'morning' : hour < 16 ? 'afternoon' : 'evening';
}

/** The expected share of answers in a part of the day. */
export function answersIn(evidence: readonly DayPartCell[], channel: Channel, part: DayPart): number {
  const seen = evidence.filter((cell) => cell.channel === channel && cell.part === part);
  const answered = seen.reduce((sum, cell) => sum + cell.answered, PRIOR.answered);
  return answered / seen.reduce((sum, cell) => sum + cell.answered + cell.ignored, PRIOR.answered + PRIOR.ignored);
}

/**
 * When the message goes: `now`, or the start of a better part of the day. A channel that is closed now waits for its
 * opening first, as the checklist asks. Letters have no hour. A step due three days ago goes at once.
 */
export function sendTime(of: {
  readonly channel: Channel;
  readonly evidence: readonly DayPartCell[];
  readonly dueAt: string;
  readonly now: string;
  /** The practice's own. */
  readonly hours?: Hours;
}): string {
  const { channel, evidence, dueAt, now, hours = {} } = of;
  const last = epochMilliseconds(addTo(dueAt, { hours: MOST_HOURS }));
  if (channel === 'letter' || isOpen(channel, now, hours) !== true) return now;
  const present = answersIn(evidence, channel, dayPartOf(now));
  let best = { at: now, answers: present + WORTH_WAITING };
  for (const at of openings(channel, now, hours)) {
    const answers = answersIn(evidence, channel, dayPartOf(at));
    if (epochMilliseconds(at) <= last && answers > best.answers) best = { at, answers };
  }
  return best.at;
}

/** The open hours ahead, one by one. */
function openings(channel: Channel, now: string, own: Hours): string[] {
  const hours = Array.from({ length: MOST_HOURS }, (_, index) => addTo(now, { hours: index + 1 }));
  return [...new Set(hours.map((hour) => nextOpening(channel, hour, own)))];
}
