/** Proof that nothing drifted: the needs as stored beside what the rules say of the records today. docs/operations/running.md */
import { type NeedRule, pinnedCanonical } from '#domain/needs/rule.ts';
import { londonDate } from '#fhir/date.ts';
import { holdfastExtension } from '#fhir/systems.ts';
import type { Database } from '#store/database.ts';
import { type Drift, driftedNeeds } from '#store/needs-drift.ts';
import { notCompiled } from '#store/needs-rule.ts';
import { rulesFor } from './active-rules.ts';
import type { Shell } from './shell.ts';

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
  shell: Pick<Shell, 'practices'> & { readonly rules: readonly NeedRule[] },
  { organisations, now, date }: { organisations: readonly string[]; now: string; date?: string },
): Promise<Reconciliation> {
  const today = date ?? londonDate(now);
  const drifted: Drift[] = [];
  const notCompared = new Set<string>();
  for (const organisation of organisations) {
    const active = rulesFor(shell, organisation, today);
    const compared = active.filter((rule) => notCompiled(rule).length === 0);
    for (const rule of active) if (!compared.includes(rule)) notCompared.add(pinnedCanonical(rule));
    drifted.push(...(await driftedNeeds(db, compared, { organisations: [organisation], today, now, extensions })));
  }
  return { drifted, notCompared: [...notCompared] };
}
