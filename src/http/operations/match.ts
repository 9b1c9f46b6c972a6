/** `Patient/$match`: who in the caller's practices a description may be. https://hl7.org/fhir/R4/patient-operation-match.html */
import { mayDo } from '#auth/access.ts';
import { outcomeOfIssues } from '#fhir/outcome.ts';
import { blocksOf, matchPatients, type PatientMatch } from '#fhir/patient-match.ts';
import type { Patient } from '#fhir/types.ts';
import type { Deps, SearchEntry } from '#http/deps.ts';
import type { Action } from '#http/fhir/action.ts';
import { bundle, keyOf } from '#http/fhir/bundle.ts';
import type { Call } from '#http/fhir/call.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import { type Inputs, inputsOf, truth, wholeNumber } from './inputs.ts';

const USUAL_COUNT = 20;
const MOST_AT_ONCE = 100;
/** Patients that one search of a match compares. */
const MOST_OF_A_BLOCK = '100';
const GRADE = 'http://hl7.org/fhir/StructureDefinition/match-grade';

type Asked = { readonly sought: Patient; readonly onlyCertain: boolean; readonly count: number };
type Found = { readonly entry: SearchEntry; readonly match: PatientMatch };

export function match(deps: Deps): Action {
  return {
    interaction: 'operation',
    operation: 'Patient/$match',
    type: 'Patient',
    needs: [
      { type: 'Patient', interaction: 'read' },
      { type: 'Patient', interaction: 'search' },
    ],
    run: async (call) => {
      const inputs = inputsOf(deps, call, ['resource', 'onlyCertainMatches', 'count']);
      const asked = inputs.ok ? askedOf(inputs.value) : inputs;
      if (!asked.ok) return asked;
      const candidates = await candidatesOf(deps, call, asked.value.sought);
      if (!candidates.ok) return candidates;
      const { entries, isCut } = candidates.value;
      const { found, issues } = answerOf(asked.value, entries);
      const rows = found.map((one) => row(`${deps.baseUrl()}/fhir/R4`, one));
      const all = isCut ? [...issues, cut] : issues;
      if (all.length > 0) rows.push(`{"resource":${JSON.stringify(outcomeOfIssues(all))},"search":{"mode":"outcome"}}`);
      const content = bundle('searchset', { total: found.length, rows });
      return ok({ status: 200, content, found: found.length, patients: found.map(({ entry }) => entry.patient) });
    },
  };
}

function askedOf(inputs: Inputs): Result<Asked> {
  const sought = inputs.resource('resource');
  if (sought?.resourceType !== 'Patient') return fail('invalid', 'Send Parameters with a Patient as "resource"');
  const onlyCertain = truth(inputs, 'onlyCertainMatches');
  if (!onlyCertain.ok) return onlyCertain;
  const count = wholeNumber(inputs, 'count', MOST_AT_ONCE);
  if (!count.ok) return count;
  if (blocksOf(sought).length === 0)
    return fail(
      'unprocessable',
      'Too little to go by: give an NHS number, or two of date of birth, family or given name, and postcode',
    );
  return ok({ sought, onlyCertain: onlyCertain.value === true, count: count.value ?? USUAL_COUNT });
}

/** Each Patient once, in the order of the searches. */
async function candidatesOf(
  deps: Deps,
  { access, principal }: Call,
  sought: Patient,
): Promise<Result<{ entries: readonly SearchEntry[]; isCut: boolean }>> {
  const entries = new Map<string, SearchEntry>();
  const options = {
    handling: 'strict',
    maySearch: (type: string) => mayDo(principal, type, 'search'),
    caller: principal.subject,
  } as const;
  let isCut = false;
  for (const block of blocksOf(sought)) {
    const found = await deps.search(access, 'Patient', [...block, ['_count', MOST_OF_A_BLOCK]], options);
    if (!found.ok) return found;
    // Two practices may each have a Patient of one id: they are two.
    for (const entry of found.value.entries) entries.set(entry.content, entry);
    isCut ||= found.value.next !== undefined;
  }
  return ok({ entries: [...entries.values()], isCut });
}

/** Best first. With onlyCertainMatches one or none: R4 lets a server that is sure of two give neither. */
function answerOf({ sought, onlyCertain, count }: Asked, entries: readonly SearchEntry[]) {
  const matches = entries
    .map((entry): Found => ({ entry, match: matchPatients(sought, JSON.parse(entry.content) as Patient) }))
    .filter(({ match: { grade } }) => (onlyCertain ? grade === 'certain' : grade !== 'certainly-not'))
    .sort((one, other) => other.match.score - one.match.score || (one.entry.content < other.entry.content ? -1 : 1));
  if (onlyCertain && matches.length > 1) return { found: [], issues: [several] };
  return { found: matches.slice(0, count), issues: [] };
}

function row(base: string, { entry: { content }, match: { grade, score } }: Found): string {
  const { type, id } = keyOf(content);
  const search = { extension: [{ url: GRADE, valueCode: grade }], mode: 'match', score };
  return `{"fullUrl":${JSON.stringify(`${base}/${type}/${id}`)},"resource":${content},"search":${JSON.stringify(search)}}`;
}

const several: Issue = {
  severity: 'warning',
  code: 'multiple-matches',
  diagnostics: 'More than one Patient is a certain match: ask without onlyCertainMatches to see them',
};
const cut: Issue = {
  severity: 'warning',
  code: 'incomplete',
  diagnostics: 'More Patients share what was given than are compared: give more, such as the NHS number',
};
