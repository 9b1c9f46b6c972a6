/** The audit trail: appended, never changed (the table refuses it). */
import type { AuditEvent } from '#fhir/types.ts';
import type { Database } from './database.ts';
import { sql } from './sql.ts';

/** Appends one AuditEvent. `patient` is the subject's id where there is one. */
export async function appendAudit(
  db: Database,
  event: AuditEvent,
  about: { organisations: readonly string[]; patient?: string },
): Promise<void> {
  await db.query(sql`
    insert into audit_event (recorded, organisations, patient, content)
    values (${event.recorded}::timestamptz, ${[...about.organisations]}::text[], ${about.patient ?? null}, ${JSON.stringify(event)})`);
}
