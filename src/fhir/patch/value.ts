/** The value of a FHIRPath Patch operation, and the property it may go into. https://hl7.org/fhir/R4/fhirpatch.html */
import { isPrimitive, jsonTypeOf, type Property, structureOf } from '#fhir/definition/elements.ts';
import { type Item, itemOf, readItems, writeItems } from '#fhir/items.ts';
import { isObject, type JsonObject, objectsIn } from '#fhir/json.ts';
import { fail, ok, type Result } from '#result.ts';

export type Placed = { readonly property: Property; readonly item: Item };

type Given = { readonly type: string; readonly item: Item };

const QUANTITIES = ['Quantity', 'Age', 'Count', 'Distance', 'Duration'];

/**
 * The property of an object of `type` that is called `name`, and the value for it: `value[x]` of the part, a resource, or
 * an anonymous value put together from its `part`s. The value's type decides which property of a choice is meant.
 */
export function placeValue(type: string, name: string, part: JsonObject): Result<Placed> {
  const candidates = [...(structureOf(type)?.properties.values() ?? [])].filter(
    (one) => one.rule.name === name || one.name === name || (one.rule.isChoice && `${one.rule.name}[x]` === name),
  );
  const [first] = candidates;
  if (!first) return fail('invalid', `${type} has no element "${name}"`);
  if (part['part'] !== undefined) return anonymous(candidates, part);
  const given = givenIn(part);
  if (!given) return fail('invalid', `The value of "${name}" must be one value[x], one resource, or parts`);
  const property = candidates.find((one) => one.type === given.type) ?? (candidates.length === 1 ? first : undefined);
  if (!property || !isAssignable(given, property))
    return fail('invalid', `"${name}" takes ${candidates.map((one) => one.type).join(', ')}, not ${given.type}`);
  return ok({ property, item: given.item });
}

/** The one value[x] or resource of a part. */
function givenIn(part: JsonObject): Given | undefined {
  if (isObject(part['resource'])) return { type: 'Resource', item: { value: part['resource'] } };
  const found = [...(structureOf('Parameters.parameter')?.properties.values() ?? [])].filter(
    ({ rule, name }) => rule.name === 'value' && (name in part || `_${name}` in part),
  );
  const [property] = found;
  if (!property || found.length > 1) return undefined;
  const value = part[property.name];
  return isPrimitive(property.type) === isObject(value) || Array.isArray(value)
    ? undefined
    : { type: property.type, item: itemOf(value, part[`_${property.name}`]) };
}

/** The same type, or one that stands in JSON as the same: clients write a code as valueString, a Duration as valueQuantity. */
function isAssignable({ type, item }: Given, property: Property): boolean {
  if (isPrimitive(property.type)) {
    const isTyped = item.value === undefined || typeof item.value === jsonTypeOf(property.type);
    return isPrimitive(type) && isTyped;
  }
  return type === property.type || (QUANTITIES.includes(type) && QUANTITIES.includes(property.type));
}

function anonymous(candidates: readonly Property[], part: JsonObject): Result<Placed> {
  const [property] = candidates.filter((one) => !isPrimitive(one.type) && one.type !== 'Resource');
  if (!property || candidates.length > 1)
    return fail('invalid', 'Parts can only make a value of a complex type, in an element of one type');
  const value: JsonObject = {};
  for (const child of objectsIn(part['part'])) {
    const placed = placeValue(property.type, String(child['name']), child);
    if (!placed.ok) return placed;
    const added = addItem(value, placed.value);
    if (!added.ok) return added;
  }
  return Object.keys(value).length > 0
    ? ok({ property, item: { value } })
    : fail('invalid', 'The value has no content');
}

/** Puts a value into an object: at the end of a list, or where there is none yet. */
export function addItem(container: JsonObject, { property, item }: Placed): Result<undefined> {
  const { rule } = property;
  const there = structureOfChoice(container, property).flatMap((one) => readItems(container, one));
  if (there.length > 0 && !rule.isMany) return fail('invalid', `"${rule.name}" is there already; replace it instead`);
  if (item.value === undefined && item.extra === undefined) return fail('invalid', `"${rule.name}" was given no value`);
  writeItems(container, property, [...there, item]);
  return ok(undefined);
}

/** The properties that stand for the same element: one, or all of a choice. */
function structureOfChoice(container: JsonObject, property: Property): readonly Property[] {
  const { rule } = property;
  if (!rule.isChoice) return [property];
  return rule.types
    .map((type) => ({ name: rule.name + type.charAt(0).toUpperCase() + type.slice(1), rule, type }))
    .filter(({ name }) => name in container || `_${name}` in container);
}
