/** What live calls on behalf of a client have in common: who asks, for which patient, where they are kept. */
import type { Patient } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { load } from '#store/resources.ts';
import type {
  AmendAppointment,
  BookAppointment,
  CancelAppointment,
  FetchRecord,
  FindSlots,
  ListAppointments,
  User,
} from './ports.ts';
import { nhsNumberOf } from './send-check.ts';
import { inside, type Shell } from './shell.ts';

export type LiveShell = Shell & {
  readonly baseUrl: () => string;
  readonly findSlots: FindSlots;
  readonly bookAppointment: BookAppointment;
  readonly listAppointments: ListAppointments;
  readonly amendAppointment: AmendAppointment;
  readonly cancelAppointment: CancelAppointment;
  readonly fetchRecord: FetchRecord;
};

/** A member of staff and the practices they work for. */
export type Caller = { readonly organisations: readonly string[]; readonly user?: User };

export type KnownPatient = { readonly organisation: string; readonly patient: string; readonly nhsNumber: string };

/** The person behind a call: a practice's system is asked only in the name of one (facts: gp-connect §1.5). */
export function personOf({ user }: Caller): Result<User> {
  if (user) return ok(user);
  return fail(
    'forbidden',
    "A practice's system is asked only in the name of a person: this token names none (family_name and given_name)",
  );
}

/** The patient of that id at one of the caller's practices, with their NHS number. */
export async function findKnown(shell: LiveShell, caller: Caller, patient: string): Promise<Result<KnownPatient>> {
  const found = await findOwned(shell, caller, patient);
  if (!found.ok) return found;
  const nhsNumber = nhsNumberOf(found.value.resource);
  if (nhsNumber) return ok({ organisation: found.value.organisation, patient, nhsNumber });
  return fail('unprocessable', "The patient has no NHS number here, by which a practice's system could be asked");
}

/** The patient of that id, and the practice of the caller that has them. */
export async function findOwned(
  shell: Pick<LiveShell, 'pool'>,
  caller: Caller,
  patient: string,
): Promise<Result<{ readonly organisation: string; readonly resource: Patient }>> {
  for (const organisation of caller.organisations) {
    const resource = await load<Patient>(shell.pool, inside(organisation), 'Patient', patient);
    if (resource) return ok({ organisation, resource });
  }
  return fail('not-found', "No such Patient is visible to you. Check its id and your token's organisations.");
}

/** The source of what came live from a practice's system, for `meta.source`. https://hl7.org/fhir/R4/resource-definitions.html#Meta.source */
export function liveSource(organisation: string): string {
  return `urn:holdfast:live:gp-connect:${organisation}`;
}
