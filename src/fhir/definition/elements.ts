/**
 * What R4 says of the elements of each resource and data type: order, cardinality, types, whether in the summary.
 * https://hl7.org/fhir/R4/elementdefinition.html
 *
 * `elements.json` is a compact extract of the official definitions (made and checked by test/support/r4-definitions.ts);
 * each type's line is read when it is first asked for.
 */
import json from './elements.json' with { type: 'json' };

export type ElementRule = {
  /** As R4 writes it, without `[x]`. */
  readonly name: string;
  /** Type codes; a backbone element's type is its own path (`Patient.contact`). */
  readonly types: readonly string[];
  /** `value[x]`: the property's name carries the type. */
  readonly isChoice: boolean;
  readonly isMany: boolean;
  readonly isRequired: boolean;
  readonly isSummary: boolean;
};

/** One property name as it stands in JSON (`valueString`) with the rule and the one type that it means. */
export type Property = { readonly name: string; readonly rule: ElementRule; readonly type: string };

export type Structure = {
  /** `Patient`, `Patient.contact`, `HumanName`. */
  readonly path: string;
  /** In the order of the definition, which is the order in XML. */
  readonly elements: readonly ElementRule[];
  /** JSON property name → what it is, in the same order. */
  readonly properties: ReadonlyMap<string, Property>;
};

const resources: Readonly<Record<string, string>> = json.resources;
const types: Readonly<Record<string, string>> = json.types;
const read = new Map<string, Structure>();

/** The structure of a resource, a data type or a backbone element; undefined for primitives and what R4 has not. */
export function structureOf(path: string): Structure | undefined {
  const known = read.get(path);
  if (known) return known;
  const line = lineOf(resources, path) ?? lineOf(types, path);
  if (line === undefined) return undefined;
  const structure = structureFrom(path, line);
  read.set(path, structure);
  return structure;
}

/** Is this the name of a resource type that can have instances? */
export function isResourceType(name: string): boolean {
  return lineOf(resources, name) !== undefined && !/\.|^Resource$|^DomainResource$/.test(name);
}

/** Is this type code a primitive: a value with perhaps an id and extensions beside it? */
export function isPrimitive(type: string): boolean {
  return /^[a-z]/.test(type);
}

/** How the value of a primitive type stands in JSON. https://hl7.org/fhir/R4/json.html#primitive */
export function jsonTypeOf(primitive: string): 'boolean' | 'number' | 'string' {
  if (primitive === 'boolean') return 'boolean';
  return /^(?:decimal|integer|positiveInt|unsignedInt)$/.test(primitive) ? 'number' : 'string';
}

function lineOf(table: Readonly<Record<string, string>>, path: string): string | undefined {
  return Object.hasOwn(table, path) ? table[path] : undefined;
}

function structureFrom(path: string, line: string): Structure {
  const elements = line.split(' ').map(ruleFrom);
  const properties = elements.flatMap((rule) =>
    rule.types.map((type): [string, Property] => {
      const name = rule.isChoice ? rule.name + type.charAt(0).toUpperCase() + type.slice(1) : rule.name;
      return [name, { name, rule, type }];
    }),
  );
  return { path, elements, properties: new Map(properties) };
}

function ruleFrom(text: string): ElementRule {
  const [, name = '', choice, cardinality = '', summary, typeList = ''] =
    /^(\w+)(\[x\])?([?!*+])(~?):(.+)$/.exec(text) ?? [];
  return {
    name,
    types: (typeList === '*' ? json.open : typeList).split('|'),
    isChoice: choice !== undefined,
    isMany: '*+'.includes(cardinality),
    isRequired: '!+'.includes(cardinality),
    isSummary: summary === '~',
  };
}
