/** What became of every resource of a record, one line for each. */
import type { Outcome } from '#translate/translation.ts';
import type { Attempts } from './attempt.ts';
import { type Identified, SHARED_TYPES } from './identity.ts';
import { incompleteness } from './operation-outcome.ts';

type Verdict =
  | { readonly result: 'resource'; readonly reference: string }
  | { readonly result: 'excluded' | 'error'; readonly reason: string };

/** At most this many problems are told of one resource: the source is kept beside them. */
const MOST_PROBLEMS = 5;

export function outcomesOf(all: readonly Identified[], attempts: Attempts, patientId: string): Outcome[] {
  const seen = new Map<string, number>();
  return all.map((one) => {
    const { place, type, node } = one.entry;
    const key = SHARED_TYPES.has(type) ? one.identity : `${patientId}/${one.identity}`;
    const nth = (seen.get(`${type} ${key}`) ?? 0) + 1;
    seen.set(`${type} ${key}`, nth);
    return {
      place,
      type,
      key: nth === 1 ? key : `${key} (${nth})`,
      source: JSON.stringify(node ?? null),
      ...verdictOn(one, attempts),
    };
  });
}

function verdictOn(one: Identified, attempts: Attempts): Verdict {
  const { type, node } = one.entry;
  if (node === undefined) return { result: 'error', reason: 'There is no resource here; wanted an object.' };
  if (type === 'unknown') return { result: 'error', reason: 'resourceType is missing or no type; wanted a STU3 type.' };
  if (one.duplicateOf !== undefined) {
    return { result: 'excluded', reason: `It is a duplicate of ${one.duplicateOf.entry.place}, which is kept.` };
  }
  if (type === 'OperationOutcome') {
    return { result: 'excluded', reason: `The provider's remark on the record: ${incompleteness(node).join(', ')}.` };
  }
  const attempt = attempts.of.get(one);
  if (attempt === undefined) {
    return { result: 'excluded', reason: `Resources of STU3 type ${type} are not translated; the source is kept.` };
  }
  if (attempt.problems.length > 0) return { result: 'error', reason: reasonOf(attempt.problems) };
  return type === 'Medication' ? medicationVerdict(one, attempts) : resourceVerdict(attempt.resource);
}

function resourceVerdict(resource: { resourceType: string; id?: string } | undefined): Verdict {
  if (resource?.id === undefined) throw new Error('A translator gave neither a resource nor a problem.');
  return { result: 'resource', reference: `${resource.resourceType}/${resource.id}` };
}

/** A medicine ends in what it was prescribed by. */
function medicationVerdict(one: Identified, attempts: Attempts): Verdict {
  const user = attempts.usedIn.get(one);
  if (user?.id !== undefined) return { result: 'resource', reference: `${user.resourceType}/${user.id}` };
  return { result: 'excluded', reason: 'No translated medication statement or request of the record names it.' };
}

function reasonOf(problems: readonly string[]): string {
  const told = problems.slice(0, MOST_PROBLEMS).join('; ');
  const more = problems.length - MOST_PROBLEMS;
  return more > 0 ? `${told}; and ${more} more` : told;
}
