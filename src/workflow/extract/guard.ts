/** What a batch may do by itself, and what waits for a person. Facts: gp-extracts §3.2 (9, 10, 13) */
import type { Leaving } from '#store/feed-apply.ts';

/** Why a batch is held. `code` says who can mend it: a person may overrule those of `OVERRULABLE`, nobody the others. */
export type Held = { readonly code: HoldCode; readonly reason: string };

export type HoldCode =
  | 'unreadable'
  | 'changed-file'
  | 'out-of-order'
  | 'gap'
  | 'wrong-agreement'
  | 'agreement'
  | 'not-this-practice'
  | 'mass-deletion'
  | 'too-many-rejected';

/** A person who knows better may let these through: they are guesses that something went wrong at the sender's. */
export const OVERRULABLE: ReadonlySet<string> = new Set<HoldCode>([
  'changed-file',
  'gap',
  'mass-deletion',
  'too-many-rejected',
]);

/** People die and move: a handful a day, or two in a hundred, is an ordinary day. */
const PATIENTS_LEAVING = { atLeast: 10, share: 0.02 };
/** Of a very small practice: more than half of it. */
const MOST_OF = { atLeast: 3, share: 0.5 };
/** Of the other rows. */
const ROWS_LEAVING = { atLeast: 1_000, share: 0.05 };
/** Broken rows that are set aside; with more the file itself is not what it says. */
const REJECTED = { atLeast: 100, share: 0.01 };
/** No batch can be worth more reasons; nor may they fill the memory. */
export const MOST_REJECTED = 50_000;

type Limit = { readonly atLeast: number; readonly share: number };
const isBeyond = (n: number, of: number, limit: Limit) => n > Math.max(limit.atLeast, of * limit.share);

/** Whether so little goes that nobody needs to know how much there is. */
export function isOrdinary({ patients, rows }: Leaving): boolean {
  return patients < MOST_OF.atLeast && rows <= ROWS_LEAVING.atLeast;
}

/** A mass deletion, as when a practice's agreement is switched off at the sender's (facts: gp-extracts §1.4). */
export function massDeletion(leaving: Leaving, live: Leaving): Held | undefined {
  const isMost = leaving.patients >= MOST_OF.atLeast && leaving.patients > live.patients * MOST_OF.share;
  if (isMost || isBeyond(leaving.patients, live.patients, PATIENTS_LEAVING))
    return held('mass-deletion', `The batch would take away ${leaving.patients} of ${live.patients} patients`);
  if (isBeyond(leaving.rows, live.rows, ROWS_LEAVING))
    return held('mass-deletion', `The batch would take away ${leaving.rows} of ${live.rows} rows of patients`);
  return undefined;
}

export function tooManyRejected(rejected: number, landed: number): Held | undefined {
  return isBeyond(rejected, landed, REJECTED)
    ? held('too-many-rejected', `${rejected} rows cannot be read beside ${landed} that can`)
    : undefined;
}

export function held(code: HoldCode, reason: string): Held {
  return { code, reason };
}
