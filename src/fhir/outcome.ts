/**
 * A Failure as the world sees it: one table from kind to HTTP status and FHIR issue code.
 * https://hl7.org/fhir/R4/http.html#Status-Codes, https://hl7.org/fhir/R4/valueset-issue-type.html
 */
import type { Failure, FailureKind, Issue } from '#result.ts';
import { HOLDFAST } from './systems.ts';
import type { OperationOutcome, OperationOutcomeIssue } from './types.ts';

type IssueType = OperationOutcomeIssue['code'];

/** Seconds after which trying again makes sense, for kinds that pass by themselves and where nobody said better. */
type Answer = { readonly status: number; readonly code: IssueType; readonly retryAfter?: number };

const answers: Readonly<Record<FailureKind, Answer>> = {
  invalid: { status: 400, code: 'invalid' },
  unprocessable: { status: 422, code: 'processing' },
  unauthenticated: { status: 401, code: 'login' },
  forbidden: { status: 403, code: 'forbidden' },
  'not-found': { status: 404, code: 'not-found' },
  gone: { status: 410, code: 'deleted' },
  conflict: { status: 409, code: 'conflict' },
  precondition: { status: 412, code: 'conflict' },
  unsupported: { status: 400, code: 'not-supported' },
  busy: { status: 429, code: 'throttled', retryAfter: 10 },
  unavailable: { status: 503, code: 'transient', retryAfter: 30 },
  // A gateway that sent a write and heard nothing back: "try again" would be wrong advice, so no Retry-After.
  'unknown-outcome': { status: 504, code: 'timeout' },
  fault: { status: 500, code: 'exception' },
};

/** Faults of a body that was understood: 422. Whatever could not even be read as the thing it should be stays 400. */
const understood: ReadonlySet<string> = new Set<IssueType>([
  'required',
  'value',
  'invariant',
  'code-invalid',
  'extension',
  'business-rule',
]);

const issueTypes: ReadonlySet<string> = new Set<IssueType>(
  `invalid structure required value invariant security login unknown expired forbidden suppressed processing not-supported
  duplicate multiple-matches not-found deleted too-long code-invalid extension too-costly business-rule conflict transient
  lock-error no-store exception timeout incomplete throttled informational`.split(/\s+/) as IssueType[],
);

export type OutcomeAnswer = {
  readonly status: number;
  readonly outcome: OperationOutcome & { issue: OperationOutcomeIssue[] };
  /** Seconds, for the Retry-After header. */
  readonly retryAfter?: number;
};

/**
 * The HTTP status and OperationOutcome of a failure. `status` overrides the table where HTTP has a word of its own
 * (405, 406, 413, 415).
 */
export function outcomeOf(failure: Failure, status?: number): OutcomeAnswer {
  const answer = answers[failure.kind];
  const retryAfter = failure.retryAfter ?? answer.retryAfter;
  return {
    status: status ?? statusOf(failure, answer),
    outcome: { resourceType: 'OperationOutcome', issue: issuesOf(failure, answer.code) },
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

/** Issues as an OperationOutcome: the warnings that go beside an answer that succeeded. */
export function outcomeOfIssues(issues: readonly Issue[], otherwise: IssueType = 'informational'): OperationOutcome {
  return { resourceType: 'OperationOutcome', issue: issues.map((issue) => issueOf(issue, otherwise)) };
}

function statusOf(failure: Failure, answer: Answer): number {
  if (failure.kind !== 'invalid') return answer.status;
  const issues = failure.issues ?? [];
  return issues.length > 0 && issues.every((issue) => understood.has(issue.code)) ? 422 : answer.status;
}

function issuesOf(failure: Failure, code: IssueType): OperationOutcomeIssue[] {
  const [first, ...rest] = failure.issues ?? [];
  if (!first) return [{ severity: severityOf(failure.kind), code, diagnostics: failure.message }];
  const details = { ...issueOf(first, code).details, text: failure.message };
  return [{ ...issueOf(first, code), details }, ...rest.map((issue) => issueOf(issue, code))];
}

function severityOf(kind: FailureKind): 'fatal' | 'error' {
  return kind === 'fault' ? 'fatal' : 'error';
}

/** FHIR's issue types are a closed list; a code of our own goes into `details` instead. */
function issueOf(issue: Issue, otherwise: IssueType): OperationOutcomeIssue {
  const known = issueTypes.has(issue.code);
  return {
    severity: issue.severity ?? 'error',
    code: known ? (issue.code as IssueType) : otherwise,
    ...(known ? {} : { details: { coding: [{ system: `${HOLDFAST}/CodeSystem/issue`, code: issue.code }] } }),
    diagnostics: issue.diagnostics,
    ...(issue.expression === undefined ? {} : { expression: [issue.expression] }),
  };
}
