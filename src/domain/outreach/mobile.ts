/** The mobile number of a person, for suppliers that are given one instead of finding it themselves. */
import { londonDate } from '#fhir/date.ts';
import type { ContactPoint, Patient } from '#fhir/types.ts';

/** British mobiles as Ofcom gives them out: 07, but neither personal (070) nor pagers (076, of which 07624 is Manx mobile). */
const MOBILE = /^7(?:[1-57-9]\d{8}|624\d{6})$/;

/**
 * The number that texts go to, as +447…: the one that is called mobile, or else the first that is one. Undefined where
 * there is none in use at `now`; numbers abroad are left out, because what became of a text there is not told.
 */
export function mobileOf(patient: Patient | undefined, now: string): string | undefined {
  const usable = (patient?.telecom ?? []).filter((point) => isInUse(point, now));
  const called = usable.filter((point) => point.use === 'mobile');
  return [...called, ...usable].map(british).find((number) => number !== undefined);
}

function isInUse({ system, use, period }: ContactPoint, now: string): boolean {
  // An end can be a month or a year: it lasts to the end of that.
  const end = period?.end?.slice(0, 10);
  const ended = end !== undefined && end < londonDate(now).slice(0, end.length);
  return (system === 'phone' || system === 'sms') && use !== 'old' && !ended;
}

function british({ value = '' }: ContactPoint): string | undefined {
  // "+44 (0)7700 …" is written often; the zero is not dialled.
  const national = value.replace(/[^\d]/g, '').replace(/^(?:0044|44)?0?/, '');
  return MOBILE.test(national) ? `+44${national}` : undefined;
}
