/** A resource in JSON → FHIR XML. https://hl7.org/fhir/R4/xml.html */
import { SaxesParser } from 'saxes';
import { isPrimitive, isResourceType, type Property, structureOf } from '#fhir/definition/elements.ts';
import { type Item, readItems } from '#fhir/items.ts';
import { isObject, type JsonObject } from '#fhir/json.ts';
import type { Resource } from '#fhir/types.ts';
import { FHIR, isAttribute, XHTML } from './frame.ts';
import { escapeText } from './primitive.ts';

/**
 * The XML of a resource, Bundles included: elements in the order of R4's definitions, `id`, `url` and `value` as
 * attributes, the narrative as it is. Throws on a property that R4 does not define: such a resource should not have been
 * stored, and leaving the property out would tell less than there is.
 */
export function jsonToXml(resource: Resource): string {
  const parts = ['<?xml version="1.0" encoding="UTF-8"?>'];
  writeResource(parts, resource as unknown as JsonObject, ` xmlns="${FHIR}"`);
  return parts.join('');
}

function writeResource(parts: string[], resource: JsonObject, attributes: string): void {
  const type = resource['resourceType'];
  if (typeof type !== 'string' || !isResourceType(type)) throw new Error('A resource without a known resourceType');
  parts.push(`<${type}${attributes}`);
  writeContent(parts, type, resource);
  parts.push(`</${type}>`);
}

/** The rest of the opening tag, then the children. */
function writeContent(parts: string[], type: string, content: JsonObject): void {
  const structure = structureOf(type);
  if (!structure) throw new Error(`${type} is not a type of FHIR R4`);
  checkKnown(structure.path, structure.properties, content);
  const children: Property[] = [];
  for (const property of structure.properties.values()) {
    if (!(property.name in content || `_${property.name}` in content)) continue;
    if (isAttribute(type, property.name)) parts.push(attribute(property.name, content[property.name]));
    else children.push(property);
  }
  parts.push('>');
  for (const property of children) for (const item of readItems(content, property)) writeElement(parts, property, item);
}

function checkKnown(path: string, properties: ReadonlyMap<string, Property>, content: JsonObject): void {
  for (const name of Object.keys(content)) {
    const property = properties.get(name.replace(/^_/, ''));
    const isKnown = property && (!name.startsWith('_') || isPrimitive(property.type));
    if (!isKnown && name !== 'resourceType') throw new Error(`${path} has no property "${name}" in FHIR R4`);
  }
}

function writeElement(parts: string[], { name, type }: Property, { value, extra }: Item): void {
  if (type === 'xhtml') {
    parts.push(narrative(value));
    return;
  }
  parts.push(`<${name}`);
  if (isPrimitive(type)) {
    if (value !== undefined) parts.push(attribute('value', value));
    writeContent(parts, 'Element', extra ?? {});
  } else if (type === 'Resource') {
    parts.push('>');
    writeResource(parts, isObject(value) ? value : {}, '');
  } else writeContent(parts, type, isObject(value) ? value : {});
  parts.push(`</${name}>`);
}

function attribute(name: string, value: unknown): string {
  return ` ${name}="${escapeText(String(value))}"`;
}

/** A div that is no well-formed XHTML could end its element and say more; it is shown as the text that it is. */
function narrative(value: unknown): string {
  const text = typeof value === 'string' ? value : '';
  return isDiv(text) ? text : `<div xmlns="${XHTML}">${escapeText(text)}</div>`;
}

function isDiv(text: string): boolean {
  const parser = new SaxesParser({ xmlns: true, forceXMLVersion: true, defaultXMLVersion: '1.0' });
  let isFine = text.startsWith('<div') && text.endsWith('</div>');
  let depth = 0;
  const spoil = (): void => {
    isFine = false;
  };
  parser.on('error', spoil);
  parser.on('doctype', spoil);
  parser.on('processinginstruction', spoil);
  parser.on('opentag', ({ local, uri, prefix }) => {
    if (uri !== XHTML || prefix !== '' || (depth === 0 && local !== 'div')) spoil();
    depth++;
  });
  parser.on('closetag', () => {
    depth--;
  });
  if (isFine) parser.write(text).close();
  return isFine;
}
