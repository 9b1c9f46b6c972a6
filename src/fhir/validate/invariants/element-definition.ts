/** The error invariants of ElementDefinition: https://hl7.org/fhir/R4/elementdefinition.html */
import type { Invariant } from '#fhir/validate/shape.ts';
import { countOf, exists, existsChoice, isDistinct, isNode, type Node, nodes, text } from './node.ts';

const NAME = String.raw`[^\s\.,:;\'"\/|?!@#$%&*()\[\]{}]{1,64}`;
// The published pattern does not ask for the end of the path, and FHIRPath's matches() looks anywhere.
const PATH = new RegExp(NAME);

const codes = (element: Node) => nodes(element['type']).map(({ code }) => code);
const isAny = (element: Node, stems: readonly string[]) => stems.some((one) => existsChoice(element, one));
const isAnyNamed = (element: Node, names: readonly string[]) => names.some((one) => exists(element, one));
/** Of a primitive element the invariant is given the bare value. */
const bare = (value: unknown): string => (isNode(value) ? '' : String(value));

export const ofElementDefinition: Readonly<Record<string, Invariant['holds']>> = {
  'eld-1': (slicing) => exists(slicing, 'discriminator') || exists(slicing, 'description'),
  'eld-2': ({ min, max }) =>
    typeof min !== 'number' || typeof max !== 'string' || max === '*' || !/^\d+$/.test(max) || min <= Number(max),
  'eld-3': (max) => bare(max) === '*' || /^\d+$/.test(bare(max)),
  'eld-4': (type) => !exists(type, 'aggregation') || ['Reference', 'canonical'].includes(text(type['code'])),
  'eld-5': (element) =>
    !exists(element, 'contentReference') ||
    (!isAnyNamed(element, ['type', 'example', 'maxLength', 'binding']) &&
      !isAny(element, ['defaultValue', 'fixed', 'pattern', 'minValue', 'maxValue'])),
  'eld-6': (element) => !existsChoice(element, 'fixed') || countOf(element, 'type') <= 1,
  'eld-7': (element) => !existsChoice(element, 'pattern') || countOf(element, 'type') <= 1,
  'eld-8': (element) => !existsChoice(element, 'pattern') || !existsChoice(element, 'fixed'),
  // As published it asks whether a yes or no exists, which it does: it never fails.
  'eld-11': () => true,
  'eld-12': (binding) => !exists(binding, 'valueSet') || /^(http:|https|urn:)/.test(text(binding['valueSet'])),
  'eld-13': (element) => isDistinct(codes(element)),
  'eld-14': (element) => isDistinct(nodes(element['constraint']).map(({ key }) => key)),
  'eld-15': (element) => !existsChoice(element, 'defaultValue') || !exists(element, 'meaningWhenMissing'),
  'eld-16': (element) => !exists(element, 'sliceName') || /^[a-zA-Z0-9/\-_[\]@]+$/.test(text(element['sliceName'])),
  'eld-17': (type) => !exists(type, 'targetProfile') || ['Reference', 'canonical'].includes(text(type['code'])),
  'eld-18': (element) => element['isModifier'] !== true || exists(element, 'isModifierReason'),
  'eld-19': (element) => PATH.test(text(element['path'])),
  'eld-22': (element) => !exists(element, 'sliceIsConstraining') || exists(element, 'sliceName'),
};
