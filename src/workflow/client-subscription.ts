/** Subscriptions among what a client writes: their state is kept beside them, and what is saved shows it, with secrets masked. */
import type { Subscription } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import type { Decision } from './client-decide.ts';
import type { Writer } from './client-operation.ts';
import { inEntry } from './client-place.ts';
import type { Shell, Transaction } from './shell.ts';
import { keepSubscription } from './subscription/client.ts';

/** The decisions with each Subscription as it is to be saved; the failure of one is told with its place. */
export async function keepSubscriptions(
  { subscriptions }: Shell,
  tx: Transaction,
  { writer, decisions }: { writer: Writer; decisions: readonly Decision[] },
): Promise<Result<readonly Decision[]>> {
  if (!subscriptions) return ok(decisions);
  const kept: Decision[] = [];
  for (const decision of decisions) {
    const { resource, current, organisation, entry } = decision;
    if (resource?.resourceType !== 'Subscription') {
      kept.push(decision);
      continue;
    }
    const wanted: Subscription = { ...resource, id: entry.id };
    const before = current && !current.deleted ? { current } : {};
    const done = await keepSubscription(subscriptions, tx, { caller: writer, wanted, organisation, ...before });
    if (!done.ok) return inEntry(entry.index, done.failure);
    kept.push({ ...decision, resource: done.value.resource });
  }
  return ok(kept);
}
