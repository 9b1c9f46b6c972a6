/** The FHIR elements that are open while an XML document is read, and what becomes of each when it closes. */
import { isPrimitive, isResourceType, type Property, type Structure, structureOf } from '#fhir/definition/elements.ts';
import { type Item, writeItems } from '#fhir/items.ts';
import type { JsonObject } from '#fhir/json.ts';
import { valueFromText } from './primitive.ts';

export const FHIR = 'http://hl7.org/fhir';
export const XHTML = 'http://www.w3.org/1999/xhtml';
const XSI = 'http://www.w3.org/2001/XMLSchema-instance';
const XMLNS = 'http://www.w3.org/2000/xmlns/';

/** A tag as the XML parser gives it. */
export type Tag = {
  readonly local: string;
  readonly prefix: string;
  readonly uri: string;
  readonly attributes: Readonly<
    Record<string, { readonly local: string; readonly uri: string; readonly value: string }>
  >;
};

export type Frame = {
  /** `wrapper` is an element whose content is a whole resource: contained, Bundle.entry.resource. */
  readonly kind: 'resource' | 'object' | 'primitive' | 'wrapper' | 'narrative';
  /** The FHIRPath expression of the element, for issues. */
  readonly expression: string;
  /** How the parent holds it; undefined for a resource. */
  readonly property?: Property;
  readonly structure?: Structure;
  /** Property name → its values so far. */
  readonly items: Map<string, Item[]>;
  /** The place in the definition of the last child, to see the order. */
  last: number;
  value?: string | number | boolean | JsonObject;
};

export type Problem = { readonly code: string; readonly expression: string; readonly diagnostics: string };

export function isProblem(value: Frame | Item | Problem): value is Problem {
  return 'diagnostics' in value;
}

/** The resource that a document, or a wrapper, consists of. */
export function openResource(tag: Tag, expression: string | undefined): Frame | Problem {
  const place = expression ?? shown(tag.local);
  if (tag.uri !== FHIR) return structure(place, `<${shown(tag.local)}> is not in the namespace ${FHIR}`);
  const rules = isResourceType(tag.local) ? structureOf(tag.local) : undefined;
  if (!rules) return structure(place, `<${shown(tag.local)}> is not a resource type of FHIR R4`);
  const frame: Frame = { kind: 'resource', expression: place, structure: rules, items: new Map(), last: -1 };
  return attributesInto(frame, tag) ?? frame;
}

/** A child element of a frame: known to the definition, in its order, not there twice, in its namespace. */
export function openChild(parent: Frame, tag: Tag): Frame | Problem {
  const rules = parent.structure;
  const property = rules?.properties.get(tag.local);
  if (!rules || !property || isAttribute(rules.path, property.name))
    return structure(parent.expression, `${parent.expression} has no element <${shown(tag.local)}>`);
  const namespace = property.type === 'xhtml' ? XHTML : FHIR;
  if (tag.uri !== namespace)
    return structure(parent.expression, `<${shown(tag.local)}> is not in the namespace ${namespace}`);
  const position = rules.elements.indexOf(property.rule);
  if (position < parent.last)
    return structure(parent.expression, `<${tag.local}> stands after an element that follows it`);
  if (position === parent.last && !property.rule.isMany)
    return structure(parent.expression, `${parent.expression} may have only one ${property.rule.name}`);
  parent.last = position;
  const frame = frameFor(property, parent);
  return attributesInto(frame, tag) ?? frame;
}

function frameFor(property: Property, parent: Frame): Frame {
  const { rule, type, name } = property;
  const index = rule.isMany ? `[${parent.items.get(name)?.length ?? 0}]` : '';
  const expression = `${parent.expression}.${rule.name}${index}`;
  const common = { expression, property, items: new Map<string, Item[]>(), last: -1 };
  if (type === 'Resource') return { ...common, kind: 'wrapper' };
  if (type === 'xhtml') return { ...common, kind: 'narrative' };
  const rules = structureOf(isPrimitive(type) ? 'Element' : type);
  return { ...common, kind: isPrimitive(type) ? 'primitive' : 'object', ...(rules ? { structure: rules } : {}) };
}

/** `id` of elements and `url` of extensions are attributes; the id of a resource is an element. */
export function isAttribute(path: string, name: string): boolean {
  return (name === 'id' && !isResourceType(path)) || (name === 'url' && path === 'Extension');
}

function attributesInto(frame: Frame, tag: Tag): Problem | undefined {
  for (const { local, uri, value } of Object.values(tag.attributes)) {
    // The narrative is kept as it was written. Schema locations are hints to XML editors.
    if (frame.kind === 'narrative' || uri === XMLNS || uri === XSI) continue;
    const problem = attributeInto(frame, uri === '' ? local : `${uri} ${local}`, value);
    if (problem) return problem;
  }
  return undefined;
}

function attributeInto(frame: Frame, name: string, text: string): Problem | undefined {
  const { kind, structure: rules, property, expression } = frame;
  if (kind === 'primitive' && name === 'value') {
    const value = valueFromText(property?.type ?? '', text);
    if (value === undefined)
      return { code: 'value', expression, diagnostics: `The value of ${expression} is not a ${property?.type}` };
    frame.value = value;
    return undefined;
  }
  const isKnown = kind !== 'wrapper' && rules?.properties.has(name) && isAttribute(rules.path, name);
  if (!isKnown) return structure(expression, `${expression} has no attribute "${shown(name)}"`);
  if (text === '') return structure(expression, `The attribute "${name}" is empty`);
  frame.items.set(name, [{ value: text }]);
  return undefined;
}

/** The JSON of an element that has closed. */
export function closeFrame(frame: Frame): Item | Problem {
  const { kind, expression } = frame;
  if (kind === 'narrative' || kind === 'wrapper')
    return frame.value === undefined ? empty(expression) : { value: frame.value };
  const content = contentOf(frame);
  if (kind === 'resource') return { value: content };
  const hasContent = Object.keys(content).length > 0;
  if (kind === 'object') return hasContent ? { value: content } : empty(expression);
  if (!hasContent && frame.value === undefined) return empty(expression);
  return {
    ...(frame.value === undefined ? {} : { value: frame.value }),
    ...(hasContent ? { extra: content } : {}),
  };
}

function contentOf({ kind, structure: rules, items }: Frame): JsonObject {
  const content: JsonObject = kind === 'resource' ? { resourceType: rules?.path } : {};
  for (const property of rules?.properties.values() ?? []) {
    const values = items.get(property.name);
    if (values) writeItems(content, property, values);
  }
  return content;
}

function empty(expression: string): Problem {
  return structure(expression, `${expression} is empty: it needs a value or content`);
}

function structure(expression: string, diagnostics: string): Problem {
  return { code: 'structure', expression, diagnostics };
}

/** Names come from outside: only their length is limited. */
function shown(name: string): string {
  return name.length > 64 ? `${name.slice(0, 64)}…` : name;
}
