/** GP Connect's search for free slots. facts: gp-connect §2.1, §2.2 */
import {
  addDays,
  addTo,
  daysBetween,
  epochMilliseconds,
  instantOf,
  isDate,
  londonDate,
  londonInstant,
} from '#fhir/date.ts';
import { ODS_CODE } from '#fhir/systems.ts';
import { organizationResource, staffResources } from '#sandbox/exports/structured-people.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import type { ClinicSession, ClinicSlot, Practice } from '#sandbox/practice.ts';
import type { Answer } from '#sandbox/stand-ins/serving.ts';
import { takenSlots } from './appointments.ts';
import { refuse } from './outcome.ts';
import { locationResource, ORGANISATION_TYPE, scheduleResource, slotResource } from './resources.ts';

/** Who may book a session, when the practice keeps it for some: organisation types and ODS codes. */
export type Restriction = { readonly types?: readonly string[]; readonly codes?: readonly string[] };

type Search = {
  from: string;
  to: string;
  codes: string[];
  types: string[];
  withPractitioner: boolean;
  withLocation: boolean;
};

export function searchSlots(
  context: { gp: GpSystems; now: string; restrictionOf: (session: ClinicSession) => Restriction | undefined },
  practice: Practice,
  query: URLSearchParams,
): Answer {
  const search = parseSearch(query);
  if ('status' in search) return search;
  const taken = takenSlots(practice);
  const slots = context.gp
    .freeSlots(practice.ods, search.from, search.to)
    .filter((slot) => slot.start >= search.from && slot.end <= search.to && slot.start > context.now)
    .filter((slot) => !taken.has(slot.id))
    .flatMap((slot) => withSession(context.gp.session(practice.ods, slot.sessionId), slot))
    .filter(({ session }) => mayBook(context.restrictionOf(session), search));
  return { status: 200, body: searchset(practice, slots, search) };
}

type SlotInSession = { slot: ClinicSlot; session: ClinicSession };

function withSession(session: ClinicSession | undefined, slot: ClinicSlot): SlotInSession[] {
  return session ? [{ slot, session }] : [];
}

/** The table of §2.2: a filter that was not sent does not satisfy a restriction. */
function mayBook({ types, codes }: Restriction = {}, search: Search): boolean {
  const mayType = !types || types.some((type) => search.types.includes(type));
  const mayCode = !codes || codes.some((code) => search.codes.includes(code));
  return mayType && mayCode;
}

function searchset(practice: Practice, found: readonly SlotInSession[], search: Search) {
  if (found.length === 0) return { resourceType: 'Bundle', type: 'searchset' };
  const sessions = [...new Map(found.map(({ session }) => [session.id, session])).values()];
  const staffIds = new Set(sessions.map(({ staffId }) => staffId));
  const resources = [
    ...found.map(({ slot }) => slotResource(slot)),
    ...sessions.map((session) => scheduleResource(practice, session)),
    ...(search.withPractitioner
      ? practice.staff.filter(({ id }) => staffIds.has(id)).flatMap((one) => staffResources(practice, one).slice(0, 1))
      : []),
    ...(search.withLocation ? [locationResource(practice)] : []),
    organizationResource(practice),
  ];
  return { resourceType: 'Bundle', type: 'searchset', entry: resources.map((resource) => ({ resource })) };
}

function parseSearch(query: URLSearchParams): Search | Answer {
  const [start, end, status] = [query.get('start'), query.get('end'), query.get('status')];
  if (start === null || end === null || status === null)
    return refuse('BAD_REQUEST', 'start, end and status are required');
  if (query.get('_include') !== 'Slot:schedule') return refuse('BAD_REQUEST', '_include=Slot:schedule is required');
  if (status !== 'free') return refuse('INVALID_PARAMETER', 'status can only be free');
  const [from, to] = [parseBound(start, 'ge'), parseBound(end, 'le')];
  if (!from || !to)
    return refuse('INVALID_PARAMETER', 'start is ge and end is le, a date or a time with its UK offset');
  if (from.at > to.at) return refuse('INVALID_PARAMETER', 'end is before start');
  if (daysBetween(from.date, to.date) > 14) return refuse('INVALID_PARAMETER', 'the range is longer than 14 days');
  const includes = query.getAll('_include:recurse');
  const filters = query.getAll('searchFilter');
  return {
    from: from.at,
    to: to.at,
    codes: valuesOf(filters, ODS_CODE),
    types: valuesOf(filters, ORGANISATION_TYPE),
    withPractitioner: includes.includes('Schedule:actor:Practitioner'),
    withLocation: includes.includes('Schedule:actor:Location'),
  };
}

function valuesOf(filters: readonly string[], system: string): string[] {
  return filters.filter((filter) => filter.startsWith(`${system}|`)).map((filter) => filter.slice(system.length + 1));
}

/** `ge2026-06-01` or `le2026-06-01T17:00:00+01:00`; a date as the upper bound means to the end of that day. */
function parseBound(text: string, prefix: 'ge' | 'le'): { at: string; date: string } | undefined {
  if (!text.startsWith(prefix)) return undefined;
  const value = text.slice(2);
  if (isDate(value)) {
    const at =
      prefix === 'ge'
        ? londonInstant(value, '00:00')
        : addTo(londonInstant(addDays(value, 1), '00:00'), { seconds: -1 });
    return { at, date: value };
  }
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+0[01]:00$/.test(value) || !isDate(value.slice(0, 10))) return undefined;
  const at = instantOf(epochMilliseconds(value));
  return { at, date: londonDate(at) };
}
