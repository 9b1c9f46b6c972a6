/** The filters of a value set over a loaded code system. https://hl7.org/fhir/R4/valueset-filter-operator.html */
import type { ValueSet } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { type Concept, propertyValue, reach, type SystemIndex, unanswerable } from './code-system.ts';

type Include = NonNullable<NonNullable<ValueSet['compose']>['include']>[number];
type Filter = NonNullable<Include['filter']>[number];

export type Test = (concept: Concept) => boolean;

const LONGEST_PATTERN = 200;
const LONGEST_SUBJECT = 256;

/** One test that a concept passes when it passes all filters. Fails on an operator or property that is not understood. */
export function compileFilters(filters: readonly Filter[], index: SystemIndex): Result<Test> {
  const tests: Test[] = [];
  for (const filter of filters) {
    const test = compile(filter, index);
    if (!test) return unanswerable('not-supported', refusal(filter, index));
    tests.push(test);
  }
  return ok((concept) => tests.every((test) => test(concept)));
}

function refusal({ property, op }: Filter, { resource }: SystemIndex): string {
  return `The filter "${property} ${op}" over ${resource.url} is not supported, or its value is not one that it takes`;
}

function compile({ property = '', op, value = '' }: Filter, index: SystemIndex): Test | undefined {
  const hierarchy = hierarchical(op, value, index);
  if (hierarchy) return property === 'concept' || property === 'code' ? hierarchy : undefined;
  if (!isKnown(property, index)) return undefined;
  const values = (concept: Concept): readonly string[] => valuesOf(concept, property);
  const list = value.split(',').map((one) => one.trim());
  switch (op) {
    case '=':
      return (concept) => values(concept).includes(value);
    case 'in':
      return (concept) => values(concept).some((one) => list.includes(one));
    case 'not-in':
      return (concept) => !values(concept).some((one) => list.includes(one));
    case 'exists':
      return value === 'true' || value === 'false'
        ? (concept) => values(concept).length > 0 === (value === 'true')
        : undefined;
    case 'regex':
      return patternTest(value, values);
    default:
      return undefined;
  }
}

function hierarchical(op: Filter['op'], value: string, index: SystemIndex): Test | undefined {
  const code = index.find(value)?.code ?? value;
  const below = (): ReadonlySet<string> => reach(index, code, 'children');
  switch (op) {
    case 'is-a':
      return memberOf(new Set([code, ...below()]));
    case 'descendent-of':
      return memberOf(below());
    case 'is-not-a': {
      const isA = memberOf(new Set([code, ...below()]));
      return (concept) => !isA(concept);
    }
    case 'generalizes':
      return memberOf(new Set([code, ...reach(index, code, 'parents')]));
    default:
      return undefined;
  }
}

function memberOf(codes: ReadonlySet<string>): Test {
  return ({ code }) => codes.has(code);
}

/** A property that nothing declares is a mistake in the value set: an empty answer would hide it. */
function isKnown(property: string, { resource, concepts }: SystemIndex): boolean {
  if (['code', 'concept', 'display', 'definition', 'parent', 'child'].includes(property)) return true;
  if (resource.property?.some((one) => one.code === property)) return true;
  return [...concepts.values()].some((concept) => concept.properties.some((one) => one.code === property));
}

function valuesOf(concept: Concept, property: string): readonly string[] {
  switch (property) {
    case 'code':
    case 'concept':
      return [concept.code];
    case 'display':
    case 'definition':
      return [concept[property] ?? []].flat();
    case 'parent':
      return [...concept.parents];
    case 'child':
      return [...concept.children];
    default:
      return concept.properties.filter((one) => one.code === property).map((one) => String(propertyValue(one)));
  }
}

/**
 * A regular expression comes from a value set, which may be a client's: only such are taken whose cost is small on any
 * text, that is, no repeated groups, back references or look-arounds, and few repetitions, options and groups.
 */
function patternTest(pattern: string, values: (concept: Concept) => readonly string[]): Test | undefined {
  const bare = pattern.replace(/\\[^0-9k]/g, '_').replace(/\[[^\]]*\]/g, '_');
  const count = (what: RegExp): number => bare.match(what)?.length ?? 0;
  const isCostly = count(/[*+]|\{\d+,/g) > 3 || count(/\?/g) > 6 || count(/\(/g) > 3;
  const isRefused = /\)[*+?{]|\(\?(?!:)|\\|\{\d*,?\d{3}/.test(bare);
  if (pattern.length > LONGEST_PATTERN || isCostly || isRefused) return undefined;
  try {
    const whole = new RegExp(`^(?:${pattern})$`, 'u');
    return (concept) => values(concept).some((value) => value.length <= LONGEST_SUBJECT && whole.test(value));
  } catch {
    return undefined;
  }
}
