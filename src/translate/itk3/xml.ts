/** FHIR XML as a tree of elements, read and written: ITK3 messages are STU3 XML. https://hl7.org/fhir/STU3/xml.html */
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { fail, ok, type Result } from '#result.ts';

const FHIR_NAMESPACE = 'http://hl7.org/fhir';

export type Element = {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
};

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  htmlEntities: true,
});

/**
 * Reads a document whose root is a FHIR resource; text between elements (narrative) is left out. `invalid` says what is
 * wrong without repeating the text. A document type is refused: FHIR has none, and entities could be made to grow.
 */
export function parseXml(text: string): Result<Element> {
  if (/<!DOCTYPE|<!ENTITY/i.test(text)) return fail('invalid', 'The XML declares a document type, which FHIR forbids');
  try {
    const checked = XMLValidator.validate(text);
    if (checked !== true) return fail('invalid', `The XML is not well formed (line ${checked.err.line})`);
    const [root, ...more] = elementsOf(parser.parse(text));
    if (!root || more.length > 0) return fail('invalid', 'The XML has no single root element');
    const { xmlns } = root.attributes;
    if (xmlns !== FHIR_NAMESPACE) return fail('invalid', `The root element is not in the namespace ${FHIR_NAMESPACE}`);
    return ok(root);
  } catch {
    // The library throws for some breakages, and nesting without end exhausts the stack.
    return fail('invalid', 'The XML could not be read');
  }
}

function elementsOf(nodes: unknown): Element[] {
  if (!Array.isArray(nodes)) return [];
  return nodes.flatMap((node: Record<string, unknown>) => {
    const name = Object.keys(node).find((key) => key !== ':@');
    if (name === undefined || name.startsWith('#') || name.startsWith('?')) return [];
    return [{ name, attributes: (node[':@'] ?? {}) as Record<string, string>, children: elementsOf(node[name]) }];
  });
}

/** An element that holds a primitive, or others. `undefined` children are left out, so that optional parts can stand in line. */
export function element(
  name: string,
  content: string | boolean | readonly (Element | undefined)[],
  attributes: Readonly<Record<string, string>> = {},
): Element {
  if (typeof content === 'string' || typeof content === 'boolean')
    return { name, attributes: { ...attributes, value: String(content) }, children: [] };
  return { name, attributes, children: content.filter((child) => child !== undefined) };
}

/** The document of one resource. */
export function writeXml(resource: Element): string {
  const root = { ...resource, attributes: { xmlns: FHIR_NAMESPACE, ...resource.attributes } };
  return `<?xml version="1.0" encoding="UTF-8"?>${write(root)}`;
}

function write({ name, attributes, children }: Element): string {
  const said = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`);
  const head = `<${name}${said.join('')}`;
  return children.length === 0 ? `${head}/>` : `${head}>${children.map(write).join('')}</${name}>`;
}

/** XML 1.0 has no way at all to write most control characters: they are left out. */
function escaped(value: string): string {
  return [...value]
    .filter((one) => one >= ' ' || one === '\t' || one === '\n' || one === '\r')
    .map((one) => ESCAPED[one] ?? one)
    .join('');
}

const ESCAPED: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
  '\r': '&#13;',
  '\t': '&#9;',
};

/** The first child of a path of names. */
export function at(from: Element | undefined, ...path: readonly string[]): Element | undefined {
  return path.reduce<Element | undefined>((here, name) => here?.children.find((child) => child.name === name), from);
}

/** The primitive value at a path of names. */
export function valueAt(from: Element | undefined, ...path: readonly string[]): string | undefined {
  return at(from, ...path)?.attributes['value'];
}

export function childrenNamed(from: Element | undefined, name: string): readonly Element[] {
  return (from?.children ?? []).filter((child) => child.name === name);
}
