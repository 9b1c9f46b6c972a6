/**
 * An element's values as one list, whatever its JSON shape: single or repeating, with or without the `_property` that
 * carries the ids and extensions of primitives. https://hl7.org/fhir/R4/json.html#primitive
 */
import { isPrimitive, type Property } from './definition/elements.ts';
import { isObject, type JsonObject } from './json.ts';

export type Item = { readonly value?: unknown; readonly extra?: JsonObject };

/** The values of a property of an object; empty when it has none. */
export function readItems(container: JsonObject, property: Property): readonly Item[] {
  const values = listOf(container[property.name]);
  const extras = isPrimitive(property.type) ? listOf(container[`_${property.name}`]) : [];
  return Array.from({ length: Math.max(values.length, extras.length) }, (_, index) =>
    itemOf(values[index], extras[index]),
  );
}

/** Puts the values back; a property without values goes, since FHIR has no empty lists. */
export function writeItems(container: JsonObject, property: Property, items: readonly Item[]): void {
  const { name, rule } = property;
  const put = (key: string, values: readonly unknown[]): void => {
    if (values.every((value) => value === undefined)) delete container[key];
    else container[key] = rule.isMany ? values.map((value) => value ?? null) : values[0];
  };
  put(
    name,
    items.map((item) => item.value),
  );
  if (isPrimitive(property.type))
    put(
      `_${name}`,
      items.map((item) => item.extra),
    );
}

export function itemOf(value: unknown, extra: unknown): Item {
  return {
    ...(value === undefined || value === null ? {} : { value }),
    ...(isObject(extra) ? { extra } : {}),
  };
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
