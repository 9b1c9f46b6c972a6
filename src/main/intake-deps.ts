/** What the routes of extract intake are given. */
import { acceptFile, finishDelivery } from '#adapters/extract/uploads.ts';
import type { IntakeDeps } from '#http/intake/deps.ts';
import { fail, ok } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { heldBatches } from '#store/feed-holds.ts';
import { appliedBatches, recordProgress, rejections } from '#store/intake-overview.ts';
import { decideBatch } from '#workflow/extract/decide.ts';
import { OVERRULABLE } from '#workflow/extract/guard.ts';
import { linkOf } from '#workflow/shell.ts';
import type { HouseShell } from './house.ts';

export function intakeDeps(shell: HouseShell): IntakeDeps {
  const { pool } = shell;
  return {
    overview: async ({ organisations }) => {
      const held = (await Promise.all(organisations.map((one) => heldBatches(pool, one)))).flat();
      const [batches, records] = [await appliedBatches(pool, organisations), await recordProgress(pool, organisations)];
      const practices = organisations.flatMap((one) => linkOf(shell, one) ?? []);
      return ok({
        clock: shell.now(),
        practices: practices.map(({ organisation, name, record }) => ({
          organisation,
          name,
          feed: record,
          records: records.find((one) => one.organisation === organisation) ?? {},
          held: held
            .filter((one) => one.organisation === organisation)
            .map((one) => ({ ...one, mayApply: OVERRULABLE.has(one.code) })),
          batches: batches.filter((one) => one.organisation === organisation),
        })),
      });
    },
    rejected: async (of, after) => ok({ rejected: await rejections(pool, of, after) }),
    decide: ({ subject, name }, { organisation, batch }, decision) =>
      decideBatch(shell, { organisation, batch, decision, by: name ?? subject }),
    accept: async ({ organisation, batch, file }, body) => {
      const link = linkOf(shell, organisation);
      if (!link) return fail('not-found', 'There is no such practice');
      return acceptFile(link.inbox, { delivery: batch, file }, body);
    },
    finish: async ({ organisation, batch }) => {
      const link = linkOf(shell, organisation);
      if (!link) return fail('not-found', 'There is no such practice');
      const done = await finishDelivery(link.inbox, batch);
      if (done.ok)
        await inTransaction(pool, (tx) => shell.enqueue(tx, [{ queue: 'intake', payload: { organisation } }]));
      return done;
    },
  };
}
