/** The validator's profiles from disk: base R4, those that ship in `profiles/`, and packages the operator supplies. */
import type { CodeSystem, Resource, StructureDefinition, ValueSet } from '#fhir/types.ts';
import { compileProfiles, type Definitions, type Profiles } from '#fhir/validate/validate.ts';
import { readPackage } from './fhir-packages.ts';
import { r4Definitions } from './r4-definitions.ts';

/**
 * All definitions that are at hand: ours first, then each package in the order given, so that an official definition takes
 * the place of the one that restates it. `own` is what `readDefinitions` read of `profiles/`; `packages` are folders or .tgz
 * files (`FHIR_PACKAGES`). Throws, naming it, when a package cannot be used.
 */
export function definitionsAtHand(own: readonly Resource[], packages: readonly string[] = []): Definitions {
  const supplied = packages.map(readPackage);
  const of = <T extends Resource>(type: T['resourceType']) => own.filter((one): one is T => one.resourceType === type);
  return {
    structureDefinitions: [
      ...of<StructureDefinition>('StructureDefinition'),
      ...supplied.flatMap(({ structureDefinitions }) => structureDefinitions),
    ],
    valueSets: [...of<ValueSet>('ValueSet'), ...supplied.flatMap(({ valueSets }) => valueSets)],
    codeSystems: [...of<CodeSystem>('CodeSystem'), ...supplied.flatMap(({ codeSystems }) => codeSystems)],
    lookUp: r4Definitions(),
  };
}

/**
 * Profiles ready for `validate`, of the definitions at hand.
 *
 * Types are compiled by their first write, not ahead (`warmUp`): each takes 5 to 25 ms once, which its first request does
 * not show beside its own warming up. All that are written, even in turns after the server listens, would keep 45 MB more
 * resident while idle and 12 MB more under load, for types that most processes never write.
 */
export function loadProfiles(own: readonly Resource[], packages: readonly string[] = []): Profiles {
  return compileProfiles(definitionsAtHand(own, packages));
}
