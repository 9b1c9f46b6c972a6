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

/** Those whom one rule finds in some states, in the order of their ids, from one on: a page. */
export async function listNeeds(
  db: Database,
  rule: EvaluatedRule,
  asked: Asked & { readonly states: readonly EvaluatedState[]; readonly limit: number; readonly offset: number },
): Promise<readonly EvaluatedNeed[]> {
  mustCompile([rule]);
  const states = asked.states.map((state) => NEED_STATES.indexOf(state));
  const { rows } =
    await db.query<Row>(sql`select * from (${needsStatement([rule], asked)}) as n where n.state = any(${states}::int[])
    order by n.organisation, n.patient limit ${asked.limit}::int offset ${asked.offset}::int`);
  return rows.map(needOf);
}

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
  return rows.map(needOf);
}

function needOf({ organisation, patient, rule, state, due, next }: Row): EvaluatedNeed {
  return {
    organisation,
    patient,
    rule: rule - 1,
    state: NEED_STATES[state] ?? 'unknown',
    due: due ?? undefined,
    nextChange: next ?? undefined,
  };
}

/** A patient whom a change of rules or value sets moves. */
export type Moved = {
  readonly organisation: string;
  readonly patient: string;
  readonly rule: number;
  readonly from: EvaluatedState;
  readonly to: EvaluatedState;
};

export type Change = {
  readonly before: readonly EvaluatedRule[];
  /** In the same places. */
  readonly after: readonly EvaluatedRule[];
  /** Members of value sets as they would be. */
  readonly candidates: ReadonlyMap<string, readonly string[]>;
};

/** How many patients move from which state to which under each rule, and the first `limit` of them. Nobody who stays is counted. */
export async function compareNeeds(
  db: Database,
  { before, after, candidates }: Change,
  { limit, ...asked }: Asked & { readonly limit: number },
): Promise<{
  moves: readonly (Omit<Moved, 'organisation' | 'patient'> & { patients: number })[];
  moved: readonly Moved[];
}> {
  mustCompile([...before, ...after]);
  if (before.length === 0) return { moves: [], moved: [] };
  type Move = { rule: number; was: number; is: number };
  const moves = sql`select o.organisation, o.patient, o.rule, o.state as was, n.state as is
    from (${needsStatement(before, asked)}) as o join (${needsStatement(after, { ...asked, candidates })}) as n using (organisation, patient, rule)
    where o.state <> n.state`;
  const named = ({ rule, was, is }: Move) => ({
    rule: rule - 1,
    from: NEED_STATES[was] ?? 'unknown',
    to: NEED_STATES[is] ?? 'unknown',
  });
  const counted = await db.query<Move & { patients: number }>(
    sql`select m.rule, m.was, m.is, count(*) as patients from (${moves}) as m group by m.rule, m.was, m.is order by m.rule, m.was, m.is`,
  );
  const { rows } =
    limit === 0
      ? { rows: [] }
      : await db.query<Move & { organisation: string; patient: string }>(
          sql`select * from (${moves}) as m order by m.organisation, m.patient, m.rule limit ${limit}::int`,
        );
  return {
    moves: counted.rows.map((row) => ({ ...named(row), patients: row.patients })),
    moved: rows.map((row) => ({ organisation: row.organisation, patient: row.patient, ...named(row) })),
  };
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
