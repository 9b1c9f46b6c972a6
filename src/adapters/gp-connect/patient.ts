/** Which patient a practice's system means by an NHS number. Looked up for every call: its id is no identity. facts: gp-connect §1.8 */
import { jsonOf, listOf, propertyOf } from '#adapters/http-call.ts';
import { isNhsNumber } from '#fhir/nhs-number.ts';
import { NHS_NUMBER } from '#fhir/systems.ts';
import { fail, ok, type Result } from '#result.ts';
import { findPatientCall } from './interactions.ts';
import { queryOf, type Send } from './request.ts';
import type { User } from './token.ts';

export type PatientRequest = {
  readonly organisation: string;
  /** The practice whose staff asks; the one that is asked where it is left out. */
  readonly booker?: string | undefined;
  readonly nhsNumber: string;
  readonly user: User;
};

/** The provider's own id. `not-found`: not registered, not verified, sensitive, dead or unknown; never say or guess which. */
export async function findPatient(
  send: Send,
  request: PatientRequest,
  interaction = findPatientCall,
): Promise<Result<string>> {
  const { organisation, booker, nhsNumber, user } = request;
  if (!isNhsNumber(nhsNumber)) return fail('invalid', 'the patient’s NHS number is not a valid one');
  const query = queryOf([['identifier', `${NHS_NUMBER}|${nhsNumber}`]]);
  const path = `/Patient?${query}`;
  const reply = await send({ organisation, booker, user, interaction, method: 'GET', path });
  if (!reply.ok) return reply;
  const bundle = jsonOf(reply.value);
  if (propertyOf(bundle, 'resourceType') !== 'Bundle')
    return fail('fault', 'the patient search was not answered with a Bundle');
  const patients = listOf(propertyOf(bundle, 'entry'))
    .map((entry) => propertyOf(entry, 'resource'))
    .filter((resource) => propertyOf(resource, 'resourceType') === 'Patient');
  if (patients.length === 0) return fail('not-found', 'the practice’s system shows no such patient');
  return onlyOne(patients, nhsNumber);
}

/** The wrong patient is the worst answer there is: the number must come back as it was sent, on one patient. */
function onlyOne(patients: readonly unknown[], nhsNumber: string): Result<string> {
  const [patient] = patients;
  const id = propertyOf(patient, 'id');
  const numbers = listOf(propertyOf(patient, 'identifier'))
    .filter((identifier) => propertyOf(identifier, 'system') === NHS_NUMBER)
    .map((identifier) => propertyOf(identifier, 'value'));
  if (patients.length > 1 || typeof id !== 'string' || !/^[A-Za-z0-9\-.]{1,64}$/.test(id)) {
    return fail('fault', `the patient search found ${patients.length} patients; wanted one that has an id`);
  }
  if (!numbers.every((number) => number === nhsNumber) || numbers.length === 0) {
    return fail('fault', 'the patient found does not carry the NHS number that was asked for; nothing was done');
  }
  return ok(id);
}
