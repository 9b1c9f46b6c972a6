/** Searching a practice's free slots. facts: gp-connect §2.1, §2.2 */
import { jsonOf } from '#adapters/http-call.ts';
import { addDays, daysBetween, isDate, londonDate } from '#fhir/date.ts';
import { ODS_CODE } from '#fhir/systems.ts';
import { fail, ok, type Result } from '#result.ts';
import { ORGANISATION_TYPE } from '#translate/stu3/scheduling.ts';
import { joinSlots, type Slots, slotsFromSearchset } from '#translate/stu3/slot.ts';
import { searchSlotsCall } from './interactions.ts';
import { type GpConnectSettings, queryOf, type Send } from './request.ts';
import type { Organisation, User } from './token.ts';

export type SlotRequest = {
  readonly organisation: string;
  /** The practice whose staff asks; the one that is asked where it is left out. */
  readonly booker?: string | undefined;
  /** London dates, both inclusive. */
  readonly from: string;
  readonly to: string;
  readonly user: User;
};

const MAX_DAYS = 14;

/** All free slots from now on that lie in the dates, however many calls that takes; one failed call fails the search. */
export async function findSlots(send: Send, settings: GpConnectSettings, request: SlotRequest): Promise<Result<Slots>> {
  const { organisation, booker, user } = request;
  const searched = windows(request.from, request.to, londonDate(settings.now()));
  if (!searched.ok) return searched;
  const filter = filterOf(settings.consumer.organisation(booker ?? organisation));
  const answers: Slots[] = [];
  // One after the other: a practice's system is to bear only a few calls at once.
  for (const [start, end] of searched.value) {
    const path = `/Slot?${queryOf([...parameters(start, end), ...filter])}`;
    const reply = await send({ organisation, booker, user, interaction: searchSlotsCall, method: 'GET', path });
    if (!reply.ok) return reply;
    const slots = slotsFromSearchset(jsonOf(reply.value), organisation, settings.now());
    if (!slots.ok) return slots;
    answers.push(slots.value);
  }
  return ok(joinSlots(answers));
}

/** At most 14 days each, from today on: what is past cannot be booked. */
export function windows(from: string, to: string, today: string): Result<readonly (readonly [string, string])[]> {
  if (!isDate(from) || !isDate(to)) return fail('invalid', 'slots are searched between two dates (YYYY-MM-DD)');
  const found: (readonly [string, string])[] = [];
  const first = from < today ? today : from;
  const days = daysBetween(first, to);
  // By number, not by comparing dates as text: after the year 9999 that would never end.
  for (let day = 0; day <= days; day += MAX_DAYS) {
    found.push([addDays(first, day), addDays(first, Math.min(day + MAX_DAYS - 1, days))]);
  }
  return ok(found);
}

function parameters(start: string, end: string): [string, string][] {
  return [
    ['start', `ge${start}`],
    ['end', `le${end}`],
    ['status', 'free'],
    ['_include', 'Slot:schedule'],
    ['_include:recurse', 'Schedule:actor:Practitioner'],
    ['_include:recurse', 'Schedule:actor:Location'],
    ['_include:recurse', 'Location:managingOrganization'],
  ];
}

/** Who will book, not whose slots: the provider's own code there hides what it keeps for others. */
function filterOf(booker: Organisation): [string, string][] {
  return [
    ['searchFilter', `${ODS_CODE}|${booker.ods}`],
    ...(booker.type ? [['searchFilter', `${ORGANISATION_TYPE}|${booker.type}`] as [string, string]] : []),
  ];
}
