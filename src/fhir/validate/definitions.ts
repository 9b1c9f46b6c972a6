/**
 * The parts of conformance resources that the validator reads, cut out of the whole: descriptions, mappings and narrative are
 * most of a definition's size, and are let go.
 */
import type { CodeSystem, ElementDefinition, StructureDefinition, ValueSet } from '#fhir/types.ts';

export type Definition = StructureDefinition | ValueSet | CodeSystem;

export type Definitions = {
  /** What is at hand: our own profiles, then those of supplied packages. The last of one canonical wins. */
  readonly structureDefinitions: readonly StructureDefinition[];
  readonly valueSets: readonly ValueSet[];
  readonly codeSystems: readonly CodeSystem[];
  /** Where the rest is found when first needed, by canonical URL without version: base R4. */
  readonly lookUp?: (url: string) => Definition | undefined;
};

export type Profile = Pick<
  StructureDefinition,
  'url' | 'version' | 'type' | 'kind' | 'derivation' | 'baseDefinition' | 'abstract' | 'context'
> & {
  /** The canonical of the official definition whose constraints this one states in its own words. */
  readonly restates?: string | undefined;
  readonly elements: readonly ElementPart[];
};

export type ElementPart = Pick<
  ElementDefinition,
  | 'id'
  | 'path'
  | 'sliceName'
  | 'slicing'
  | 'min'
  | 'max'
  | 'base'
  | 'type'
  | 'binding'
  | 'contentReference'
  | 'constraint'
  | 'maxLength'
> & {
  readonly fixed?: unknown;
  readonly pattern?: unknown;
};

/** The extension by which a definition of ours names the official one that it restates. */
export const RESTATES = 'https://holdfast.example/fhir/StructureDefinition/restates';

/** What is needed of a StructureDefinition: its snapshot where it has one, its differential otherwise. */
export function profileOf(definition: StructureDefinition): Profile {
  const { url, version, type, kind, derivation, baseDefinition, abstract, context } = definition;
  const found = definition.extension?.find((one) => one.url === RESTATES);
  const elements = (definition.snapshot ?? definition.differential)?.element ?? [];
  return {
    url,
    version,
    type,
    kind,
    derivation,
    baseDefinition,
    abstract,
    context,
    restates: found?.valueCanonical && withoutVersion(found.valueCanonical),
    elements: elements.map(partOf),
  } as Profile;
}

function partOf(element: ElementDefinition): ElementPart {
  const { id, path, sliceName, slicing, min, max, base, type, binding, contentReference, maxLength } = element;
  const errors = element.constraint?.filter((one) => one.severity === 'error');
  return {
    id,
    path,
    sliceName,
    slicing,
    min,
    max,
    base,
    type,
    binding,
    contentReference,
    maxLength,
    constraint: errors?.map(({ key, human, expression }) => ({ key, human, expression })),
    fixed: choiceOf(element, 'fixed'),
    pattern: choiceOf(element, 'pattern'),
  } as ElementPart;
}

function choiceOf(element: ElementDefinition, start: 'fixed' | 'pattern'): unknown {
  const key = Object.keys(element).find((one) => one.startsWith(start));
  return key === undefined ? undefined : (element as unknown as Record<string, unknown>)[key];
}

/** A canonical without its version. */
export function withoutVersion(canonical: string): string {
  const bar = canonical.indexOf('|');
  return bar < 0 ? canonical : canonical.slice(0, bar);
}
