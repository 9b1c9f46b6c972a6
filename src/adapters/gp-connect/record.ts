/** Fetching a patient's structured record, whole, as text: large, and translated elsewhere. facts: gp-connect §3.1 */
import { isNhsNumber } from '#fhir/nhs-number.ts';
import { NHS_NUMBER } from '#fhir/systems.ts';
import { fail, ok, type Result } from '#result.ts';
import { structuredRecordCall } from './interactions.ts';
import type { PatientRequest } from './patient.ts';
import type { GpConnectSettings, Send } from './request.ts';

const MAX_BYTES = 20_000_000;

/**
 * Every area of version 1.6. An older provider answers what it knows and warns of the rest, which the translation
 * reports. No dates or filters: with problems asked for, providers refuse most of them.
 */
export function recordParameters(nhsNumber: string): Readonly<Record<string, unknown>> {
  const flag = (name: string, valueBoolean: boolean) => ({ name, valueBoolean });
  return {
    resourceType: 'Parameters',
    meta: { profile: ['https://fhir.nhs.uk/STU3/OperationDefinition/GPConnect-GetStructuredRecord-Operation-1'] },
    parameter: [
      { name: 'patientNHSNumber', valueIdentifier: { system: NHS_NUMBER, value: nhsNumber } },
      { name: 'includeAllergies', part: [flag('includeResolvedAllergies', true)] },
      { name: 'includeMedication', part: [flag('includePrescriptionIssues', true)] },
      { name: 'includeProblems' },
      { name: 'includeImmunisations' },
      { name: 'includeUncategorisedData' },
      { name: 'includeInvestigations' },
      { name: 'includeReferrals' },
      { name: 'includeDiaryEntries' },
    ],
  };
}

/** The STU3 Bundle as it came. `not-found` says nothing about why, and no one may guess. */
export async function fetchRecord(
  send: Send,
  settings: GpConnectSettings,
  request: PatientRequest,
): Promise<Result<string>> {
  const { organisation, nhsNumber, user } = request;
  if (!isNhsNumber(nhsNumber)) return fail('invalid', 'the patient’s NHS number is not a valid one');
  const reply = await send({
    organisation,
    user,
    interaction: structuredRecordCall,
    method: 'POST',
    path: '/Patient/$gpc.getstructuredrecord',
    body: recordParameters(nhsNumber),
    repeatable: true,
    timeoutMs: settings.structuredTimeoutMs ?? 120_000,
    maxBytes: MAX_BYTES,
  });
  if (!reply.ok) return reply;
  // Not parsed here: it can be megabytes, and the translation reads it anyway.
  if (!reply.value.text.trimStart().startsWith('{'))
    return fail('fault', 'the structured record was not answered in JSON');
  return ok(reply.value.text);
}
