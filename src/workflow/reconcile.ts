/** Proof that nothing drifted: the needs as stored beside what the rules say of the records today. docs/operations/running.md */
import { isInForce, type NeedRule, pinnedCanonical } from '#domain/needs/rule.ts';
import { londonDate } from '#fhir/date.ts';
import { holdfastExtension } from '#fhir/systems.ts';
import type { Database } from '#store/database.ts';
import { type Drift, driftedNeeds } from '#store/needs-drift.ts';
import { notCompiled } from '#store/needs-rule.ts';

export type Reconciliation = {
  readonly drifted: readonly Drift[];
  /** `canonical|version` of rules that cannot be compared: the statement does not know a part of them. */
  readonly notCompared: readonly string[];
};

const extensions = {
  state: holdfastExtension('need-state'),
  due: holdfastExtension('need-due'),
  nextChange: holdfastExtension('need-next-change'),
};

/**
 * Compares practices one after the other. What changes by time alone does so at 06:00 in London: before that hour what is
 * due to change today is still as it was yesterday, and the comparison is of yesterday's date.
 */
export async function reconcile(
  db: Database,
  rules: readonly NeedRule[],
  { organisations, now, date }: { organisations: readonly string[]; now: string; date?: string },
): Promise<Reconciliation> {
  const today = date ?? londonDate(now);
  const inForce = rules.filter((rule) => isInForce(rule, today));
  const compared = inForce.filter((rule) => notCompiled(rule).length === 0);
  const drifted: Drift[] = [];
  for (const organisation of organisations)
    drifted.push(...(await driftedNeeds(db, compared, { organisations: [organisation], today, now, extensions })));
  return { drifted, notCompared: inForce.filter((rule) => !compared.includes(rule)).map(pinnedCanonical) };
}
