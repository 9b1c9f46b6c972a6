/** Cohorts: who has a need, where each of them stands, and who is left over with a reason. */

import { businessStatusOf } from '#domain/business-status.ts';
import { cohortGroup, type Residual, residualId, residualList } from '#domain/cohort.ts';
import type { NeedRule } from '#domain/needs/rule.ts';
import { pinnedCanonical } from '#domain/needs/rule.ts';
import { funnel, type Stage, stageOf } from '#domain/stage.ts';
import { addDays, londonDate, londonInstant } from '#fhir/date.ts';
import { idFrom } from '#fhir/id.ts';
import type { List } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import type { Access } from '#store/access.ts';
import { type NeedRow, needsOfRule } from '#store/cohort.ts';
import { inTransaction, lockKeys } from '#store/database.ts';
import { load, saveResources } from '#store/resources.ts';
import { setTimers } from '#store/timers.ts';
import { presentRules } from './active-rules.ts';
import { proposalsFor } from './exceptions.ts';
import { inside, linkOf, type Shell } from './shell.ts';

export type CohortShell = Shell & { readonly rules: readonly NeedRule[] };

export function cohortId(organisation: string, rule: NeedRule): string {
  return idFrom(organisation, pinnedCanonical(rule), 'cohort');
}

/** Brings a practice's cohort of one rule and its residual list of today up to date. Safe to run at any time. */
export async function cohort(
  shell: CohortShell,
  job: { organisation: string; rule: string },
): Promise<Result<unknown>> {
  const { organisation } = job;
  const now = shell.now();
  const rule = presentRules(shell.rules, londonDate(now)).find((one) => one.url === job.rule);
  if (!rule) return ok('no such rule');
  await inTransaction(shell.pool, async (tx) => {
    await lockKeys(tx, [`cohort|${organisation}|${rule.url}`]);
    const rows = currentNeeds(await needsOfRule(tx, [organisation], rule.url));
    const name = { canonical: pinnedCanonical(rule), title: rule.title };
    const members = rows.map(({ need }) => ({ patient: need.subject, since: need.authoredOn ?? now }));
    const date = londonDate(now);
    const list = residualList({
      organisation,
      rule: name,
      items: rows.flatMap(residualOf),
      now: londonInstant(date, '00:00'),
      date,
    });
    await saveResources(tx, {
      organisation,
      resources: [
        cohortGroup({ organisation, rule: name, members }),
        list,
        ...(await proposalsFor(tx, organisation, { rows, topic: rule.topic.code, now })),
      ],
      source: 'holdfast',
    });
    await setTimers(tx, [
      { organisation, queue: 'cohort', key: rule.url, dueAt: londonInstant(addDays(date, 1), '20:00'), payload: job },
    ]);
  });
  return ok('up to date');
}

/** `Group/[id]/$residual`: the cohort and its List of today, made now. `not-found` for a Group that is no cohort of the caller's. */
export async function residualNow(
  shell: CohortShell,
  of: { readonly organisations: readonly string[]; readonly group: string },
): Promise<Result<List>> {
  for (const organisation of of.organisations) {
    const rule = shell.rules.find((one) => cohortId(organisation, one) === of.group);
    if (!rule) continue;
    const made = await cohort(shell, { organisation, rule: rule.url });
    if (!made.ok) return made;
    const id = residualId(organisation, pinnedCanonical(rule), londonDate(shell.now()));
    const list = await load<List>(shell.pool, inside(organisation), 'List', id);
    if (list) return ok(list);
  }
  return fail('not-found', 'The Group is not a cohort of a practice of the token');
}

/** The latest cycle of each patient: a need that was met last year and is due again is one member, not two. */
export function currentNeeds(rows: readonly NeedRow[]): NeedRow[] {
  const latest = new Map<string, NeedRow>();
  for (const row of rows) {
    const key = `${row.organisation}|${row.need.subject.reference}`;
    const before = latest.get(key);
    if (!before || rank(row) > rank(before)) latest.set(key, row);
  }
  return [...latest.values()];
}

const rank = ({ need }: NeedRow): string =>
  `${need.authoredOn ?? ''}|${need.status === 'active' || need.status === 'on-hold' ? 1 : 0}|${need.id}`;

const ACTIONS: Readonly<Record<string, string>> = {
  exhausted:
    'Every step was taken without an answer: decide whether to call once more or to wait for the next contact.',
  unreachable: 'No step could be delivered: check the contact details with the patient.',
  declined: 'The patient declined: record it if it is informed, and offer again at the next contact.',
  dna: 'The patient missed the appointment: call and offer another.',
  'opted-out': 'The patient wants no messages: write or call about the need itself.',
};

function residualOf(row: NeedRow): Residual[] {
  if (!row.task || stageOf(pathwayOf(row)) !== 'residual') return [];
  const reason = row.task.status === 'cancelled' ? 'opted-out' : (businessStatusOf(row.task) ?? 'exhausted');
  return [{ task: row.task, reason, nextHumanAction: ACTIONS[reason] ?? 'Decide what comes next.' }];
}

export const pathwayOf = ({ need, task, writebacks }: NeedRow) => ({ need, writebacks, ...(task ? { task } : {}) });

export type Caseload = {
  readonly asOf: string;
  readonly clock: string;
  readonly cohorts: readonly {
    organisation: string;
    organisationName: string;
    rule: string;
    title: string;
    group: string;
    total: number;
    stages: Readonly<Record<Stage, number>>;
  }[];
};

/** Where everybody stands, per practice and need, for the practices a caller may see. */
export async function caseload(shell: CohortShell, access: Access): Promise<Result<Caseload>> {
  const visible = shell.practices.filter((practice) => access.organisations.includes(practice.organisation));
  const codes = visible.map((practice) => practice.organisation);
  const byRule = await Promise.all(
    presentRules(shell.rules, londonDate(shell.now())).map(async (rule) => ({
      rule,
      rows: currentNeeds(await needsOfRule(shell.pool, codes, rule.url)),
    })),
  );
  const cohorts = codes.flatMap((organisation) =>
    byRule.map(({ rule, rows }) => {
      const mine = rows.filter((row) => row.organisation === organisation);
      const organisationName = linkOf(shell, organisation)?.name ?? organisation;
      return {
        organisation,
        organisationName,
        rule: rule.url,
        title: rule.title,
        group: cohortId(organisation, rule),
        total: mine.length,
        stages: funnel(mine.map(pathwayOf)),
      };
    }),
  );
  return ok({ asOf: shell.now(), clock: shell.now(), cohorts });
}
