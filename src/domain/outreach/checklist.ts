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

const CHECKS: readonly (readonly [name: string, check: (input: SendCheck) => Verdict])[] = [
  ['freshness', person.freshness],
  ['identity', person.identity],
  ['alive', person.alive],
  ['registered', person.registered],
  ['restricted', person.restricted],
  ['adult', person.adult],
  ['suppressed', person.suppressed],
  ['consent', message.consent],
  ['contact-point', message.contactPoint],
  ['need-open', message.needOpen],
  ['frequency', message.frequency],
  ['quiet-hours', message.quietHours],
  ['capacity', message.capacity],
  ['template', message.template],
  ['batch', message.batch],
  ['emergency-stop', message.emergencyStop],
];

/** The names of the checks, in the order in which they are made. */
export const CHECK_ORDER: readonly string[] = CHECKS.map(([name]) => name);

/** Whether this step may be sent now. Only when all checks pass; the first that does not decides. */
export function check(input: SendCheck): Checked {
  const checks: CheckMade[] = [];
  for (const [name, made] of CHECKS) {
    const verdict = made(input);
    checks.push({ check: name, result: shown(verdict) });
    if (verdict.result !== 'pass') return { ...verdict, checks };
  }
  return { result: 'send', contact: contactOf(input), checks };
}

function shown(verdict: Verdict): CheckMade['result'] {
  return verdict.result === 'hold' && verdict.unknown ? 'unknown' : verdict.result;
}

function contactOf({ channel, contact }: SendCheck): Contact {
  return channel === 'letter' ? { channel, addressLines: contact.addressLines ?? [] } : { channel };
}
