/** What a GP Connect provider says in an OperationOutcome. facts: gp-connect §1.7, §3.1 */
import { type FailureKind, fail, type Issue } from '#result.ts';
import { isJson, type Json } from './node.ts';

/** How the Spine codes that mean something other than "your request is wrong" are answered. */
const KINDS = new Map<string, FailureKind>([
  ['NO_PATIENT_CONSENT', 'forbidden'],
  ['NO_ORGANISATION_CONSENT', 'forbidden'],
  ['NO_ORGANISATIONAL_CONSENT', 'forbidden'],
  ['ACCESS DENIED', 'forbidden'],
  ['ACCESS_DENIED', 'forbidden'],
  ['PATIENT_NOT_FOUND', 'not-found'],
  ['ORGANISATION_NOT_FOUND', 'not-found'],
  ['NO_RECORD_FOUND', 'not-found'],
  ['NOT_IMPLEMENTED', 'unsupported'],
  ['INTERNAL_SERVER_ERROR', 'unavailable'],
]);

/** A whole body that is an OperationOutcome: the failure it stands for, with the Spine code in the message. */
export function providerFailure(outcome: Json) {
  const spine = spineCodes(outcome).map(({ code }) => code);
  const kind = spine.map((code) => KINDS.get(code)).find((known) => known !== undefined) ?? 'invalid';
  const issues: Issue[] = spine.map((code) => ({
    code: kind === 'invalid' ? 'invalid' : 'processing',
    diagnostics: `the provider answered ${code}`,
  }));
  const said = spine.length > 0 ? spine.join(', ') : 'an OperationOutcome without a Spine code';
  return fail(kind, `The practice's system answered ${said} in place of a record.`, { issues });
}

/**
 * What an OperationOutcome among the entries says about completeness: `area-not-supported:includeProblems` for each
 * parameter the provider does not know (it answers 200 and warns), else `provider-warning:<CODE>`.
 */
export function incompleteness(outcome: Json): string[] {
  return spineCodes(outcome).map(({ code, diagnostics }) => {
    if (code !== 'NOT_IMPLEMENTED') return `provider-warning:${code}`;
    return `area-not-supported:${/^[A-Za-z][A-Za-z0-9.]{0,60}$/.test(diagnostics) ? diagnostics : 'unnamed'}`;
  });
}

function spineCodes(outcome: Json): { code: string; diagnostics: string }[] {
  const issues = Array.isArray(outcome.issue) ? outcome.issue : [outcome.issue];
  return issues.filter(isJson).map((issue) => {
    const details = isJson(issue.details) ? issue.details : {};
    const codings = Array.isArray(details.coding) ? details.coding : [details.coding];
    const code = codings.filter(isJson).find((coding) => typeof coding.code === 'string')?.code;
    return {
      code: typeof code === 'string' && /^[A-Z][A-Z_ ]{1,60}$/.test(code) ? code : 'UNKNOWN',
      diagnostics: typeof issue.diagnostics === 'string' ? issue.diagnostics : '',
    };
  });
}
