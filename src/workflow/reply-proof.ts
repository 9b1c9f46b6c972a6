/** Who opens a reply link is who it was sent to: the link is the first factor, the date of birth the second. Hazard H29 */
import { randomUUID } from 'node:crypto';
import type { AuditRow } from '#fhir/audit-row.ts';
import { idOf } from '#fhir/reference.ts';
import type { CommunicationRequest, Patient } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { appendAudit } from '#store/audit.ts';
import { replyFailures } from '#store/inbound.ts';
import { load } from '#store/resources.ts';
import { inside, type Transaction } from './shell.ts';

const MOST_FAILURES = 5;

export type OpenedLink = { readonly organisation: string; readonly request: string };

/**
 * `not-found` no such invitation, `forbidden` a wrong date of birth, `busy` closed after too many wrong ones: also for
 * the right one. Every try is in the audit trail.
 */
export async function proveReply(
  tx: Transaction,
  { organisation, request }: OpenedLink,
  { birthDate, now }: { readonly birthDate: string; readonly now: string },
): Promise<Result<CommunicationRequest>> {
  const asked = await load<CommunicationRequest>(tx, inside(organisation), 'CommunicationRequest', request);
  const patient =
    asked && (await load<Patient>(tx, inside(organisation), 'Patient', idOf('Patient', asked.subject) ?? ''));
  if (!asked || !patient) return fail('not-found', 'This link is not known. Please call your practice.');
  const isRight = patient.birthDate === birthDate.trim();
  const failures = await replyFailures(tx, request, false);
  const isClosed = failures >= MOST_FAILURES;
  if (!isRight && !isClosed) await replyFailures(tx, request, true);
  await appendAudit(tx, [
    auditOfTry({ organisation, request, patient: patient.id ?? '', isTaken: isRight && !isClosed, now }),
  ]);
  if (isClosed)
    return fail('busy', 'This link was closed after too many wrong dates of birth. Please call your practice.');
  if (isRight) return ok(asked);
  return fail(
    'forbidden',
    'That date of birth does not belong to this invitation. Please check it, or call your practice.',
  );
}

function auditOfTry(of: OpenedLink & { patient: string; isTaken: boolean; now: string }): AuditRow {
  const { organisation, request, patient, isTaken, now } = of;
  return {
    // Each try is an event of its own, also two in one millisecond.
    id: randomUUID(),
    recorded: now,
    interaction: 'reply',
    type: 'CommunicationRequest',
    resourceId: request,
    patients: [patient],
    organisations: [organisation],
    client: 'reply-link',
    outcome: isTaken ? '0' : '4',
    source: 'reply',
  };
}
