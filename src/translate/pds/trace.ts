/** What a search of PDS answers: the people it found, best first, or that there are too many. facts: nhs-apis §5.2 */
import { fail, ok, type Result } from '#result.ts';
import { isJson } from '#translate/stu3/node.ts';
import { type Demographics, translateDemographics } from './patient.ts';

export type Match = {
  /** 1 is an exact match; undefined when PDS gave none. */
  readonly score?: number;
  readonly demographics: Demographics;
};

export type Trace =
  | { readonly result: 'matches'; readonly matches: readonly Match[] }
  /** More than may be shown: ask with more. */
  | { readonly result: 'too-many' };

/** Reads a searchset, or the OperationOutcome that comes with 200 in its place. Fails with `fault` when it is neither. */
export function translateTrace(input: unknown, today: string): Result<Trace> {
  if (spineCodesOf(input).includes('TOO_MANY_MATCHES')) return ok({ result: 'too-many' });
  if (!isJson(input) || input.resourceType !== 'Bundle')
    return fail('fault', 'PDS answered a search with something that is no Bundle');
  const matches: Match[] = [];
  for (const entry of Array.isArray(input.entry) ? input.entry : []) {
    const read = isJson(entry) ? translateDemographics(entry.resource, { today }) : undefined;
    // One that cannot be read might be the very person: the others prove nothing without it.
    if (!read?.ok) return read ?? fail('fault', 'PDS answered a search with an entry that holds no Patient');
    matches.push({ ...scoreOf(entry), demographics: read.value });
  }
  const best = (match: Match) => match.score ?? 0;
  return ok({ result: 'matches', matches: matches.toSorted((one, other) => best(other) - best(one)) });
}

function scoreOf(entry: unknown): { score?: number } {
  const search = isJson(entry) ? entry.search : undefined;
  const score = isJson(search) ? search.score : undefined;
  return typeof score === 'number' && score >= 0 && score <= 1 ? { score } : {};
}

/** The codes of an OperationOutcome; none when it is something else. Codes only: diagnostics can repeat what was sent. */
export function spineCodesOf(input: unknown): readonly string[] {
  const issues = isJson(input) && input.resourceType === 'OperationOutcome' ? input.issue : undefined;
  const codings = (Array.isArray(issues) ? issues : []).flatMap((issue: unknown) => {
    const details = isJson(issue) ? issue.details : undefined;
    const coding = isJson(details) ? details.coding : undefined;
    return Array.isArray(coding) ? coding : [coding];
  });
  const codes = codings.map((coding: unknown) => (isJson(coding) ? coding.code : undefined));
  return codes.filter((code): code is string => typeof code === 'string' && /^[A-Z][A-Z0-9_-]{2,60}$/.test(code));
}
