/** The audit row of a notification that went out: to which client, by which Subscription, about whom. */
import { appendAudit } from '#store/audit.ts';
import type { Transaction } from '#store/database.ts';
import type { Disclosure } from '#workflow/subscription/shell.ts';
import { uuidV7 } from './uuid.ts';

/** Kept in the transaction that marks the events as delivered. `recorded` is real time. */
export async function auditDisclosure(tx: Transaction, disclosure: Disclosure, recorded: string): Promise<void> {
  const { subscription, client, organisations, patients, events } = disclosure;
  await appendAudit(tx, [
    {
      id: uuidV7(Date.parse(recorded)),
      recorded,
      interaction: 'subscription-delivery',
      type: 'Subscription',
      resourceId: subscription,
      patients,
      organisations,
      client,
      outcome: '0',
      query: `events=${events}`,
      source: 'subscriptions',
    },
  ]);
}
