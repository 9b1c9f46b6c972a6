/** The references inside a resource: found, and replaced. https://hl7.org/fhir/R4/http.html#trules */
import { parseReference } from '#fhir/reference.ts';
import type { Resource } from '#fhir/types.ts';

export type FoundReference = {
  /** FHIRPath of the element. */
  readonly expression: string;
  readonly reference: string;
};

/** Every `reference` of a resource, contained resources too. */
export function referencesIn(resource: Resource): FoundReference[] {
  const found: FoundReference[] = [];
  collect(resource, resource.resourceType, found);
  return found;
}

function collect(value: unknown, path: string, found: FoundReference[]): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) collect(item, `${path}[${index}]`, found);
    return;
  }
  for (const [name, child] of Object.entries(value)) {
    if (name === 'reference' && typeof child === 'string')
      found.push({ expression: `${path}.reference`, reference: child });
    else collect(child, `${path}.${name}`, found);
  }
}

/** What a reference is: local to the resource, by a server's own type and id, by a condition, or to somewhere else. */
export type ReferenceKind =
  | { readonly kind: 'contained' }
  | { readonly kind: 'literal'; readonly type: string; readonly id: string }
  | { readonly kind: 'conditional'; readonly type: string; readonly query: string }
  | { readonly kind: 'elsewhere' };

export function kindOf(reference: string): ReferenceKind {
  if (reference.startsWith('#')) return { kind: 'contained' };
  const literal = parseReference(reference);
  if (literal) return { kind: 'literal', ...literal };
  const [, type, query] = /^([A-Z][A-Za-z]+)\?(.+)$/.exec(reference) ?? [];
  return type && query ? { kind: 'conditional', type, query } : { kind: 'elsewhere' };
}

/** Properties whose text is a business value or a name, never a link, whatever it looks like. */
const NEVER_LINKS: ReadonlySet<string> = new Set(['id', 'value', 'system', 'code', 'display', 'text', 'versionId']);

/**
 * A copy in which every link that `replace` knows is replaced: references, uri elements, and the href and src of the
 * narrative. Identifier values stay as they are, though they may look the same.
 */
export function withLinks<T>(value: T, replace: (link: string) => string | undefined): T {
  return replaced(value, '', replace) as T;
}

function replaced(value: unknown, name: string, replace: (link: string) => string | undefined): unknown {
  if (typeof value === 'string') {
    if (name === 'div')
      return value.replace(
        /\b(href|src)="([^"]*)"/g,
        (_whole, attribute: string, link: string) => `${attribute}="${replace(link) ?? link}"`,
      );
    return NEVER_LINKS.has(name) ? value : (replace(value) ?? value);
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => replaced(item, name, replace));
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, replaced(child, key, replace)]));
}
