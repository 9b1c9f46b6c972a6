/** Which practice owns what a client creates. Never guessed: where several could, the caller must say which. */
import { patientOf } from '#fhir/fact.ts';
import { parseReference } from '#fhir/reference.ts';
import { ODS_CODE } from '#fhir/systems.ts';
import type { Reference, Resource } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { refused } from './client-moves.ts';

/** The organisations that hold a patient the caller can see; made for one write. */
export type HoldersOf = (patient: string) => readonly string[];

/**
 * The owner of a new resource, from what it says: the tag of the ODS system, the organisation it names as its own, the
 * patient it is about. What it says must agree; when it says nothing, a caller of one practice is taken at its word.
 */
export function ownerFor(resource: Resource, organisations: readonly string[], holdersOf: HoldersOf): Result<string> {
  const patient = patientOf(resource);
  const said: (readonly string[])[] = [taggedOf(resource), namedOf(resource)].filter((codes) => codes.length > 0);
  // A new Patient is its own compartment; nobody holds it yet.
  if (patient !== undefined && resource.resourceType !== 'Patient') said.push(holdersOf(patient));
  const agreed = said.reduce(
    (left, codes) => left.filter((one) => codes.includes(one)),
    organisations as readonly string[],
  );
  const [owner, other] = agreed;
  if (owner !== undefined && other === undefined) return ok(owner);
  if (owner === undefined) {
    const why = organisations.length === 0 ? 'Your token names no practice' : 'No practice of your token';
    return refused(
      organisations.length === 0
        ? `${why}: nothing can be kept for it`
        : `${why} holds the patient and is the organisation that the resource names`,
      `${resource.resourceType}`,
    );
  }
  return refused(
    `Your token is for several practices (${agreed.join(', ')}): name the one in meta.tag with the system ${ODS_CODE}`,
    `${resource.resourceType}.meta.tag`,
  );
}

function taggedOf(resource: Resource): string[] {
  const tags = resource.meta?.tag ?? [];
  return tags.filter(({ system }) => system === ODS_CODE).map(({ code }) => code ?? '');
}

/** The organisation a resource names as the one it belongs to, literally or by its ODS code. */
function namedOf(resource: Resource): string[] {
  const holder = resource as { managingOrganization?: Reference; managingEntity?: Reference; subject?: Reference };
  const named = [holder.managingOrganization, holder.managingEntity, holder.subject].map(odsOf);
  return named.filter((code) => code !== undefined);
}

function odsOf(reference: Reference | undefined): string | undefined {
  if (reference?.identifier?.system === ODS_CODE) return reference.identifier.value;
  const literal = parseReference(reference?.reference);
  // Practices are kept under their ODS code.
  return literal?.type === 'Organization' ? literal.id : undefined;
}
