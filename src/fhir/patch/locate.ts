/**
 * Where a FHIRPath expression points to in a resource, as places that can be written to.
 *
 * fhirpath.js evaluates the expression and says of each node from which property and index of which parent it came; the
 * places are found by walking those steps again. Only functions that select are taken: no clock, no look-ups, no regular
 * expressions, nothing whose cost grows faster than the resource.
 */
import fhirpath from 'fhirpath';
import model from 'fhirpath/fhir-context/r4';
import { isPrimitive, type Property, structureOf } from '#fhir/definition/elements.ts';
import { type Item, readItems, writeItems } from '#fhir/items.ts';
import { isObject, type JsonObject, objectsIn } from '#fhir/json.ts';
import { fail, ok, type Result } from '#result.ts';

/** One value of a property of an object, and the way to it. */
export type Place = {
  readonly container: JsonObject;
  readonly property: Property;
  readonly index: number;
  /** What holds the container; undefined when that is the resource itself. */
  readonly parent?: Place;
};

/** Either a place, or the resource itself. */
export type Located = { readonly root: JsonObject; readonly place?: Place };

const LONGEST = 1000;
const SELECTING = new Set(
  `where first last single tail skip take exists empty all any count not ofType as is extension hasValue
  startsWith endsWith contains indexOf lower upper length toString iif`.split(/\s+/),
);

/** Every place that the expression selects in the resource. Fails on an expression that is not understood or not taken. */
export function locate(root: JsonObject, expression: string): Result<readonly Located[]> {
  if (expression.length > LONGEST) return fail('invalid', `The path is longer than ${LONGEST} characters`);
  try {
    const path = withDivQuoted(expression);
    const refused = objectsIn(fhirpath.parse(path)).flatMap(refusedIn)[0];
    if (refused)
      return fail('invalid', `The path uses ${refused}; a path may select elements, with where() and the like`);
    const nodes: unknown[] = fhirpath.evaluate(root, path, undefined, model, { resolveInternalTypes: false });
    return placesOf(root, nodes);
  } catch {
    return fail('invalid', 'The path is not a FHIRPath expression that can be evaluated');
  }
}

/** `div` is an operator of FHIRPath, and the one element so called: clients (HL7's test suite too) write `text.div`. */
function withDivQuoted(expression: string): string {
  return expression.replace(
    /('(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`)|\.div\b/g,
    (_, literal?: string) => literal ?? '.`div`',
  );
}

function placesOf(root: JsonObject, nodes: readonly unknown[]): Result<readonly Located[]> {
  const places: Located[] = [];
  for (const node of nodes) {
    const steps = stepsOf(node);
    const located = steps && placeAt(root, steps);
    if (!located) return fail('invalid', 'The path gives a value that is not an element of the resource');
    places.push(located);
  }
  return ok(places);
}

/** The names that a syntax tree uses and that are not taken: functions by name, `%variables`. */
function refusedIn(node: JsonObject): readonly string[] {
  const { type, text, children } = node;
  const here =
    type === 'ExternalConstant'
      ? ['a %variable']
      : type === 'Functn' && !SELECTING.has(String(text))
        ? [`${String(text)}()`]
        : [];
  return [...here, ...objectsIn(children).flatMap(refusedIn)];
}

type Step = { readonly name: string; readonly index: number };

/** The steps from the resource to a node of fhirpath.js; undefined for a value that was computed. */
function stepsOf(node: unknown): readonly Step[] | undefined {
  const steps: Step[] = [];
  let next = node;
  while (isObject(next) && 'parentResNode' in next) {
    const { parentResNode, propName, index } = next;
    if (!isObject(parentResNode)) return steps;
    if (typeof propName !== 'string') return undefined;
    steps.unshift({ name: propName, index: typeof index === 'number' ? index : 0 });
    next = parentResNode;
  }
  return undefined;
}

function placeAt(root: JsonObject, steps: readonly Step[]): Located | undefined {
  let located: Located = { root };
  for (const { name, index } of steps) {
    const container = contentOf(located);
    const property = container && propertyOf(typeOf(located), container, name);
    if (!property || !readItems(container, property)[index]) return undefined;
    located = { root, place: { container, property, index, ...(located.place ? { parent: located.place } : {}) } };
  }
  return located;
}

/** Which property stands for the element in this object: of a choice, the one that is there. */
function propertyOf(type: string, container: JsonObject, name: string): Property | undefined {
  return [...(structureOf(type)?.properties.values() ?? [])].find(
    (one) => (one.rule.name === name || one.name === name) && (one.name in container || `_${one.name}` in container),
  );
}

/** The value and the extensions at a place. */
export function itemAt({ container, property, index }: Place): Item {
  return readItems(container, property)[index] ?? {};
}

/** The object whose properties are the children of what was located; undefined where it cannot have any yet. */
export function contentOf({ root, place }: Located): JsonObject | undefined {
  if (!place) return root;
  const { value, extra } = itemAt(place);
  if (isPrimitive(place.property.type)) return extra;
  return isObject(value) ? value : undefined;
}

/** The type whose structure rules those children. */
export function typeOf(located: Located): string {
  const type = located.place?.property.type ?? 'Resource';
  if (isPrimitive(type)) return 'Element';
  if (type !== 'Resource') return type;
  const resourceType = contentOf(located)?.['resourceType'];
  return typeof resourceType === 'string' ? resourceType : 'Resource';
}

/** Replaces the list that a place belongs to; objects that this leaves empty go as well, as FHIR has none. */
export function writeAt(place: Place, items: readonly Item[]): void {
  writeItems(place.container, place.property, items);
  const { parent, container } = place;
  if (!parent || Object.keys(container).length > 0) return;
  const siblings = readItems(parent.container, parent.property);
  writeAt(
    parent,
    siblings.flatMap((item, index) => (index === parent.index ? remaining(item, container) : [item])),
  );
}

/** What is left of a value when its content has become empty: a primitive without its extensions, or nothing. */
function remaining({ value }: Item, emptied: JsonObject): readonly Item[] {
  return value === undefined || value === emptied ? [] : [{ value }];
}
