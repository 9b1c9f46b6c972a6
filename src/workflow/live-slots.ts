/**
 * Free slots of several practices, asked for side by side: the answer is there when the slowest practice has answered or
 * the budget is spent, and says of each practice which of the two it was.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { epochMilliseconds } from '#fhir/date.ts';
import { holdfastExtension, ODS_CODE } from '#fhir/systems.ts';
import type { Meta, Resource, Slot } from '#fhir/types.ts';
import type { Failure, Result } from '#result.ts';
import { type LiveShell, liveSource } from './live.ts';
import type { FoundSlots, User } from './ports.ts';

export type SlotWish = {
  readonly practices: readonly string[];
  /** London dates, inclusive. */
  readonly from: string;
  readonly to: string;
  readonly user: User;
  /** Milliseconds after which what has come is the answer. */
  readonly budgetMs: number;
};

/** What one practice said: `late` when it had not answered within the budget. */
export type Part = {
  readonly organisation: string;
  readonly state: 'answered' | 'late' | 'failed';
  /** When it answered. */
  readonly asOf?: string;
  readonly failure?: Failure;
};

export type LiveSlots = {
  /** The earliest first; each says which practice and when. */
  readonly slots: readonly Slot[];
  /** Sessions, places and people of those slots. */
  readonly included: readonly Resource[];
  readonly parts: readonly Part[];
};

type Answer = { readonly part: Part; readonly found?: FoundSlots };

/** Never fails as a whole: what could not be had is in `parts`. */
export async function findLiveSlots(shell: Pick<LiveShell, 'findSlots' | 'now'>, wish: SlotWish): Promise<LiveSlots> {
  const isOver = new AbortController();
  const budget = pause(wish.budgetMs, 'over' as const, { signal: isOver.signal }).catch(() => 'over' as const);
  const answers = await Promise.all(wish.practices.map((organisation) => ask(shell, wish, organisation, budget)));
  isOver.abort();
  const slots = answers.flatMap(({ part, found }) => found?.slots.map((slot) => labelled(slot, part)) ?? []);
  const included = answers.flatMap(({ part, found }) =>
    found ? [...found.schedules, ...found.locations, ...found.practitioners].map((one) => labelled(one, part)) : [],
  );
  return {
    slots: slots.sort((one, other) => epochMilliseconds(one.start) - epochMilliseconds(other.start)),
    included,
    parts: answers.map(({ part }) => part),
  };
}

async function ask(
  { findSlots, now }: Pick<LiveShell, 'findSlots' | 'now'>,
  { from, to, user }: SlotWish,
  organisation: string,
  budget: Promise<'over'>,
): Promise<Answer> {
  // A bug at one practice's answer must not take the others' with it.
  const asked = findSlots({ organisation, from, to, user }).catch((cause: unknown): Result<FoundSlots> => {
    return { ok: false, failure: { kind: 'fault', message: 'The search of this practice failed', cause } };
  });
  const answer = await Promise.race([asked, budget]);
  if (answer === 'over') return { part: { organisation, state: 'late' } };
  if (!answer.ok) return { part: { organisation, state: 'failed', failure: answer.failure } };
  return { part: { organisation, state: 'answered', asOf: now() }, found: answer.value };
}

/** Where it is from and of when. Not kept: a free slot is true at the moment it was asked for. */
function labelled<R extends Resource>(resource: R, part: Part): R {
  return { ...resource, meta: { ...resource.meta, ...liveMeta(part.organisation, part.asOf ?? '') } };
}

/** The label of a live answer: its source, the instant of which it is true, and the practice. */
export function liveMeta(organisation: string, asOf: string): Meta {
  return {
    extension: [{ url: holdfastExtension('as-of'), valueInstant: asOf }],
    source: liveSource(organisation),
    tag: [{ system: ODS_CODE, code: organisation }],
  };
}
