/** What a release must pass before anybody is invited: a cohort of a credible size, and a second person for a large one. facts: care-needs §3.1 (EliD), §6.1 H19 */
import { fail, ok, type Result } from '#result.ts';

export type CohortLimits = {
  /** A cohort outside of these is refused: more likely a broken rule than a broken population. */
  readonly fewest: number;
  readonly most: number;
};

/** Whether a cohort's size is credible. The refusal has the counts. */
export function checkCohort(size: number, { fewest, most }: CohortLimits): Result<number> {
  if (size >= fewest && size <= most) return ok(size);
  return fail(
    'unprocessable',
    `${size} people wait for a release and ${fewest} to ${most} were expected; nobody was invited. Look at the rule and the record, or release again with "minimum" and "maximum" that fit`,
    { issues: [{ code: 'business-rule', diagnostics: `waiting ${size}, minimum ${fewest}, maximum ${most}` }] },
  );
}

/** How far a cohort may outgrow what was released before a person must look again. */
const GROWTH = 2;

/** Whether the cohort has outgrown its release: a rule or code set that changed since, not some new patients. */
export function isOutgrown(of: { waiting: number; released: number; size: number; from: number }): boolean {
  const now = of.waiting + of.released;
  return now > of.from && now > of.size * GROWTH;
}

export type Approval = 'not-needed' | 'awaited' | 'given';

/**
 * Whether a release of `size` people may begin. The second person is another than the first, and approves at most the
 * size that was asked for and a tenth.
 */
export function decideApproval(of: {
  readonly size: number;
  readonly above: number;
  /** The release that waits for approval, if there is one. */
  readonly asked?: { readonly by: string; readonly size: number };
  /** The size that a second person has approved before. */
  readonly approved?: number;
  readonly by: string;
  readonly approve: boolean;
}): Result<Approval> {
  const { size, above, asked, approved, by, approve } = of;
  if (!approve) {
    if (size <= above) return ok('not-needed');
    if (approved !== undefined && size <= withinTenth(approved)) return ok('given');
    return ok('awaited');
  }
  if (!asked) return fail('conflict', 'No release of this cohort waits for a second person; release it first');
  if (asked.by === by)
    return fail('forbidden', 'A release is approved by another person than the one who asked for it');
  if (size > withinTenth(asked.size))
    return fail(
      'conflict',
      `${size} people wait now and ${asked.size} were asked for: the release must be asked for anew`,
    );
  return ok('given');
}

const withinTenth = (size: number) => Math.floor(size * 1.1);
