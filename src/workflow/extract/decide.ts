/** A person decides about a batch that waits: it is applied all the same, or left out for good. */
import { fail, ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { type Decision, decideHold, readHold } from '#store/feed-holds.ts';
import { linkOf, type Shell } from '#workflow/shell.ts';
import { OVERRULABLE } from './guard.ts';
import { saveReport } from './report.ts';

export type Deciding = {
  readonly organisation: string;
  /** The folder. */
  readonly batch: string;
  readonly decision: Decision;
  /** Who decides: the subject of a token, or a name given on the command line. */
  readonly by: string;
};

/**
 * Notes the decision and looks into the inbox at once. `conflict` when the reason is none that anybody may overrule:
 * a batch that cannot be read, or that the agreement forbids, does not become right by being wanted.
 */
export async function decideBatch(shell: Shell, deciding: Deciding): Promise<Result<unknown>> {
  const { organisation, batch, decision, by } = deciding;
  const feed = linkOf(shell, organisation)?.record;
  const hold = feed && (await readHold(shell.pool, { organisation, feed, batch }));
  if (!hold) return fail('not-found', 'No batch of this name waits for a decision');
  if (decision === 'apply' && !OVERRULABLE.has(hold.code))
    return fail('conflict', `The batch is held because of "${hold.code}": it can be left out, not applied`);
  const now = shell.now();
  const isKept = await inTransaction(shell.pool, async (tx) => {
    if (!(await decideHold(tx, hold, { decision, by, now }))) return false;
    const reason = `left out by decision; it was held: ${hold.reason}`;
    if (decision === 'skip')
      await saveReport(tx, { organisation, feed, batch, now, state: { status: 'cancelled', reason } });
    await shell.enqueue(tx, [{ queue: 'intake', payload: { organisation } }]);
    return true;
  });
  return isKept ? ok(decision) : fail('conflict', 'The batch has changed meanwhile; look at it again');
}
