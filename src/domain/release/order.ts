/**
 * Who goes first. The graver need always; among equals the longest due, but each stratum (fifths of deprivation) at
 * least its share of those due times the floor. facts: care-needs §6.1 H21, H24
 */
import type { Task } from '#fhir/types.ts';

export type Waiting = {
  readonly task: Task;
  /** The London date at which the need is or was due. */
  readonly due: string;
  /** Of the rule: monitoring has a higher one than a review, and never waits behind it. 0 where left out. */
  readonly severity?: number;
  /**
   * Which fifth of deprivation the person lives in; a stratum of its own where that is not known. Never a protected
   * characteristic: of the person this type holds nothing else.
   */
  readonly stratum?: string;
  /** The chance, above 0 and at most 1, that an invitation is booked; the policy's one number where it is left out. */
  readonly uptake?: number;
};

const PRIORITIES = ['stat', 'asap', 'urgent', 'routine'];

/** By severity, then priority, then the longest due; ids make the order whole. */
export function gravestFirst(one: Waiting, other: Waiting): number {
  return gravity(one, other) || order(one.due, other.due) || order(one.task.id ?? '', other.task.id ?? '');
}

/**
 * Chooses `count` of them. Whole classes of gravity first; in the class that does not fit, each stratum gets at least
 * ⌊floor × count × its share of that class⌋, its longest due first, and the rest goes to the longest due of all.
 * `floor`: 0 (none) to 1 (exactly their shares).
 */
export function chooseFairly(waiting: readonly Waiting[], count: number, floor: number): Waiting[] {
  const sorted = [...waiting].sort(gravestFirst);
  const last = sorted[count];
  if (count <= 0) return [];
  if (!last) return sorted;
  const graver = sorted.filter((one) => gravity(one, last) < 0);
  const equal = sorted.filter((one) => gravity(one, last) === 0);
  return [...graver, ...shared(equal, count - graver.length, floor)];
}

function shared(equal: readonly Waiting[], count: number, floor: number): Waiting[] {
  const chosen = new Set<Waiting>();
  for (const [, some] of Map.groupBy(equal, ({ stratum }) => stratum ?? '')) {
    // A whisker is added because 0.7 × 10 is a little less than 7 in binary.
    const least = Math.floor((floor * count * some.length) / equal.length + 1e-9);
    for (const one of some.slice(0, least)) chosen.add(one);
  }
  for (const one of equal) {
    if (chosen.size >= count) break;
    chosen.add(one);
  }
  return equal.filter((one) => chosen.has(one));
}

function gravity(one: Waiting, other: Waiting): number {
  return (other.severity ?? 0) - (one.severity ?? 0) || urgency(one.task) - urgency(other.task);
}

/** An unknown priority counts as routine. */
function urgency(task: Task): number {
  const place = PRIORITIES.indexOf(task.priority ?? 'routine');
  return place < 0 ? PRIORITIES.length - 1 : place;
}

function order(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
