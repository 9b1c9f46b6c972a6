/** The checks about the person: known, fresh, alive, here, and not to be left alone. facts: care-needs §6.1 H1 to H5, H17, H20, H25 */
import { ageOn, epochMilliseconds, isDate, londonDate } from '#fhir/date.ts';
import { type Freshness, hold, PASS, type SendCheck, unknown, type Verdict } from './send-check.ts';

const HOUR = 3_600_000;
/** From this birthday on a person is written to directly. */
const ADULT = 16;

/** One line for each source: what is held for one of them names it. */
export const recordFresh = (input: SendCheck): Verdict => fresh(input, 'record');
export const demographicsFresh = (input: SendCheck): Verdict => fresh(input, 'demographics');
export const consentFresh = (input: SendCheck): Verdict => fresh(input, 'consent');
export const bookingsFresh = (input: SendCheck): Verdict => fresh(input, 'bookings');

function fresh(input: SendCheck, source: keyof SendCheck['freshness']): Verdict {
  const age = input.freshness[source];
  const problem = staleness(age, input.now);
  if (problem === 'unknown') return unknown('stale-data', `It is not known how old the ${source} data is`);
  return problem === 'stale'
    ? hold('stale-data', `The ${source} data is older than ${age.limitHours} hours; wait for the feed`)
    : PASS;
}

function staleness(source: Freshness, now: string): 'fresh' | 'stale' | 'unknown' {
  if (source.asOf === undefined) return 'unknown';
  const age = epochMilliseconds(now) - epochMilliseconds(source.asOf);
  // Data from the future means a wrong clock somewhere: nothing can be said about its age.
  if (age < 0) return 'unknown';
  return age <= source.limitHours * HOUR ? 'fresh' : 'stale';
}

export function identity(input: SendCheck): Verdict {
  const { nhsNumber, demographicsAgree, birthDate } = input.identity;
  if (nhsNumber === 'unknown') return unknown('review', 'The NHS number was not checked');
  if (nhsNumber !== 'valid') return hold('review', `The NHS number is ${nhsNumber}; a person must check who this is`);
  if (demographicsAgree === 'unknown') return unknown('review', 'Name and date of birth were not compared');
  if (!demographicsAgree) return hold('review', 'Name or date of birth differ between the sources');
  return birthDate && isDate(birthDate) ? PASS : unknown('review', 'The whole date of birth is not known');
}

export function alive(input: SendCheck): Verdict {
  if (input.deceased === 'unknown') return unknown('review', 'It is not known whether the person is alive');
  return input.deceased ? { result: 'stop', event: { kind: 'deceased' } } : PASS;
}

export function registered(input: SendCheck): Verdict {
  if (input.registered === 'unknown') return unknown('review', 'It is not known whether the person is registered here');
  return input.registered ? PASS : { result: 'stop', event: { kind: 'moved' } };
}

export function restricted(input: SendCheck): Verdict {
  if (input.restricted === 'unknown') return unknown('review', 'It is not known whether the record is restricted');
  return input.restricted ? hold('safeguarding', 'Only the practice itself may make contact') : PASS;
}

/** A child's invitation goes to a parent or guardian, which only a person can choose. */
export function adult(input: SendCheck): Verdict {
  const { birthDate } = input.identity;
  if (!birthDate || !isDate(birthDate)) return unknown('review', 'The whole date of birth is not known');
  return ageOn(birthDate, londonDate(input.now)) >= ADULT
    ? PASS
    : hold('review', `Under ${ADULT}: a person must choose whom to contact`);
}

export function programmeSuppressed({ suppressed }: SendCheck): Verdict {
  if (suppressed.programme === 'unknown')
    return unknown('review', 'It is not known whether the programme is held back');
  return suppressed.programme ? hold('review', 'This programme is held back for the person') : PASS;
}

export function personSuppressed({ suppressed }: SendCheck): Verdict {
  if (suppressed.person === 'unknown') return unknown('review', 'It is not known whether the person is held back');
  return suppressed.person ? hold('safeguarding', 'The person is held back from automatic contact') : PASS;
}

export function doNotContact({ suppressed }: SendCheck): Verdict {
  if (suppressed.doNotContact === 'unknown')
    return unknown('review', 'It is not known whether the person has opted out');
  return suppressed.doNotContact ? { result: 'stop', event: { kind: 'opted-out' } } : PASS;
}
