/** The checks about the message: wanted, possible, still needed, and now. facts: care-needs §6.1 H3, H4, H9, H12, H18, H19, H23 */
import { stopReason } from '#domain/sequence.ts';
import { addTo, epochMilliseconds } from '#fhir/date.ts';
import { type ChannelConsent, hold, PASS, type SendCheck, unknown, type Verdict, wait } from './send-check.ts';
import { isOpen, nextOpening } from './window.ts';

/** Latest wins; on the same day the refusal does. Silence is not refusal: direct care needs no consent to write. */
export function consent(input: SendCheck): Verdict {
  if (input.consent === 'unknown') return unknown('review', 'Consent and refusals were not read');
  const refused = consentDeclined(input.consent[input.channel]);
  return refused ? { result: 'skip-step', reason: 'consent-declined' } : PASS;
}

/** Whether the latest word on a channel is a refusal. */
export function consentDeclined({ given, declined }: ChannelConsent): boolean {
  return declined !== undefined && (given === undefined || given.slice(0, 10) <= declined.slice(0, 10));
}

export function contactPoint(input: SendCheck): Verdict {
  const { channel, contact } = input;
  if (channel === 'letter') {
    const lines = contact.addressLines?.length ?? 0;
    return lines < 3 || lines > 7 ? { result: 'skip-step', reason: 'no-address' } : PASS;
  }
  const isTextable = channel !== 'sms' || contact.mobile === undefined || contact.mobile === true;
  const isCallable = isTextable && (channel !== 'telephone' || contact.telephone === true);
  return isCallable ? PASS : { result: 'skip-step', reason: 'no-telephone' };
}

export function contactShared(input: SendCheck): Verdict {
  const { channel, contact, template } = input;
  // The App belongs to one person who has proved who they are; nobody shares it.
  if (template.sensitivity === 'neutral' || channel === 'nhsapp' || contact.shared === false) return PASS;
  if (template.sensitivity === 'low' && contact.shared !== 'unknown') return PASS;
  return contact.shared === 'unknown'
    ? unknown('review', 'It is not known whether the contact point is shared with another patient')
    : hold('safeguarding', 'The contact point is shared with another patient, and the message is sensitive');
}

export function taskOpen(input: SendCheck): Verdict {
  const why = stopReason(input.task);
  return why ? wait('task-not-open', `The Task takes no further step: ${why}`) : PASS;
}

export function needOpen(input: SendCheck): Verdict {
  const { status, evaluation, evidence = [] } = input.need;
  if (status === 'unknown' || evaluation === 'unknown') return unknown('review', 'The need could not be evaluated');
  if (evaluation === 'up-to-date' || status === 'completed') {
    return evidence.length > 0
      ? { result: 'stop', event: { kind: 'done', evidence } }
      : hold('review', 'The need looks met, but no evidence was given');
  }
  if (status === 'on-hold') return hold('review', 'The need is on hold');
  if (status === 'revoked') return { result: 'stop', event: { kind: 'ineligible', reason: 'need revoked' } };
  return evaluation === 'excluded' || evaluation === 'not-eligible'
    ? { result: 'stop', event: { kind: 'ineligible', reason: evaluation } }
    : PASS;
}

export function bookedElsewhere(input: SendCheck): Verdict {
  const booked = input.need.bookedElsewhere;
  if (booked === 'unknown') return unknown('stale-data', 'Bookings elsewhere were not read');
  return booked === 'none' ? PASS : { result: 'stop', event: { kind: 'booked-elsewhere', appointment: booked } };
}

export function national(input: SendCheck): Verdict {
  const isNational = input.need.national;
  if (isNational === 'unknown') return unknown('review', 'It is not known whether a national programme invites');
  return isNational ? hold('review', 'A national programme sends this invitation itself') : PASS;
}

export function frequency(input: SendCheck): Verdict {
  if (input.frequency === 'unknown') return unknown('review', 'Earlier messages to the person are not known');
  const { sent, most, days } = input.frequency;
  const recent = sent
    .map((instant) => addTo(instant, { days }))
    .filter((free) => epochMilliseconds(free) > epochMilliseconds(input.now))
    .sort();
  if (recent.length < most) return PASS;
  const until = recent[recent.length - most] ?? addTo(input.now, { days });
  return wait('frequency-cap', `${most} messages in ${days} days is the most a person is sent`, until);
}

export function quietHours(input: SendCheck): Verdict {
  const open = isOpen(input.channel, input.now, input.hours);
  if (open === true) return PASS;
  if (open === 'unknown') return unknown('review', 'The bank holidays of this year are not known; add them');
  return wait(
    'quiet-hours',
    `${input.channel} is closed at this hour`,
    nextOpening(input.channel, input.now, input.hours),
  );
}

export function capacity(input: SendCheck): Verdict {
  if (input.capacity === 'unknown') return unknown('capacity', 'Free slots are not known');
  return input.capacity >= 1 ? PASS : hold('capacity', 'No free slot is left to invite to');
}

export function template(input: SendCheck): Verdict {
  const { status, sensitivity, approved } = input.template;
  if (status === 'unknown' || sensitivity === 'unknown') return unknown('review', 'The message template is not known');
  if (status !== 'active') return hold('review', `The message template is ${status}`);
  return approved.includes(sensitivity)
    ? PASS
    : hold('review', `The message is of class "${sensitivity}", for which the programme has no approval`);
}

export function batch(input: SendCheck): Verdict {
  if (input.batch === 'unknown') return unknown('review', 'The size of the batch is not known');
  const { size, most, approved } = input.batch;
  return size <= most || approved
    ? PASS
    : hold('review', `The batch of ${size} is larger than ${most} and a second person has not approved it`);
}

export function emergencyStop(input: SendCheck): Verdict {
  return input.emergencyStop === false ? PASS : wait('emergency-stop', 'All sending is stopped');
}

export function outreachHold(input: SendCheck): Verdict {
  return input.outreachHeld ? wait('outreach-hold', 'The campaign or the practice is held by a person') : PASS;
}
