/** What a coordinator does on the first day of the demonstration: waits for the records, then releases the cohorts over the API. */
import { londonDate, londonInstant } from '#fhir/date.ts';
import type { Bundle, RequestGroup } from '#fhir/types.ts';
import { inTransaction } from '#store/database.ts';
import { cohortId } from '#workflow/cohort.ts';
import { type Drive, settle } from './drive.ts';
import { tick } from './ticker.ts';

type Start = Pick<Drive, 'house' | 'sandbox' | 'simulation' | 'isStopped'> & {
  readonly address: string;
  readonly rules: readonly string[];
};

/** Takes the records in and releases each practice's cohort of the given rules, once; a restart finds both done. */
export async function startProgramme(start: Start): Promise<void> {
  const { house, sandbox, address } = start;
  const practices = house.shell.practices.map((practice) => practice.organisation);
  const waiting = await unreleased(start, practices);
  if (waiting.length === 0) return;
  await start.simulation.runDue(sandbox.clock.now());
  const firstFeed = londonInstant(londonDate(sandbox.clock.now()), '05:30');
  sandbox.clock.advanceTo(firstFeed);
  await start.simulation.runDue(sandbox.clock.now());
  await inTransaction(house.pool, (tx) =>
    house.shell.enqueue(
      tx,
      practices.map((organisation) => ({ queue: 'intake' as const, payload: { organisation } })),
    ),
  );
  await tick(house.shell);
  await settle(start);
  if (start.isStopped()) return;
  sandbox.clock.advanceTo(londonInstant(londonDate(firstFeed), '09:00'));
  for (const { organisation, group } of waiting) {
    const token = await sandbox.token('coordinator', organisation);
    const body = JSON.stringify({ resourceType: 'Parameters' });
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json' };
    const response = await fetch(`${address}/fhir/R4/Group/${group}/$release`, { method: 'POST', headers, body });
    // A practice without anybody in need has no cohort to release.
    if (!response.ok && response.status !== 404)
      throw new Error(`$release of ${group} answered ${response.status}: ${(await response.text()).slice(0, 300)}`);
  }
}

/** The cohorts that nobody has released yet, asked for as a coordinator would ask. */
async function unreleased(
  { house, sandbox, address, rules }: Start,
  practices: readonly string[],
): Promise<{ organisation: string; group: string }[]> {
  const wanted = house.shell.rules.filter((rule) => rules.some((id) => rule.url.endsWith(`/${id}`)));
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
