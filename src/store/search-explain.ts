/** How a search is answered, for those who operate the server: its statements without the values, and what they cost. */
import type { SearchRequest } from '#fhir/search-request.ts';
import { ok, type Result } from '#result.ts';
import type { Access } from './access.ts';
import { statementsOf } from './search.ts';
import type { Searchable } from './search-index.ts';
import { statementOfTypes } from './search-types.ts';
import type { Sql } from './sql.ts';

export type Explained = {
  /** SQL with `$1` … in the place of values. */
  readonly sql: string;
  /** PostgreSQL's own plan, `explain (analyze, buffers, format json)`, without the values that it would repeat. */
  readonly plan: PlanNode;
};

export type PlanNode = {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Index Searches'?: number;
  readonly 'Shared Hit Blocks'?: number;
  readonly 'Shared Read Blocks'?: number;
  readonly Plans?: readonly PlanNode[];
};

/** Runs the statements of a page and answers with what they did. Fails as the search itself would. */
export async function explainSearch(
  db: Searchable,
  access: Access,
  request: SearchRequest,
): Promise<Result<readonly Explained[]>> {
  const statements = await statementsOf(db, access, request);
  return statements.ok ? ok(await explained(db, statements.value, request.count)) : statements;
}

/** The same over several types in one order. */
export async function explainTypes(
  db: Searchable,
  access: Access,
  requests: readonly SearchRequest[],
): Promise<Result<readonly Explained[]>> {
  const statement = await statementOfTypes(db, access, requests);
  return statement.ok ? ok(await explained(db, [statement.value], 0)) : statement;
}

async function explained(db: Searchable, statements: readonly Sql[], count: number): Promise<Explained[]> {
  const all: Explained[] = [];
  for (const { text, values } of statements) {
    const { rows } = await db.query<{ 'QUERY PLAN': [{ Plan: Record<string, unknown> }] }>({
      text: `explain (analyze, buffers, timing off, format json) ${text}`,
      values,
    });
    const plan = withoutValues(rows[0]?.['QUERY PLAN'][0].Plan ?? {});
    all.push({ sql: text, plan });
    // As the search itself: the tail of an order is read only where its head does not fill the page.
    if ((plan['Actual Rows'] ?? 0) > count) break;
  }
  return all;
}

/** Conditions in a plan hold the values that were searched for, which may be a patient's. */
function withoutValues(node: Record<string, unknown>): PlanNode {
  const kept = Object.entries(node).filter(([name]) => !/Cond|Filter|Key|Output|Cache/.test(name));
  const plans = (node['Plans'] as Record<string, unknown>[] | undefined)?.map(withoutValues);
  return { 'Node Type': '', ...Object.fromEntries(kept), ...(plans ? { Plans: plans } : {}) };
}

/** A plan as text, a step a line: what it does and where, rows, times run, blocks of memory and of the disk. */
export function planText(plan: PlanNode, depth = 0): string {
  const place = [plan['Relation Name'], plan['Index Name']].filter((one) => one !== undefined).join(' by ');
  const { 'Actual Rows': rows = 0, 'Actual Loops': times = 0 } = plan;
  const { 'Shared Hit Blocks': hit = 0, 'Shared Read Blocks': read = 0 } = plan;
  const what = [plan['Node Type'], place].filter((one) => one !== '').join(': ');
  const line = `${'  '.repeat(depth)}${what} (rows ${rows}, times ${times}, blocks ${hit} + ${read})`;
  return [line, ...(plan.Plans ?? []).map((below) => planText(below, depth + 1))].join('\n');
}
