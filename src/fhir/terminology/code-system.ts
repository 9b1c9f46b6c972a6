/** A code system with its concepts by code, and their hierarchy both ways. https://hl7.org/fhir/R4/codesystem.html */

import type { CodeSystem, ValueSet } from '#fhir/types.ts';
import { fail, type Result } from '#result.ts';

type Declared = NonNullable<CodeSystem['concept']>[number];
export type ConceptProperty = NonNullable<Declared['property']>[number];

export type Concept = {
  readonly code: string;
  readonly display?: string;
  readonly definition?: string;
  readonly designations: NonNullable<Declared['designation']>;
  readonly properties: readonly ConceptProperty[];
  /** Codes directly above and below, from nesting and from `parent` and `child` properties. */
  readonly parents: Set<string>;
  readonly children: Set<string>;
  /** Not for use in new data. */
  readonly isInactive: boolean;
  /** A heading, not for use as a code. */
  readonly isAbstract: boolean;
};

export type SystemIndex = {
  readonly resource: CodeSystem;
  readonly concepts: ReadonlyMap<string, Concept>;
  /** The concept of a code, in any case where the system does not mind. */
  readonly find: (code: string) => Concept | undefined;
};

/** What is loaded, by canonical URL; `version` when the reference named one. */
export type Find = {
  readonly valueSet: (url: string, version?: string) => ValueSet | undefined;
  readonly codeSystem: (url: string, version?: string) => CodeSystem | undefined;
};

const indexes = new WeakMap<CodeSystem, SystemIndex>();

/** The index of a code system, made when it is first asked for and kept as long as the resource. */
export function indexOf(resource: CodeSystem): SystemIndex {
  const known = indexes.get(resource);
  if (known) return known;
  const concepts = conceptsOf(resource);
  const index = { resource, concepts, find: finderFor(resource, concepts) };
  indexes.set(resource, index);
  return index;
}

/** The code system of a URL, or undefined when it, or its content, is not here. */
export function systemFrom(find: Find, url: string, version?: string): SystemIndex | undefined {
  const resource = find.codeSystem(url, version);
  const hasContent = resource !== undefined && resource.content !== 'not-present' && resource.content !== 'supplement';
  return hasContent ? indexOf(resource) : undefined;
}

/** Are all codes of the system here, so that a code that is not among them is none? */
export function isComplete({ resource }: SystemIndex): boolean {
  return resource.content === 'complete';
}

/** A question that needs what is not loaded, or more than is reasonable: never answered with a guess. */
export function unanswerable(code: 'not-supported' | 'too-costly', diagnostics: string): Result<never> {
  return fail('unsupported', diagnostics, { issues: [{ code, diagnostics }] });
}

/** All codes that can be reached by going up or down, without the code itself; circles end. */
export function reach(index: SystemIndex, code: string, direction: 'parents' | 'children'): ReadonlySet<string> {
  const reached = new Set<string>();
  const waiting = [code];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const other of index.concepts.get(next)?.[direction] ?? []) {
      if (other === code || reached.has(other)) continue;
      reached.add(other);
      waiting.push(other);
    }
  }
  return reached;
}

function conceptsOf(resource: CodeSystem): ReadonlyMap<string, Concept> {
  const concepts = new Map<string, Concept>();
  const waiting = nestedBelow(resource.concept, undefined);
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { declared, parent } = next;
    if (!declared.code) continue;
    const concept = concepts.get(declared.code) ?? conceptFrom(declared, declared.code);
    concepts.set(concept.code, concept);
    if (parent) concept.parents.add(parent);
    waiting.push(...nestedBelow(declared.concept, concept.code));
  }
  // Nesting and properties may each tell one side only.
  for (const concept of concepts.values()) {
    for (const parent of concept.parents) concepts.get(parent)?.children.add(concept.code);
    for (const child of concept.children) concepts.get(child)?.parents.add(concept.code);
  }
  return concepts;
}

/** Nested concepts with the one above them, last first: taken from the end they come in the order of the definition. */
function nestedBelow(
  concepts: readonly Declared[] | undefined,
  parent: string | undefined,
): { declared: Declared; parent: string | undefined }[] {
  return (concepts ?? []).map((declared) => ({ declared, parent })).reverse();
}

function conceptFrom(declared: Declared, code: string): Concept {
  const properties = declared.property ?? [];
  const has = (name: string, ...values: readonly unknown[]): boolean =>
    properties.some((one) => one.code === name && values.includes(propertyValue(one)));
  const related = (name: string): Set<string> =>
    new Set(properties.filter((one) => one.code === name).map((one) => String(propertyValue(one))));
  return {
    code,
    ...(declared.display === undefined ? {} : { display: declared.display }),
    ...(declared.definition === undefined ? {} : { definition: declared.definition }),
    designations: declared.designation ?? [],
    properties,
    parents: related('parent'),
    children: related('child'),
    isInactive: has('inactive', true) || has('status', 'retired', 'inactive'),
    isAbstract: has('notSelectable', true) || has('abstract', true),
  };
}

/** The value of a concept's property, as text or number; of a Coding its code. */
export function propertyValue(property: ConceptProperty): string | number | boolean | undefined {
  return (
    property.valueCode ??
    property.valueString ??
    property.valueBoolean ??
    property.valueInteger ??
    property.valueDecimal ??
    property.valueDateTime ??
    property.valueCoding?.code
  );
}

function finderFor(
  resource: CodeSystem,
  concepts: ReadonlyMap<string, Concept>,
): (code: string) => Concept | undefined {
  if (resource.caseSensitive !== false) return (code) => concepts.get(code);
  const folded = new Map([...concepts.values()].map((concept) => [concept.code.toLowerCase(), concept]));
  return (code) => concepts.get(code) ?? folded.get(code.toLowerCase());
}
