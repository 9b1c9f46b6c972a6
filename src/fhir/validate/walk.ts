/** One pass over a resource along its Shape. What the tables do not say of a type stands in coded.ts, reference.ts, extension.ts. */
import { checkBinding, checkCoding, checkIdentifier } from './coded.ts';
import { checkExtension } from './extension.ts';
import { kindOf, shownName } from './found.ts';
import { isNode, type Node } from './invariants/node.ts';
import { primitives } from './primitive.ts';
import { checkReference, checkTargets } from './reference.ts';
import { DEEPEST, isFull, type Run, report } from './run.ts';
import type { Field, Invariant, Property, Rule, Shape, Slice, Slicing } from './shape.ts';
import { countSlices, sliceFor } from './slice-match.ts';
import { holdsPattern, isSame } from './value-match.ts';

/** Walks a resource; its own type says by which Shape, unless a profile's is given. `run.path` ends at the resource. */
export function walkResource(run: Run, value: Node, profile?: Shape): void {
  const type = value['resourceType'];
  const shape = profile ?? (typeof type === 'string' ? run.compiler.shapeOfType(type) : undefined);
  if (!shape?.isResource) {
    report(run, 'error', 'structure', 'resourceType names no resource type of FHIR R4');
    return;
  }
  const { start, resource } = run;
  run.start = run.path.length - 1;
  run.resource = value;
  walkObject(run, shape, value);
  run.start = start;
  run.resource = resource;
}

/** Walks the properties of one object. */
export function walkObject(run: Run, shape: Shape, object: Node): void {
  if (run.depth >= DEEPEST) {
    report(run, 'error', 'too-long', `Nested more than ${DEEPEST} deep; no FHIR content needs that`);
    return;
  }
  run.depth += 1;
  const owner = run.owner;
  run.owner = shape.name;
  const seen = walkProperties(run, shape, object);
  if ((seen & shape.requiredBits) !== shape.requiredBits) reportMissing(run, shape, seen);
  switch (shape.own) {
    case 'Coding':
      checkCoding(run, object);
      break;
    case 'Identifier':
      checkIdentifier(run, object);
      break;
    case 'Reference':
      checkReference(run, object);
      break;
    default:
  }
  if (shape.invariants.length > 0) checkInvariants(run, shape.invariants, object);
  run.owner = owner;
  run.depth -= 1;
}

/** Which required elements were there, as bits. */
function walkProperties(run: Run, shape: Shape, object: Node): number {
  let seen = 0;
  let isEmpty = true;
  let choice: Property | undefined;
  for (const key in object) {
    if (isFull(run)) return shape.requiredBits;
    isEmpty = false;
    const property = shape.properties.get(key);
    if (property === undefined) {
      if (key !== 'resourceType' || !shape.isResource) reportUnknown(run, shape, key);
      continue;
    }
    const { field } = property;
    seen |= field.bit;
    if (field.isChoice) choice = oneChoice(run, choice, property);
    walkProperty(run, property, object[key], { object, key });
  }
  if (isEmpty) report(run, 'error', 'structure', 'Is an empty object; an element has a value or is left out');
  return seen;
}

/** A choice has one type. Reports a second, and gives back the one to compare with next. */
function oneChoice(run: Run, before: Property | undefined, property: Property): Property {
  const { field, rule } = property;
  if (before?.field === field && before.rule !== rule) {
    const { name } = field;
    report(run, 'error', 'structure', `Has ${name}[x] twice, as ${before.rule.type} and as ${rule.type}; it wants one`);
  }
  return property;
}

function reportUnknown(run: Run, shape: Shape, key: string): void {
  const type = shape.name === '' ? 'this element' : shape.name;
  report(
    run,
    'error',
    'structure',
    `Has a property ${shownName(key)} that ${type} does not have in FHIR R4; leave it out or correct its name`,
  );
}

function reportMissing(run: Run, shape: Shape, seen: number): void {
  for (const { bit, name, min, isChoice } of shape.required) {
    if (seen & bit) continue;
    run.path.push(name);
    const wanted = isChoice ? `${name}[x]` : name;
    report(
      run,
      'error',
      'required',
      `${wanted} is missing; ${shape.name} wants ${min === 1 ? 'it' : `at least ${min}`}`,
    );
    run.path.pop();
  }
}

type Place = { readonly object: Node; readonly key: string };

function walkProperty(run: Run, property: Property, value: unknown, place: Place): void {
  const { field, rule, isSibling } = property;
  run.path.push(field.name);
  if (field.max === 0) report(run, 'error', 'structure', 'Is not allowed by the profile; leave it out');
  else if (field.isList) walkList(run, property, value, place);
  else if (Array.isArray(value))
    report(run, 'error', 'structure', `Is ${kindOf(value)}; it wants one value, not a list`);
  else if (isSibling) walkSibling(run, rule, value);
  else walkValue(run, rule, value);
  run.path.pop();
}

function walkList(run: Run, { field, rule, isSibling }: Property, value: unknown, place: Place): void {
  if (!Array.isArray(value) || value.length === 0) {
    report(run, 'error', 'structure', `Is ${kindOf(value)}; it wants a list with at least one entry`);
    return;
  }
  if (!isSibling) checkCount(run, field, value.length);
  const counts = field.slicing && !isSibling ? new Map<Slice, number>() : undefined;
  for (let index = 0; index < value.length && !isFull(run); index += 1) {
    const item: unknown = value[index];
    run.path.push(index);
    if (item === null) checkPadding(run, { rule, isSibling, index }, place);
    else if (isSibling) walkSibling(run, rule, item);
    else walkItem(run, { field, rule, counts }, item);
    run.path.pop();
  }
  if (counts && field.slicing) countSlices(run, field.slicing, counts);
}

function checkCount(run: Run, { min, max }: Field, count: number): void {
  if (count > max) report(run, 'error', 'structure', `Has ${count} entries; at most ${max} are allowed`);
  else if (count < min) report(run, 'error', 'required', `Has ${count} entries; at least ${min} are wanted`);
}

type Item = { readonly field: Field; readonly rule: Rule; readonly counts: Map<Slice, number> | undefined };

function walkItem(run: Run, { field, rule, counts }: Item, item: unknown): void {
  const { slicing } = field;
  const slice = slicing && counts ? sliceFor(run, slicing, item) : undefined;
  if (slice && counts) for (const one of slice) counts.set(one, (counts.get(one) ?? 0) + 1);
  const found = slice?.at(-1);
  if (slicing?.isClosed && !found)
    report(run, 'error', 'structure', `Is none of the slices that the profile allows here: ${namesOf(slicing)}`);
  walkValue(run, found?.rule ?? rule, item);
}

function namesOf(slicing: Slicing): string {
  return slicing.slices.map(({ name }) => name).join(', ');
}

type Padding = { readonly rule: Rule; readonly isSibling: boolean; readonly index: number };

/** A null keeps a place in a list of primitives for what the other of the two lists holds there. */
function checkPadding(run: Run, { rule, isSibling, index }: Padding, { object, key }: Place): void {
  const other = object[isSibling ? key.slice(1) : `_${key}`];
  const hasOther = Array.isArray(other) && other[index] !== null && other[index] !== undefined;
  if (!rule.isPrimitive || !hasOther)
    report(run, 'error', 'structure', 'Is null with nothing beside it; FHIR leaves out what it does not have');
}

function walkSibling(run: Run, rule: Rule, value: unknown): void {
  if (!isNode(value)) {
    report(
      run,
      'error',
      'structure',
      `Beside a primitive stands ${kindOf(value)}; it wants an object with id or extension`,
    );
    return;
  }
  const shape = rule.inside?.();
  const { primitive, holder } = run;
  run.primitive = rule.type;
  run.holder = run.owner;
  if (shape) walkObject(run, shape, value);
  run.primitive = primitive;
  run.holder = holder;
}

function walkValue(run: Run, rule: Rule, value: unknown): void {
  if (rule.isPrimitive) {
    if (rule.isFormat && !rule.isFormat(value)) {
      report(
        run,
        'error',
        'value',
        `Is ${kindOf(value)} that is no ${rule.type}; it wants ${primitives[rule.type]?.wanted}`,
      );
      return;
    }
  } else if (!isNode(value)) {
    report(run, 'error', 'structure', `Is ${kindOf(value)}; it wants an object (${rule.type})`);
    return;
  } else if (!rule.inside) {
    walkResource(run, value);
    return;
  } else if (rule.type === 'Extension') {
    const shape = checkExtension(run, rule.inside(), value);
    walkObject(run, shape, value);
  } else walkObject(run, rule.inside(), value);
  if (!rule.isPlain) checkRule(run, rule, value);
}

/** What a rule asks beyond type and format. */
function checkRule(run: Run, rule: Rule, value: unknown): void {
  if (rule.fixed !== undefined && !isSame(rule.fixed, value))
    report(run, 'error', 'value', `Is ${kindOf(value)} that differs from the one value that the profile fixes here`);
  if (rule.pattern !== undefined && !holdsPattern(rule.pattern, value))
    report(run, 'error', 'value', `Is ${kindOf(value)} without what the profile's pattern wants in it`);
  if (rule.maxLength !== undefined && typeof value === 'string' && value.length > rule.maxLength)
    report(run, 'error', 'too-long', `Has ${value.length} characters; at most ${rule.maxLength} are allowed`);
  for (const binding of rule.bindings) checkBinding(run, binding, rule.type, value);
  if (rule.targets && isNode(value)) checkTargets(run, rule.targets, value);
  if (rule.invariants.length > 0) checkInvariants(run, rule.invariants, value as Node);
}

function checkInvariants(run: Run, invariants: readonly Invariant[], value: Node): void {
  for (const { key, human, holds } of invariants)
    if (!holds(value, run)) report(run, 'error', 'invariant', `Breaks ${key}: ${human}`);
}
