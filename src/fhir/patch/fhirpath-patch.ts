/** FHIRPath Patch. https://hl7.org/fhir/R4/fhirpatch.html */
import { isPrimitive } from '#fhir/definition/elements.ts';
import { type Item, readItems, writeItems } from '#fhir/items.ts';
import type { JsonObject } from '#fhir/json.ts';
import type { Resource } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { notApplicable, sameResource } from './guard.ts';
import { contentOf, type Located, locate, type Place, typeOf, writeAt } from './locate.ts';
import { type PathOperation, readOperations } from './operation.ts';
import { addItem, placeValue } from './value.ts';

type Done = Result<undefined>;

/**
 * The resource after a FHIRPath Patch: all operations or none; the given resource is never changed. A path must select
 * one element, or, for `insert` and `move`, one whole list; `delete` may find nothing. What cannot be applied is `value`
 * (422), Parameters that are no patch are `structure` (400); the expression names the operation.
 */
export function applyFhirPathPatch(resource: Resource, parameters: unknown): Result<Resource> {
  const operations = readOperations(parameters);
  if (!operations.ok) return operations;
  const copy = structuredClone(resource) as unknown as JsonObject;
  for (const operation of operations.value) {
    const done = applyOne(copy, operation);
    if (!done.ok) return notApplicable(operation.expression, done.failure.message);
  }
  return sameResource(resource, copy);
}

function applyOne(root: JsonObject, operation: PathOperation): Done {
  const found = locate(root, operation.path);
  if (!found.ok) return found;
  switch (operation.type) {
    case 'add':
      return only(found.value, (located) => add(located, operation));
    case 'delete':
      return found.value.length === 0 ? ok(undefined) : only(found.value, remove);
    case 'replace':
      return only(found.value, (located) => replace(located, operation));
    case 'insert':
      return found.value.length === 0 ? insertFirst(root, operation) : insert(found.value, operation);
    case 'move':
      return move(found.value, operation);
  }
}

function only(found: readonly Located[], change: (located: Located) => Done): Done {
  const [located, ...more] = found;
  if (!located) return fail('invalid', 'The path selects nothing');
  if (more.length > 0) return fail('invalid', `The path selects ${found.length} elements; it must select one`);
  return change(located);
}

function add(located: Located, operation: PathOperation): Done {
  const { name = '', value = {} } = operation;
  const placed = placeValue(typeOf(located), name, value);
  if (!placed.ok) return placed;
  const { place } = located;
  const existing = contentOf(located);
  if (existing) return addItem(existing, placed.value);
  // A primitive that has no extension yet has no object to hold one.
  if (!place || !isPrimitive(place.property.type))
    return fail('invalid', 'The path selects no element that can have one');
  const extra: JsonObject = {};
  const added = addItem(extra, placed.value);
  if (added.ok)
    writeAt(
      place,
      swapped(place, (item) => ({ ...item, extra })),
    );
  return added;
}

function remove({ place }: Located): Done {
  if (!place) return fail('invalid', 'A patch cannot delete the resource');
  writeAt(
    place,
    readItems(place.container, place.property).filter((_, index) => index !== place.index),
  );
  return ok(undefined);
}

function replace({ root, place }: Located, { value = {} }: PathOperation): Done {
  if (!place) return fail('invalid', 'A patch cannot replace the resource; update it instead');
  const { container, property, parent } = place;
  const holder = typeOf({ root, ...(parent ? { place: parent } : {}) });
  const placed = placeValue(holder, property.rule.isChoice ? property.rule.name : property.name, value);
  if (!placed.ok) return placed;
  const { property: next, item } = placed.value;
  if (next.name !== property.name) writeItems(container, property, []);
  writeItems(container, next, next.name === property.name ? swapped(place, () => item) : [item]);
  return ok(undefined);
}

function swapped({ container, property, index }: Place, change: (item: Item) => Item): readonly Item[] {
  return readItems(container, property).map((item, at) => (at === index ? change(item) : item));
}

/** The one list whose members, all of them, were selected. */
function listOf(found: readonly Located[]): Result<Place> {
  const place = found[0]?.place;
  if (!place) return fail('invalid', 'The path selects no list');
  const isWhole =
    place.property.rule.isMany &&
    found.length === readItems(place.container, place.property).length &&
    found.every((one) => one.place?.container === place.container && one.place.property.name === place.property.name);
  return isWhole ? ok(place) : fail('invalid', 'The path must select one whole list, without an index or a filter');
}

function insert(found: readonly Located[], { index = 0, value = {} }: PathOperation): Done {
  const list = listOf(found);
  if (!list.ok) return list;
  const { container, property, parent } = list.value;
  const [root] = found.map((one) => one.root);
  const holder = typeOf({ root: root ?? container, ...(parent ? { place: parent } : {}) });
  const placed = placeValue(holder, property.name, value);
  if (!placed.ok) return placed;
  const items = readItems(container, property);
  if (index > items.length) return fail('invalid', `The list has ${items.length} members; ${index} is beyond its end`);
  writeItems(container, property, items.toSpliced(index, 0, placed.value.item));
  return ok(undefined);
}

/** A list that is not there yet is named by the last step of the path, below the one element that will have it. */
function insertFirst(root: JsonObject, operation: PathOperation): Done {
  const [, path, name] = /^(.+)\.(\w+)$/.exec(operation.path) ?? [];
  if (!path || !name) return fail('invalid', 'The path selects nothing');
  if (operation.index !== 0) return fail('invalid', `The list is empty; ${operation.index} is beyond its end`);
  const holder = locate(root, path);
  if (!holder.ok) return holder;
  return only(holder.value, (located) => {
    const placed = placeValue(typeOf(located), name, operation.value ?? {});
    if (placed.ok && !placed.value.property.rule.isMany) return fail('invalid', `"${name}" is no list; add it instead`);
    return add(located, { ...operation, name });
  });
}

function move(found: readonly Located[], { source = 0, destination = 0 }: PathOperation): Done {
  const list = listOf(found);
  if (!list.ok) return list;
  const { container, property } = list.value;
  const items = readItems(container, property);
  const moved = items[source];
  if (!moved || destination >= items.length)
    return fail('invalid', `The list has ${items.length} members; ${source} to ${destination} is not within it`);
  writeItems(container, property, items.toSpliced(source, 1).toSpliced(destination, 0, moved));
  return ok(undefined);
}
