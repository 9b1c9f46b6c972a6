/** What Holdfast does by itself with a patient's data, as rows of the audit trail: written with the change that they tell of. */
import type { AuditRow } from '#fhir/audit-row.ts';
import { idFrom } from '#fhir/id.ts';
import type { CommunicationRequest } from '#fhir/types.ts';
import type { Pathway } from './pathway.ts';

/** A message that was handed over (outcome 0), or refused for good by who should carry it (8). The same request always has the same row. */
export function auditOfSend(
  { organisation, patientId }: Pick<Pathway, 'organisation' | 'patientId'>,
  request: CommunicationRequest,
  { outcome, now }: { outcome: '0' | '8'; now: string },
): AuditRow {
  return {
    id: idFrom('audit', 'send', organisation, request.id ?? '', outcome),
    recorded: now,
    interaction: 'send',
    type: 'CommunicationRequest',
    resourceId: request.id,
    patients: [patientId],
    organisations: [organisation],
    client: 'holdfast',
    outcome,
    source: 'outreach',
  };
}
