/** When two contents of a resource are the same. */
import { digest } from '#fhir/id.ts';
import type { Resource } from '#fhir/types.ts';

/**
 * What is the same when only the version or the time of writing differs. A List that says the same as before is the
 * same snapshot, whenever it was taken again.
 */
export function fingerprint(resource: Resource): string {
  const { versionId: _version, lastUpdated: _time, ...meta } = resource.meta ?? {};
  return digest(
    JSON.stringify({ ...resource, meta, ...(resource.resourceType === 'List' ? { date: undefined } : {}) }),
  );
}
