/** A plan in words, for the person who answers for it. Dates and titles of rules, never who the patient is. */
import { addDays, daysBetween } from '#fhir/date.ts';
import type { BundleTerms, PlannedNeed, Visit } from './visit.ts';

/** One sentence for each need of a visit, then one for the visit where it serves several. */
export function explainVisit(visit: Visit, terms: BundleTerms): readonly string[] {
  const each = visit.needs.map((need) => explainNeed(need, visit, terms));
  if (visit.needs.length === 1) return each;
  const sum = visit.needs.reduce((total, { minutes }) => total + minutes, 0);
  return [
    ...each,
    `One visit of ${visit.minutes} minutes (${sum} by the sum of its needs) with ${visit.skill} meets all of them, from ${visit.from} to ${visit.to}.`,
  ];
}

function explainNeed(need: PlannedNeed, { needs, from }: Visit, terms: BundleTerms): string {
  const { title, due, maxDefer, isSensitive } = need;
  if (isSensitive) return `${title} is due on ${due}; it is never joined with another need.`;
  if (from < due)
    return `${title} is due on ${due} and may be met from ${addDays(due, -need.earlyLimit)}: it comes forward.`;
  const isPutOff = needs.length > 1 && from > terms.today && from > due;
  if (isPutOff)
    return `${title} was due on ${due} and waits ${daysBetween(terms.today, from)} days for a visit that serves more; it may wait until ${addDays(due, maxDefer)}.`;
  return maxDefer === 0 ? `${title} is due on ${due} and is never put off.` : `${title} is due on ${due}.`;
}
