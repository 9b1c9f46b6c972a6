/**
 * The report of one batch of an extract: a Task that says how far it is, with counts, and an OperationOutcome that
 * names each row that could not be read by its file, line and reason. It repeats no cell of the batch.
 */
import { idFrom } from '#fhir/id.ts';
import { HOLDFAST, TASK_CODE } from '#fhir/systems.ts';
import type { OperationOutcome, OperationOutcomeIssue, Task, TaskOutput } from '#fhir/types.ts';
import { concept, linkTo } from './link.ts';

export const INTAKE_REASON = `${HOLDFAST}/CodeSystem/intake-reason`;

/** Rows named one by one in the report; the rest are counted there and listed by /intake/[organisation]/rejected. */
const MOST_ISSUES = 500;

export type IntakeState =
  | { readonly status: 'completed' }
  /** Waits for a person or for better files; `code` of CodeSystem intake-reason. */
  | { readonly status: 'on-hold'; readonly code: string; readonly reason: string }
  /** A person decided to leave it out. */
  | { readonly status: 'cancelled'; readonly reason: string };

export type IntakeReport = {
  /** ODS code. */
  readonly organisation: string;
  readonly feed: string;
  /** The folder in which it came. */
  readonly batch: string;
  readonly now: string;
  readonly state: IntakeState;
  readonly counts?: Readonly<Record<string, number>>;
  readonly rejected?: readonly { readonly file: string; readonly line: number; readonly reason: string }[];
  readonly warnings?: readonly string[];
};

export function intakeReportId({ organisation, feed, batch }: Pick<IntakeReport, 'organisation' | 'feed' | 'batch'>) {
  return idFrom(organisation, feed, 'intake', batch);
}

/** The Task of a batch as it is now. `began`: the Task before, whose time of beginning stays. */
export function intakeReport(report: IntakeReport, began?: Task): Task {
  const { organisation, feed, batch, now, state } = report;
  const issues = issuesOf(report);
  const outcome: OperationOutcome[] =
    issues.length > 0 ? [{ resourceType: 'OperationOutcome', id: 'outcome', issue: issues }] : [];
  const output = [
    ...Object.entries(report.counts ?? {}).map(
      ([name, value]): TaskOutput => ({
        type: { text: name },
        valueInteger: value,
      }),
    ),
    ...(outcome.length > 0
      ? [{ type: concept(TASK_CODE, 'intake-outcome'), valueReference: { reference: '#outcome' } }]
      : []),
  ];
  const input: NonNullable<Task['input']> = [
    { type: { text: 'feed' }, valueString: feed },
    { type: { text: 'batch' }, valueString: batch },
  ];
  return {
    resourceType: 'Task',
    id: intakeReportId(report),
    ...(outcome.length > 0 ? { contained: outcome } : {}),
    status: state.status,
    ...(state.status === 'on-hold'
      ? { statusReason: { coding: [{ system: INTAKE_REASON, code: state.code }], text: state.reason } }
      : {}),
    intent: 'order',
    code: concept(TASK_CODE, 'extract-intake', 'Take in a batch of an extract'),
    authoredOn: began?.authoredOn ?? now,
    lastModified: now,
    requester: linkTo('Organization', organisation),
    input,
    ...(output.length > 0 ? { output } : {}),
  };
}

function issuesOf({ state, rejected = [], warnings = [] }: IntakeReport): OperationOutcomeIssue[] {
  const held = 'reason' in state ? [issue('error', state.reason)] : [];
  const rows = rejected
    .slice(0, MOST_ISSUES)
    .map(({ file, line, reason }) => issue('warning', `${file}:${line}: ${reason}`));
  const more = rejected.length - rows.length;
  return [
    ...held,
    ...warnings.map((warning) => issue('information', warning)),
    ...rows,
    ...(more > 0 ? [issue('warning', `and ${more} more rows that could not be read`)] : []),
  ];
}

function issue(severity: 'error' | 'warning' | 'information', diagnostics: string): OperationOutcomeIssue {
  return { severity, code: severity === 'information' ? 'informational' : 'invalid', diagnostics };
}
