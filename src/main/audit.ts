/** The audit trail of this process: what HTTP did becomes rows, committed in groups; what is committed is sealed each second. */
import type { AuditRow } from '#fhir/audit-row.ts';
import type { AuditEntry, Deps } from '#http/deps.ts';
import { describeError, type Logger } from '#ops/log.ts';
import { sealAudit } from '#store/audit-seal.ts';
import { createAuditWriter } from '#store/audit-writer.ts';
import type { Pool } from '#store/database.ts';
import { uuidV7 } from './uuid.ts';

const SEAL_EVERY_MS = 1_000;

export type Audit = {
  readonly append: Deps['audit'];
  /** Begins to seal what any process committed. More than one may do so: one at a time does. */
  readonly startSealing: () => void;
  /** Waits for the rows in hand and seals once more. The pool must still be open. */
  readonly close: () => Promise<void>;
};

export function openAudit(pool: Pool, log: Logger): Audit {
  const writer = createAuditWriter(pool);
  let sealing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const seal = (): Promise<void> => {
    sealing ??= sealAudit(pool)
      .then(() => undefined)
      .catch((error: Error) =>
        log.error({ event: 'audit-seal', ...describeError(error) }, 'sealing the audit trail failed'),
      )
      .finally(() => {
        sealing = undefined;
      });
    return sealing;
  };
  return {
    append: async (entry) => {
      const kept = await writer.append(auditRow(entry, Date.now()));
      // Thrown, so that no caller can forget to look: without its audit row no answer leaves.
      if (!kept.ok) throw Object.assign(new Error(kept.failure.message), { failure: kept.failure });
    },
    startSealing: () => {
      timer ??= setInterval(() => void seal(), SEAL_EVERY_MS);
    },
    close: async () => {
      clearInterval(timer);
      await writer.close();
      await sealing;
      await seal();
    },
  };
}

/** The row of a request, at `now` in milliseconds since 1970. */
export function auditRow(entry: AuditEntry, now: number): AuditRow {
  const { principal } = entry;
  return {
    id: uuidV7(now),
    recorded: new Date(now).toISOString(),
    interaction: entry.operation === undefined ? entry.interaction : 'operation',
    operation: entry.operation,
    type: entry.type,
    resourceId: entry.id,
    patients: entry.patients,
    organisations: entry.organisations,
    client: principal.clientId,
    subject: principal.subject === principal.clientId ? undefined : principal.subject,
    role: principal.role,
    name: principal.name,
    address: entry.address,
    outcome: entry.outcome,
    found: entry.found,
    query: entry.query,
    requestId: entry.requestId,
    source: 'api',
  };
}
