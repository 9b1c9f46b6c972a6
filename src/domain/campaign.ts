/**
 * How many waiting Tasks may be released, and which. An invitation is a promise of a slot, so no more are out than the
 * free slots can absorb; the gravest need goes first. facts: care-needs §1 S10, §6.1 H9, H21
 */
import type { Task } from '#fhir/types.ts';

export type Waiting = {
  readonly task: Task;
  /** The London date at which the need is or was due. */
  readonly due: string;
};

export type Release = {
  /** Task ids, in the order of release. */
  readonly release: readonly string[];
  readonly hold: readonly string[];
  /** The sum in words, for the release's Provenance. */
  readonly why: string;
};

const PRIORITIES = ['stat', 'asap', 'urgent', 'routine'];

/**
 * Plans one release. Invitations that the slots can absorb = free slots ÷ expected uptake (0 to 1, more than 0), less
 * those already open, at most the daily cap. Numbers that make no sense release nobody.
 */
export function planRelease(plan: {
  readonly waiting: readonly Waiting[];
  readonly freeSlots: number;
  /** Invitations out without an answer: each may still take a slot. */
  readonly openInvitations: number;
  readonly expectedUptake: number;
  /** What is left of today's limit. */
  readonly dailyCap: number;
}): Release {
  const { freeSlots, openInvitations, expectedUptake, dailyCap } = plan;
  const ordered = [...plan.waiting].sort(gravestFirst).map((waiting) => waiting.task.id ?? '');
  const known = [freeSlots, openInvitations, dailyCap].every((count) => Number.isFinite(count) && count >= 0);
  if (!known || !(expectedUptake > 0 && expectedUptake <= 1)) {
    return { release: [], hold: ordered, why: 'Nobody: slots, uptake (above 0, at most 1) or cap are not known' };
  }
  // A whisker is added because 42 ÷ 0.7 is a little less than 60 in binary.
  const room = Math.floor(freeSlots / expectedUptake + 1e-9);
  const places = Math.max(0, Math.min(room - openInvitations, dailyCap));
  const count = Math.min(ordered.length, Math.floor(places));
  const why =
    `${count} of ${ordered.length}: ${freeSlots} free slots at an uptake of ${expectedUptake} absorb ${room} invitations, ` +
    `${openInvitations} are open, ${dailyCap} may go today`;
  return { release: ordered.slice(0, count), hold: ordered.slice(count), why };
}

function gravestFirst(one: Waiting, other: Waiting): number {
  return (
    urgency(one.task) - urgency(other.task) ||
    order(one.due, other.due) ||
    order(one.task.id ?? '', other.task.id ?? '')
  );
}

/** An unknown priority counts as routine. */
function urgency(task: Task): number {
  const place = PRIORITIES.indexOf(task.priority ?? 'routine');
  return place < 0 ? PRIORITIES.length : place;
}

function order(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
