/** Holdfast's FHIR API as a client sees it: every page of a search, every version of a resource. */
import type { Bundle, Resource, ResourceType } from '#fhir/types.ts';
import type { Caseload } from '#workflow/cohort.ts';

export type Api = {
  /** All resources of a type that the token may see. `query` without the question mark. */
  all<T extends ResourceType>(type: T, query?: string): Promise<readonly Extract<Resource, { resourceType: T }>[]>;
  /** Every version, oldest first. */
  versions<T extends ResourceType>(type: T, id: string): Promise<readonly Extract<Resource, { resourceType: T }>[]>;
  /** Whether `Type/id` can be read. */
  exists(reference: string): Promise<boolean>;
  caseload(): Promise<Caseload>;
};

export function openApi(address: string, token: string): Api {
  const headers = { authorization: `Bearer ${token}`, accept: 'application/fhir+json' };
  const get = async (path: string): Promise<unknown> => {
    const response = await fetch(`${address}${path}`, { headers });
    if (!response.ok) throw new Error(`GET ${path.split('?')[0]} answered ${response.status}`);
    return response.json();
  };
  const resourcesOf = <T extends ResourceType>(type: T, bundle: Bundle) =>
    (bundle.entry ?? []).flatMap(({ resource }) =>
      resource?.resourceType === type ? [resource as Extract<Resource, { resourceType: T }>] : [],
    );
  return {
    all: async (type, query) => {
      const found: Extract<Resource, { resourceType: typeof type }>[] = [];
      for (let path: string | undefined = `/fhir/R4/${type}?_count=500${query ? `&${query}` : ''}`; path; ) {
        const bundle = (await get(path)) as Bundle;
        found.push(...resourcesOf(type, bundle));
        const next: string | undefined = bundle.link?.find(({ relation }) => relation === 'next')?.url;
        path = next && new URL(next, address).pathname + new URL(next, address).search;
      }
      return found;
    },
    versions: async (type, id) =>
      resourcesOf(type, (await get(`/fhir/R4/${type}/${id}/_history?_count=500`)) as Bundle).toReversed(),
    exists: async (reference) => {
      const response = await fetch(`${address}/fhir/R4/${reference}`, { headers });
      await response.body?.cancel();
      return response.ok;
    },
    caseload: async () => (await get('/board/caseload')) as Caseload,
  };
}
