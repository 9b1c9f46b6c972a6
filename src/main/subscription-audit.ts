/** The audit event of a notification that went out: to which client, by which Subscription, about whom. */
import type { AuditEvent } from '#fhir/types.ts';
import { appendAudit } from '#store/audit.ts';
import type { Transaction } from '#store/database.ts';
import type { Disclosure } from '#workflow/subscription/shell.ts';

/** Kept in the transaction that marks the events as delivered. `recorded` is real time. */
export async function auditDisclosure(tx: Transaction, disclosure: Disclosure, recorded: string): Promise<void> {
  const { patients, organisations } = disclosure;
  await appendAudit(tx, eventOf(disclosure, recorded), {
    organisations,
    ...(patients.length === 1 && patients[0] ? { patient: patients[0] } : {}),
  });
}

function eventOf({ subscription, client, patients, events }: Disclosure, recorded: string): AuditEvent {
  return {
    resourceType: 'AuditEvent',
    type: {
      system: 'http://terminology.hl7.org/CodeSystem/audit-event-type',
      code: 'rest',
      display: 'RESTful Operation',
    },
    subtype: [{ system: 'http://hl7.org/fhir/restful-interaction', code: 'operation' }],
    action: 'R',
    recorded,
    outcome: '0',
    agent: [{ who: { identifier: { value: client } }, requestor: true }],
    source: { observer: { display: 'Holdfast' } },
    entity: [
      {
        what: { reference: `Subscription/${subscription}` },
        detail: [{ type: 'events', valueString: events }],
      },
      ...patients.map((patient) => ({
        what: { reference: `Patient/${patient}` },
        role: { system: 'http://terminology.hl7.org/CodeSystem/object-role', code: '1', display: 'Patient' },
      })),
    ],
  };
}
