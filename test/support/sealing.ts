/** Sealing in tests, whose databases share one server. */
import { setTimeout as pause } from 'node:timers/promises';
import { sealAudit } from '#store/audit-seal.ts';
import { verifyAudit } from '#store/audit-verify.ts';
import type { Pool } from '#store/database.ts';

/**
 * Seals every row there is, and says how many. A transaction that runs anywhere on the server holds back what may be
 * sealed, also one of another test's database.
 */
export async function sealAll(pool: Pool): Promise<number> {
  let sealed = 0;
  for (let tries = 0; tries < 400; tries += 1) {
    sealed += await sealAudit(pool);
    if ((await verifyAudit(pool)).unsealed === 0) return sealed;
    await pause(25);
  }
  return sealed;
}
