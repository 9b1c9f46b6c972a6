/** What an answer of PDS leaves behind: the Provenance of the change, and the Task by which a person is asked to look. */
import { type DemographicsEvent, wantsPerson } from '#domain/demographics.ts';
import { concept } from '#domain/link.ts';
import { provenanceOf } from '#domain/provenance.ts';
import { idFrom } from '#fhir/id.ts';
import { DEMOGRAPHICS_EVENT, IDEMPOTENCY_KEY, NHS_NUMBER, TASK_CODE, ukCore } from '#fhir/systems.ts';
import type { Provenance, Task } from '#fhir/types.ts';

type Change = {
  readonly organisation: string;
  readonly patient: string;
  readonly event: DemographicsEvent;
  readonly now: string;
};

/** That PDS said so. Of a number that was superseded, the old one is named here and nowhere else in the record. */
export function demographicsProvenance(change: Change & { readonly nhsNumber: string }): Provenance {
  const { organisation, patient, event, nhsNumber, now } = change;
  const made = provenanceOf({
    targets: [{ reference: `Patient/${patient}` }],
    activity: concept(DEMOGRAPHICS_EVENT, event),
    onBehalfOf: { reference: `Organization/${organisation}` },
    now,
  });
  const service = { role: 'source', what: { display: 'Personal Demographics Service' } } as const;
  const old = { role: 'revision', what: { identifier: { system: NHS_NUMBER, value: nhsNumber } } } as const;
  return { ...made, entity: event === 'number-superseded' ? [service, old] : [service] };
}

/** A Task for the practice where an event wants a person; none for the others. The same event of one instant asks once. */
export function checkPersonTask({ organisation, patient, event, now }: Change): Task[] {
  if (!wantsPerson(event)) return [];
  const id = idFrom('check-person', organisation, patient, event, now);
  const practice = { reference: `Organization/${organisation}` };
  return [
    {
      resourceType: 'Task',
      id,
      meta: { profile: [ukCore('Task')] },
      identifier: [{ system: IDEMPOTENCY_KEY, value: id }],
      status: 'requested',
      intent: 'order',
      priority: 'urgent',
      code: concept(TASK_CODE, 'check-person'),
      reasonCode: concept(DEMOGRAPHICS_EVENT, event),
      for: { reference: `Patient/${patient}` },
      authoredOn: now,
      lastModified: now,
      requester: practice,
      owner: practice,
    },
  ];
}
