/**
 * The send-time checklist: made in this order, in the step that sends, and failing closed. facts: care-needs §6.3
 */
import * as message from './message-checks.ts';
import * as person from './person-checks.ts';
import type { Contact, SendCheck, Verdict } from './send-check.ts';

export type CheckMade = {
  readonly check: string;
  readonly result: 'pass' | 'hold' | 'unknown' | 'skip-step' | 'stop';
};

/** The decision, and the checks made on the way to it: the last one is the one that decided. */
export type Checked = { readonly checks: readonly CheckMade[] } & (
  | { readonly result: 'send'; readonly contact: Contact }
  | Exclude<Verdict, { result: 'pass' }>
);

/** One line of the checklist: its name is a code of `profiles/CodeSystem-send-check.json`. */
export type Line = { readonly name: string; readonly check: (input: SendCheck) => Verdict };

/** The lines in the order in which they are made. */
export const LINES: readonly Line[] = [
  { name: 'record-fresh', check: person.recordFresh },
  { name: 'demographics-fresh', check: person.demographicsFresh },
  { name: 'consent-fresh', check: person.consentFresh },
  { name: 'bookings-fresh', check: person.bookingsFresh },
  { name: 'identity', check: person.identity },
  { name: 'alive', check: person.alive },
  { name: 'registered', check: person.registered },
  { name: 'restricted', check: person.restricted },
  { name: 'adult', check: person.adult },
  { name: 'programme-suppressed', check: person.programmeSuppressed },
  { name: 'person-suppressed', check: person.personSuppressed },
  { name: 'do-not-contact', check: person.doNotContact },
  { name: 'consent', check: message.consent },
  { name: 'contact-point', check: message.contactPoint },
  { name: 'contact-shared', check: message.contactShared },
  { name: 'task-open', check: message.taskOpen },
  { name: 'need-open', check: message.needOpen },
  { name: 'booked-elsewhere', check: message.bookedElsewhere },
  { name: 'national', check: message.national },
  { name: 'frequency', check: message.frequency },
  { name: 'quiet-hours', check: message.quietHours },
  { name: 'capacity', check: message.capacity },
  { name: 'template', check: message.template },
  { name: 'batch', check: message.batch },
  { name: 'outreach-hold', check: message.outreachHold },
  { name: 'emergency-stop', check: message.emergencyStop },
];

/**
 * Whether this step may be sent now. Only when all checks pass; the first that does not decides, and its name
 * goes with the hold. `lines` are all of them but where a test asks what one of them is for.
 */
export function check(input: SendCheck, lines: readonly Line[] = LINES): Checked {
  const checks: CheckMade[] = [];
  for (const line of lines) {
    const verdict = named(line.check(input), line.name);
    checks.push({ check: line.name, result: shown(verdict) });
    if (verdict.result !== 'pass') return { ...verdict, checks };
  }
  return { result: 'send', contact: contactOf(input), checks };
}

/** A hold of the Task says which line asked for it: the reason alone is shared by many. */
function named(verdict: Verdict, line: string): Verdict {
  if (verdict.result !== 'hold' || verdict.event?.kind !== 'held') return verdict;
  return { ...verdict, event: { ...verdict.event, check: line } };
}

function shown(verdict: Verdict): CheckMade['result'] {
  return verdict.result === 'hold' && verdict.unknown ? 'unknown' : verdict.result;
}

function contactOf({ channel, contact }: SendCheck): Contact {
  return channel === 'letter' ? { channel, addressLines: contact.addressLines ?? [] } : { channel };
}
