/**
 * The error invariants of R4 and UK Core as plain functions, by key. FHIRPath would say the same fifty times slower; each is
 * compared with its expression under fhirpath.js in test/unit/fhir/invariants.test.ts.
 */
import type { DraftConstraint } from './draft.ts';
import { ofAdministration } from './invariants/administration.ts';
import { ofClinical } from './invariants/clinical.ts';
import { ofConformance } from './invariants/conformance.ts';
import { ofDatatypes } from './invariants/datatypes.ts';
import { ofElementDefinition } from './invariants/element-definition.ts';
import { ofResources } from './invariants/resources.ts';
import { ofStructureDefinition } from './invariants/structure-definition.ts';
import type { Invariant } from './shape.ts';

export const invariants: Readonly<Record<string, Invariant['holds']>> = {
  ...ofDatatypes,
  ...ofResources,
  ...ofAdministration,
  ...ofClinical,
  ...ofConformance,
  ...ofElementDefinition,
  ...ofStructureDefinition,
};

/** Checked by the walk itself: an element is never empty. */
const BY_THE_WALK: readonly string[] = ['ele-1'];

/** The functions for the constraints of an element. What is not ported is left out; `isPorted` tells. */
export function invariantsOf(constraints: Iterable<DraftConstraint>): Invariant[] {
  return [...constraints].flatMap(({ key, human }) => {
    const holds = Object.hasOwn(invariants, key) ? invariants[key] : undefined;
    return holds ? [{ key, human, holds }] : [];
  });
}

/** Is an error invariant enforced here? */
export function isPorted(key: string): boolean {
  return Object.hasOwn(invariants, key) || BY_THE_WALK.includes(key);
}
