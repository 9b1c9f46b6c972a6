/** How many resources a search finds: exactly up to a limit, by the planner's belief beyond it, or not at all. */
import type { Issue } from '#result.ts';
import type { Searchable } from './search-index.ts';
import { countStatement, type PagePlan } from './search-page.ts';
import { type Sql, sql } from './sql.ts';

/** Counting stops here: who asks for more than this wants an export, or a narrower question. */
const MOST_COUNTED = 100_000;
const MOST_ESTIMATED = 2_000;

export type Counting = {
  readonly plan: PagePlan;
  readonly statement: Sql;
  readonly most: number;
  readonly isEstimate: boolean;
};

export function countingOf(plan: PagePlan, isEstimate: boolean): Counting {
  const most = isEstimate ? MOST_ESTIMATED : MOST_COUNTED;
  return { plan, statement: countStatement({ ...plan, limit: most + 1 }), most, isEstimate };
}

type Total = { readonly total: number | undefined; readonly issues: readonly Issue[] };

/** Counts by a statement of its own: for searches without a page. */
export async function counted(db: Searchable, counting: Counting | undefined): Promise<Total> {
  const { rows } = await db.query<{ n: number }>(counting?.statement ?? sql`select 0 as n`);
  return totalled(db, counting, rows[0]?.n);
}

/** What a count says; `n` is what the statement gave, at most one more than the limit. */
export async function totalled(db: Searchable, counting: Counting | undefined, n = 0): Promise<Total> {
  if (!counting) return { total: undefined, issues: [] };
  if (n <= counting.most) return { total: n, issues: [] };
  return counting.isEstimate
    ? { total: await estimated(db, counting.plan, n), issues: [] }
    : { total: undefined, issues: [tooCostly] };
}

/** What the planner believes, where counting was given up: an estimate is labelled as one by having been asked for. */
async function estimated(db: Searchable, plan: PagePlan, atLeast: number): Promise<number> {
  const { text, values } = countStatement({ ...plan, limit: Number.MAX_SAFE_INTEGER });
  const { rows } = await db.query<{ 'QUERY PLAN': [{ Plan: { Plans?: { 'Plan Rows': number }[] } }] }>({
    text: `explain (format json) ${text}`,
    values,
  });
  return Math.max(atLeast, rows[0]?.['QUERY PLAN'][0].Plan.Plans?.[0]?.['Plan Rows'] ?? atLeast);
}

const tooCostly: Issue = {
  severity: 'warning',
  code: 'too-costly',
  diagnostics: `More than ${MOST_COUNTED} resources match: they are not counted. Narrow the search, or ask for _total=estimate`,
};
