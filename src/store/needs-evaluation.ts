/** What need rules say of many patients at once: counts by state, lists, and what would change. Reads only. */
import { createHash } from 'node:crypto';
import type { Database } from './database.ts';
import { type EvaluatedRule, notCompiled } from './needs-rule.ts';
import { type Asked, NEED_STATES, needsStatement } from './needs-statement.ts';
import { named, sql } from './sql.ts';

export type EvaluatedState = (typeof NEED_STATES)[number];

/** One patient under one rule. */
export type EvaluatedNeed = {
  readonly organisation: string;
  readonly patient: string;
  /** Place of the rule among those asked. */
  readonly rule: number;
  readonly state: EvaluatedState;
  /** London dates. */
  readonly due: string | undefined;
  readonly nextChange: string | undefined;
};

type Row = {
  organisation: string;
  patient: string;
  rule: number;
  state: number;
  due: string | null;
  next: string | null;
};

/** Every answer for the patients asked, in the order of their ids. A rule that is not compiled is a bug of the caller: it throws. */
export async function evaluateNeeds(
  db: Database,
  rules: readonly EvaluatedRule[],
  asked: Asked,
): Promise<readonly EvaluatedNeed[]> {
  mustCompile(rules);
  if (rules.length === 0) return [];
  const statement = sql`select * from (${needsStatement(rules, asked)}) as n order by n.organisation, n.patient, n.rule`;
  // For few patients the planning would take longer than the answer. Each set of rules has its own text.
  const isKept = asked.patients !== undefined && asked.candidates === undefined;
  const { rows } = await db.query<Row>(isKept ? named(`needs-${hashOf(statement.text)}`, statement) : statement);
  return rows.map(({ organisation, patient, rule, state, due, next }) => ({
    organisation,
    patient,
    rule: rule - 1,
    state: NEED_STATES[state] ?? 'unknown',
    due: due ?? undefined,
    nextChange: next ?? undefined,
  }));
}

/** How many patients each rule finds in each state, in the order of the rules; a state with nobody is left out. */
export async function countNeeds(
  db: Database,
  rules: readonly EvaluatedRule[],
  asked: Asked,
): Promise<readonly ReadonlyMap<EvaluatedState, number>[]> {
  mustCompile(rules);
  const counts = rules.map(() => new Map<EvaluatedState, number>());
  if (rules.length === 0) return counts;
  const { rows } = await db.query<{ rule: number; state: number; patients: number }>(
    sql`select n.rule, n.state, count(*) as patients from (${needsStatement(rules, asked)}) as n group by n.rule, n.state order by n.rule, n.state`,
  );
  for (const { rule, state, patients } of rows) counts[rule - 1]?.set(NEED_STATES[state] ?? 'unknown', patients);
  return counts;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

function mustCompile(rules: readonly EvaluatedRule[]): void {
  for (const rule of rules) {
    const parts = notCompiled(rule);
    if (parts.length > 0)
      throw new Error(`${rule.url}|${rule.version} cannot be evaluated in SQL: ${parts.join(', ')}`);
  }
}
