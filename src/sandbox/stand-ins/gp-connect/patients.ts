/** Finding and reading a patient through GP Connect. facts: gp-connect §1.8 */
import { isNhsNumber } from '#fhir/nhs-number.ts';
import { NHS_NUMBER } from '#fhir/systems.ts';
import { patientResource } from '#sandbox/exports/structured-people.ts';
import { isActive } from '#sandbox/gp-access.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import type { Practice } from '#sandbox/practice.ts';
import type { Answer } from '#sandbox/stand-ins/serving.ts';
import { refuse } from './outcome.ts';

/** At most one entry; an empty Bundle says nothing about why. */
export function findPatient(gp: GpSystems, practice: Practice, query: URLSearchParams): Answer {
  const identifiers = query.getAll('identifier');
  const [identifier = ''] = identifiers;
  if (identifiers.length !== 1) return refuse('BAD_REQUEST', 'identifier is needed exactly once');
  const [system = '', value = ''] = identifier.split('|');
  if (!system || !value) return refuse('INVALID_PARAMETER', 'identifier is not system|value');
  if (system !== NHS_NUMBER) return refuse('INVALID_IDENTIFIER_SYSTEM', 'identifier has another system');
  if (!isNhsNumber(value)) return refuse('INVALID_NHS_NUMBER', 'the NHS number fails its check digit');
  const patient = gp.patientByNhsNumber(practice.ods, value);
  const isFound = patient && !patient.sensitive && isActive(patient);
  const entry = isFound ? { entry: [{ resource: patientResource(practice, patient) }] } : {};
  return { status: 200, body: { resourceType: 'Bundle', type: 'searchset', ...entry } };
}

export function readPatient(gp: GpSystems, practice: Practice, id: string): Answer {
  const patient = gp.patientById(practice.ods, id);
  if (!patient || patient.sensitive || !isActive(patient)) return refuse('PATIENT_NOT_FOUND', 'no such patient');
  return { status: 200, headers: { etag: 'W/"1"' }, body: patientResource(practice, patient) };
}
