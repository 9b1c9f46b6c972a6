/** Literal references as they are written into resources: the text alone, so that they fit every typed `Reference`. */
import type { CodeableConcept, Reference } from '#fhir/types.ts';

export type Link = { reference: string };

export function linkTo(type: string, id: string | undefined): Link {
  return { reference: `${type}/${id ?? ''}` };
}

/** The literal part of a reference; undefined when it has none. */
export function linkOf(reference: Reference | undefined): Link | undefined {
  return reference?.reference ? { reference: reference.reference } : undefined;
}

/** Whether two references name the same thing. One without a literal part is compared by its identifier. */
export function sameReference(one: Reference | undefined, other: Reference | undefined): boolean {
  return referenceKey(one) === referenceKey(other);
}

export function referenceKey(reference: Reference | undefined): string {
  return reference?.reference ?? JSON.stringify(reference?.identifier ?? null);
}

/** A CodeableConcept of one coding. */
export function concept(system: string, code: string, display?: string): CodeableConcept {
  return { coding: [{ system, code, ...(display === undefined ? {} : { display }) }] };
}

/** The code that a CodeableConcept has in one system. */
export function codeIn(system: string, value: CodeableConcept | undefined): string | undefined {
  return value?.coding?.find((coding) => coding.system === system)?.code;
}
