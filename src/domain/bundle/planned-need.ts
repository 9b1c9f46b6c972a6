/** From a need as it is kept to a need as it is planned. What nobody can tell, or what is not due soon enough, is not planned. */
import type { NeedRule } from '#domain/needs/rule.ts';
import { dueOf, stateOf } from '#domain/needs/service-request.ts';
import type { ServiceRequest } from '#fhir/types.ts';
import type { BundleTerms, PlannedNeed } from './visit.ts';

/** How a practice wants needs of one person planned together. */
export type Bundling = Omit<BundleTerms, 'today'> & {
  /** Topics of needs (`CodeSystem/need-topic`) that are never told or booked with another. */
  readonly sensitiveTopics: readonly string[];
  /** Days before the first day of a visit that people are asked to it. */
  readonly askAheadDays: number;
  /** Days that a need waits for the answer to a message that spoke of it too. Never the ones that may not be put off. */
  readonly patienceDays: number;
};

export const defaultBundling: Bundling = {
  alsoDoneBy: {},
  toleranceMinutes: 0,
  mostMinutes: 60,
  mostWaitDays: 42,
  sensitiveTopics: [],
  askAheadDays: 14,
  patienceDays: 14,
};

/** Undefined for a need that is closed, or on hold because the record does not tell: a person looks at it first. */
export function plannedNeed(
  need: ServiceRequest,
  rule: NeedRule,
  { bundling, today }: { readonly bundling: Bundling; readonly today: string },
): PlannedNeed | undefined {
  const state = stateOf(need);
  const isOpen = state === 'approaching' || state === 'due' || state === 'overdue';
  if (need.status !== 'active' || !isOpen || !need.id) return undefined;
  const { skill, minutes, severity } = rule.work;
  // Overdue for nobody knows how long: it has waited long enough.
  const due = dueOf(need);
  return {
    id: need.id,
    title: rule.title,
    skill,
    minutes,
    severity,
    due: due ?? today,
    earlyLimit: rule.schedule.earlyLimit,
    maxDefer: due === undefined ? 0 : rule.schedule.maxDefer,
    // What a national programme invites for is told with nothing of ours.
    isSensitive: bundling.sensitiveTopics.includes(rule.topic.code) || rule.guard === 'prompt',
  };
}
