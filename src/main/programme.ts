/** What a coordinator does on the first day of the demonstration: waits for the records, then releases the cohorts over the API. */
import { epochMilliseconds, londonInstant } from '#fhir/date.ts';
import type { Bundle, RequestGroup } from '#fhir/types.ts';
import { inTransaction } from '#store/database.ts';
import { setTimers } from '#store/timers.ts';
import { presentRules } from '#workflow/active-rules.ts';
import { cohortId } from '#workflow/cohort.ts';
import { type Drive, driveTo } from './drive.ts';

type Start = Omit<Drive, 'onDay' | 'dayMs'> & {
  readonly address: string;
  /** The rules whose cohorts are released, by the last part of their canonical. */
  readonly rules: readonly string[];
  /** The practices whose cohorts are released; all when left out. */
  readonly organisations?: readonly string[];
};

/**
 * Takes the records in at 05:30 and releases the cohorts at 09:00, once; a restart finds done what was done. Later than
 * that nothing is released: a practice without anybody in need had no cohort to release.
 */
export async function startProgramme(start: Start): Promise<void> {
  const { house, sandbox } = start;
  const { clock, startDate } = sandbox;
  const [firstFeed, opening] = [londonInstant(startDate, '05:30'), londonInstant(startDate, '09:00')];
  const isBy = (instant: string) => epochMilliseconds(clock.now()) <= epochMilliseconds(instant);
  if (!isBy(opening)) return;
  const practices = house.shell.practices.map((practice) => practice.organisation);
  if (isBy(firstFeed)) {
    const timers = practices.map((organisation) => ({
      organisation,
      queue: 'intake',
      key: 'inbox',
      dueAt: firstFeed,
      payload: { organisation },
    }));
    await inTransaction(house.pool, (tx) => setTimers(tx, timers));
  }
  await driveTo({ ...start, dayMs: 0, onDay: async () => undefined }, opening);
  if (start.isStopped()) return;
  const wanted = start.organisations ?? practices;
  for (const cohort of await unreleased(start, wanted)) {
    await release(start, cohort);
    await house.jobs.settle();
  }
}

type Cohort = { readonly organisation: string; readonly group: string };

async function release({ sandbox, address }: Start, { organisation, group }: Cohort): Promise<void> {
  const token = await sandbox.token('coordinator', organisation);
  const body = JSON.stringify({ resourceType: 'Parameters' });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json' };
  const response = await fetch(`${address}/fhir/R4/Group/${group}/$release`, { method: 'POST', headers, body });
  if (!response.ok && response.status !== 404)
    throw new Error(`$release of ${group} answered ${response.status}: ${(await response.text()).slice(0, 300)}`);
}

/** The cohorts that nobody has released yet, asked for as a coordinator would ask. */
async function unreleased({ house, sandbox, address, rules }: Start, practices: readonly string[]): Promise<Cohort[]> {
  const wanted = presentRules(house.shell.rules, sandbox.startDate).filter((rule) =>
    rules.some((id) => rule.url.endsWith(`/${id}`)),
  );
  const found = await Promise.all(
    practices.map(async (organisation) => {
      const token = await sandbox.token('coordinator', organisation);
      const response = await fetch(`${address}/fhir/R4/RequestGroup?_count=100`, {
        headers: { authorization: `Bearer ${token}` },
      });
      const bundle = (await response.json()) as Bundle;
      const released = new Set(
        (bundle.entry ?? []).map((entry) => (entry.resource as RequestGroup).subject?.reference),
      );
      return wanted
        .map((rule) => ({ organisation, group: cohortId(organisation, rule) }))
        .filter(({ group }) => !released.has(`Group/${group}`));
    }),
  );
  return found.flat();
}
