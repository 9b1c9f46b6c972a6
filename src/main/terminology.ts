/** The code systems and value sets that are loaded: ours, those of supplied packages, and base R4 as far as it is asked for. */
import type { Find } from '#fhir/terminology/code-system.ts';
import type { CodeSystem, ValueSet } from '#fhir/types.ts';
import { type Definition, type Definitions, RESTATES } from '#fhir/validate/definitions.ts';

/** Definitions of base R4 that are kept once they were asked for; the longest unused goes first. */
const MOST_KEPT = 64;

type Kept = { readonly resource: ValueSet | CodeSystem; readonly version: string | undefined };

/** Finds by canonical URL. An official value set that ours restates is found under its own URL too, unless it is loaded. */
export function terminologyOf({ valueSets, codeSystems, lookUp }: Definitions): Find {
  const loaded = new Map<string, Kept>();
  for (const resource of [...valueSets, ...codeSystems]) {
    const restated = resource.extension?.find((one) => one.url === RESTATES)?.valueCanonical?.split('|');
    if (restated?.[0] && !loaded.has(restated[0])) loaded.set(restated[0], { resource, version: restated[1] });
    if (resource.url) loaded.set(resource.url, { resource, version: resource.version });
  }
  const base = remembering(lookUp ?? (() => undefined));
  const find = (type: string, url: string, version: string | undefined) => {
    const resource = base(url);
    const isTerm = resource?.resourceType === 'ValueSet' || resource?.resourceType === 'CodeSystem';
    const found = loaded.get(url) ?? (isTerm ? { resource, version: resource.version } : undefined);
    const isAsked = found?.resource.resourceType === type && (version === undefined || found.version === version);
    return isAsked ? found.resource : undefined;
  };
  return {
    valueSet: (url, version) => find('ValueSet', url, version) as ValueSet | undefined,
    codeSystem: (url, version) => find('CodeSystem', url, version) as CodeSystem | undefined,
  };
}

/** The same URL gives the same object while it is kept: the index of a code system lives as long. */
function remembering(lookUp: (url: string) => Definition | undefined): (url: string) => Definition | undefined {
  const kept = new Map<string, Definition>();
  return (url) => {
    const found = kept.get(url) ?? lookUp(url);
    if (!found) return undefined;
    kept.delete(url);
    kept.set(url, found);
    const [oldest] = kept.keys();
    if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
    return found;
  };
}
