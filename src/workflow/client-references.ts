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
  collect(resource, [resource.resourceType], found);
  return found;
}

/** `path` is the way from the resource to the value, put together only where something is found. */
function collect(value: unknown, path: string[], found: FoundReference[]): void {
  if (typeof value !== 'object' || value === null) return;
  const isList = Array.isArray(value);
  for (const name of Object.keys(value)) {
    const child = (value as Record<string, unknown>)[name];
    if (!isList && name === 'reference' && typeof child === 'string')
      found.push({ expression: `${path.join('')}.reference`, reference: child });
    else if (typeof child === 'object') {
      path.push(isList ? `[${name}]` : `.${name}`);
      collect(child, path, found);
      path.pop();
    }
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
 * The value with every link that `replace` knows replaced, as a copy where there is any: references, uri elements, and the href and src of the
 * narrative. Identifier values stay as they are, though they may look the same.
 */
export function withLinks<T>(value: T, replace: (link: string) => string | undefined): T {
  return replaced(value, '', replace) as T;
}

function replaced(value: unknown, name: string, replace: (link: string) => string | undefined): unknown {
  if (typeof value === 'string') return textWith(value, name, replace);
  if (typeof value !== 'object' || value === null) return value;
  const isList = Array.isArray(value);
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(value)) {
    const child = (value as Record<string, unknown>)[key];
    const now = replaced(child, isList ? name : key, replace);
    if (now === child) continue;
    // Copied once something differs: as a rule nothing does.
    copy ??= (isList ? [...value] : { ...value }) as Record<string, unknown>;
    copy[key] = now;
  }
  return copy ?? value;
}

function textWith(text: string, name: string, replace: (link: string) => string | undefined): string {
  if (name === 'div')
    return text.replace(
      /\b(href|src)="([^"]*)"/g,
      (_whole, attribute: string, link: string) => `${attribute}="${replace(link) ?? link}"`,
    );
  return NEVER_LINKS.has(name) ? text : (replace(text) ?? text);
}
