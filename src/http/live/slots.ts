/** `GET Slot?status=free&start=ge…&start=le…`: asked live of the practices' systems, side by side, and never kept. */
import { epochMilliseconds } from '#fhir/date.ts';
import type { Resource, Slot } from '#fhir/types.ts';
import type { Deps, SearchEntry } from '#http/deps.ts';
import type { Action, Served } from '#http/fhir/action.ts';
import { searchset } from '#http/fhir/bundle.ts';
import type { Call } from '#http/fhir/call.ts';
import { shaped } from '#http/fhir/shape.ts';
import { type Issue, ok, type Result } from '#result.ts';
import type { LiveSlots, Part } from '#workflow/live-slots.ts';
import type { LiveDeps } from './deps.ts';
import { isLiveSearch, type SlotQuery, slotQuery } from './slot-wish.ts';

/** The search of the store, but for what only the practices know. A system, in whose name nobody may ask, gets what is kept. */
export function liveSlotSearch(deps: Deps, kept: Action): Action {
  return {
    ...kept,
    run: async (call) => {
      const { live } = deps;
      const isAsked = isLiveSearch(call.parameters) && call.principal.user !== undefined;
      const practices = isAsked && live ? live.linked(call.principal.organisations) : [];
      return live && practices.length > 0 ? search(deps, live, { call, practices }) : kept.run(call);
    },
  };
}

async function search(
  deps: Deps,
  live: LiveDeps,
  { call, practices }: { call: Call; practices: readonly string[] },
): Promise<Result<Served>> {
  const query = slotQuery(call.parameters);
  if (!query.ok) return query;
  const { from, to } = query.value;
  const wanted = query.value.practices;
  const asked = wanted.length === 0 ? practices : practices.filter((one) => wanted.includes(one));
  const found = await live.slots(call.principal, { practices: asked, from, to });
  if (!found.ok) return found;
  // Where nobody answered at all, that is the answer.
  const failed = found.value.parts.every(({ state }) => state !== 'answered')
    ? found.value.parts.find(({ failure }) => failure)?.failure
    : undefined;
  if (failed) return { ok: false, failure: failed };
  return answer(deps, call, { query: query.value, found: found.value });
}

function answer(deps: Deps, call: Call, { query, found }: { query: SlotQuery; found: LiveSlots }): Result<Served> {
  const inRange = found.slots.filter((slot) => isWithin(slot, query));
  const slots = inRange.slice(0, query.count);
  const issues = [...found.parts.flatMap(issueOf), ...cutShort(inRange.length, slots.length)];
  const entries = [...slots.map(entryOf('match')), ...included(slots, found, query).map(entryOf('include'))];
  const base = `${deps.baseUrl()}/fhir/R4`;
  const page = { entries, total: inRange.length, self: call.parameters, issues };
  const content = shaped(deps, call.parameters, searchset(page, entries, { base, url: `${base}/Slot` }));
  return content.ok ? ok({ status: 200, content: content.value, found: entries.length }) : content;
}

function isWithin({ start }: Slot, { low, high }: SlotQuery): boolean {
  const at = epochMilliseconds(start);
  return at >= epochMilliseconds(low) && at <= epochMilliseconds(high);
}

const entryOf =
  (mode: SearchEntry['mode']) =>
  (resource: Resource): SearchEntry => ({ content: JSON.stringify(resource), mode });

function included(slots: readonly Slot[], found: LiveSlots, query: SlotQuery): Resource[] {
  if (!query.isWithSchedule) return [];
  const sessions = new Set(slots.map((slot) => slot.schedule.reference));
  const schedules = found.included.filter(
    (one) => one.resourceType === 'Schedule' && sessions.has(`Schedule/${one.id}`),
  );
  if (!query.isWithActors) return schedules;
  const actors = new Set(
    schedules.flatMap((one) => (one.resourceType === 'Schedule' ? one.actor.map(({ reference }) => reference) : [])),
  );
  return [...schedules, ...found.included.filter((one) => actors.has(`${one.resourceType}/${one.id}`))];
}

/** What is not in the answer, and why: nobody may take a part for the whole. */
function issueOf({ organisation, state, failure }: Part): Issue[] {
  if (state === 'answered') return [];
  const late = `${organisation} did not answer in time: its slots are not in this answer`;
  if (state === 'late') return [{ code: 'timeout', severity: 'warning', diagnostics: late }];
  if (failure?.kind === 'unsupported')
    return [{ code: 'not-supported', severity: 'information', diagnostics: `${organisation} offers no slots here` }];
  const why = `${organisation} could not be asked (${failure?.kind ?? 'fault'}): its slots are not in this answer`;
  return [{ code: 'incomplete', severity: 'warning', diagnostics: why }];
}

function cutShort(all: number, shown: number): Issue[] {
  if (shown === all) return [];
  const diagnostics = `The ${shown} earliest of ${all} slots are shown: narrow the range of start for the others`;
  return [{ code: 'incomplete', severity: 'warning', diagnostics }];
}
