/**
 * How many waiting Tasks may be released, and which. An invitation is a promise of a slot, so no more are out than the
 * free slots absorb with a stated risk; the gravest need goes first. facts: care-needs §1 S10, §6.1 H9, H21, H24
 */
import { chooseFairly, gravestFirst, type Waiting } from './release/order.ts';
import { expectedBookings, overflowRisk } from './release/overflow.ts';

export type { Waiting };

export type Release = {
  /** Task ids, in the order of release. */
  readonly release: readonly string[];
  readonly hold: readonly string[];
  /** Bookings to be expected of these and of the invitations that are open. */
  readonly expectedBookings: number;
  /** The chance, 0 to 1, that they are more than the free slots. */
  readonly overflowRisk: number;
  /** The sum in words, for the release's Provenance. */
  readonly why: string;
};

export type ReleasePlan = {
  readonly waiting: readonly Waiting[];
  readonly freeSlots: number;
  /** Invitations out without an answer: each may still take a slot. */
  readonly openInvitations: number;
  /** Share of invitations that end in a booking, for whom nothing better is known: above 0, at most 1. */
  readonly expectedUptake: number;
  /** What is left of today's limit. */
  readonly dailyCap: number;
  /** The chance of more bookings than slots that is accepted, 0 to 1. */
  readonly acceptedRisk?: number;
  /** Each stratum's least part of its share of those due, 0 to 1. */
  readonly equityFloor?: number;
};

/** As often as once in twenty releases somebody may have to wait for next week's slots. */
export const ACCEPTED_RISK = 0.05;
export const EQUITY_FLOOR = 0.8;

/**
 * Plans one release: the most that keep the risk of overflow within what is accepted and fit the daily cap. Numbers
 * that make no sense release nobody.
 */
export function planRelease(plan: ReleasePlan): Release {
  const { waiting, freeSlots, openInvitations, dailyCap } = plan;
  const { acceptedRisk = ACCEPTED_RISK, equityFloor = EQUITY_FLOOR } = plan;
  const known = [freeSlots, openInvitations, dailyCap].every((count) => Number.isFinite(count) && count >= 0);
  const uptakes = [plan.expectedUptake, ...waiting.flatMap(({ uptake }) => uptake ?? [])];
  const shares = [acceptedRisk, equityFloor].every((share) => share >= 0 && share <= 1);
  if (!known || !shares || !uptakes.every((uptake) => uptake > 0 && uptake <= 1))
    return nobody(waiting, 'Nobody: slots, uptake (above 0, at most 1), risk or cap are not known');
  const slots = Math.floor(freeSlots);
  const open = Array.from({ length: Math.ceil(openInvitations) }, () => plan.expectedUptake);
  const uptakesWith = (chosen: readonly Waiting[]) => [
    ...open,
    ...chosen.map(({ uptake }) => uptake ?? plan.expectedUptake),
  ];
  const choose = (count: number) => chooseFairly(waiting, count, equityFloor);
  const fits = (count: number) => overflowRisk(uptakesWith(choose(count)), slots) <= acceptedRisk;
  const chosen = choose(largest(Math.min(waiting.length, Math.floor(dailyCap)), fits));
  const all = uptakesWith(chosen);
  const expected = expectedBookings(all);
  const risk = overflowRisk(all, slots);
  const why =
    `${chosen.length} of ${waiting.length}: ${slots} free slots, ${open.length} invitations open, ` +
    `${expected.toFixed(1)} bookings expected, ${(risk * 100).toFixed(1)} % risk of more than the slots ` +
    `(accepted ${(acceptedRisk * 100).toFixed(1)} %), ${dailyCap} may go today`;
  return { ...split(waiting, chosen), expectedBookings: expected, overflowRisk: risk, why };
}

/** The largest count that fits. Whom a larger one adds may differ, so the end is looked at itself. */
function largest(most: number, fits: (count: number) => boolean): number {
  let [low, high] = [0, most];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  while (low > 0 && !fits(low)) low -= 1;
  return low;
}

function split(waiting: readonly Waiting[], chosen: readonly Waiting[]): Pick<Release, 'release' | 'hold'> {
  const isChosen = new Set(chosen);
  const held = waiting.filter((one) => !isChosen.has(one)).sort(gravestFirst);
  return { release: chosen.map(idOf), hold: held.map(idOf) };
}

function nobody(waiting: readonly Waiting[], why: string): Release {
  return { release: [], hold: [...waiting].sort(gravestFirst).map(idOf), expectedBookings: 0, overflowRisk: 0, why };
}

const idOf = ({ task }: Waiting): string => task.id ?? '';
