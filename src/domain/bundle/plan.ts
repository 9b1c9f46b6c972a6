/**
 * The bundling optimiser: the fewest visits, then the fewest contacts, then the shortest waits past due, without pushing
 * any need past its limit. Exact for up to eight needs; the same needs always give the same plan.
 * facts: care-needs §1 S11, S12
 */
import { daysBetween } from '#fhir/date.ts';
import {
  type BundleTerms,
  boundsOf,
  gravestFirst,
  later,
  type PlannedNeed,
  sooner,
  type Visit,
  visitFor,
} from './visit.ts';

/** Visits that one message can speak of: their days meet. */
export type Contact = { readonly visits: readonly Visit[]; readonly from: string; readonly to: string };

/** Compared in this order; less is better. */
export type PlanCost = {
  readonly visits: number;
  readonly contacts: number;
  /** Days past due on the first day of each visit, weighted with the severity of the need. */
  readonly lateness: number;
  /** Days until the first day of each visit, over all needs. */
  readonly wait: number;
};

export type BundlePlan = {
  /** Soonest first. */
  readonly contacts: readonly Contact[];
  readonly cost: PlanCost;
};

/** How many needs are tried in every combination; more than that are added one by one where they fit best. */
export const EXACT = 8;

export function planBundle(needs: readonly PlannedNeed[], terms: BundleTerms): BundlePlan {
  const inOrder = [...new Map(needs.map((need) => [need.id, need])).values()].sort(gravestFirst);
  const exact = bestOf(inOrder.slice(0, EXACT), terms);
  const all = inOrder.slice(EXACT).reduce((visits, need) => withOneMore(visits, need, terms), exact);
  return { contacts: contactsOf(all), cost: costOf(all, terms) };
}

/** What a plan costs. */
export function costOf(visits: readonly Visit[], { today }: BundleTerms): PlanCost {
  let lateness = 0;
  let wait = 0;
  for (const { needs, from } of visits)
    for (const { due, severity } of needs) {
      lateness += Math.max(0, daysBetween(due, from)) * severity;
      wait += daysBetween(today, from);
    }
  return { visits: visits.length, contacts: contactsOf(visits).length, lateness, wait };
}

/** Negative where the first is better. */
export function compareCosts(one: PlanCost, other: PlanCost): number {
  return (
    one.visits - other.visits || one.contacts - other.contacts || one.lateness - other.lateness || one.wait - other.wait
  );
}

/**
 * Fewest contacts for visits: each speaks of all whose days include the last day of the visit that can wait least. That
 * this is the fewest is the theorem of the stabbing of intervals. A sensitive visit is spoken of alone.
 */
export function contactsOf(visits: readonly Visit[]): readonly Contact[] {
  const inOrder = visits.toSorted(
    (one, other) => (one.to < other.to ? -1 : Number(one.to > other.to)) || order(one, other),
  );
  const contacts: Contact[] = inOrder
    .filter(isSensitive)
    .map((visit) => ({ visits: [visit], from: visit.from, to: visit.to }));
  let waiting = inOrder.filter((visit) => !isSensitive(visit));
  while (waiting[0]) {
    const { to } = waiting[0];
    const together = waiting.filter(({ from }) => from <= to);
    waiting = waiting.filter(({ from }) => from > to);
    contacts.push({ visits: together, from: together.map((one) => one.from).reduce(sooner), to });
  }
  return contacts.sort(
    (one, other) => (one.from < other.from ? -1 : Number(one.from > other.from)) || orderOf(one, other),
  );
}

type Search = { readonly terms: BundleTerms; best: readonly Visit[]; cost: PlanCost };

/** Every way to part the needs into visits is tried, but those that already have more visits than the best so far. */
function bestOf(needs: readonly PlannedNeed[], terms: BundleTerms): readonly Visit[] {
  const alone = needs.map((need) => only(need, terms));
  const search: Search = { terms, best: alone, cost: costOf(alone, terms) };
  part(search, needs, []);
  return search.best;
}

function part(search: Search, needs: readonly PlannedNeed[], visits: readonly Visit[]): void {
  const [need, ...rest] = needs;
  if (visits.length > search.cost.visits) return;
  if (!need) {
    const cost = costOf(visits, search.terms);
    // Only what is better replaces it: of equals, the first in the order of the search stays.
    if (compareCosts(cost, search.cost) < 0) Object.assign(search, { best: visits, cost });
    return;
  }
  for (const joined of joinings(visits, need, search.terms)) part(search, rest, joined);
  part(search, rest, [...visits, only(need, search.terms)]);
}

function joinings(visits: readonly Visit[], need: PlannedNeed, terms: BundleTerms): (readonly Visit[])[] {
  return visits.flatMap((visit, index) => {
    const joined = visitFor([...visit.needs, need], terms);
    return joined ? [visits.with(index, joined)] : [];
  });
}

function withOneMore(visits: readonly Visit[], need: PlannedNeed, terms: BundleTerms): readonly Visit[] {
  const ways = [...joinings(visits, need, terms), [...visits, only(need, terms)]];
  return ways.reduce((best, way) => (compareCosts(costOf(way, terms), costOf(best, terms)) < 0 ? way : best));
}

function only(need: PlannedNeed, terms: BundleTerms): Visit {
  const { skill, minutes, due } = need;
  const { latest } = boundsOf(need, terms);
  return { needs: [need], skill, minutes, from: later(due, terms.today), to: latest };
}

const isSensitive = ({ needs }: Visit): boolean => needs.some((need) => need.isSensitive);

const order = (one: Visit, other: Visit): number => ((one.needs[0]?.id ?? '') < (other.needs[0]?.id ?? '') ? -1 : 1);
const orderOf = ({ visits: [one] }: Contact, { visits: [other] }: Contact): number =>
  one && other ? order(one, other) : 0;
