/** The error invariants of the datatypes: https://hl7.org/fhir/R4/datatypes.html */
import { isSafeNarrative, isToldNarrative } from '#fhir/validate/narrative.ts';
import type { Invariant } from '#fhir/validate/shape.ts';
import { exists, existsChoice, isLater, list, type Node, nodes, text } from './node.ts';

const UCUM = 'http://unitsofmeasure.org';
const CURRENCY = 'urn:iso:std:iso:4217';

const both = (node: Node, first: string, second: string) => !exists(node, first) || exists(node, second);
const isMeasured = (node: Node, system: string) =>
  (exists(node, 'code') || !exists(node, 'value')) && (!exists(node, 'system') || node['system'] === system);
const isPositive = (node: Node) => typeof node['value'] !== 'number' || node['value'] > 0;
const isNotNegative = (value: unknown) => typeof value !== 'number' || value >= 0;
const MEALS: readonly unknown[] = ['C', 'CM', 'CD', 'CV'];

/** Can two quantities be compared as they stand? Of different units FHIRPath's answer is empty. */
function isAscending({ low, high }: { readonly low?: unknown; readonly high?: unknown }): boolean {
  const [first] = nodes(low);
  const [second] = nodes(high);
  if (!first || !second) return true;
  const {
    value: least,
    code,
    system,
    unit,
  } = first as { value?: unknown; code?: unknown; system?: unknown; unit?: unknown };
  const most = second['value'];
  const isSame =
    code === second['code'] && system === second['system'] && (code !== undefined || unit === second['unit']);
  return typeof least !== 'number' || typeof most !== 'number' || !isSame || least <= most;
}

function containedIds(root: Node): readonly unknown[] {
  return nodes(root['contained']).map(({ id }) => id);
}

const ofTiming: Readonly<Record<string, Invariant['holds']>> = {
  'tim-1': (node) => both(node, 'duration', 'durationUnit'),
  'tim-2': (node) => both(node, 'period', 'periodUnit'),
  'tim-4': (node) => isNotNegative(node['duration']),
  'tim-5': (node) => isNotNegative(node['period']),
  'tim-6': (node) => both(node, 'periodMax', 'period'),
  'tim-7': (node) => both(node, 'durationMax', 'duration'),
  'tim-8': (node) => both(node, 'countMax', 'count'),
  'tim-9': (node) =>
    !exists(node, 'offset') || (exists(node, 'when') && !list(node['when']).some((one) => MEALS.includes(one))),
  'tim-10': (node) => !exists(node, 'timeOfDay') || !exists(node, 'when'),
};

const ofTriggers: Readonly<Record<string, Invariant['holds']>> = {
  'drq-1': (node) => exists(node, 'path') !== exists(node, 'searchParam'),
  'drq-2': (node) => exists(node, 'path') !== exists(node, 'searchParam'),
  'exp-1': (node) => exists(node, 'expression') || exists(node, 'reference'),
  'trd-1': (node) => !exists(node, 'data') || !existsChoice(node, 'timing'),
  'trd-2': (node) => both(node, 'condition', 'data'),
  'trd-3': (node) => {
    const type = text(node['type']);
    if (type === 'named-event') return exists(node, 'name');
    if (type === 'periodic') return existsChoice(node, 'timing');
    return !type.startsWith('data-') || exists(node, 'data');
  },
};

export const ofDatatypes: Readonly<Record<string, Invariant['holds']>> = {
  'ext-1': (node) => exists(node, 'extension') !== existsChoice(node, 'value'),
  'age-1': (node) => isMeasured(node, UCUM) && isPositive(node),
  'cnt-3': (node) =>
    isMeasured(node, UCUM) &&
    (!exists(node, 'code') || node['code'] === '1') &&
    (typeof node['value'] !== 'number' || Number.isInteger(node['value'])),
  'dis-1': (node) => isMeasured(node, UCUM),
  'drt-1': (node) => !exists(node, 'code') || (node['system'] === UCUM && exists(node, 'value')),
  'mqty-1': (node) => isMeasured(node, CURRENCY),
  'qty-3': (node) => both(node, 'code', 'system'),
  'sqty-1': (node) => !exists(node, 'comparator'),
  'att-1': (node) => both(node, 'data', 'contentType'),
  'cpt-2': (node) => both(node, 'value', 'system'),
  'per-1': ({ start, end }) => !isLater(start, end),
  'rng-2': isAscending,
  'rat-1': (node) =>
    exists(node, 'numerator') === exists(node, 'denominator') &&
    (exists(node, 'numerator') || exists(node, 'extension')),
  'ref-1': (node, { root }) => {
    const reference = text(node['reference']);
    return !reference.startsWith('#') || reference === '#' || containedIds(root).includes(reference.slice(1));
  },
  'txt-1': (div) => isSafeNarrative(div),
  'txt-2': (div) => isToldNarrative(div),
  ...ofTiming,
  ...ofTriggers,
};
