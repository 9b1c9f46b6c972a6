/** Whether a search for Slots is one for free slots now, and what it asks of the practices' systems. */
import {
  addDays,
  daysBetween,
  epochMilliseconds,
  instantOf,
  isDate,
  isInstant,
  londonDate,
  londonInstant,
} from '#fhir/date.ts';
import type { NameValue } from '#http/deps.ts';
import { fail, ok, type Result } from '#result.ts';

export type SlotQuery = {
  /** Instants between which a slot starts, inclusive. */
  readonly low: string;
  readonly high: string;
  /** London dates that hold them. */
  readonly from: string;
  readonly to: string;
  /** ODS codes named by HealthcareService; empty for every practice of the token. */
  readonly practices: readonly string[];
  readonly isWithSchedule: boolean;
  readonly isWithActors: boolean;
  readonly count: number;
};

/** Weeks ahead of which practices hardly ever offer slots; each 14 days are one call to each practice. */
const MOST_DAYS = 56;
const MOST_SLOTS = 1_000;
const INCLUDE = 'Slot:schedule';
const ITERATE = ['Schedule:actor', 'Schedule:actor:Practitioner', 'Schedule:actor:Location'];
const SERVICE = /^(?:HealthcareService\/)?gp-connect-([A-Za-z0-9]{2,12})$/;
const OF_THE_FORM = ['_format', '_pretty', '_summary', '_elements', '_total'];

/** `status=free` and a range of `start` that is closed at both ends: that is asked of the practices, everything else of the store. */
export function isLiveSearch(parameters: readonly NameValue[]): boolean {
  const status = parameters.filter(([name]) => name === 'status').map(([, value]) => value);
  const starts = parameters.filter(([name]) => name === 'start').map(([, value]) => value);
  const isClosed = starts.some((one) => /^g[et]/.test(one)) && starts.some((one) => /^l[et]/.test(one));
  return status.length === 1 && status[0] === 'free' && (isClosed || starts.some((one) => /^\d/.test(one)));
}

/** What is asked. A parameter that a practice's system could not be asked by is refused: a filter that is not applied answers another question. */
export function slotQuery(parameters: readonly NameValue[]): Result<SlotQuery> {
  const values = (wanted: string) => parameters.filter(([name]) => name === wanted).map(([, value]) => value);
  const unknown = parameters.find(([name, value]) => !isKnown(name, value));
  if (unknown)
    return fail(
      'invalid',
      `A search for free slots knows status, start, schedule.actor:HealthcareService, _include=${INCLUDE}, _include:iterate=${ITERATE[0]} and _count. Leave the others out.`,
    );
  const bounds = boundsOf(values('start'));
  if (!bounds.ok) return bounds;
  const { low, high } = bounds.value;
  const [from, to] = [londonDate(low), londonDate(high)];
  if (daysBetween(from, to) > MOST_DAYS)
    return fail('invalid', `Free slots are searched for over at most ${MOST_DAYS} days. Narrow the range of start.`);
  const [count] = values('_count');
  return ok({
    low,
    high,
    from,
    to,
    practices: values('schedule.actor:HealthcareService').flatMap((value) => SERVICE.exec(value)?.[1] ?? []),
    isWithSchedule: values('_include').includes(INCLUDE),
    isWithActors: values('_include:iterate').length > 0,
    count: count && /^\d{1,4}$/.test(count) ? Math.min(Number(count), MOST_SLOTS) : MOST_SLOTS,
  });
}

function isKnown(name: string, value: string): boolean {
  if (name === 'schedule.actor:HealthcareService') return SERVICE.test(value);
  if (name === '_include') return value === INCLUDE;
  if (name === '_include:iterate') return ITERATE.includes(value);
  return ['status', 'start', '_count', ...OF_THE_FORM].includes(name);
}

/** A date is a whole day in London. */
function boundsOf(starts: readonly string[]): Result<{ low: string; high: string }> {
  const bounds = starts.map(boundOf);
  if (bounds.includes(undefined))
    return fail('invalid', 'start wants whole dates, or times of day with their offset, after ge, gt, le or lt');
  const low = bounds.findLast((one) => one?.low !== undefined)?.low;
  const high = bounds.findLast((one) => one?.high !== undefined)?.high;
  if (low === undefined || high === undefined || high < low)
    return fail('invalid', 'start wants a lower bound and an upper one that is not before it');
  return ok({ low: instantOf(low), high: instantOf(high) });
}

const SECOND = 1_000;

/** What one value of `start` bounds, in milliseconds since 1970; both ends where it has no prefix. */
function boundOf(start: string): { low?: number; high?: number } | undefined {
  const [, prefix = '', value = ''] = /^(ge|gt|le|lt)?(\d.*)$/.exec(start) ?? [];
  if (!isDate(value) && !isInstant(value)) return undefined;
  const [first, last] = isDate(value) ? dayOf(value) : [epochMilliseconds(value), epochMilliseconds(value)];
  switch (prefix) {
    case 'ge':
      return { low: first };
    case 'gt':
      return { low: last + SECOND };
    case 'le':
      return { high: last };
    case 'lt':
      return { high: first - SECOND };
    default:
      return { low: first, high: last };
  }
}

function dayOf(date: string): [number, number] {
  const start = (day: string) => epochMilliseconds(londonInstant(day, '00:00'));
  return [start(date), start(addDays(date, 1)) - SECOND];
}
