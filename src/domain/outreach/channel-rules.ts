/** What rules a channel out for a person, whatever it promises. Each rule is in the person's favour. facts: care-needs §2.8, §6.1 H17, §6.3 */
import type { Channel } from '#domain/task-event.ts';
import { IGNORED_ENDS, type PersonHistory } from './channel-model.ts';
import { consentDeclined } from './message-checks.ts';
import type { SendCheck } from './send-check.ts';

/** What the record says about how to reach a person. */
export type ReachNeed =
  | 'letter-only'
  | 'sms-only'
  | 'telephone-only'
  /** Cannot or does not want to be telephoned. */
  | 'no-telephone'
  /** Print or a text cannot be relied on: an interpreter, a carer, large print, somebody who reads aloud. */
  | 'consider-method'
  | 'no-digital';

export type Constraints = {
  readonly consent: SendCheck['consent'];
  readonly contact: SendCheck['contact'];
  readonly doNotContact: SendCheck['suppressed']['doNotContact'];
  readonly sensitivity: SendCheck['template']['sensitivity'];
  readonly needs: readonly ReachNeed[];
};

export type RuledOut =
  | 'consent-declined'
  | 'consent-unknown'
  | 'asked-otherwise'
  | 'consider-method'
  | 'no-contact-point'
  | 'shared-contact-point'
  | 'not-delivered'
  | 'ignored';

/** SNOMED CT code → what it asks for; the latest entry of each code counts. */
export const REACH_CODES: Readonly<Record<string, ReachNeed>> = {
  '936701000000103': 'sms-only',
  '936721000000107': 'letter-only',
  '795661000000104': 'telephone-only',
  '204331000000107': 'no-telephone',
  '966401000000100': 'no-telephone',
  '957331000000109': 'consider-method',
  '985021000000106': 'consider-method',
  '719561001': 'consider-method',
};

const DIGITAL: readonly Channel[] = ['nhsapp', 'sms'];

/** Why the channel may not be taken for this person; undefined when it may. */
export function ruledOut(channel: Channel, constraints: Constraints, history: PersonHistory): RuledOut | undefined {
  const { consent, doNotContact } = constraints;
  if (consent === 'unknown' || doNotContact === 'unknown') return 'consent-unknown';
  if (doNotContact || consentDeclined(consent[channel])) return 'consent-declined';
  const asked = notAsAsked(channel, constraints.needs);
  if (asked) return asked;
  const contact = contactFault(channel, constraints);
  if (contact) return contact;
  if (history.failed[channel] > 0) return 'not-delivered';
  return history.unansweredInRow[channel] >= IGNORED_ENDS ? 'ignored' : undefined;
}

function notAsAsked(channel: Channel, needs: readonly ReachNeed[]): RuledOut | undefined {
  if (channel === 'telephone' && needs.includes('no-telephone')) return 'asked-otherwise';
  if (DIGITAL.includes(channel) && needs.includes('no-digital')) return 'asked-otherwise';
  if (channel !== 'telephone' && needs.includes('consider-method')) return 'consider-method';
  const only = needs.flatMap((need) => ONLY[need] ?? []);
  return only.length > 0 && !only.includes(channel) ? 'asked-otherwise' : undefined;
}

const ONLY: Partial<Record<ReachNeed, Channel>> = {
  'letter-only': 'letter',
  'sms-only': 'sms',
  'telephone-only': 'telephone',
};

function contactFault(channel: Channel, { contact, sensitivity }: Constraints): RuledOut | undefined {
  const lines = contact.addressLines?.length ?? 0;
  if (channel === 'letter' && (lines < 3 || lines > 7)) return 'no-contact-point';
  if (channel === 'telephone' && contact.telephone !== true) return 'no-contact-point';
  // Notify looks for a number by itself, but a record that holds none rarely has a patient who reads texts.
  if (channel === 'sms' && (contact.telephone === false || contact.mobile === false)) return 'no-contact-point';
  return sensitivity === 'sensitive' && channel !== 'nhsapp' && contact.shared !== false
    ? 'shared-contact-point'
    : undefined;
}
