/**
 * Whether needs of one person can be met in one visit: by whom, in how many minutes, between which days. Monitoring is
 * never put off, a sensitive need stands alone. facts: care-needs §1 S11, S12, §2.9, §6.1 H21, H28
 */
import { addDays } from '#fhir/date.ts';

/** A need as it is planned. Dates are London dates. */
export type PlannedNeed = {
  /** Id of the ServiceRequest. */
  readonly id: string;
  readonly title: string;
  readonly skill: string;
  readonly minutes: number;
  /** Rank among needs: the higher leads. */
  readonly severity: number;
  readonly due: string;
  /** Days before it is due from which it may be met. */
  readonly earlyLimit: number;
  /** Days for which it may be put off past due; 0 for monitoring. */
  readonly maxDefer: number;
  /** Never told or booked together with another. */
  readonly isSensitive: boolean;
};

/** What a practice lets be planned together. */
export type BundleTerms = {
  /** Today, London. */
  readonly today: string;
  /** Skill → other skills whose people may do that work too. */
  readonly alsoDoneBy: Readonly<Record<string, readonly string[]>>;
  /** How much shorter than the sum of its needs' minutes a visit for several may be. */
  readonly toleranceMinutes: number;
  /** The longest visit. */
  readonly mostMinutes: number;
  /** The longest wait for a visit that serves more needs, whatever the needs themselves would bear. */
  readonly mostWaitDays: number;
};

export type Visit = {
  /** The gravest first: it leads, and its sequence reaches the person for all. */
  readonly needs: readonly PlannedNeed[];
  readonly skill: string;
  readonly minutes: number;
  /** The first day on which it makes sense, and the last that no need of it forbids. */
  readonly from: string;
  readonly to: string;
};

/** The first and last day on which a need may be met. What is past its limit already is for the first day that there is. */
export function boundsOf(
  need: PlannedNeed,
  terms: BundleTerms,
): { readonly earliest: string; readonly latest: string } {
  const { today } = terms;
  const wait = Math.min(need.maxDefer, terms.mostWaitDays);
  return {
    earliest: later(addDays(need.due, -need.earlyLimit), today),
    latest: later(addDays(need.due, wait), today),
  };
}

/** The visit that meets all of these needs; undefined where skill, length, days or sensitivity forbid it. */
export function visitFor(needs: readonly PlannedNeed[], terms: BundleTerms): Visit | undefined {
  const [first, ...others] = needs;
  if (!first) return undefined;
  if (others.length > 0 && needs.some((need) => need.isSensitive)) return undefined;
  const skill = skillFor(needs, terms);
  const minutes = minutesFor(needs, terms);
  // One need by itself is never too long: its rule says how long it takes.
  if (skill === undefined || (others.length > 0 && minutes > terms.mostMinutes)) return undefined;
  const bounds = needs.map((need) => boundsOf(need, terms));
  const firstDue = needs.map((need) => later(need.due, terms.today)).reduce(sooner);
  const from = bounds.map(({ earliest }) => earliest).reduce(later, firstDue);
  const to = bounds.map(({ latest }) => latest).reduce(sooner);
  return from > to ? undefined : { needs: needs.toSorted(gravestFirst), skill, minutes, from, to };
}

/** The gravest, then the first that may wait no longer, then by id: the same needs are always in the same order. */
export function gravestFirst(one: PlannedNeed, other: PlannedNeed): number {
  return other.severity - one.severity || byText(one.due, other.due) || byText(one.id, other.id);
}

/** A skill that may do the work of every need: one that a need names itself where there is one, else the first by name. */
function skillFor(needs: readonly PlannedNeed[], { alsoDoneBy }: BundleTerms): string | undefined {
  const sets = needs.map(({ skill }) => new Set([skill, ...(alsoDoneBy[skill] ?? [])]));
  const common = [...(sets[0] ?? [])].filter((skill) => sets.every((set) => set.has(skill))).sort();
  return common.find((skill) => needs.some((need) => need.skill === skill)) ?? common[0];
}

/** The sum less the tolerance, and never less than the longest need alone. */
function minutesFor(needs: readonly PlannedNeed[], { toleranceMinutes }: BundleTerms): number {
  const sum = needs.reduce((total, { minutes }) => total + minutes, 0);
  return needs.length === 1 ? sum : Math.max(sum - toleranceMinutes, ...needs.map(({ minutes }) => minutes));
}

export const later = (one: string, other: string): string => (one > other ? one : other);
export const sooner = (one: string, other: string): string => (one < other ? one : other);
const byText = (one: string, other: string): number => (one < other ? -1 : Number(one > other));
