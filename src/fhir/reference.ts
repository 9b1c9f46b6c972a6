/** Literal references between resources. https://hl7.org/fhir/R4/references.html */
import type { Reference } from './types.ts';

/** `Patient/123` → its two halves; undefined for contained, absolute, identifier-only or malformed references. */
export function parseReference(reference: string | undefined): { type: string; id: string } | undefined {
  const match = /^([A-Z][A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/[A-Za-z0-9\-.]{1,64})?$/.exec(reference ?? '');
  return match?.[1] && match[2] ? { type: match[1], id: match[2] } : undefined;
}

/** A reference to a resource of Holdfast's own. */
export function referenceTo(type: string, id: string): Reference & { reference: string } {
  return { reference: `${type}/${id}` };
}

/** The id that a reference names if it points at the given type. */
export function idOf(type: string, reference: Reference | undefined): string | undefined {
  const parsed = parseReference(reference?.reference);
  return parsed?.type === type ? parsed.id : undefined;
}
