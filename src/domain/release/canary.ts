/**
 * The first ten of a large release go ahead alone: a wrong template or a wrong Group is seen on ten people, not on
 * thousands. facts: care-needs §6.1 H19
 */

import { isEnded } from '#domain/task-event.ts';
import { factsOf, isContacted, progressOf } from '#domain/task-facts.ts';
import type { Task } from '#fhir/types.ts';

export type CanaryPolicy = {
  /** How many go first. */
  readonly size: number;
  /** From so many people on a release has a first part at all. */
  readonly from: number;
  /** Share of the first, 0 to 1, that must have been delivered before the rest may go. */
  readonly delivered: number;
  /** More failures than this among the first, and only a person lets the rest go. */
  readonly mostFailed: number;
};

export type Canary = {
  /** `first`: some of the first may still go. `waiting`: they are out. `faulty`: too many failed. */
  readonly state: 'unneeded' | 'first' | 'waiting' | 'faulty' | 'passed';
  /** How many may be released now, beside all other limits. */
  readonly places: number;
  readonly delivered: number;
  readonly failed: number;
};

/** Where the first part of a release stands. `released`: the Tasks that this campaign has released; `waiting`: how many have not been. */
export function canaryOf(of: {
  readonly released: readonly Task[];
  readonly waiting: number;
  readonly policy: CanaryPolicy;
}): Canary {
  const { released, waiting, policy } = of;
  const first = firstOf(released, policy.size);
  const delivered = first.filter(isDelivered).length;
  const failed = first.filter((task) => !isDelivered(task) && factsOf(task, 'delivery-failed').length > 0).length;
  const at = (state: Canary['state'], places: number): Canary => ({ state, places, delivered, failed });
  if (released.length + waiting < policy.from) return at('unneeded', Number.POSITIVE_INFINITY);
  if (first.length < policy.size) return at('first', policy.size - first.length);
  if (failed > policy.mostFailed) return at('faulty', 0);
  if (delivered >= Math.ceil(policy.delivered * policy.size)) return at('passed', Number.POSITIVE_INFINITY);
  return at('waiting', 0);
}

/** Those sent to first, then those still to be sent to. Whose Task ended before any message tells nothing, and makes room. */
function firstOf(released: readonly Task[], size: number): Task[] {
  const start = (task: Task) => task.executionPeriod?.start ?? '9999';
  return released
    .filter((task) => isContacted(task) || !isEnded(task.status))
    .sort((one, other) => (start(one) < start(other) ? -1 : Number(start(one) > start(other))))
    .slice(0, size);
}

/** An answer or a booking shows it too, where no receipt came. */
function isDelivered(task: Task): boolean {
  const progress = progressOf(task);
  return progress !== undefined && progress !== 'sent' && progress !== 'delivery-failed';
}
