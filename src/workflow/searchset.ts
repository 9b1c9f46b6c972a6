/** A searchset that a stage answers with. https://hl7.org/fhir/R4/bundle.html */
import type { Bundle, Resource } from '#fhir/types.ts';

/** `total`: of the matches, where more were found than are shown. FHIR allows no empty list of entries. */
export function searchset(
  matches: readonly Resource[],
  { included = [], total = matches.length }: { included?: readonly Resource[]; total?: number } = {},
): Bundle {
  const entry = [
    ...matches.map((resource) => ({ resource, search: { mode: 'match' as const } })),
    ...included.map((resource) => ({ resource, search: { mode: 'include' as const } })),
  ];
  return { resourceType: 'Bundle', type: 'searchset', total, ...(entry.length > 0 ? { entry } : {}) };
}
